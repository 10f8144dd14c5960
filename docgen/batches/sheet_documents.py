"""The work `convert_sheets`: the documents of a row's record, and a draft of it if ordered."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.batches.leases import ChunkLease, ItemResult, LeasedItem
from docgen.batches.reading_batch import KIND_CONVERT
from docgen.batches.rendering import rendering_handler
from docgen.batches.worker import GroupHandler
from docgen.errors import DocgenError, RecordRefused, StoreFault
from docgen.records import records
from docgen.records.drafts import read_draft
from docgen.renderers.isolation import Children
from docgen.store.tables import BatchItemRow, BatchRow, RecordRow, UserRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork
from schemas.values import base_number

NUMBER_TAKEN = "number_taken"  # the code of the error


def drafting_handler(store: Store, children: Children) -> GroupHandler:
    """Return the handler that makes items' drafts, then their documents; again changes nothing."""
    render = rendering_handler(store, children)

    def make(lease: ChunkLease, items: Sequence[LeasedItem]) -> list[ItemResult]:
        refused = [] if lease.options["keep"] != "drafts" else _make_drafts(store, lease, items)
        left = {one.seq for one in refused}
        good = [item for item in items if item.seq not in left]
        return refused + (render(lease, good) if good else [])

    return make


def _make_drafts(store: Store, lease: ChunkLease, items: Sequence[LeasedItem]) -> list[ItemResult]:
    """Make the drafts; return the results of those that were refused."""
    found = []
    for item in items:
        try:
            _make_draft(store, lease, item)
        except StoreFault:
            raise
        except DocgenError as refused:
            found.append(ItemResult(item.seq, "failed", errors=refused.as_json()))
    return found


def _make_draft(store: Store, lease: ChunkLease, item: LeasedItem) -> None:
    actor = _orderer(store, lease)
    try:
        _save_draft(store, actor, lease, item)
    except RecordRefused as refused:
        if NUMBER_TAKEN not in {problem.code for problem in refused.problems}:
            raise
        _save_draft(store, actor, lease, item)  # whoever did this item before may just have made it


def _orderer(store: Store, lease: ChunkLease) -> Actor:
    """Return whoever ordered the batch: the drafts are his."""
    with store.reading() as session:
        user = session.get_one(UserRow, session.get_one(BatchRow, lease.batch_id).user_id)
        return Actor(user.id, user.name, user.role)


def _save_draft(store: Store, actor: Actor, lease: ChunkLease, item: LeasedItem) -> None:
    """Make the draft, or bring the one that an earlier conversion made up to date.

    RecordRefused: number_taken, for a number that another record has.
    """
    data = item.payload.encode()
    doc_no = json.loads(data)["doc_no"]
    with store.change(actor) as unit:
        query = select(RecordRow).where(RecordRow.base_no == base_number(doc_no))
        known = unit.session.scalar(query.where(RecordRow.contract_id == lease.contract_id))
        if known is None:
            records.create(unit, data)
        elif not _is_same(unit, known, data):
            if not _was_converted(unit.session, lease, doc_no):
                records.create(unit, data)  # which says that the number is taken
            records.change(unit, known.id, data, "*")


def _is_same(unit: UnitOfWork, known: RecordRow, data: bytes) -> bool:
    newest = unit.session.get_one(VersionRow, (known.id, known.number))
    draft = read_draft(unit.session, unit.actor, data, unit.now, doc_no=known.doc_no)
    return draft.body == newest.body


def _was_converted(session: Session, lease: ChunkLease, doc_no: str) -> bool:
    """Return whether a conversion of the contract made the record of that number."""
    made = exists().where(
        BatchRow.contract_id == lease.contract_id,
        BatchRow.kind == KIND_CONVERT,
        BatchItemRow.batch_id == BatchRow.id,
        BatchItemRow.doc_no == doc_no,
        BatchItemRow.state == "done",
    )
    return bool(session.scalar(select(made)))
