"""The audit trail in the store: verified, anchored, accepted, and read by those concerned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Select, select
from sqlalchemy.orm import Session

from docgen.access import SERVICE, Ability, Actor
from docgen.audit import rows, seals
from docgen.audit.seals import ACCEPTED
from docgen.contracts import contracts
from docgen.errors import StoreFault
from docgen.records import records
from docgen.store.audit_chain import GENESIS, Break, ChainEntry, Head, verify
from docgen.store.pagination import Page, decoded, paged
from docgen.store.tables import AuditEntryRow
from docgen.store.unit_of_work import Store, check_anchored, head_of, holds

KIND = "audit"
AT_ONCE = 1000
TOLD = 100
# How long a verification waits for the anchor of a change that was committed a moment ago.
PATIENCE_S, PAUSE_S = 2.0, 0.05
# Beside PostgreSQL other machines keep anchors of their own; each anchors the head every hour.
ELSEWHERE = timedelta(hours=2)
_NAMES = [item.name for item in fields(ChainEntry)]


@dataclass
class TrailVerdict:
    """What a verification found: how many entries, the newest one's hash, the first breaks.

    `accepted` are the entries by which operators went on from a trail that lacked something;
    `seals` how many sealed files were compared, None when they were left out; `foreign_seals` how
    many of them came out of packages, so that they prove nothing of this trail.
    """

    entries: int = 0
    seq: int = 0
    entry_hash: str = GENESIS
    anchors: int = 0
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    seals: int | None = None
    foreign_seals: int = 0

    @property
    def head(self) -> Head:
        """The newest entry."""
        return Head(self.seq, self.entry_hash)

    def add(self, found: Iterable[Break]) -> None:
        """Count breaks, and keep the first ones."""
        for one in found:
            self.broken += 1
            if len(self.breaks) < TOLD:
                self.breaks.append(one)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return vars(self) | {"breaks": [one.as_json() for one in self.breaks]}


def verified(
    store: Store, *, known: Mapping[str, Head] | None = None, with_seals: bool = True
) -> TrailVerdict:
    """Verify the trail against anchors, rows and seals, in pieces, while the service goes on.

    `known` are heads that were noted elsewhere, by where they come from.
    """
    anchors = store.anchor.read()  # before the snapshot, which then holds all that they name
    with store.database.snapshot() as connection:
        verdict = examined(connection, anchors)
        verdict.add(rows.compare(connection))
        verdict.add(
            Break("head_differs", head.seq, {"place": place})
            for place, head in (known or {}).items()
            if not holds(connection, head)
        )
        if with_seals:
            comparison = seals.SealComparison(store, connection)
            verdict.add(comparison.run())
            verdict.seals, verdict.foreign_seals = comparison.files, comparison.foreign
        verdict.add(_unanchored(store, connection, verdict.seq))
    return verdict


def examined(connection: Connection, anchors: Mapping[int, str]) -> TrailVerdict:
    """Verify the chain of entries that a connection sees, and nothing else."""
    verdict = TrailVerdict(anchors=len(anchors))
    verdict.add(verify(_counted(connection, verdict), anchors))
    return verdict


def entries(connection: Connection) -> Iterator[tuple[ChainEntry, str]]:
    """Give all entries in order, each with the hash that is stored beside it."""
    query = select(*AuditEntryRow.__table__.columns).order_by(AuditEntryRow.seq)
    for row in connection.execute(query.execution_options(yield_per=AT_ONCE)).mappings():
        yield ChainEntry(**{name: row[name] for name in _NAMES}), row["entry_hash"]


def anchor_newest(store: Store) -> Head:
    """Anchor the head, if it is not: a kill may have come between its commit and its anchor.

    Raises StoreFault: trail_behind, trail_not_anchored.
    """
    with store.reading() as session:
        newest = check_anchored(session, store.anchor)
    if newest.seq > (store.anchor.newest() or newest).seq:
        store.anchor.keep(*newest)
    return newest


def begin(store: Store) -> None:
    """Look whether the service may go on from the trail as it is, and anchor its head.

    Raises StoreFault: trail_behind, trail_not_anchored; trail_behind.seal, when the newest seals
    know entries that the trail does not hold.
    """
    with store.database.snapshot() as connection:
        if found := seals.unknown_head(store, connection):
            raise StoreFault("trail_behind.seal", place=found[0], head=found[1])
    anchor_newest(store)


def accept(store: Store, head: Head) -> TrailVerdict:
    """Go on from a trail that lacks something, as an operator decided who knows an entry of it.

    The anchors begin anew, the old file is set aside; the trail says so, with what was found.
    Conflict: head_not_in_trail.
    """
    verdict = verified(store)
    found = Counter(one.code for one in verdict.breaks)
    with store.change(SERVICE, accepted=head) as unit:
        anchored = str(store.anchor.newest() or "")
        unit.note(ACCEPTED, ("trail", "audit"), head=str(head), anchored=anchored, found=found)
    return verdict


def head(session: Session, actor: Actor) -> Head:
    """Return number and hash of the newest entry, to be noted elsewhere. Raises NotAllowed."""
    actor.need(Ability.administer)
    return head_of(session)


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
        if entry.action == ACCEPTED:
            verdict.accepted.append({"seq": entry.seq, "at": entry.at, "detail": entry.detail})
        yield entry, stored


def _unanchored(store: Store, connection: Connection, seq: int) -> Iterator[Break]:
    """Find entries after the newest anchor: somebody added them, or a kill came before theirs."""
    end = monotonic() + PATIENCE_S
    while (anchored := store.anchor.newest()) and anchored.seq < seq and monotonic() < end:
        sleep(PAUSE_S)
    if anchored is None or anchored.seq >= seq:  # none at all: the chain's verdict says so
        return
    if not store.database.is_sqlite:
        query = select(AuditEntryRow.at).where(AuditEntryRow.seq > anchored.seq)
        oldest = connection.scalar(query.order_by(AuditEntryRow.seq).limit(1))
        if oldest and datetime.fromisoformat(oldest) > store.clock() - ELSEWHERE:
            return
    yield Break("tail_not_anchored", seq, {"anchored": anchored.seq})


def _seq(row: AuditEntryRow) -> int:
    return row.seq
