"""The work `convert_sheets`: documents of a row's record, and where it is wished a draft of it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.batches.leases import ChunkLease, ItemResult, LeasedItem
from docgen.batches.reading_batch import CONVERT
from docgen.batches.rendering import rendering
from docgen.batches.worker import Groups
from docgen.errors import DocgenError, RecordRefused, StoreFault
from docgen.records import records
from docgen.records.drafts import read_draft
from docgen.renderers.isolation import Children
from docgen.store.tables import BatchItemRow, BatchRow, RecordRow, UserRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork
from schemas.values import base_number

TAKEN = "number_taken"


def drafting(store: Store, children: Children) -> Groups:
    """Return what makes items' drafts, then their documents; done again it changes nothing."""
    render = rendering(store, children)

    def make(held: ChunkLease, items: Sequence[LeasedItem]) -> list[ItemResult]:
        refused = [] if held.options["keep"] != "drafts" else _refused(store, held, items)
        left = {one.seq for one in refused}
        good = [item for item in items if item.seq not in left]
        return refused + (render(held, good) if good else [])

    return make


def _refused(store: Store, held: ChunkLease, items: Sequence[LeasedItem]) -> list[ItemResult]:
    """Make the drafts; what came of those that the store refuses."""
    found = []
    for item in items:
        try:
            _drafted(store, held, item)
        except StoreFault:
            raise
        except DocgenError as refused:
            found.append(ItemResult(item.seq, "failed", errors=refused.as_json()))
    return found


def _drafted(store: Store, held: ChunkLease, item: LeasedItem) -> None:
    actor = _orderer(store, held)
    try:
        _keep(store, actor, held, item)
    except RecordRefused as refused:
        if TAKEN not in {problem.code for problem in refused.problems}:
            raise
        _keep(store, actor, held, item)  # whoever did this item before may just have made it


def _orderer(store: Store, held: ChunkLease) -> Actor:
    """Return whoever ordered the batch: the drafts are his."""
    with store.reading() as session:
        user = session.get_one(UserRow, session.get_one(BatchRow, held.batch_id).user_id)
        return Actor(user.id, user.name, user.role)


def _keep(store: Store, actor: Actor, held: ChunkLease, item: LeasedItem) -> None:
    """Make the draft, or bring the one that an earlier conversion made up to date.

    RecordRefused: number_taken, for a number that another record has.
    """
    data = item.payload.encode()
    doc_no = json.loads(data)["doc_no"]
    with store.change(actor) as unit:
        query = select(RecordRow).where(RecordRow.base_no == base_number(doc_no))
        known = unit.session.scalar(query.where(RecordRow.contract_id == held.contract_id))
        if known is None:
            records.create(unit, data)
        elif not _is_same(unit, known, data):
            if not _was_converted(unit.session, held, doc_no):
                records.create(unit, data)  # which says that the number is taken
            records.change(unit, known.id, data, "*")


def _is_same(unit: UnitOfWork, known: RecordRow, data: bytes) -> bool:
    newest = unit.session.get_one(VersionRow, (known.id, known.number))
    draft = read_draft(unit.session, unit.actor, data, unit.now, doc_no=known.doc_no)
    return draft.body == newest.body


def _was_converted(session: Session, held: ChunkLease, doc_no: str) -> bool:
    """Return whether a conversion of the contract made the record of that number."""
    made = exists().where(
        BatchRow.contract_id == held.contract_id,
        BatchRow.kind == CONVERT,
        BatchItemRow.batch_id == BatchRow.id,
        BatchItemRow.doc_no == doc_no,
        BatchItemRow.state == "done",
    )
    return bool(session.scalar(select(made)))
