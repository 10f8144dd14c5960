"""The audit trail in the store: verified, anchored again, and read by those concerned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.contracts import contracts
from docgen.records import records
from docgen.store.audit_chain import FIRST, Break, ChainEntry, verify
from docgen.store.pagination import Page, decoded, paged
from docgen.store.tables import AuditEntryRow
from docgen.store.unit_of_work import Store

KIND = "audit"
AT_ONCE = 1000
TOLD = 100
_NAMES = [item.name for item in fields(ChainEntry)]
_NEWEST = (
    select(AuditEntryRow.seq, AuditEntryRow.entry_hash).order_by(AuditEntryRow.seq.desc()).limit(1)
)


@dataclass
class TrailVerdict:
    """What a verification found: how many entries, the newest one's hash, the first breaks."""

    entries: int = 0
    seq: int = 0
    entry_hash: str = FIRST
    anchors: int = 0
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return vars(self) | {"breaks": [one.as_json() for one in self.breaks]}


def verified(store: Store) -> TrailVerdict:
    """Verify the whole trail against its anchors, in pieces, while the service goes on."""
    anchors = store.anchor.read()  # before the snapshot, which then holds all that they name
    with store.database.snapshot() as connection:
        return examined(connection, anchors)


def examined(connection: Connection, anchors: Mapping[int, str]) -> TrailVerdict:
    """Verify the trail that a connection sees."""
    verdict = TrailVerdict(anchors=len(anchors))
    for found in verify(_counted(connection, verdict), anchors):
        verdict.broken += 1
        if len(verdict.breaks) < TOLD:
            verdict.breaks.append(found)
    return verdict


def entries(connection: Connection) -> Iterator[tuple[ChainEntry, str]]:
    """Give all entries in order, each with the hash that is stored beside it."""
    query = select(*AuditEntryRow.__table__.columns).order_by(AuditEntryRow.seq)
    for row in connection.execute(query.execution_options(yield_per=AT_ONCE)).mappings():
        yield ChainEntry(**{name: row[name] for name in _NAMES}), row["entry_hash"]


def anchor_newest(store: Store) -> None:
    """Anchor the newest entry again: a kill may have come between its commit and its anchor."""
    with store.reading() as session:
        newest = session.execute(_NEWEST).first()
    if newest and newest[0] > max(store.anchor.read(), default=0):
        store.anchor.keep(*newest)


def head(session: Session, actor: Actor) -> tuple[int, str]:
    """Return number and hash of the newest entry, to be noted elsewhere. Raises NotAllowed."""
    actor.need(Ability.administer)
    return session.execute(_NEWEST).first() or (0, FIRST)


def of_contract(
    session: Session, actor: Actor, contract_id: str, *, cursor: str = "", limit: int = 50
) -> Page[AuditEntryRow]:
    """List what was done in a contract, the newest first. Raises NotFound, NotAllowed."""
    row = contracts.visible(session, actor, contract_id)
    query = select(AuditEntryRow).where(AuditEntryRow.contract_id == row.id)
    return _listed(session, query, cursor, limit)


def of_record(
    session: Session, actor: Actor, record_id: str, *, cursor: str = "", limit: int = 50
) -> Page[AuditEntryRow]:
    """List what was done to a record, the newest first. Raises NotFound, NotAllowed."""
    row, _ = records.visible(session, actor, record_id)
    query = select(AuditEntryRow).where(
        AuditEntryRow.subject_id == row.id, AuditEntryRow.subject_kind == "record"
    )
    return _listed(session, query, cursor, limit)


def _listed(
    session: Session, query: Select[AuditEntryRow], cursor: str, limit: int
) -> Page[AuditEntryRow]:
    if cursor:
        query = query.where(AuditEntryRow.seq < int(decoded(cursor, KIND)))
    found = session.scalars(query.order_by(AuditEntryRow.seq.desc()).limit(limit + 1))
    return paged(found, limit, KIND, _seq)


def _counted(connection: Connection, verdict: TrailVerdict) -> Iterator[tuple[ChainEntry, str]]:
    """Give the chain in order, and keep the verdict's count."""
    for entry, stored in entries(connection):
        verdict.entries += 1
        verdict.seq, verdict.entry_hash = entry.seq, stored
        yield entry, stored


def _seq(row: AuditEntryRow) -> int:
    return row.seq
