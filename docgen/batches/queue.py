"""Put work into the queue and cancel it: rows written in the caller's transaction.

Knows neither workers nor the meaning of the work; `docgen.batches.leases` is the workers' side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from procrastinate import App, SyncPsycopgConnector
from procrastinate.tasks import configure_task
from sqlalchemy import Integer, delete, func, insert, or_, select, text, update
from sqlalchemy.orm import Session

from docgen.store.tables import BatchItemRow, BatchRow, ChunkRow
from docgen.store.unit_of_work import UnitOfWork

T = TypeVar("T")
CHUNK = 200  # items that one worker claims at once
# Priorities; a higher one goes first. From INTERACTIVE on, a chunk goes to the urgent queue too.
BACKGROUND, INTERACTIVE = 0, 100
FEW_ITEMS = 10  # items for which a user is taken to be waiting: they go first, one at a time
RETRIED_STATES = ("failed", "poison")  # states that `retry` orders again


@dataclass(frozen=True)
class WorkOrder:
    """An order of work on items: its kind (see `handlers`), its user, and its own options."""

    kind: str
    user_id: str
    contract_id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    """None: INTERACTIVE for a few items, BACKGROUND for more."""


@dataclass(frozen=True)
class Counts:
    """The numbers of a batch's items by state."""

    pending: int = 0
    done: int = 0
    failed: int = 0
    poison: int = 0


def enqueue(
    unit: UnitOfWork,
    order: WorkOrder,
    rows: Sequence[bytes],
    doc_nos: Sequence[str | None] | None = None,
) -> BatchRow:
    """Order work on `rows` (JSON each) within the unit's transaction."""
    priority = priority_of(len(rows)) if order.priority is None else order.priority
    batch = BatchRow(
        id=unit.new_id(),
        user_id=order.user_id,
        contract_id=order.contract_id,
        kind=order.kind,
        state="active" if rows else "done",
        priority=priority,
        options=json.dumps(order.options, ensure_ascii=False, sort_keys=True),
        total=len(rows),
        created_at=unit.now,
        ended_at=None if rows else unit.now,
    )
    unit.session.add(batch)
    unit.session.flush()
    add_items(unit, batch, rows, doc_nos)
    return batch


def add_items(
    unit: UnitOfWork,
    batch: BatchRow,
    rows: Sequence[bytes],
    doc_nos: Sequence[str | None] | None = None,
) -> None:
    """Add the items of a batch that has none yet, in chunks; `doc_nos` where they are known."""
    first = 1
    unit.ordered = unit.ordered or batch.priority >= INTERACTIVE
    for part in _parts(rows, batch.priority):
        chunk = add_chunk(unit.session, batch, unit.now)
        unit.session.execute(
            insert(BatchItemRow),
            [
                {
                    "batch_id": batch.id,
                    "seq": seq,
                    "chunk_seq": chunk.seq,
                    "state": "pending",
                    "attempts": 0,
                    "doc_no": doc_nos[seq - 1] if doc_nos else None,
                    "payload": payload.decode(),
                }
                for seq, payload in enumerate(part, first)
            ],
        )
        first += len(part)


def priority_of(count: int) -> int:
    """Return the priority of a number of items; a user waits for a few."""
    return INTERACTIVE if count <= FEW_ITEMS else BACKGROUND


def cancel(unit: UnitOfWork, batch: BatchRow) -> None:
    """Cancel the items that are not done; their workers lose the lease. Twice is no error."""
    unit.session.execute(delete(ChunkRow).where(ChunkRow.batch_id == batch.id))
    unit.session.refresh(batch, with_for_update=True)  # after the chunks, as who ends one does
    if batch.state == "active":
        batch.state, batch.ended_at = "cancelled", unit.now


def retry(unit: UnitOfWork, batch: BatchRow) -> int:
    """Order items again that failed, were poison or were cancelled; return how many.

    Pending items of an active batch are in a chunk already.
    """
    unit.session.refresh(batch, with_for_update=True)
    states = RETRIED_STATES if batch.state == "active" else (*RETRIED_STATES, "pending")
    chosen = select(BatchItemRow.seq).where(
        BatchItemRow.batch_id == batch.id, BatchItemRow.state.in_(states)
    )
    found = unit.session.scalars(chosen.order_by(BatchItemRow.seq)).all()
    for part in _parts(found, batch.priority):
        move(unit.session, add_chunk(unit.session, batch, unit.now), part)
    if found:
        batch.state, batch.ended_at = "active", None
    return len(found)


def counts(session: Session, batch_id: str) -> Counts:
    """Count a batch's items by state."""
    query = (
        select(BatchItemRow.state, func.count())
        .where(BatchItemRow.batch_id == batch_id)
        .group_by(BatchItemRow.state)
    )
    return Counts(**{str(state): int(count) for state, count in session.execute(query)})


def move(session: Session, chunk: ChunkRow, seqs: Sequence[int]) -> None:
    """Move items of the chunk's batch to the chunk, as pending."""
    session.execute(
        update(BatchItemRow)
        .where(BatchItemRow.batch_id == chunk.batch_id, BatchItemRow.seq.in_(seqs))
        .values(chunk_seq=chunk.seq, state="pending", errors=None)
    )


def add_chunk(session: Session, batch: BatchRow, now: datetime) -> ChunkRow:
    """Add a free chunk without items, and announce it to workers on PostgreSQL."""
    chunk = ChunkRow(batch_id=batch.id, priority=batch.priority, attempts=0, created_at=now)
    session.add(chunk)
    session.flush()
    if session.get_bind().dialect.name != "sqlite":
        announce(session, chunk)
    return chunk


def _parts(rows: Sequence[T], priority: int) -> Iterator[Sequence[T]]:
    size = 1 if priority >= INTERACTIVE else CHUNK
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


TASK = "docgen.chunk"
QUEUE, URGENT_QUEUE = "docgen", "docgen-first"  # a worker has a slot for both, and one for urgent

_ANNOUNCED = (
    text(
        "SELECT (args->>'seq')::integer AS seq FROM procrastinate_jobs"
        " WHERE task_name = :name AND status IN ('todo', 'doing')"
    )
    .bindparams(name=TASK)
    .columns(seq=Integer)
)


def announce(session: Session, chunk: ChunkRow) -> None:
    """Add a job of procrastinate for a chunk, in the same transaction."""
    connection = session.connection().connection.driver_connection
    configure_task(
        name=TASK,
        job_manager=_app().job_manager,
        queue=URGENT_QUEUE if chunk.priority >= INTERACTIVE else QUEUE,
        priority=chunk.priority,
        connection=connection,
    ).defer(seq=chunk.seq)


def announce_forgotten(session: Session, now: datetime) -> int:
    """Add jobs for free chunks that have none; return how many there were.

    One statement reads both: between two, a new chunk would seem to have no job.
    """
    free = or_(ChunkRow.owner.is_(None), ChunkRow.lease_until <= now)
    forgotten = session.scalars(select(ChunkRow).where(free, ChunkRow.seq.not_in(_ANNOUNCED))).all()
    for chunk in forgotten:
        announce(session, chunk)
    return len(forgotten)


@cache
def _app() -> App:
    """Return the app that adds jobs; it never connects, since each job brings its connection."""
    return App(connector=SyncPsycopgConnector())
