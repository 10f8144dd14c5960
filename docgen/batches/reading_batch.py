"""The reading of a batch's spreadsheets: a batch of one item for whoever works on jobs."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from docgen.batches import queue
from docgen.batches.queue import INTERACTIVE, WorkOrder
from docgen.store.tables import BatchItemRow, BatchRow, SheetFileRow
from docgen.store.unit_of_work import UnitOfWork

KIND_CONVERT, KIND_READ = "convert_sheets", "read_sheets"
"""The kinds of a batch of spreadsheets, and of the inner batch that reads its files."""
BEING_READ = ("reading", "taking")
"""`reading`: files are read for the preview. `taking`: the preview is confirmed; they are read once
more, by what is known now, and the items are created."""
QUICK_BYTES = 2**20  # of all files; larger ones would hold up the slot for urgent work
LARGE_FILES_PRIORITY = 50
"""Before the documents of other batches, and after whoever waits."""
FAILED_STATES = ("failed", "poison")  # of an item
REFUSED = "refused"
"""The state of a batch whose files could not be read: it may be corrected, retried, cancelled."""


def order_reading(unit: UnitOfWork, batch: BatchRow, state: str) -> None:
    """Order the reading of a batch's files, as an inner batch of one item that goes first."""
    options = {"batch": batch.id}
    priority = _priority(unit.session, batch)
    order = WorkOrder(KIND_READ, batch.user_id, batch.contract_id, options, priority=priority)
    reading = queue.enqueue(unit, order, [b"{}"])
    batch.state, batch.ended_at = state, None
    known = json.loads(batch.options) | {"reading": reading.id}
    batch.options = json.dumps(known, ensure_ascii=False)


def _priority(session: Session, batch: BatchRow) -> int:
    """Return how soon files are read; large ones stay out of the slot of whoever waits."""
    query = select(func.sum(SheetFileRow.size_bytes)).where(
        SheetFileRow.batch_id == batch.id, SheetFileRow.purpose == "upload"
    )
    return INTERACTIVE if (session.scalar(query) or 0) <= QUICK_BYTES else LARGE_FILES_PRIORITY


def retry_reading(unit: UnitOfWork, batch: BatchRow) -> None:
    """Try to read files once more that could not be read."""
    order_reading(unit, batch, batch.state)


def cancel(unit: UnitOfWork, batch: BatchRow) -> None:
    """Give up a batch that is being read, or waits to be confirmed."""
    inner = unit.session.get(BatchRow, _reading_id(batch))
    if inner:
        queue.cancel(unit, inner)
    batch.state, batch.ended_at = "cancelled", unit.now


def state_of(session: Session, batch: BatchRow) -> str:
    """Return the state as people know it: files that cannot be read are refused."""
    if batch.kind == KIND_CONVERT and batch.state in BEING_READ and _failed_item(session, batch):
        return REFUSED
    return batch.state


def refusals(session: Session, batch: BatchRow) -> list[dict[str, Any]]:
    """Return why the files could not be read."""
    item = _failed_item(session, batch)
    found: list[dict[str, Any]] = json.loads(item.errors or "[]") if item else []
    return found


def _failed_item(session: Session, batch: BatchRow) -> BatchItemRow | None:
    query = select(BatchItemRow).where(
        BatchItemRow.batch_id == _reading_id(batch), BatchItemRow.state.in_(FAILED_STATES)
    )
    return session.scalar(query)


def _reading_id(batch: BatchRow) -> str:
    return str(json.loads(batch.options).get("reading", ""))
