"""Delete what is no longer needed after a time; bytes that a row refers to are never deleted."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Thread
from typing import Any

from sqlalchemy import delete, exists, select, union_all

from docgen.audit import trail
from docgen.batches.retention import sweep_batches
from docgen.store.blobs import sweep as sweep_blobs
from docgen.store.locks import the_sweep
from docgen.store.tables import (
    Base,
    BlobRow,
    DeliveryRow,
    DocumentRow,
    IdempotencyKeyRow,
    RenderingRow,
    SessionRow,
)
from docgen.store.unit_of_work import Store

log = logging.getLogger("docgen.sweeping")

EVERY_S, PATIENCE_S = 3600.0, 10.0
BYTES_KEPT = timedelta(hours=24)  # bytes are put before the row that refers to them is written
PREVIEWS_KEPT = timedelta(days=30)
KEYS_KEPT = timedelta(days=7)  # a client may repeat a request that long
MESSAGES_KEPT = timedelta(days=90)


@dataclass(frozen=True)
class SweepReport:
    """Numbers of what was deleted; `busy`: another process sweeps or makes a backup."""

    blobs: int = 0
    unfinished: int = 0
    previews: int = 0
    keys: int = 0
    messages: int = 0
    sessions: int = 0
    batches: int = 0
    busy: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the numbers as JSON values."""
        return asdict(self)


def sweep(store: Store, now: datetime) -> SweepReport:
    """Delete everything that is old enough.

    `now` is the real time, by which files have their age; rows have that of the store's clock.
    """
    with the_sweep(store.database) as alone:
        if not alone:
            return SweepReport(busy=True)
        rows = _sweep_rows(store, store.clock().astimezone(UTC))
        older_than = now - BYTES_KEPT
        deleted = sweep_blobs(store.blobs, partial(_referred_blobs, store), older_than=older_than)
        return replace(rows, blobs=deleted.removed, unfinished=deleted.unfinished)


class Sweeper:
    """Sweeps every hour in a thread of the service; a failure is logged and the next hour tried."""

    def __init__(self, store: Store, every_s: float = EVERY_S) -> None:
        self._store, self._every_s = store, every_s
        self._ending = Event()
        self._thread = Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Start the thread; the first sweep comes after an hour."""
        self._thread.start()

    def stop(self) -> None:
        """Start no other sweep, and wait a few seconds for a running one."""
        self._ending.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            try:
                trail.anchor_newest(self._store)  # what other machines did is anchored here as well
                log.info("swept: %s", sweep(self._store, datetime.now(UTC)).as_json())
            except Exception:  # whatever it is, the next hour's sweep is tried all the same
                log.exception("sweeping failed")


def _sweep_rows(store: Store, now: datetime) -> SweepReport:
    """Delete previews, answers to repeated requests, messages, sessions and old batches."""
    preview = ~exists().where(DocumentRow.sha256 == RenderingRow.sha256)
    chosen = {
        "previews": delete(RenderingRow).where(
            RenderingRow.created_at < now - PREVIEWS_KEPT, preview
        ),
        "keys": delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < now - KEYS_KEPT),
        "messages": delete(DeliveryRow).where(DeliveryRow.created_at < now - MESSAGES_KEPT),
        "sessions": delete(SessionRow).where(SessionRow.expires_at < now),
    }
    counts: dict[str, Any] = {}
    for name, statement in chosen.items():
        with store.database.writing() as session:
            counts[name] = session.connection().execute(statement).rowcount
    counts["batches"] = sweep_batches(store, now)
    return SweepReport(**counts)


def _referred_blobs(store: Store, batch: list[str]) -> set[str]:
    """Delete the rows of blobs that no other row refers to; return those that are referred to.

    The rows are locked first, so that a transaction that is about to refer to one is waited
    for, or waits.
    """
    referring = [  # every foreign key to the table of blobs, whatever tables will be added
        select(key.parent).where(key.parent.in_(batch))
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is BlobRow.__table__
    ]
    with store.database.writing() as session:
        rows = select(BlobRow.sha256).where(BlobRow.sha256.in_(batch)).with_for_update()
        existing = set(session.scalars(rows))
        referred = set(session.scalars(union_all(*referring)))
        session.execute(delete(BlobRow).where(BlobRow.sha256.in_(existing - referred)))
    return referred
