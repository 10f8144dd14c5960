"""Which assets of a contract have an archived inspection: all must before the contract is closed.

An asset that need not be inspected says why in the contract's list of objects (handbook, closing).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.errors import TransitionRefused
from docgen.service.contracts import model_of
from docgen.store.tables import Contract, Record, RecordAsset, Version
from schemas.problems import error


@dataclass(frozen=True)
class Inspected:
    """A contract's assets: how many were inspected, which are excused why, and which are missing.

    Those that are missing stand with their places in the contract's list.
    """

    count: int
    excused: Mapping[str, str]
    missing: Mapping[int, str]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "assets": self.count + len(self.excused) + len(self.missing),
            "inspected": self.count,
            "excused": [{"asset_no": no, "reason": why} for no, why in self.excused.items()],
            "missing": list(self.missing.values()),
        }


def inspected(session: Session, row: Contract) -> Inspected:
    """Compare a contract's list of objects with its archived inspections."""
    query = (
        select(RecordAsset.asset_no)
        .join(Record, Record.id == RecordAsset.record_id)
        .join(Version, Version.record_id == Record.id)
        .where(Record.contract_id == row.id, Record.code == "XJ", Version.state == "archived")
        .distinct()
    )
    done = set(session.scalars(query))
    listed = model_of(row).objects
    waiting = {at: one for at, one in enumerate(listed) if one.asset_no not in done}
    return Inspected(
        len(listed) - len(waiting),
        {
            one.asset_no: one.not_inspected_reason
            for one in waiting.values()
            if one.not_inspected_reason
        },
        {at: one.asset_no for at, one in waiting.items() if not one.not_inspected_reason},
    )


def need_all(found: Inspected) -> None:
    """Raise TransitionRefused, naming every asset that is neither inspected nor excused."""
    if found.missing:
        raise TransitionRefused(
            "transition_refused.closing",
            [
                error(("objects", at, "not_inspected_reason"), "asset_not_inspected", number)
                for at, number in found.missing.items()
            ],
        )
