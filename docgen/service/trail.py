"""The audit trail in the store: verified, anchored again, and read by those concerned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.audit import FIRST, Break, Entry, verify
from docgen.service import contracts, records
from docgen.service.pages import Page, decoded, paged
from docgen.service.unit import Store
from docgen.store.tables import AuditEntry

KIND = "audit"
AT_ONCE = 1000
TOLD = 100
_NAMES = [item.name for item in fields(Entry)]
_NEWEST = select(AuditEntry.seq, AuditEntry.entry_hash).order_by(AuditEntry.seq.desc()).limit(1)


@dataclass
class Verdict:
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


def verified(store: Store) -> Verdict:
    """Verify the whole trail against its anchors, in pieces, while the service goes on."""
    anchors = store.anchor.read()  # before the snapshot, which then holds all that they name
    with store.database.snapshot() as connection:
        return examined(connection, anchors)


def examined(connection: Connection, anchors: Mapping[int, str]) -> Verdict:
    """Verify the trail that a connection sees."""
    verdict = Verdict(anchors=len(anchors))
    for found in verify(_counted(connection, verdict), anchors):
        verdict.broken += 1
        if len(verdict.breaks) < TOLD:
            verdict.breaks.append(found)
    return verdict


def entries(connection: Connection) -> Iterator[tuple[Entry, str]]:
    """Give all entries in order, each with the hash that is stored beside it."""
    query = select(*AuditEntry.__table__.columns).order_by(AuditEntry.seq)
    for row in connection.execute(query.execution_options(yield_per=AT_ONCE)).mappings():
        yield Entry(**{name: row[name] for name in _NAMES}), row["entry_hash"]


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
) -> Page[AuditEntry]:
    """List what was done in a contract, the newest first. Raises NotFound, NotAllowed."""
    row = contracts.visible(session, actor, contract_id)
    query = select(AuditEntry).where(AuditEntry.contract_id == row.id)
    return _listed(session, query, cursor, limit)


def of_record(
    session: Session, actor: Actor, record_id: str, *, cursor: str = "", limit: int = 50
) -> Page[AuditEntry]:
    """List what was done to a record, the newest first. Raises NotFound, NotAllowed."""
    row, _ = records.visible(session, actor, record_id)
    query = select(AuditEntry).where(
        AuditEntry.subject_id == row.id, AuditEntry.subject_kind == "record"
    )
    return _listed(session, query, cursor, limit)


def _listed(
    session: Session, query: Select[AuditEntry], cursor: str, limit: int
) -> Page[AuditEntry]:
    if cursor:
        query = query.where(AuditEntry.seq < int(decoded(cursor, KIND)))
    found = session.scalars(query.order_by(AuditEntry.seq.desc()).limit(limit + 1))
    return paged(found, limit, KIND, _seq)


def _counted(connection: Connection, verdict: Verdict) -> Iterator[tuple[Entry, str]]:
    """Give the chain in order, and keep the verdict's count."""
    for entry, stored in entries(connection):
        verdict.entries += 1
        verdict.seq, verdict.entry_hash = entry.seq, stored
        yield entry, stored


def _seq(row: AuditEntry) -> int:
    return row.seq
