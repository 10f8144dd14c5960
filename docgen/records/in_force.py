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

# States whose versions are left out where it is asked what happened, what is agreed, what exists.
NOT_HAPPENED = ("draft", "void")
NOT_AGREED = ("draft", "void", "returned")
NOT_EXISTING = ("void",)
NUMBER = re.compile(DOC_NO_PATTERN)  # of a document, with or without a revision


@dataclass(frozen=True)
class EffectiveRecord:
    """A record with the version of it that counts for other records."""

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


def effective_records(
    session: Session,
    contract_id: str,
    codes: Collection[str],
    *,
    excluded_states: Collection[str] = NOT_HAPPENED,
    without: str = "",
    assets: Collection[str] | None = None,
) -> list[EffectiveRecord]:
    """Return each record's newest version in no excluded state, in the order they were made.

    `without` leaves a record (by id) out; `assets` keeps those that name one of them.
    """
    query = newest(contract_id, excluded_states).where(
        RecordRow.code.in_(codes), RecordRow.id != without
    )
    if assets is not None:
        query = query.where(naming_assets(assets))
    return [EffectiveRecord(*found) for found in session.execute(query.order_by(RecordRow.seq))]


def find_one(session: Session, contract_id: str, doc_no: str) -> EffectiveRecord | None:
    """Return the record of a number, whatever its revision, unless all its versions are void."""
    if not NUMBER.fullmatch(doc_no):
        return None
    query = newest(contract_id, NOT_EXISTING).where(RecordRow.base_no == base_number(doc_no))
    found = session.execute(query).first()
    return EffectiveRecord(*found) if found else None


def newest(contract_id: str, excluded_states: Collection[str]) -> Select[RecordRow, VersionRow]:
    """Select each record of a contract with its newest version in none of `excluded_states`."""
    number = (
        select(func.max(VersionRow.number))
        .where(VersionRow.record_id == RecordRow.id, VersionRow.state.not_in(excluded_states))
        .correlate(RecordRow)
        .scalar_subquery()
    )
    return (
        select(RecordRow, VersionRow)
        .join(VersionRow, VersionRow.record_id == RecordRow.id)
        .where(RecordRow.contract_id == contract_id, VersionRow.number == number)
    )


def naming_assets(assets: Collection[str]) -> Any:
    """Return the condition that a record may name one of `assets`.

    The index covers newest versions only, so revised records are kept and filtered later.
    """
    named = select(RecordAssetRow.record_id).where(RecordAssetRow.asset_no.in_(assets))
    return or_(RecordRow.id.in_(named), RecordRow.number > 1)


def locked(session: Session, contract_id: str) -> ContractRow:
    """Return a contract, its row locked: whoever compares its records waits for the commit.

    It is locked before any of its records, so that no deadlock can arise; records may be made
    meanwhile.
    """
    query = select(ContractRow).where(ContractRow.id == contract_id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def existing(session: Session, contract_id: str, numbers: Iterable[str]) -> set[str]:
    """Return which numbers (without revision) belong to records that are not void."""
    wanted = {base_number(number) for number in numbers if NUMBER.fullmatch(number)}
    if not wanted:
        return set()
    query = newest(contract_id, NOT_EXISTING).where(RecordRow.base_no.in_(wanted))
    return set(session.scalars(query.with_only_columns(RecordRow.base_no)))
