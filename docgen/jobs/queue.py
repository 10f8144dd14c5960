"""Ordering work and giving it up: rows written in the caller's own transaction.

Knows neither who works nor how; `docgen.jobs.leases` is the workers' side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from docgen.service.unit import Unit
from docgen.store.tables import Batch, BatchItem, Chunk

T = TypeVar("T")
CHUNK = 200
BACKGROUND, INTERACTIVE = 0, 100
FEW = 10
"""So many items are somebody waiting: they go first, one at a time."""
AGAIN = ("failed", "poison")


@dataclass(frozen=True)
class Job:
    """What to do with the items: a kind of work, for whom, and what it understands besides."""

    kind: str
    user_id: str
    contract_id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    """None: INTERACTIVE for a few items, BACKGROUND for more."""


@dataclass(frozen=True)
class Counts:
    """How many items of a batch are in which state."""

    pending: int = 0
    done: int = 0
    failed: int = 0
    poison: int = 0


def enqueue(
    unit: Unit, job: Job, rows: Sequence[bytes], doc_nos: Sequence[str | None] | None = None
) -> Batch:
    """Order work on `rows` (JSON each), within the unit's transaction: commits or goes with it."""
    priority = job.priority
    if priority is None:
        priority = priority_of(len(rows))
    batch = Batch(
        id=unit.new_id(),
        user_id=job.user_id,
        contract_id=job.contract_id,
        kind=job.kind,
        state="active" if rows else "done",
        priority=priority,
        options=json.dumps(job.options, ensure_ascii=False, sort_keys=True),
        total=len(rows),
        created_at=unit.now,
        ended_at=None if rows else unit.now,
    )
    unit.session.add(batch)
    unit.session.flush()
    add_items(unit, batch, rows, doc_nos)
    return batch


def add_items(
    unit: Unit, batch: Batch, rows: Sequence[bytes], doc_nos: Sequence[str | None] | None = None
) -> None:
    """Put the items of a batch that has none yet into chunks; `doc_nos` where they are known."""
    first = 1
    unit.ordered = unit.ordered or batch.priority >= INTERACTIVE
    for part in _parts(rows, batch.priority):
        made = add_chunk(unit.session, batch, unit.now)
        unit.session.execute(
            insert(BatchItem),
            [
                {
                    "batch_id": batch.id,
                    "seq": seq,
                    "chunk_seq": made.seq,
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
    """Return how soon so many items are done: a few first, for somebody waits."""
    return INTERACTIVE if count <= FEW else BACKGROUND


def cancel(unit: Unit, batch: Batch) -> None:
    """Give up what is not done; whoever works on it finds his lease gone. Again is no error."""
    unit.session.execute(delete(Chunk).where(Chunk.batch_id == batch.id))
    unit.session.refresh(batch, with_for_update=True)  # after the chunks, as who ends one does
    if batch.state == "active":
        batch.state, batch.ended_at = "cancelled", unit.now


def retry(unit: Unit, batch: Batch) -> int:
    """Order again what failed, was poison or was cancelled; how many items that is.

    What is pending in a batch at work is in good hands already.
    """
    unit.session.refresh(batch, with_for_update=True)
    states = AGAIN if batch.state == "active" else (*AGAIN, "pending")
    chosen = select(BatchItem.seq).where(
        BatchItem.batch_id == batch.id, BatchItem.state.in_(states)
    )
    found = unit.session.scalars(chosen.order_by(BatchItem.seq)).all()
    for part in _parts(found, batch.priority):
        move(unit.session, add_chunk(unit.session, batch, unit.now), part)
    if found:
        batch.state, batch.ended_at = "active", None
    return len(found)


def counts(session: Session, batch_id: str) -> Counts:
    """Count a batch's items by state."""
    query = (
        select(BatchItem.state, func.count())
        .where(BatchItem.batch_id == batch_id)
        .group_by(BatchItem.state)
    )
    return Counts(**{str(state): int(count) for state, count in session.execute(query)})


def move(session: Session, chunk: Chunk, seqs: Sequence[int]) -> None:
    """Make items of the chunk's batch its own, and pending."""
    session.execute(
        update(BatchItem)
        .where(BatchItem.batch_id == chunk.batch_id, BatchItem.seq.in_(seqs))
        .values(chunk_seq=chunk.seq, state="pending", errors=None)
    )


def add_chunk(session: Session, batch: Batch, now: datetime) -> Chunk:
    """Make a chunk that anybody may claim, without items yet, and tell workers elsewhere."""
    made = Chunk(batch_id=batch.id, priority=batch.priority, attempts=0, created_at=now)
    session.add(made)
    session.flush()
    if session.get_bind().dialect.name != "sqlite":
        from docgen.jobs.announcing import announce  # procrastinate is for PostgreSQL alone

        announce(session, made)
    return made


def _parts(rows: Sequence[T], priority: int) -> Iterator[Sequence[T]]:
    size = 1 if priority >= INTERACTIVE else CHUNK
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
