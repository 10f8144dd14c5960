"""The work `render_records`: render the documents of items, each the JSON of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from docgen.batches.leases import ChunkLease, ItemResult, LeasedItem, ResultFile
from docgen.batches.worker import Groups
from docgen.errors import DocgenError, RenderFailed
from docgen.pipeline import RenderRequest, render
from docgen.records.documents import order_for
from docgen.renderers.isolation import Children
from docgen.store.tables import ContractRow
from docgen.store.unit_of_work import Store

KIND = "render_records"
ENDED = frozenset({"render_timeout", "render_memory", "render_died"})  # the child was ended
MOST_TRIES = 3


def rendering(store: Store, children: Children) -> Groups:
    """Return the handler that renders items' documents in `children`."""

    @lru_cache(maxsize=8)
    def order_of(owner: str, contract_id: str, now: datetime, lang: str) -> RenderRequest:
        """Return the request of a claim without its record; a claim's contract is read once."""
        with store.reading() as session:
            contract = session.get_one(ContractRow, contract_id)
        return order_for(store, b"", contract, code="", now=now, lang=lang)

    def make(held: ChunkLease, items: Sequence[LeasedItem]) -> list[ItemResult]:
        order = order_of(held.owner, held.contract_id, held.created_at, held.options["lang"])
        orders = [replace(order, data=item.payload.encode()) for item in items]
        answers = _answers(children, orders, tuple(held.options["formats"]))
        return [_result(item, answer) for item, answer in zip(items, answers, strict=True)]

    return make


def _answers(
    children: Children, orders: Sequence[RenderRequest], formats: Sequence[str]
) -> Sequence[Answer]:
    """Render all records in one child; if that is ended, each alone, to find the cause."""
    if len(orders) > 1:
        try:
            return _run(children, orders, formats)
        except RenderFailed:
            pass  # one record is the cause, and the others are to be rendered all the same
    return [_alone(children, order, formats) for order in orders]


def _alone(children: Children, order: RenderRequest, formats: Sequence[str]) -> Answer:
    """Render one record's documents, each with limits of its own."""
    files: dict[str, bytes] = {}
    doc_no = ""
    for name in formats:
        answer = _try_again(children, order, name)
        if isinstance(answer, DocgenError):
            return answer
        doc_no = answer.doc_no
        files |= answer.files
    return Documents(doc_no, files)


def _try_again(children: Children, order: RenderRequest, format_name: str) -> Answer:
    """Render a document; try again if the child died, which another process may have caused."""
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


def _run(
    children: Children, orders: Sequence[RenderRequest], formats: Sequence[str]
) -> list[Answer]:
    size_bytes = sum(len(order.data) for order in orders) * len(formats)
    return children.run(documents, orders, formats, size_bytes=size_bytes)


def _result(item: LeasedItem, answer: Answer) -> ItemResult:
    if isinstance(answer, Documents):
        files = tuple(ResultFile(name, data) for name, data in answer.files.items())
        return ItemResult(item.seq, "done", answer.doc_no, files)
    errors = answer.as_json()
    return ItemResult(item.seq, "poison" if answer.code in ENDED else "failed", errors=errors)


@dataclass(frozen=True)
class Documents:
    """The rendered files of a record by format."""

    doc_no: str
    files: dict[str, bytes] = field(repr=False)


Answer = Documents | DocgenError


def documents(orders: Sequence[RenderRequest], formats: Sequence[str]) -> list[Answer]:
    """Render the documents of records in this process; a refusal is the answer of its record."""
    answers: list[Answer] = []
    for order in orders:
        try:
            files = {name: render(order, name) for name in formats}
        except DocgenError as refused:
            answers.append(refused)
            continue
        doc_no = next(file.doc_no for file in files.values())
        answers.append(Documents(doc_no, {name: file.data for name, file in files.items()}))
    return answers
