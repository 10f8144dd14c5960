"""Which assets of a contract have an archived inspection: all must before the contract is closed.

An asset that need not be inspected says why in the contract's list of objects (handbook, closing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.errors import TransitionRefused
from docgen.service.contracts import model_of
from docgen.store.tables import Contract, Record, RecordAsset, Version
from schemas.problems import Problem, error


@dataclass(frozen=True)
class Inspected:
    """A contract's assets by whether they were inspected; `excused` with the reason of each."""

    inspected: tuple[str, ...]
    excused: dict[str, str]
    missing: tuple[str, ...]
    problems: tuple[Problem, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "assets": len(self.inspected) + len(self.excused) + len(self.missing),
            "inspected": len(self.inspected),
            "excused": [{"asset_no": no, "reason": why} for no, why in self.excused.items()],
            "missing": list(self.missing),
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
    listed = list(enumerate(model_of(row).objects))
    open_ = [(index, one) for index, one in listed if one.asset_no not in done]
    missing = [(index, one.asset_no) for index, one in open_ if not one.not_inspected_reason]
    return Inspected(
        tuple(one.asset_no for _, one in listed if one.asset_no in done),
        {one.asset_no: one.not_inspected_reason for _, one in open_ if one.not_inspected_reason},
        tuple(number for _, number in missing),
        tuple(
            error(("objects", index, "not_inspected_reason"), "asset_not_inspected", number)
            for index, number in missing
        ),
    )


def need_all(found: Inspected) -> None:
    """Raise TransitionRefused, naming every asset that is neither inspected nor excused."""
    if found.problems:
        count = len(found.problems)
        raise TransitionRefused(
            f"不能结清归档：{count} 个维保对象没有归档的巡检单",
            f"The contract cannot be closed: {count} assets have no archived inspection",
            found.problems,
        )
