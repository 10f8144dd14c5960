"""Batches of spreadsheets: handed in as a form, previewed, corrected, and then confirmed.

Nothing is read here: whoever works on jobs does it, in children.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from api.http.bodies import JsonBody, RequestBody, media_type, parsed
from api.http.changes import Answer, ChangeRunner, TheRunner, download
from api.http.openapi import Responses, answers, content, documents, files, problems
from api.routes.batch_bodies import BatchOut, Correction, Ordered
from api.routes.rendering import Chosen, Working, model_of
from docgen.access import Ability
from docgen.batches import batches, sheets
from docgen.batches.batches import BatchProgress
from docgen.batches.sheets import SheetOptions, UploadedSheet
from docgen.contracts import contracts
from docgen.errors import InputUnreadable
from docgen.intake.sheets import previews
from docgen.intake.sheets.previews import RowName
from docgen.pipeline import RenderRequest
from docgen.pipeline.json_input import read_json
from docgen.records.documents import order_for
from docgen.store.scratch import scratch
from docgen.store.tables import ContractRow
from docgen.store.unit_of_work import UnitOfWork
from docgen.templates.catalog import FORMATS
from docgen.uploads import display_name

router = APIRouter(prefix="/batches", tags=["batches"])

MOST_FILES = 50  # of one form; all of them are held in memory at once
XLSX = FORMATS["xlsx"].media_type
REPORT: Responses = {
    200: {
        "description": "与 convert --dry-run --json 相同 As convert --dry-run --json tells",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
CHANGED = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


@dataclass(frozen=True)
class _Form:
    """What a form holds: the files' names and bytes, and its two fields."""

    files: list[tuple[str, bytes]]
    set_fields: dict[str, Any]
    mapping: str

    @property
    def content(self) -> bytes:
        """What makes the same request the same."""
        fields = json.dumps([self.set_fields, self.mapping, [name for name, _ in self.files]])
        return b"\n".join((fields.encode(), *(data for _, data in self.files)))


class RowChosen(RequestBody):
    """In which sheet, and which file, the row is."""

    sheet: str = Field("", max_length=200, description="几张表都有这一行时 where several have it")
    file: str = Field("", max_length=400)


def is_form(request: Request) -> bool:
    """Whether a request brings files."""
    return media_type(request.headers) == "multipart/form-data"


async def order(request: Request, runner: ChangeRunner, options: Ordered) -> Response:
    """Keep the files of a form, and have them read."""
    if options.type:
        model_of(options.type)
    await run_in_threadpool(_check_allowed, runner, options.contract_id)
    async with request.form(max_files=MOST_FILES, max_fields=10) as form:
        handed = await _form(form)
    return await run_in_threadpool(_order, runner, options, handed)


def ordered(found: BatchProgress) -> Answer:
    """Answer a batch that was taken on."""
    return Answer(BatchOut.from_progress(found), 202, location=f"/api/v1/batches/{found.batch.id}")


@router.get(
    "/{batch_id}/preview",
    response_class=Response,
    summary="表格的理解与错误 What was understood of the spreadsheets",
    responses=REPORT | problems(401, 403, 404, 429, 500, 503, 507),
)
def read_preview(runner: TheRunner, batch_id: str) -> Response:
    """Answer sheets, columns, rows, errors and skips, as the command line reports them."""
    with runner.store.reading() as session:
        refused = sheets.refusal_report(session, runner.actor, batch_id)
        found = None
        if not refused:
            found = sheets.file_of(session, runner.actor, batch_id, ("report", 1)).sha256
    data = runner.store.blobs.get(found) if found else json.dumps(refused).encode()
    return Response(data, media_type="application/json")


@router.put(
    "/{batch_id}/mapping",
    status_code=202,
    summary="更正列的理解 Correct how columns are read",
    responses=answers(BatchOut, 202) | CHANGED,
    openapi_extra=content(Correction),
)
def correct_batch(runner: TheRunner, batch_id: str, data: JsonBody) -> Response:
    """Read the files again; the body is a preview's `sheets`, corrected."""
    mapping = parsed(Correction, data).toml()
    return runner.change(data, lambda unit: ordered(sheets.correct(unit, batch_id, mapping)))


@router.post(
    "/{batch_id}/confirm",
    status_code=202,
    summary="确认并生成 Confirm, and make the documents",
    responses=answers(BatchOut, 202) | CHANGED,
)
def confirm_batch(runner: TheRunner, batch_id: str) -> Response:
    """Make what the preview says; rows that were converted before are skipped."""
    return runner.change(b"", lambda unit: ordered(sheets.confirm(unit, batch_id)))


@router.get(
    "/{batch_id}/errors/{number}.xlsx",
    response_class=Response,
    summary="标出错误的表格 The workbook with its errors marked",
    responses=files() | problems(401, 403, 404, 422, 429, 500, 503, 507),
)
def read_errors(runner: TheRunner, batch_id: str, number: int) -> Response:
    """Answer the file of that number, counted from 1, with bad cells marked and commented."""
    with runner.store.reading() as session:
        row = sheets.file_of(session, runner.actor, batch_id, ("errors", number))
    return download(runner.store.blobs.get(row.sha256), row.name, XLSX)


@router.get(
    "/{batch_id}/rows/{row}/document.{format}",
    response_class=Response,
    summary="预览一行的文档 A row's document, before it is confirmed",
    responses=documents() | problems(401, 403, 404, 422, 429, 500, 503, 504, 507),
)
async def preview_row(
    request: Request,
    *,
    runner: TheRunner,
    work: Working,
    batch_id: str,
    row: int,
    chosen: Chosen,
    where: Annotated[RowChosen, Query()],
) -> Response:
    """Answer the document that a row becomes part of."""
    name = RowName(row, where.sheet, where.file)
    found, doc_no = await run_in_threadpool(_drafted, runner, batch_id, name)
    made = await work.render(request, found, chosen.name)
    return download(made.data, f"{doc_no}.{chosen.name}", chosen.media_type)


def _check_allowed(runner: ChangeRunner, contract_id: str) -> None:
    """Ask before a file is read, so that a refusal costs nothing."""
    with runner.store.looking(runner.actor) as unit:
        unit.actor.need(Ability.write_records)
        contracts.visible(unit.session, unit.actor, contract_id)


async def _form(form: FormData) -> _Form:
    """Read a form's files and fields. InputUnreadable: no_sheets, and as read_json."""
    found: list[tuple[str, bytes]] = []
    for number, one in enumerate(form.getlist("file"), 1):
        if isinstance(one, UploadFile):
            name = display_name(one.filename or "") or f"{number}"
            taken = any(name == other for other, _ in found)
            found.append((f"{number}-{name}" if taken else name, await one.read()))
    if not found:
        raise InputUnreadable("no_sheets")
    mapping = _text(form, "mapping")
    correction = parsed(Correction, mapping.encode()).toml() if mapping else ""
    return _Form(found, _set_fields(_text(form, "set")), correction)


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""


def _set_fields(text: str) -> dict[str, Any]:
    given = read_json(text.encode()) if text else {}
    if not isinstance(given, dict):
        raise InputUnreadable("not_an_object.given", place="set")
    return given


def _order(runner: ChangeRunner, options: Ordered, handed: _Form) -> Response:
    """Keep the bytes, then the rows that name them."""
    if done := runner.earlier(handed.content):
        return done
    kept = [
        UploadedSheet(name, runner.store.blobs.put(data), len(data)) for name, data in handed.files
    ]
    wanted = SheetOptions(
        tuple(dict.fromkeys(options.format)),
        options.lang,
        options.type.upper(),
        options.group_by,
        options.keep,
        options.combined,
        options.mask_secrets,
        handed.set_fields,
        handed.mapping,
    )

    def take_on(unit: UnitOfWork) -> Answer:
        return ordered(sheets.order(unit, options.contract_id, wanted, kept))

    return runner.change(handed.content, take_on)


def _drafted(runner: ChangeRunner, batch_id: str, name: RowName) -> tuple[RenderRequest, str]:
    """Find the record of a row in what was kept of the preview. Raises NotFound."""
    with runner.store.reading() as session:
        taken = sheets.file_of(session, runner.actor, batch_id, ("taken", 1))
        batch = batches.visible(session, runner.actor, batch_id)
        contract = session.get_one(ContractRow, batch.contract_id)
    with scratch("preview") as folder:
        path = folder / "taken"
        path.write_bytes(runner.store.blobs.get(taken.sha256))
        found = previews.find(path, name)
    lang = json.loads(batch.options)["lang"]
    order = order_for(
        runner.store, found.record, contract, code=found.code, now=batch.created_at, lang=lang
    )
    return order, found.doc_no
