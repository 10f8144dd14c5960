"""Sweeping: what nothing needs any more goes, after a time; what a row names never does."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event, Thread
from typing import Any

from sqlalchemy import delete, exists, select, union_all

from docgen.batches.ending import sweep_batches
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
BYTES_KEPT = timedelta(hours=24)
PREVIEWS_KEPT = timedelta(days=30)
KEYS_KEPT = timedelta(days=7)
MESSAGES_KEPT = timedelta(days=90)


@dataclass(frozen=True)
class SweepReport:
    """How much went; `busy` when somebody else sweeps, or a backup is being made."""

    blobs: int = 0
    unfinished: int = 0
    previews: int = 0
    keys: int = 0
    messages: int = 0
    sessions: int = 0
    batches: int = 0
    busy: bool = False

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def sweep(store: Store, now: datetime) -> SweepReport:
    """Remove what has had its time.

    Bytes age by the clock of the machine that holds them: `now` is the real moment, whatever
    moment the store's own clock gives to its rows.
    """
    with the_sweep(store.database) as alone:
        if not alone:
            return SweepReport(busy=True)
        rows = _sweep_rows(store, store.clock().astimezone(UTC))
        older_than = now - BYTES_KEPT
        gone = sweep_blobs(store.blobs, partial(_named, store), older_than=older_than)
        return replace(rows, blobs=gone.removed, unfinished=gone.unfinished)


class Sweeper:
    """Sweeps every hour, in a thread of the service; a sweep that fails is logged, and the next."""

    def __init__(self, store: Store, every_s: float = EVERY_S) -> None:
        self._store, self._every_s = store, every_s
        self._ending = Event()
        self._thread = Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin; the first sweep comes after the first hour."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other sweep, and wait for one that is under way, but not for long."""
        self._ending.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            try:
                log.info("swept: %s", sweep(self._store, datetime.now(UTC)).as_json())
            except Exception:  # whatever it is, the next hour's sweep is tried all the same
                log.exception("sweeping failed")


def _sweep_rows(store: Store, now: datetime) -> SweepReport:
    """Forget previews, answers to repeated requests, messages, sessions and old batches."""
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


def _named(store: Store, batch: list[str]) -> set[str]:
    """Forget those blobs of a batch that no row names, and return the others.

    Their rows are locked first, so that whoever is about to name one is waited for, or waits.
    """
    with store.database.writing() as session:
        rows = select(BlobRow.sha256).where(BlobRow.sha256.in_(batch)).with_for_update()
        known = set(session.scalars(rows))
        named = set(session.scalars(union_all(*_names(batch))))
        session.execute(delete(BlobRow).where(BlobRow.sha256.in_(known - named)))
    return named


def _names(batch: list[str]) -> list[Any]:
    """Return a query for each column that names blobs."""
    columns = [
        key.parent
        for table in Base.metadata.sorted_tables
        for key in table.foreign_keys
        if key.column.table is BlobRow.__table__
    ]
    return [select(column).where(column.in_(batch)) for column in columns]
