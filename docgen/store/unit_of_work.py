"""One change: a transaction, who makes it and when, and what the audit trail will say of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Any, Self
from uuid import uuid4

from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.errors import Conflict, StoreFault
from docgen.settings import Settings
from docgen.store import migrations
from docgen.store.anchor import Anchor
from docgen.store.audit_chain import ChainEntry, Head
from docgen.store.blobs import Blobs, open_blobs
from docgen.store.database import Database, insert_into, sqlite_url
from docgen.store.folder import prepare, secret_key
from docgen.store.tables import AuditEntryRow, BlobRow, DeliveryRow, WebhookRow

ALL_EVENTS = "*"
_NEWEST = (
    select(AuditEntryRow.seq, AuditEntryRow.entry_hash).order_by(AuditEntryRow.seq.desc()).limit(1)
)
_AUDIT_LOCK = 0x61756474  # of PostgreSQL's advisory locks: entries are numbered one at a time


@dataclass
class UnitOfWork:
    """A change in the making. `note` what is done, `tell` whom it concerns; both commit with it."""

    session: Session
    actor: Actor
    now: datetime
    new_id: Callable[[], str]
    entries: list[dict[str, Any]] = field(default_factory=list)
    told: bool = False
    ordered: bool = False
    """Whether there is work for whoever does it beside the requests."""

    def note(
        self, action: str, subject: tuple[str, str], contract_id: str | None = None, **detail: Any
    ) -> None:
        """Put an action on its subject (kind, id) into the audit trail."""
        self.entries.append(
            {
                "action": action,
                "subject_kind": subject[0],
                "subject_id": subject[1],
                "contract_id": contract_id,
                "detail": json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str),
            }
        )

    def tell(self, event: str, contract_id: str, **data: Any) -> None:
        """Leave a message for every webhook of the contract that listens to `event`.

        `id` among `data` is what it happened to. Nobody can delete these webhooks meanwhile.
        """
        hooks = select(WebhookRow).where(
            WebhookRow.contract_id == contract_id, WebhookRow.disabled_at.is_(None)
        )
        for hook in self.session.scalars(hooks.with_for_update(read=True, key_share=True)):
            if {event, ALL_EVENTS} & set(hook.events.split()):
                self.leave(hook, event, **data)

    def leave(self, hook: WebhookRow, event: str, **data: Any) -> DeliveryRow:
        """Leave a message for one webhook; it goes out after the commit."""
        body = {"type": event, "timestamp": self.now.isoformat(), "data": data}
        made = DeliveryRow(
            id=self.new_id(),
            webhook_id=hook.id,
            subject_id=data["id"],
            event=event,
            body=json.dumps(body, ensure_ascii=False, default=str),
            state="pending",
            attempts=0,
            next_at=self.now,
            created_at=self.now,
        )
        self.session.add(made)
        self.told = True
        return made

    def keep_blob(self, sha256: str, size_bytes: int) -> None:
        """Name bytes that already lie in the blob store; waits for whoever names or sweeps them."""
        self.keep_blobs({sha256: size_bytes})

    def keep_blobs(self, sizes: Mapping[str, int]) -> None:
        """Name several, by their sha256; in one order, so that two who do so end."""
        made = insert_into(self.session, BlobRow)
        self.session.execute(
            made.on_conflict_do_update(
                index_elements=["sha256"], set_={"size_bytes": made.excluded.size_bytes}
            ),
            [
                {"sha256": sha256, "size_bytes": sizes[sha256], "created_at": self.now}
                for sha256 in sorted(sizes)
            ],
        )


class Store:
    """Database, bytes and audit trail together."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: Blobs,
        *,
        key: bytes,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        """Put them together; `settings.clock` tells the time, `key` seals secrets."""
        self.settings, self.database, self.blobs = settings, database, blobs
        self.folder, self.key, self.new_id = settings.data.resolve(), key, new_id
        self.clock = settings.clock
        self.anchor = Anchor(self.folder)
        self.told = Event()  # there may be messages to send
        self.ordered = Event()  # somebody may wait for a batch

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the store that the settings name; an embedded one is made, and migrated.

        Raises SettingWrong, OutputRefused, StoreFault (migration_needed on PostgreSQL).
        """
        folder = prepare(settings.data)
        embedded = not settings.database
        database = Database(settings.database or sqlite_url(folder))
        try:
            key = secret_key(folder, settings.secret_key, make=embedded)
            if embedded:
                migrations.migrate(database)
            else:
                migrations.check(database)
            blobs = open_blobs(folder / "blobs", settings.blobs or None)
        except BaseException:
            database.close()
            raise
        return cls(settings, database, blobs, key=key)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session to read in."""
        with self.database.reading() as session:
            yield session

    @contextmanager
    def looking(self, actor: Actor) -> Iterator[UnitOfWork]:
        """Give a unit that only reads: to ask whether a change could be made."""
        with self.reading() as session:
            yield self._unit(session, actor)

    def _unit(self, session: Session, actor: Actor) -> UnitOfWork:
        return UnitOfWork(session, actor, self.clock().astimezone(UTC), self.new_id)

    @contextmanager
    def change(self, actor: Actor, *, accepted: Head | None = None) -> Iterator[UnitOfWork]:
        """Make a change: all of it with its audit entries and messages, or nothing.

        Raises StoreFault (trail_behind, trail_not_anchored) when the trail lacks what was anchored;
        `accepted` is an entry from which an operator goes on all the same, with new anchors.
        Conflict: head_not_in_trail.
        """
        last: Head | None = None
        with self.database.writing() as session:
            unit = self._unit(session, actor)
            yield unit
            session.flush()
            if unit.entries:
                last = _chained(unit, self.anchor, accepted)
        if unit.told:
            self.told.set()
        if unit.ordered:
            self.ordered.set()
        if last:
            if accepted:
                self.anchor.set_aside()
            self.anchor.keep(*last)


def moment_text(moment: datetime) -> str:
    """Return a moment as entries have it: UTC with six decimals, so that texts sort as moments."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def head_of(session: Session | Connection) -> Head:
    """Return the trail's head; that of an empty one has number 0."""
    found = session.execute(_NEWEST).first()
    return Head(*found) if found else Head()


def holds(session: Session | Connection, head: Head) -> bool:
    """Return whether the trail has that entry; each trail has the beginning, number 0."""
    kept = select(AuditEntryRow.entry_hash).where(AuditEntryRow.seq == head.seq)
    return head == Head() or session.scalar(kept) == head.entry_hash


def check_anchored(session: Session, anchor: Anchor) -> Head:
    """Return the trail's head, after a look whether the trail holds what was anchored last.

    An anchor is written after its entry's commit, so every entry that it names has to be there.
    Raises StoreFault: trail_behind, trail_not_anchored.
    """
    anchored = anchor.newest()  # before the query, which then sees the entry that it names
    newest = head_of(session)
    if newest == (anchored or Head()):
        return newest
    if anchored is None:
        raise StoreFault("trail_not_anchored", place=str(anchor.path), head=newest)
    if not holds(session, anchored):
        raise StoreFault("trail_behind", place=str(anchor.path), head=newest, anchored=anchored)
    return newest


def _chained(unit: UnitOfWork, anchor: Anchor, accepted: Head | None) -> Head:
    """Append a unit's entries to the trail; return the new head."""
    session = unit.session
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _AUDIT_LOCK})
    if accepted and not holds(session, accepted):
        raise Conflict("head_not_in_trail", place=str(accepted))
    seq, previous = head_of(session) if accepted else check_anchored(session, anchor)
    actor = unit.actor
    for columns in unit.entries:
        seq += 1
        entry = ChainEntry(
            seq=seq,
            at=moment_text(unit.now),
            actor_id=actor.user_id,
            actor_name=actor.name,
            actor_role=actor.role,
            address=actor.address,
            previous_hash=previous,
            **columns,
        )
        previous = entry.entry_hash
        session.add(AuditEntryRow(**vars(entry), entry_hash=previous))
    return Head(seq, previous)
