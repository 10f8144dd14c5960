"""The work `render_records`: each item is a record's JSON, of which documents are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache

from docgen.errors import DocgenError, RenderFailed
from docgen.jobs.leases import Claim, Item, Made, Result
from docgen.jobs.making import Answer, Documents, documents
from docgen.jobs.worker import Groups
from docgen.pipeline import Order
from docgen.renderers.isolate import Children
from docgen.service.documents import order_for
from docgen.service.unit import Store
from docgen.store.tables import Contract

KIND = "render_records"
ENDED = frozenset({"render_timeout", "render_memory", "render_died"})
"""Codes of what ended the child that did it."""
MOST_TRIES = 3


def rendering(store: Store, children: Children) -> Groups:
    """Return what makes items' documents in `children`."""

    @lru_cache(maxsize=8)
    def order_of(owner: str, contract_id: str, now: datetime, lang: str) -> Order:
        """Return the order of a claim, without a record; a claim's contract is read once."""
        with store.reading() as session:
            contract = session.get_one(Contract, contract_id)
        return order_for(store, b"", contract, code="", now=now, lang=lang)

    def make(held: Claim, items: Sequence[Item]) -> list[Result]:
        order = order_of(held.owner, held.contract_id, held.created_at, held.options["lang"])
        orders = [replace(order, data=item.payload.encode()) for item in items]
        answers = _answers(children, orders, tuple(held.options["formats"]))
        return [_result(item, answer) for item, answer in zip(items, answers, strict=True)]

    return make


def _answers(
    children: Children, orders: Sequence[Order], formats: Sequence[str]
) -> Sequence[Answer]:
    """Do all in one child; what ended it is found by doing each alone."""
    if len(orders) > 1:
        try:
            return _run(children, orders, formats)
        except RenderFailed:
            pass  # one of them, and the others are well
    return [_alone(children, order, formats) for order in orders]


def _alone(children: Children, order: Order, formats: Sequence[str]) -> Answer:
    """Make one record's documents, each within its own limits."""
    files: dict[str, bytes] = {}
    doc_no = ""
    for name in formats:
        answer = _tried(children, order, name)
        if isinstance(answer, DocgenError):
            return answer
        doc_no = answer.doc_no
        files |= answer.files
    return Documents(doc_no, files)


def _tried(children: Children, order: Order, format_name: str) -> Answer:
    """Make a document; a child that died is tried again, for another may have taken it along."""
    failed: DocgenError | None = None
    for _ in range(MOST_TRIES):
        try:
            return _run(children, [order], [format_name])[0]
        except RenderFailed as wrong:
            failed = wrong
            if wrong.code != "render_died":
                break
    assert failed
    return failed


def _run(children: Children, orders: Sequence[Order], formats: Sequence[str]) -> list[Answer]:
    size_bytes = sum(len(order.data) for order in orders) * len(formats)
    return children.run(documents, orders, formats, size_bytes=size_bytes)


def _result(item: Item, answer: Answer) -> Result:
    if isinstance(answer, Documents):
        files = tuple(Made(name, data) for name, data in answer.files.items())
        return Result(item.seq, "done", answer.doc_no, files)
    errors = answer.as_json()
    return Result(item.seq, "poison" if answer.code in ENDED else "failed", errors=errors)
