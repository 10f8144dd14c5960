"""Files of a version: uploaded, listed, downloaded; a draft's may be taken away again."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from starlette.concurrency import run_in_threadpool

from api.http.callers import TheActor, TheStore
from api.http.changes import Answer, ChangeRunner, TheRunner, download
from api.http.openapi import answers, files, problems
from api.http.work import Work
from api.routes.record_bodies import AttachmentOut, Attachments
from api.routes.records import Number
from api.routes.rendering import Working
from docgen.errors import RenderFailed
from docgen.store.unit_of_work import UnitOfWork
from docgen.uploads import MOST_BYTES, Upload
from docgen.uploads.scans import look_for_codes
from docgen.workflow import attachments

log = logging.getLogger("docgen.api")

router = APIRouter(prefix="/records/{record_id}/versions/{number}/files", tags=["files"])

Purpose = Literal["attachment", "scan"]
UNMATCHED = "二维码读不出也是本版本的扫描件 a scan of this version, though its code is not read"


@router.post(
    "",
    status_code=201,
    summary="上传文件 Upload a file",
    responses=answers(AttachmentOut, 201)
    | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503, 504, 507),
)
async def upload_file(
    request: Request,
    *,
    runner: TheRunner,
    work: Working,
    record_id: str,
    number: Number,
    file: Annotated[UploadFile, File()],
    purpose: Annotated[Purpose, Form()] = "attachment",
    note: Annotated[str | None, Form(max_length=2000)] = None,
    unmatched: Annotated[bool, Form(description=UNMATCHED)] = False,
) -> Response:
    """Keep a file whose content was looked into; its type is what it is, not what it is called."""
    data = await file.read(MOST_BYTES[purpose] + 1)
    content = f"{purpose} {unmatched}\n{note or ''}\n".encode() + data
    if done := await run_in_threadpool(runner.earlier, content):
        return done
    where = (record_id, number)
    await run_in_threadpool(_check_allowed, runner, where, purpose)
    upload = await work.inspect(request, file.filename or "", data, purpose)
    scan = None
    if purpose == "scan":
        scan = await scan_of(request, work, upload, data, unmatched=unmatched)
    await run_in_threadpool(runner.store.blobs.put, data)

    def add(unit: UnitOfWork) -> Answer:
        record, row = attachments.add(unit, where, upload, note=note, scan=scan)
        place = f"/api/v1/records/{record_id}/versions/{number}/files/{row.id}"
        return Answer(AttachmentOut.of(row), 201, record.etag, place)

    return await run_in_threadpool(runner.change, content, add)


@router.get(
    "",
    summary="文件列表 List files",
    responses=answers(Attachments) | problems(401, 403, 404, 422, 429, 503),
)
def list_files(store: TheStore, actor: TheActor, record_id: str, number: Number) -> Response:
    """List the files of a version."""
    with store.reading() as session:
        found = attachments.listed(session, actor, record_id, number)
        items = [AttachmentOut.of(row) for row in found]
    return Answer(Attachments(items=items)).response()


@router.get(
    "/{file_id}",
    response_class=Response,
    summary="下载文件 Download a file",
    responses=files() | problems(401, 403, 404, 422, 429, 500, 503, 507),
)
def read_file(runner: TheRunner, record_id: str, number: Number, file_id: str) -> Response:
    """Answer a file as it was uploaded, always as a download."""
    with runner.store.change(runner.actor) as unit:
        row = attachments.opened(unit, (record_id, number), file_id)
        name, media, sha256 = row.name, row.content_type, row.sha256
    return download(runner.store.blobs.get(sha256), name, media, sha256=sha256)


@router.delete(
    "/{file_id}",
    status_code=204,
    summary="删除附件 Take an attachment away",
    responses=problems(401, 403, 404, 409, 422, 429, 503),
)
def remove_file(runner: TheRunner, record_id: str, number: Number, file_id: str) -> Response:
    """Take an attachment away from a draft."""
    return runner.delete(lambda unit: attachments.remove(unit, (record_id, number), file_id))


async def scan_of(
    request: Request, work: Work, upload: Upload, data: bytes, *, unmatched: bool
) -> attachments.Scan:
    """Read the codes on a scan, in a child; of one that it fails at, none are read."""
    try:
        seen = await work.look(request, look_for_codes, upload.content_type, data)
    except RenderFailed as failed:
        log.warning("no codes read on a scan: %s %s", failed.code, failed.message("en"))
        seen = ()
    return attachments.Scan(seen, unmatched)


def _check_allowed(runner: ChangeRunner, where: tuple[str, int], purpose: Purpose) -> None:
    """Ask before the file is looked into, so that a refusal costs nothing."""
    with runner.store.looking(runner.actor) as unit:
        attachments.allowed(unit, *where, purpose)
