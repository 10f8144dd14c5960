"""Batches: documents of many records, made in the background, watched, and fetched as one zip."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.http.bodies import json_body
from api.http.callers import TheReader
from api.http.changes import Answer, ChangeRunner, TheRunner, download
from api.http.openapi import Responses, answers, files, problems
from api.routes import batches_sheets as sheets
from api.routes.batch_bodies import RECORDS, BatchOut, BatchPage, ItemOut, ItemPage, Ordered, State
from api.routes.contracts import Cursor, Limit
from docgen.access import Actor
from docgen.batches import batches
from docgen.batches.batches import BatchOptions
from docgen.batches.results import zipped
from docgen.store.pagination import LIMIT
from docgen.store.unit_of_work import Store, UnitOfWork

router = APIRouter(prefix="/batches", tags=["batches"])

AT_WORK = frozenset({"reading", "taking", "active"})
EVERY_S = 1.0  # between two looks at a batch: a page shows seconds, the database is asked once
EVENTS: Responses = {
    200: {
        "description": "每次变化一个事件 An event for every change",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.post(
    "",
    status_code=202,
    summary="提交一批单据 Order documents of many records",
    responses=answers(BatchOut, 202) | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    openapi_extra=RECORDS,
)
async def order_batch(
    request: Request, runner: TheRunner, options: Annotated[Ordered, Query()]
) -> Response:
    """Keep records, and make their documents in the background; or spreadsheets, and read them.

    Spreadsheets come as multipart/form-data; nothing is made of them until they are confirmed.
    """
    if sheets.is_form(request):
        return await sheets.order(request, runner, options)
    data = await json_body(request)
    formats = tuple(dict.fromkeys(options.format))
    batch_options = BatchOptions(options.contract_id, formats, options.lang)

    def order(unit: UnitOfWork) -> Answer:
        return sheets.ordered(batches.order(unit, batch_options, data))

    return await run_in_threadpool(runner.change, data, order)


@router.get(
    "",
    summary="批次列表 List batches",
    responses=answers(BatchPage) | problems(401, 403, 422, 429, 503),
)
def list_batches(
    reader: TheReader,
    contract_id: str = "",
    active: Annotated[bool, Query(description="只列未结束的 Those not ended yet")] = False,
    cursor: Cursor = "",
    limit: Limit = LIMIT,
) -> Response:
    """List the batches of one's contracts, newest first."""
    with reader.reading() as (session, actor):
        page = batches.listed(
            session, actor, contract_id=contract_id, active=active, cursor=cursor, limit=limit
        )
        items = [BatchOut.from_progress(found) for found in page.items]
    return Answer(BatchPage.of(page, items=items)).response()


@router.get(
    "/{batch_id}",
    summary="批次进度 How far a batch is",
    responses=answers(BatchOut) | problems(401, 403, 404, 429, 503),
)
def read_batch(reader: TheReader, batch_id: str) -> Response:
    """Answer a batch with its counts."""
    with reader.reading() as (session, actor):
        return Answer(
            BatchOut.from_progress(batches.progress_of(session, actor, batch_id))
        ).response()


@router.get(
    "/{batch_id}/items",
    summary="批次的各份 Items of a batch",
    responses=answers(ItemPage) | problems(401, 403, 404, 422, 429, 503),
)
def list_items(
    reader: TheReader,
    batch_id: str,
    state: State | None = None,
    cursor: Cursor = "",
    limit: Limit = LIMIT,
) -> Response:
    """List items in the order of the records, those in one state or all."""
    with reader.reading() as (session, actor):
        page = batches.items(
            session, actor, batch_id, state=state or "", cursor=cursor, limit=limit
        )
        items = [ItemOut.from_item(found) for found in page.items]
    return Answer(ItemPage.of(page, items=items)).response()


@router.get(
    "/{batch_id}/events",
    response_class=Response,
    summary="进度推送 Progress as server-sent events",
    responses=EVENTS | problems(401, 403, 404, 429, 503),
)
async def watch_batch(request: Request, runner: TheRunner, batch_id: str) -> Response:
    """Tell a batch whenever it has changed, until it is done, cancelled, or waits for a word."""
    first = await run_in_threadpool(_progress, runner.store, runner.actor, batch_id)
    return StreamingResponse(_events(request, runner, first), media_type="text/event-stream")


@router.post(
    "/{batch_id}/cancel",
    summary="取消批次 Cancel a batch",
    responses=answers(BatchOut) | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
)
def cancel_batch(runner: TheRunner, batch_id: str) -> Response:
    """Give up what is not done; what is done stays."""
    return runner.change(
        b"", lambda unit: Answer(BatchOut.from_progress(batches.cancel(unit, batch_id)))
    )


@router.post(
    "/{batch_id}/retry",
    summary="重试未成的 Try again",
    responses=answers(BatchOut) | problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
)
def retry_batch(runner: TheRunner, batch_id: str) -> Response:
    """Order again what failed, ended its worker, or was cancelled."""
    return runner.change(
        b"", lambda unit: Answer(BatchOut.from_progress(batches.retry(unit, batch_id)))
    )


@router.get(
    "/{batch_id}/result.zip",
    response_class=Response,
    summary="下载成果 Download the results",
    responses=files() | problems(401, 403, 404, 429, 503),
)
def read_result(request: Request, runner: TheRunner, batch_id: str) -> Response:
    """Answer all documents so far as one zip, with a manifest of what came of every record."""
    with runner.store.change(runner.actor) as unit:
        batch = batches.visible(unit.session, unit.actor, batch_id)
        unit.note("batch.read", ("batch", batch.id), batch.contract_id)
    parts = zipped(runner.store, request.app.state.work.children, batch_id)
    return download(parts, f"{batch_id}.zip", "application/zip")


def _progress(store: Store, actor: Actor, batch_id: str) -> BatchOut:
    with store.reading() as session:
        return BatchOut.from_progress(batches.progress_of(session, actor, batch_id))


async def _events(request: Request, runner: ChangeRunner, batch: BatchOut) -> AsyncIterator[str]:
    """Yield an event for every change; a caller who may no longer see it is left."""
    yield _event(batch)
    while batch.state in AT_WORK and not await request.is_disconnected():
        await asyncio.sleep(EVERY_S)
        now = await run_in_threadpool(_progress, runner.store, runner.actor, batch.id)
        # A line that begins with a colon is a comment (HTML 9.2.6); proxies close what is silent.
        yield _event(now) if now != batch else ": still here\n\n"
        batch = now


def _event(batch: BatchOut) -> str:
    return f"event: progress\ndata: {batch.model_dump_json()}\n\n"
