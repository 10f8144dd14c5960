"""Batches of records: order, list, cancel and retry them, for the members of a contract.

Does none of the work: the queue's workers do (`docgen.batches.worker`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.batches import queue, reading_batch
from docgen.batches.queue import Counts, WorkOrder
from docgen.batches.rendering import KIND_RENDER
from docgen.contracts import contracts
from docgen.errors import Conflict, InputUnreadable, NotFound
from docgen.pipeline.json_input import read_json
from docgen.records.in_force import NUMBER
from docgen.store.pagination import LIMIT, Page, decoded, paged
from docgen.store.tables import BatchFileRow, BatchItemRow, BatchRow, MemberRow
from docgen.store.unit_of_work import Store, UnitOfWork

MOST_ACTIVE = 20  # batches of one user at a time, so that nobody fills the queue for all
OPEN = ("reading", "preview", "taking", "active")  # states that are no end; see reading_batch
LISTED = "batches"  # marks the cursors of this list
AT_ONCE = 100  # items a query, where all of a batch are read


@dataclass(frozen=True)
class BatchOptions:
    """The contract of the records, and the formats and language of their documents."""

    contract_id: str
    formats: tuple[str, ...]
    lang: str


@dataclass(frozen=True)
class BatchProgress:
    """A batch with its progress; `state` is what users see, which may differ from the row's."""

    batch: BatchRow
    counts: Counts
    state: str = ""


@dataclass(frozen=True)
class ItemWithFiles:
    """An item with the files that came of it."""

    item: BatchItemRow
    files: Sequence[BatchFileRow]


def order(unit: UnitOfWork, request: BatchOptions, data: bytes) -> BatchProgress:
    """Order the documents of many records. Raises NotFound, InputUnreadable, Conflict."""
    unit.actor.need(Ability.write_records)
    contract = contracts.visible(unit.session, unit.actor, request.contract_id)
    records = read_rows(data)
    rows, doc_nos = [row for row, _ in records], [doc_no for _, doc_no in records]
    assert unit.actor.user_id
    check_room(unit.session, unit.actor.user_id)
    options = {"formats": request.formats, "lang": request.lang}
    batch = queue.enqueue(
        unit, WorkOrder(KIND_RENDER, unit.actor.user_id, contract.id, options), rows, doc_nos
    )
    unit.note("batch.ordered", ("batch", batch.id), contract.id, items=len(rows), **options)
    return BatchProgress(batch, Counts(pending=len(rows)))


def progress_of(session: Session, actor: Actor, batch_id: str) -> BatchProgress:
    """Return a batch with its counts. Raises NotFound."""
    return _progress(session, visible(session, actor, batch_id))


def _progress(session: Session, batch: BatchRow) -> BatchProgress:
    state = reading_batch.state_of(session, batch)
    return BatchProgress(batch, queue.counts(session, batch.id), state)


def listed(
    session: Session,
    actor: Actor,
    *,
    contract_id: str = "",
    active: bool = False,
    cursor: str = "",
    limit: int = LIMIT,
) -> Page[BatchProgress]:
    """List the batches of the actor's contracts, newest first; `active`: those not ended yet."""
    actor.need(Ability.read)
    query = _visible(actor).order_by(BatchRow.created_at.desc(), BatchRow.id.desc())
    if contract_id:
        query = query.where(BatchRow.contract_id == contract_id)
    if active:
        query = query.where(BatchRow.state.in_(OPEN))
    if cursor:
        text, _, batch_id = str(decoded(cursor, LISTED)).partition(" ")
        try:
            at = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError) as wrong:
            raise InputUnreadable("bad_cursor", place="cursor", value=cursor) from wrong
        same = and_(BatchRow.created_at == at, BatchRow.id < batch_id)
        query = query.where(or_(BatchRow.created_at < at, same))
    found = session.scalars(query.limit(limit + 1))
    page = paged(found, limit, LISTED, lambda one: f"{one.created_at.isoformat()} {one.id}")
    return Page([_progress(session, batch) for batch in page.items], page.next_cursor)


def cancel(unit: UnitOfWork, batch_id: str) -> BatchProgress:
    """Cancel the items that are not done; cancelling twice is no error. Raises NotFound."""
    batch = _changeable(unit, batch_id)
    if batch.state in OPEN:
        if batch.state == "active":
            queue.cancel(unit, batch)
        else:
            reading_batch.cancel(unit, batch)
        unit.note("batch.cancelled", ("batch", batch.id), batch.contract_id)
    return progress_of(unit.session, unit.actor, batch.id)


def retry(unit: UnitOfWork, batch_id: str) -> BatchProgress:
    """Order items again that failed, were poison or were cancelled. Raises NotFound."""
    batch = _changeable(unit, batch_id)
    if reading_batch.state_of(unit.session, batch) == reading_batch.REFUSED:
        reading_batch.retry_reading(unit, batch)
    elif count := queue.retry(unit, batch):
        unit.note("batch.retried", ("batch", batch.id), batch.contract_id, items=count)
    return progress_of(unit.session, unit.actor, batch.id)


def items(
    session: Session, actor: Actor, batch_id: str, *, state: str = "", cursor: str = "", limit: int
) -> Page[ItemWithFiles]:
    """List a batch's items in their order, those in one state or all. Raises NotFound."""
    batch = visible(session, actor, batch_id)
    query = select(BatchItemRow).where(BatchItemRow.batch_id == batch.id).order_by(BatchItemRow.seq)
    if state:
        query = query.where(BatchItemRow.state == state)
    if cursor:
        query = query.where(BatchItemRow.seq > decoded(cursor, "items"))
    found = _with_files(session, batch.id, session.scalars(query.limit(limit + 1)).all())
    return paged(found, limit, "items", lambda done: done.item.seq)


def all_items(store: Store, batch_id: str) -> Iterator[ItemWithFiles]:
    """Yield all items of a batch; each AT_ONCE of them are read in a session of their own."""
    last = 0
    while True:
        query = (
            select(BatchItemRow)
            .where(BatchItemRow.batch_id == batch_id, BatchItemRow.seq > last)
            .order_by(BatchItemRow.seq)
            .limit(AT_ONCE)
        )
        with store.reading() as session:
            found = _with_files(session, batch_id, session.scalars(query).all())
        if not found:
            return
        yield from found
        last = found[-1].item.seq


def visible(session: Session, actor: Actor, batch_id: str) -> BatchRow:
    """Return a batch of one of the actor's contracts. Raises NotFound for any other."""
    actor.need(Ability.read)
    batch = session.scalar(_visible(actor).where(BatchRow.id == batch_id))
    if batch is None:
        raise NotFound("not_found.batch")
    return batch


def _visible(actor: Actor) -> Select[BatchRow]:
    return (
        select(BatchRow)
        .join(MemberRow, MemberRow.contract_id == BatchRow.contract_id)
        .where(MemberRow.user_id == actor.user_id, BatchRow.kind != reading_batch.KIND_READ)
    )


def read_rows(data: bytes) -> list[tuple[bytes, str | None]]:
    """Parse a JSON array of records or JSON lines to the bytes and document number of each.

    InputUnreadable: those of read_json; not_records, with its position or line.
    """
    if data.lstrip()[:1] == b"[":
        plain = read_json(data)
        return [_row(one, str(at)) for at, one in enumerate(plain, 1)]
    lines = enumerate(data.splitlines(), 1)
    return [_row(read_json(line), str(at)) for at, line in lines if line.strip()]


def _row(plain: Any, place: str) -> tuple[bytes, str | None]:
    if not isinstance(plain, dict):
        raise InputUnreadable("not_records", place=place)
    doc_no = plain.get("doc_no")
    is_number = isinstance(doc_no, str) and NUMBER.fullmatch(doc_no)
    data = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    return data, doc_no if is_number else None


def _changeable(unit: UnitOfWork, batch_id: str) -> BatchRow:
    batch = visible(unit.session, unit.actor, batch_id)
    unit.actor.need(Ability.write_records)
    return batch


def check_room(session: Session, user_id: str) -> None:
    """Refuse one more batch of a person who has many. Conflict: too_many_batches."""
    query = select(func.count()).where(
        BatchRow.user_id == user_id,
        BatchRow.state.in_(OPEN),
        BatchRow.kind != reading_batch.KIND_READ,
    )
    if (session.scalar(query) or 0) >= MOST_ACTIVE:
        raise Conflict("too_many_batches", limit=MOST_ACTIVE)


def _with_files(
    session: Session, batch_id: str, found: Sequence[BatchItemRow]
) -> list[ItemWithFiles]:
    seqs = [item.seq for item in found]
    query = select(BatchFileRow).where(
        BatchFileRow.batch_id == batch_id, BatchFileRow.seq.in_(seqs)
    )
    files: dict[int, list[BatchFileRow]] = {seq: [] for seq in seqs}
    for file in session.scalars(query.order_by(BatchFileRow.seq, BatchFileRow.format)):
        files[file.seq].append(file)
    return [ItemWithFiles(item, files[item.seq]) for item in found]
