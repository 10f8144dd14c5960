"""The documents of a version: made once, then read from the store."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.http.changes import ChangeRunner, TheRunner, download
from api.http.openapi import documents as document_answers
from api.http.openapi import problems
from api.routes.records import Number
from api.routes.rendering import Chosen, Working
from docgen.records import documents
from docgen.records.documents import DocumentRequest, StoredDocument
from docgen.templates.catalog import Format

router = APIRouter(prefix="/records/{record_id}/versions/{number}", tags=["documents"])


@router.get(
    "/document.{format}",
    response_class=Response,
    summary="下载文档 Download a document",
    responses=document_answers() | problems(401, 403, 404, 422, 429, 500, 503, 504, 507),
)
async def read_document(
    request: Request,
    *,
    runner: TheRunner,
    work: Working,
    record_id: str,
    number: Number,
    chosen: Chosen,
    lang: Literal["zh", "en"] = "zh",
    stage: Literal["submitted", "archived", "signed"] = "submitted",
) -> Response:
    """Answer the file that was fixed when the version was submitted, or a preview of a draft.

    `stage=archived` is the copy that prints the sign-offs; `stage=signed` the submitted PDF with
    the seals that were set in it, one for each sign-off.
    """
    found = await run_in_threadpool(
        documents.find,
        runner.store,
        runner.actor,
        record_id,
        number=number,
        format_name=chosen.name,
        lang=lang,
        stage=stage,
    )
    made = None
    if not found.sha256:
        outcome = await work.render(request, found.order, chosen.name)
        made = await run_in_threadpool(
            documents.store_file, runner.store, found.order, chosen.name, outcome
        )
    return await run_in_threadpool(_read, runner, found, made, chosen)


def _read(
    runner: ChangeRunner, found: DocumentRequest, made: StoredDocument | None, chosen: Format
) -> Response:
    sha256 = made.sha256 if made else found.sha256
    data = runner.store.blobs.get(sha256)
    with runner.store.change(runner.actor) as unit:
        if made:
            documents.remember_file(unit, found, made)
        documents.note_access(unit, found, sha256)
    return download(data, f"{found.doc_no}.{chosen.name}", chosen.media_type, sha256=sha256)
