"""Leases of chunks: which worker works on a chunk, and until when.

Only the holder of a lease may change its items. `attempts` of a chunk counts the claims since there
was progress: above zero, the last worker died. Such a chunk is halved, until the item that kills
workers is alone. `now` is the real time here, not that of the store's clock.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from sqlalchemy import ColumnElement, bindparam, exists, func, or_, select, text, update
from sqlalchemy.orm import Session

from docgen.batches.queue import add_chunk, move
from docgen.errors import RenderFailed
from docgen.store.database import insert_into
from docgen.store.tables import BatchFileRow, BatchItemRow, BatchRow, ChunkRow
from docgen.store.unit_of_work import UnitOfWork

LEASE = timedelta(seconds=30)  # renewed every half second; others wait as long for a dead worker
MOST_DEATHS = 3  # of workers over one item, before it is poison; fewer may be chance


@dataclass(frozen=True)
class LeasedItem:
    """One item to work on; `payload` is JSON, whose meaning the handler knows."""

    seq: int
    payload: str


@dataclass(frozen=True)
class ChunkLease:
    """The exclusive right to work on a chunk, as long as the lease is renewed."""

    chunk_seq: int
    owner: str
    batch_id: str
    kind: str
    contract_id: str
    options: dict[str, Any]
    created_at: datetime
    duration: timedelta
    items: tuple[LeasedItem, ...]


@dataclass(frozen=True)
class ResultFile:
    """A file made of an item."""

    format: str
    data: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """The file's name in the blob store."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class ItemResult:
    """The result of an item; `errors` are problems as JSON values."""

    seq: int
    state: Literal["done", "failed", "poison"]
    doc_no: str | None = None
    files: tuple[ResultFile, ...] = ()
    errors: Sequence[dict[str, Any]] = ()


def waiting(session: Session, now: datetime, *, min_priority: int = 0) -> bool:
    """Return whether there is a free chunk of priority `min_priority` or more."""
    query = select(ChunkRow.seq).where(free(now), ChunkRow.priority >= min_priority)
    return session.scalar(query.limit(1)) is not None


def claim(
    unit: UnitOfWork,
    now: datetime,
    *,
    min_priority: int = 0,
    duration: timedelta = LEASE,
    seq: int | None = None,
) -> ChunkLease | None:
    """Claim the first free chunk of the highest priority, or number `seq`; None if there is none.

    Rows that another worker is claiming are skipped (PostgreSQL; SQLite has one writer).
    """
    _limit_idle_time(unit.session, duration)
    query = select(ChunkRow).where(free(now), ChunkRow.priority >= min_priority)
    if seq is not None:
        query = query.where(ChunkRow.seq == seq)
    query = query.order_by(ChunkRow.priority.desc(), ChunkRow.seq).limit(1)
    while chunk := unit.session.scalar(query.with_for_update(skip_locked=True)):
        batch = unit.session.get_one(BatchRow, chunk.batch_id)
        items = _pending(unit.session, chunk)
        if chunk.attempts:
            items = _split_after_death(unit, batch, chunk, items)
        if items:
            chunk.lease_until = now + duration
            return _lease_of(unit, batch, chunk, (duration, items))
        _end(unit, batch, chunk)
    return None


def save_results(
    unit: UnitOfWork, lease: ChunkLease, results: Sequence[ItemResult], now: datetime
) -> bool:
    """Save results and renew the lease; False, and nothing changes, if the lease was lost.

    The bytes of the files must be in the blob store already.
    """
    chunk = _locked_chunk(unit.session, lease, now)
    if chunk is None:
        return False
    if results:
        chunk.attempts = 0  # that is progress
        _write_results(unit, lease.batch_id, results)
    chunk.lease_until = now + lease.duration
    return True


def finish(unit: UnitOfWork, lease: ChunkLease, now: datetime) -> bool:
    """Release a chunk that is done, or whose rest other workers may continue."""
    chunk = _locked_chunk(unit.session, lease, now)
    if chunk is None:
        return False
    chunk.attempts, chunk.owner, chunk.lease_until = 0, None, None
    unit.session.flush()
    if not _pending(unit.session, chunk):
        _end(unit, unit.session.get_one(BatchRow, lease.batch_id), chunk)
    return True


def expire(session: Session, chunk_seq: int, now: datetime) -> None:
    """End the lease of a worker that is known to be dead."""
    unexpired = update(ChunkRow).where(ChunkRow.seq == chunk_seq, ChunkRow.lease_until > now)
    session.execute(unexpired.values(lease_until=now))


# ---------------------------------------------------------------- chunks


def free(now: datetime) -> ColumnElement[bool]:
    """Return the condition that nobody works on a chunk."""
    return or_(ChunkRow.owner.is_(None), ChunkRow.lease_until <= now)


def _limit_idle_time(session: Session, duration: timedelta) -> None:
    """Let PostgreSQL end this transaction if the process freezes in it, holding row locks."""
    if session.get_bind().dialect.name != "sqlite":
        limit = {"ms": str(round(duration.total_seconds() * 1000))}
        name = "idle_in_transaction_session_timeout"
        session.execute(text(f"SELECT set_config('{name}', :ms, true)"), limit)


def _locked_chunk(session: Session, lease: ChunkLease, now: datetime) -> ChunkRow | None:
    _limit_idle_time(session, lease.duration)
    query = select(ChunkRow).where(
        ChunkRow.seq == lease.chunk_seq, ChunkRow.owner == lease.owner, ChunkRow.lease_until > now
    )
    return session.scalar(query.with_for_update())


def _pending(session: Session, chunk: ChunkRow) -> list[LeasedItem]:
    query = (
        select(BatchItemRow.seq, BatchItemRow.payload)
        .where(BatchItemRow.chunk_seq == chunk.seq, BatchItemRow.state == "pending")
        .order_by(BatchItemRow.seq)
    )
    return [LeasedItem(seq, payload) for seq, payload in session.execute(query)]


def _split_after_death(
    unit: UnitOfWork, batch: BatchRow, chunk: ChunkRow, items: list[LeasedItem]
) -> list[LeasedItem]:
    """Halve a chunk whose worker died, to find the item that is the cause; return what to work on.

    An item that is alone and has ended MOST_DEATHS workers becomes poison.
    """
    if len(items) > 1:
        half = len(items) // 2
        other = add_chunk(unit.session, batch, unit.now)
        move(unit.session, other, [item.seq for item in items[half:]])
        chunk.attempts = 0
        return items[:half]
    if items and chunk.attempts >= MOST_DEATHS:
        died = RenderFailed("worker_died", value="", deaths=MOST_DEATHS)
        _write_results(unit, batch.id, [ItemResult(items[0].seq, "poison", errors=died.as_json())])
        return []
    return items


def _lease_of(
    unit: UnitOfWork, batch: BatchRow, chunk: ChunkRow, work: tuple[timedelta, list[LeasedItem]]
) -> ChunkLease:
    duration, items = work
    chunk.owner = unit.new_id()
    chunk.attempts += 1
    of_batch = (batch.kind, batch.contract_id, json.loads(batch.options), batch.created_at)
    return ChunkLease(chunk.seq, chunk.owner, batch.id, *of_batch, duration, tuple(items))


def _write_results(unit: UnitOfWork, batch_id: str, results: Sequence[ItemResult]) -> None:
    """Write the results of items, except of those that are done already."""
    seqs = [result.seq for result in results]
    undone = select(BatchItemRow.seq).where(
        BatchItemRow.batch_id == batch_id, BatchItemRow.seq.in_(seqs), BatchItemRow.state != "done"
    )
    open_ = set(unit.session.scalars(undone))
    fresh = [result for result in results if result.seq in open_]
    files = [(result.seq, file) for result in fresh for file in result.files]
    if fresh:
        columns = [_columns(batch_id, result) for result in fresh]
        unit.session.connection().execute(_WRITE_RESULT, columns)
    if files:
        unit.keep_blobs({file.sha256: len(file.data) for _, file in files})
        insert = insert_into(unit.session, BatchFileRow)
        unit.session.execute(
            insert.on_conflict_do_update(
                index_elements=["batch_id", "seq", "format"],
                set_={name: insert.excluded[name] for name in ("sha256", "size_bytes")},
            ),
            [
                {
                    "batch_id": batch_id,
                    "seq": seq,
                    "format": file.format,
                    "sha256": file.sha256,
                    "size_bytes": len(file.data),
                }
                for seq, file in files
            ],
        )


_WRITE_RESULT = (
    update(BatchItemRow)
    .where(BatchItemRow.batch_id == bindparam("of_batch"), BatchItemRow.seq == bindparam("of_seq"))
    .values(
        state=bindparam("new_state"),
        attempts=BatchItemRow.attempts + 1,
        # A failure has no number; the item keeps the one that its record was ordered with.
        doc_no=func.coalesce(bindparam("new_doc_no"), BatchItemRow.doc_no),
        errors=bindparam("new_errors"),
    )
)


def _columns(batch_id: str, result: ItemResult) -> dict[str, Any]:
    return {
        "of_batch": batch_id,
        "of_seq": result.seq,
        "new_state": result.state,
        "new_doc_no": result.doc_no,
        "new_errors": json.dumps(result.errors, ensure_ascii=False) if result.errors else None,
    }


def _end(unit: UnitOfWork, batch: BatchRow, chunk: ChunkRow) -> None:
    """Delete a chunk that is done; the last one ends its batch.

    The batch is locked first: of two workers that end the last two chunks, one must see none left.
    """
    session = unit.session
    session.refresh(batch, with_for_update=True)
    session.delete(chunk)
    session.flush()
    left = select(exists().where(ChunkRow.batch_id == batch.id))
    if batch.state == "active" and not session.scalar(left):
        batch.state, batch.ended_at = "done", unit.now
