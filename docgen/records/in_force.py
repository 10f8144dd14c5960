"""The versions of a contract's records that count for others: read within one contract only."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from docgen.store.tables import ContractRow, RecordAssetRow, RecordRow, VersionRow
from schemas.values import DOC_NO_PATTERN, base_number

# States of versions that do not count: for what happened, for what is agreed, for what exists.
HISTORY = ("draft", "void")
AGREED = ("draft", "void", "returned")
EXISTING = ("void",)
NUMBER = re.compile(DOC_NO_PATTERN)


@dataclass(frozen=True)
class Counted:
    """A record with its version that counts."""

    record: RecordRow
    version: VersionRow

    @property
    def doc_no(self) -> str:
        """The number of the version."""
        return self.version.doc_no

    @cached_property
    def plain(self) -> dict[str, Any]:
        """Its content: with its sign-offs once it is archived."""
        return content_of(self.version)


def content_of(version: VersionRow) -> dict[str, Any]:
    """Return the content of a version: with its sign-offs once it is archived."""
    found: dict[str, Any] = json.loads(version.archived_body or version.body)
    return found


def counted(
    session: Session,
    contract_id: str,
    codes: Collection[str],
    *,
    aside: Collection[str] = HISTORY,
    without: str = "",
    assets: Collection[str] | None = None,
) -> list[Counted]:
    """Return each record's newest version whose state is not `aside`, in the order they were made.

    `without` leaves a record (by id) out; `assets` keeps those that speak of one of them.
    """
    query = newest(contract_id, aside).where(RecordRow.code.in_(codes), RecordRow.id != without)
    if assets is not None:
        query = query.where(speaking_of(assets))
    return [Counted(*found) for found in session.execute(query.order_by(RecordRow.seq))]


def one(session: Session, contract_id: str, doc_no: str) -> Counted | None:
    """Return the record of a number, whatever its revision, unless all its versions are void."""
    if not NUMBER.fullmatch(doc_no):
        return None
    query = newest(contract_id, EXISTING).where(RecordRow.base_no == base_number(doc_no))
    found = session.execute(query).first()
    return Counted(*found) if found else None


def newest(contract_id: str, aside: Collection[str]) -> Select[RecordRow, VersionRow]:
    """Select each record of a contract with its newest version whose state is not `aside`."""
    number = (
        select(func.max(VersionRow.number))
        .where(VersionRow.record_id == RecordRow.id, VersionRow.state.not_in(aside))
        .correlate(RecordRow)
        .scalar_subquery()
    )
    return (
        select(RecordRow, VersionRow)
        .join(VersionRow, VersionRow.record_id == RecordRow.id)
        .where(RecordRow.contract_id == contract_id, VersionRow.number == number)
    )


def speaking_of(assets: Collection[str]) -> Any:
    """Select records of assets; the index knows newest versions only, so revised ones stay in."""
    named = select(RecordAssetRow.record_id).where(RecordAssetRow.asset_no.in_(assets))
    return or_(RecordRow.id.in_(named), RecordRow.number > 1)


def locked(session: Session, contract_id: str) -> ContractRow:
    """Return a contract, its row locked: whoever compares its records waits for the commit.

    It is locked before any of its records, so that nobody waits in a circle; records may be made
    meanwhile.
    """
    query = select(ContractRow).where(ContractRow.id == contract_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def existing(session: Session, contract_id: str, numbers: Iterable[str]) -> set[str]:
    """Return which numbers (without revision) belong to records that are not void."""
    wanted = {base_number(number) for number in numbers if NUMBER.fullmatch(number)}
    if not wanted:
        return set()
    query = newest(contract_id, EXISTING).where(RecordRow.base_no.in_(wanted))
    return set(session.scalars(query.with_only_columns(RecordRow.base_no)))
