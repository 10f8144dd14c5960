"""Records: made and changed as drafts, listed, found, read, revised and compared."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from api.http.bodies import JsonBody, RequestBody, parsed
from api.http.callers import TheActor, TheReader, TheStore
from api.http.changes import Answer, TheRunner
from api.http.openapi import answers, content, problems, record_content
from api.routes.record_bodies import (
    CheckedRecord,
    Difference,
    FieldChange,
    RecordOut,
    RecordPage,
    VersionOut,
    Versions,
    entries,
)
from docgen.records import difference, records, revisions
from docgen.records.records import Filter
from docgen.store.pagination import LIMIT
from docgen.store.unit_of_work import UnitOfWork
from docgen.workflow import submission
from schemas.problems import errors_of

router = APIRouter(prefix="/records", tags=["records"])

Number = Annotated[int, Path(ge=1, le=100)]
Code = Annotated[str, Query(max_length=2, description="类型，doc_no 省略时必填")]
State = Literal["draft", "submitted", "in_review", "returned", "approved", "archived", "void"]


class RecordFilter(RequestBody):
    """What a list of records is narrowed to."""

    contract_id: str = Field("", max_length=32)
    code: str = Field("", max_length=2, description="单据类型 XJ …")
    state: State | Literal[""] = ""
    asset_no: str = Field("", max_length=200)
    doc_no: str = Field("", max_length=40)
    since: date | None = Field(None, description="文档日期不早于 doc_date from")
    until: date | None = Field(None, description="文档日期不晚于 doc_date to")
    mine: bool = Field(False, description="只列自己编制的 only the caller's own")
    q: str = Field("", max_length=200, description="全文检索，含中文 full-text search")
    cursor: str = Field("", max_length=500)
    limit: int = Field(LIMIT, ge=1, le=200)


class ReasonIn(RequestBody):
    """Why something is done."""

    reason: str = Field(min_length=1, max_length=2000)


@router.post(
    "",
    status_code=201,
    summary="新建单据 Make a record",
    responses=answers(RecordOut, 201) | problems(400, 401, 403, 409, 413, 415, 422, 429, 503),
    openapi_extra=record_content(),
)
def create_record(runner: TheRunner, data: JsonBody, code: Code = "") -> Response:
    """Keep a draft; without `doc_no` it is given the next number. What is still wrong is told."""

    def create(unit: UnitOfWork) -> Answer:
        record, version, found = records.create(unit, data, code=code)
        return RecordOut.whole(record, version, (), found).answer(record, 201)

    return runner.change(data, create)


@router.get(
    "",
    summary="查找单据 List and find records",
    responses=answers(RecordPage) | problems(401, 403, 422, 429, 503),
)
def list_records(reader: TheReader, chosen: Annotated[RecordFilter, Query()]) -> Response:
    """List records of the caller's contracts, the newest first."""
    given = chosen.model_dump(exclude={"q", "cursor", "limit"})
    narrowed = Filter(**given, words=chosen.q)
    with reader.reading() as (session, actor):
        page = records.listed(session, actor, narrowed, cursor=chosen.cursor, limit=chosen.limit)
        return Answer(RecordPage.of(page)).response()


@router.get(
    "/{record_id}",
    summary="读取单据 Read a record",
    responses=answers(RecordOut) | problems(401, 403, 404, 429, 503),
)
def read_record(reader: TheReader, record_id: str) -> Response:
    """Answer a record with its newest version, its sign-offs and its ETag."""
    with reader.reading() as (session, actor):
        record, version = records.visible(session, actor, record_id)
        given = records.signoffs(session, record.id, version.number) if version.submitted_at else ()
        return RecordOut.whole(record, version, given).answer(record).response()


@router.put(
    "/{record_id}",
    summary="修改草稿 Change a draft",
    responses=answers(RecordOut)
    | problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503),
    openapi_extra=record_content(),
)
def change_record(runner: TheRunner, record_id: str, data: JsonBody) -> Response:
    """Replace a draft's content; If-Match says which state of it was seen."""

    def change(unit: UnitOfWork) -> Answer:
        record, version, found = records.change(unit, record_id, data, runner.if_match)
        return RecordOut.whole(record, version, (), found).answer(record)

    return runner.change(data, change)


@router.get(
    "/{record_id}/problems",
    summary="检查 Check a record",
    responses=answers(CheckedRecord) | problems(401, 403, 404, 429, 503),
)
def check_record(runner: TheRunner, record_id: str) -> Response:
    """Answer everything that keeps the record from being submitted; nothing is saved."""
    with runner.store.looking(runner.actor) as unit:
        _, found = submission.validate(unit, record_id)
    return Answer(CheckedRecord(valid=not errors_of(found), problems=entries(found))).response()


@router.post(
    "/{record_id}/revisions",
    status_code=201,
    summary="建立修订版 Begin a revision",
    responses=answers(RecordOut, 201) | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    openapi_extra=content(ReasonIn),
)
def revise_record(runner: TheRunner, record_id: str, data: JsonBody) -> Response:
    """Begin the next version (R1 …) as a draft; what was fixed stays as it is."""
    given = parsed(ReasonIn, data)

    def revise(unit: UnitOfWork) -> Answer:
        record, version = revisions.revise(unit, record_id, given.reason)
        return RecordOut.whole(record, version).answer(record, 201)

    return runner.change(data, revise)


@router.get(
    "/{record_id}/versions",
    summary="全部版本 All versions",
    responses=answers(Versions) | problems(401, 403, 404, 429, 503),
)
def list_versions(store: TheStore, actor: TheActor, record_id: str) -> Response:
    """List all versions with their hashes and sign-offs."""
    with store.reading() as session:
        found = records.versions(session, actor, record_id)
        items = [
            VersionOut.from_row(one, records.signoffs(session, record_id, one.number), whole=False)
            for one in found
        ]
    return Answer(Versions(items=items)).response()


@router.get(
    "/{record_id}/versions/{number}",
    summary="读取版本 Read a version",
    responses=answers(VersionOut) | problems(401, 403, 404, 422, 429, 503),
)
def read_version(store: TheStore, actor: TheActor, record_id: str, number: Number) -> Response:
    """Answer one version with its content."""
    with store.reading() as session:
        record, version = records.visible(session, actor, record_id, number)
        given = records.signoffs(session, record.id, version.number)
        return Answer(VersionOut.from_row(version, given)).response()


@router.get(
    "/{record_id}/versions/{number}/difference",
    summary="版本差异 How versions differ",
    responses=answers(Difference) | problems(401, 403, 404, 422, 429, 503),
)
def read_difference(
    store: TheStore,
    actor: TheActor,
    record_id: str,
    number: Number,
    against: Annotated[
        int, Query(ge=0, le=100, description="缺省为前一版 default: the one before")
    ] = 0,
) -> Response:
    """Answer the fields in which a version differs from an earlier one."""
    with store.reading() as session:
        record, after = records.visible(session, actor, record_id, number)
        _, before = records.visible(session, actor, record_id, against or max(1, number - 1))
        changes = difference.between(record.code, before.body, after.body)
    listed = [FieldChange.model_validate(vars(change)) for change in changes]
    return Answer(Difference(before=before.number, after=after.number, changes=listed)).response()
