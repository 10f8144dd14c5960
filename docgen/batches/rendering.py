"""The work `render_records`: render the documents of items, each the JSON of a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from docgen.batches.leases import ChunkLease, ItemResult, LeasedItem, ResultFile
from docgen.batches.worker import GroupHandler
from docgen.errors import DocgenError, RenderFailed
from docgen.pipeline import RenderRequest, render
from docgen.records.documents import order_for
from docgen.renderers.isolation import Children
from docgen.store.tables import ContractRow
from docgen.store.unit_of_work import Store

KIND_RENDER = "render_records"
# Errors after which the child is gone, by its limits or by itself: its item is poison.
CHILD_KILLED = frozenset({"render_timeout", "render_memory", "render_died"})
MOST_TRIES = 3  # of a document whose child died, which another process may have caused


def rendering_handler(store: Store, children: Children) -> GroupHandler:
    """Return the handler that renders the documents of items in `children`."""

    @lru_cache(maxsize=8)
    def request_of(owner: str, contract_id: str, now: datetime, lang: str) -> RenderRequest:
        """Return the request of a claim without its record; a claim's contract is read once."""
        with store.reading() as session:
            contract = session.get_one(ContractRow, contract_id)
        return order_for(store, b"", contract, code="", now=now, lang=lang)

    def render_items(lease: ChunkLease, items: Sequence[LeasedItem]) -> list[ItemResult]:
        request = request_of(
            lease.owner, lease.contract_id, lease.created_at, lease.options["lang"]
        )
        requests = [replace(request, data=item.payload.encode()) for item in items]
        answers = _render_group(children, requests, tuple(lease.options["formats"]))
        return [_result(item, answer) for item, answer in zip(items, answers, strict=True)]

    return render_items


def _render_group(
    children: Children, requests: Sequence[RenderRequest], formats: Sequence[str]
) -> Sequence[Answer]:
    """Render all records in one child; if that is ended, each alone, to find the cause."""
    if len(requests) > 1:
        try:
            return _run(children, requests, formats)
        except RenderFailed:
            pass  # one record is the cause, and the others are to be rendered all the same
    return [_render_separately(children, request, formats) for request in requests]


def _render_separately(
    children: Children, request: RenderRequest, formats: Sequence[str]
) -> Answer:
    """Render one record's documents, each with limits of its own."""
    files: dict[str, bytes] = {}
    doc_no = ""
    for name in formats:
        answer = _render_with_retries(children, request, name)
        if isinstance(answer, DocgenError):
            return answer
        doc_no = answer.doc_no
        files |= answer.files
    return RenderedRecord(doc_no, files)


def _render_with_retries(children: Children, request: RenderRequest, format_name: str) -> Answer:
    """Render a document; try again if the child died, which another process may have caused."""
    failed: DocgenError | None = None
    for _ in range(MOST_TRIES):
        try:
            return _run(children, [request], [format_name])[0]
        except RenderFailed as wrong:
            failed = wrong
            if wrong.code != "render_died":
                break
    assert failed
    return failed


def _run(
    children: Children, requests: Sequence[RenderRequest], formats: Sequence[str]
) -> list[Answer]:
    size_bytes = sum(len(request.data) for request in requests) * len(formats)
    return children.run(render_records, requests, formats, size_bytes=size_bytes)


def _result(item: LeasedItem, answer: Answer) -> ItemResult:
    if isinstance(answer, RenderedRecord):
        files = tuple(ResultFile(name, data) for name, data in answer.files.items())
        return ItemResult(item.seq, "done", answer.doc_no, files)
    errors = answer.as_json()
    return ItemResult(
        item.seq, "poison" if answer.code in CHILD_KILLED else "failed", errors=errors
    )


@dataclass(frozen=True)
class RenderedRecord:
    """The rendered files of a record by format."""

    doc_no: str
    files: dict[str, bytes] = field(repr=False)


Answer = RenderedRecord | DocgenError


def render_records(requests: Sequence[RenderRequest], formats: Sequence[str]) -> list[Answer]:
    """Render the documents of records in this process; a refusal is its record's answer."""
    answers: list[Answer] = []
    for request in requests:
        try:
            files = {name: render(request, name) for name in formats}
        except DocgenError as refused:
            answers.append(refused)
            continue
        doc_no = next(file.doc_no for file in files.values())
        answers.append(RenderedRecord(doc_no, {name: file.data for name, file in files.items()}))
    return answers
