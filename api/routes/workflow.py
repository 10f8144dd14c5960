"""The steps of the workflow: submit, review, sign-offs, paper signatures, archive, void."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response, UploadFile
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.http.bodies import EmptyBody, JsonBody, RequestBody, parsed
from api.http.changes import Answer, ChangeRunner, TheRunner
from api.http.openapi import EMPTY_CONTENT, answers, content, problems, record_content
from api.http.work import Work
from api.routes.attachments import UNMATCHED, scan_of
from api.routes.record_bodies import RecordOut
from api.routes.records import Code, Number, ReasonIn
from api.routes.rendering import Working
from docgen.errors import RecordRefused
from docgen.pipeline import RenderRequest
from docgen.records import records
from docgen.records.documents import StoredDocument, keep
from docgen.signing import signed_pdf
from docgen.store import tables
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.templates.catalog import FORMATS
from docgen.uploads import MOST_BYTES
from docgen.workflow import archiving, attachments, review, signing, submission
from schemas.envelope import Opinion
from schemas.problems import Problem, errors_of
from schemas.vocabulary import Role

router = APIRouter(prefix="/records/{record_id}", tags=["workflow"])
hand_in = APIRouter(prefix="/records", tags=["workflow"])

REFUSALS = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503, 507)
LONG = problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 500, 503, 504, 507)


class Opined(RequestBody):
    """An opinion; a disagreement needs its comment."""

    opinion: Opinion
    comment: str | None = Field(None, max_length=4000)
    pointer: str | None = Field(None, max_length=500, description="评论所指的字段 JSON Pointer")


class SignerIn(Opined):
    """Whose signature stands on a paper."""

    role: Role
    name: str = Field(min_length=1, max_length=200)
    org: str | None = Field(None, max_length=200)
    signed_on: date


class OnPaper(SignerIn):
    """A customer's signature on paper, whose scan was uploaded before."""

    scan_id: str = Field(max_length=32, description="已上传扫描件的 id")


class SignedPaper(SignerIn):
    """A customer's signature on paper, with its scan."""

    file: UploadFile = Field(description="签字页的扫描件或照片 PDF, PNG, JPEG, TIFF")
    archive: bool = Field(False, description="全部签署后即归档 archive once all have signed")
    note: str | None = Field(None, max_length=2000)
    unmatched: bool = Field(False, description=UNMATCHED)


@hand_in.post(
    "/hand-in",
    status_code=201,
    summary="新建并提交 Make and submit",
    responses=answers(RecordOut, 201) | LONG,
    openapi_extra=record_content(),
)
async def hand_in_record(
    request: Request, runner: TheRunner, work: Working, data: JsonBody, code: Code = ""
) -> Response:
    """Make a record and submit it at once; one with errors is refused whole, and nothing kept."""
    if done := await run_in_threadpool(runner.earlier, data):
        return done
    record_id = await run_in_threadpool(_handed_in, runner, data, code)
    return await _submitted(request, runner, work, (record_id, "*", data), 201)


def _handed_in(runner: ChangeRunner, data: bytes, code: str) -> str:
    """Keep the draft if it has no errors; its id, the same for the same Idempotency-Key."""

    def create(unit: UnitOfWork) -> Answer:
        record, version, _ = records.create(unit, data, code=code)
        unit.session.flush()
        _, found = submission.validate(unit, record.id)
        if errors_of(found):
            raise RecordRefused(found)
        return Answer(RecordOut.whole(record, version), 201)

    kept = runner.change(data, create, step="create:")
    return str(json.loads(bytes(kept.body))["id"])


@router.post(
    "/submit",
    summary="提交 Submit",
    responses=answers(RecordOut) | LONG,
    openapi_extra=EMPTY_CONTENT,
)
async def submit_record(
    request: Request, runner: TheRunner, work: Working, record_id: str, data: EmptyBody
) -> Response:
    """Check the draft whole, make its documents, and fix content and files by their hashes."""
    if done := await run_in_threadpool(runner.earlier, data):
        return done
    return await _submitted(request, runner, work, (record_id, runner.if_match, data))


async def _submitted(
    request: Request,
    runner: ChangeRunner,
    work: Work,
    given: tuple[str, str, bytes],
    status: int = 200,
) -> Response:
    """Submit a draft (its id, the state that was seen, the request's body)."""
    record_id, etag, data = given
    prepared = await run_in_threadpool(
        submission.prepare, runner.store, runner.actor, record_id, etag
    )
    made = await _documents(request, runner.store, work, prepared.order)
    mark = signing.author_mark(runner.actor, prepared.record_hash, runner.store.clock())
    sealed = await run_in_threadpool(signed_pdf.begun, runner.store, made, mark)

    def finish(unit: UnitOfWork) -> Answer:
        record, version = submission.finish(unit, prepared, made, sealed)
        return _answer(unit, record, version, status, warnings=prepared.warnings)

    return await run_in_threadpool(runner.change, data, finish)


@router.post(
    "/archive",
    summary="归档 Archive",
    responses=answers(RecordOut) | LONG,
    openapi_extra=EMPTY_CONTENT,
)
async def archive_record(
    request: Request, runner: TheRunner, work: Working, record_id: str, data: EmptyBody
) -> Response:
    """Make it final, with copies that print the sign-offs; else tell everything that is missing."""
    if done := await run_in_threadpool(runner.earlier, data):
        return done
    return await _archived(request, runner, work, record_id, data)


async def _archived(
    request: Request, runner: ChangeRunner, work: Work, record_id: str, data: bytes
) -> Response:
    prepared = await run_in_threadpool(archiving.prepare, runner.store, runner.actor, record_id)
    made = await _documents(request, runner.store, work, prepared.order)

    def finish(unit: UnitOfWork) -> Answer:
        record, version = archiving.finish(unit, prepared, made)
        return _answer(unit, record, version)

    return await run_in_threadpool(runner.change, data, finish)


@router.post(
    "/review",
    summary="开始审阅 Begin the review",
    responses=answers(RecordOut) | REFUSALS,
    openapi_extra=EMPTY_CONTENT,
)
def begin_review(runner: TheRunner, record_id: str, data: EmptyBody) -> Response:
    """Say that the review has begun."""
    return runner.change(data, lambda unit: _answer(unit, *review.begin(unit, record_id)))


@router.post(
    "/versions/{number}/signoffs",
    status_code=201,
    summary="签署 Sign",
    responses=answers(RecordOut, 201) | REFUSALS,
    openapi_extra=content(Opined),
)
def sign(runner: TheRunner, record_id: str, number: Number, data: JsonBody) -> Response:
    """Give the caller's own sign-off: the leader's review, the project manager's receipt."""
    word = review.SignoffWish(**parsed(Opined, data).model_dump())
    where = (record_id, number)
    return _signed(runner, data, lambda unit, lock: review.own_word(unit, where, word, lock=lock))


@router.post(
    "/versions/{number}/paper-signatures",
    status_code=201,
    summary="登记纸质签字 Record a signature on paper",
    responses=answers(RecordOut, 201) | REFUSALS,
    openapi_extra=content(OnPaper),
)
def record_paper_signature(
    runner: TheRunner, record_id: str, number: Number, data: JsonBody
) -> Response:
    """Record a customer's signature on paper: name, date, opinion, and the scan of the page."""
    given = parsed(OnPaper, data)
    word = review.SignoffWish(given.opinion, given.comment, given.pointer)
    paper = review.PaperSignature(given.role, given.name, given.signed_on, given.scan_id, given.org)
    where = (record_id, number)
    return _signed(
        runner, data, lambda unit, lock: review.paper_word(unit, where, paper, word, lock=lock)
    )


@router.post(
    "/versions/{number}/signed-papers",
    status_code=201,
    summary="上传签好的页并登记签字 Upload a signed page and record its signature",
    responses=answers(RecordOut, 201) | LONG,
)
async def upload_signed_paper(
    request: Request,
    *,
    runner: TheRunner,
    work: Working,
    record_id: str,
    number: Number,
    given: Annotated[SignedPaper, Form()],
) -> Response:
    """Keep the scan and record the signature that it shows; then archive, if that is asked for."""
    data = await given.file.read(MOST_BYTES["scan"] + 1)
    content = repr((given.model_dump(exclude={"file"}), hashlib.sha256(data).hexdigest())).encode()
    if done := await run_in_threadpool(runner.earlier, content):
        return done
    upload = await work.inspect(request, given.file.filename or "", data, "scan")
    scan = await scan_of(request, work, upload, data, unmatched=given.unmatched)
    await run_in_threadpool(runner.store.blobs.put, data)
    where = (record_id, number)
    word = review.SignoffWish(given.opinion, given.comment)
    paper = review.PaperSignature(given.role, given.name, given.signed_on, None, given.org)

    def ask(unit: UnitOfWork, lock: bool) -> review.PendingSignoff:
        if not lock:
            attachments.scanned(unit, where, scan)
            return review.paper_word(unit, where, paper, word, lock=False)
        _, row = attachments.add(unit, where, upload, note=given.note, scan=scan)
        return review.paper_word(unit, where, replace(paper, scan_id=row.id), word, lock=True)

    step = "sign:" if given.archive else ""
    sign_it = partial(_signed, runner, content, ask, step=step, proof=upload.sha256)
    answer = await run_in_threadpool(sign_it)
    return await _archived(request, runner, work, record_id, content) if given.archive else answer


@router.post(
    "/void",
    summary="作废 Make void",
    responses=answers(RecordOut) | REFUSALS,
    openapi_extra=content(ReasonIn),
)
def void_record(runner: TheRunner, record_id: str, data: JsonBody) -> Response:
    """End a version that is not archived, for a reason."""
    given = parsed(ReasonIn, data)
    return runner.change(
        data, lambda unit: _answer(unit, *review.void(unit, record_id, given.reason))
    )


def _signed(
    runner: ChangeRunner, content: bytes, ask: signing.Ask, *, step: str = "", proof: str = ""
) -> Response:
    """Seal and keep a sign-off, once for each Idempotency-Key."""
    if not step and (done := runner.earlier(content)):
        return done

    def change(work: Callable[[UnitOfWork], review.PendingSignoff]) -> Response:
        def give(unit: UnitOfWork) -> Answer:
            given = work(unit)
            return _answer(unit, given.record, given.version, 201)

        return runner.change(content, give, step=step)

    return signing.sign(runner.store, runner.actor, ask, change, proof=proof)


async def _documents(
    request: Request, store: Store, work: Work, order: RenderRequest
) -> dict[str, StoredDocument]:
    """Have all formats of a record made in children, and their bytes kept."""
    made = {}
    for name in FORMATS:
        outcome = await work.render(request, order, name)
        made[name] = await run_in_threadpool(keep, store, order, name, outcome)
    return made


def _answer(
    unit: UnitOfWork,
    record: tables.RecordRow,
    version: tables.VersionRow,
    status: int = 200,
    *,
    warnings: Sequence[Problem] = (),
) -> Answer:
    unit.session.flush()
    signoffs = records.signoffs(unit.session, record.id, version.number)
    return RecordOut.whole(record, version, signoffs, warnings).answer(record, status)
