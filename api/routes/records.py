"""Render, validate and describe records. Work happens in killable children, never here."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.requests import ClientDisconnect

from api.errors import PROBLEM_SCHEMA
from docgen.errors import InputUnreadable, RenderFailed
from docgen.pipeline import Order, Outcome, render, validate
from docgen.renderers.isolate import outcome
from docgen.templates import FORMATS
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.envelope import Record
from schemas.jsonschema import json_schema

T = TypeVar("T")
WAITING = 64
Problem = {
    "description": "problem+json",
    "content": {"application/problem+json": {"schema": PROBLEM_SCHEMA}},
}
REFUSALS: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 404, 413, 415, 422, 503), Problem)
BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}

router = APIRouter(tags=["records"])


async def body(request: Request) -> bytes:
    """Return the raw body of a JSON request; another media type is refused (415)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise InputUnreadable(
            "not_json_media_type",
            "请以 Content-Type: application/json 提交",
            "Send it as Content-Type: application/json",
            value=media,
        )
    try:
        return await request.body()
    except ClientDisconnect as gone:
        raise InputUnreadable("empty", "请求未收完", "The request did not arrive whole") from gone


Body = Annotated[bytes, Depends(body)]
Lang = Annotated[str, Query(pattern="^(zh|en)$", description="文档语言 language of the document")]
Mask = Annotated[bool, Query(description="把口令替换为 ****** mask credentials")]


@router.post(
    "/render/{record}.{format}",
    responses=REFUSALS,
    openapi_extra=BODY,
    summary="生成文档 Make a document",
)
async def render_record(
    request: Request,
    record: str,
    format: str,
    data: Body,
    *,
    lang: Lang = "zh",
    mask_secrets: Mask = False,
) -> Response:
    """Answer the record as docx, xlsx or pdf; `Docgen-Warnings` counts what was only warned of."""
    model = _model(record)
    if format not in FORMATS:
        raise InputUnreadable(
            "unknown_format",
            f"没有格式“{format}”",
            f"There is no format “{format}”",
            hint_zh="可选：" + ", ".join(FORMATS),
            hint_en="Choose from: " + ", ".join(FORMATS),
            value=format,
        )
    order = _order(request, model, data, lang=lang, mask=mask_secrets)
    made = await _in_child(request, render, order, format)
    return _download(made, format)


@router.post(
    "/validate/{record}", responses=REFUSALS, openapi_extra=BODY, summary="检查单据 Check a record"
)
async def validate_record(
    request: Request, record: str, data: Body, mask_secrets: Mask = False
) -> dict[str, Any]:
    """Answer warnings of a valid record; an invalid one is answered 422 with all its errors."""
    order = _order(request, _model(record), data, lang="zh", mask=mask_secrets)
    found = await _in_child(request, validate, order)
    warnings = [problem.as_json() for problem in found.warnings]
    return {"valid": True, "code": found.code, "doc_no": found.doc_no, "warnings": warnings}


@router.get("/schemas", summary="单据类型 Record types")
async def list_schemas() -> dict[str, Any]:
    """List the record types with their names."""
    known = record_types()
    return {
        "records": [
            {"code": code, "name": {"zh": model.record_type.zh, "en": model.record_type.en}}
            for code, model in known.items()
        ]
    }


@router.get("/schemas/{record}", responses={404: Problem}, summary="JSON Schema 2020-12")
async def get_schema(record: str) -> Response:
    """Answer a record type's JSON Schema; `contract` is the contract's."""
    model = Contract if record.lower() == "contract" else _model(record)
    return Response(
        json.dumps(json_schema(model), ensure_ascii=False), media_type="application/schema+json"
    )


def _model(code: str) -> type[Record]:
    known = record_types()
    if code.upper() in known:
        return known[code.upper()]
    raise InputUnreadable(
        "unknown_record_type",
        f"没有单据类型“{code}”",
        f"There is no record type “{code}”",
        hint_zh="可选：" + ", ".join(known),
        hint_en="Choose from: " + ", ".join(known),
        value=code,
    )


def _order(request: Request, model: type[Record], data: bytes, *, lang: str, mask: bool) -> Order:
    settings = request.app.state.settings
    return Order(
        data,
        settings.clock(),
        code=model.record_type.code,
        lang=lang,
        mask=mask,
        templates=settings.template_folders,
        theme=settings.theme_folder,
    )


async def _in_child(
    request: Request, work: Callable[..., Outcome], order: Order, *rest: Any
) -> Outcome:
    """Wait for a child without holding a thread; a full queue is answered 503."""
    state = request.app.state
    waiting: set[Any] = state.__dict__.setdefault("waiting", set())
    if len(waiting) >= WAITING:
        raise RenderFailed("busy", "服务繁忙，请稍后再试", "The service is busy; try again soon")
    future = state.children.submit(work, order, *rest, size_bytes=len(order.data))
    waiting.add(future)
    try:
        await asyncio.wait([asyncio.wrap_future(future)])
        return outcome(future)
    finally:
        waiting.discard(future)
        future.cancel()


def _download(made: Outcome, format_name: str) -> Response:
    name = f"{made.doc_no}.{format_name}"
    headers = {
        "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name)}",
        "ETag": f'"{hashlib.sha256(made.data).hexdigest()}"',
        "Docgen-Warnings": str(len(made.warnings)),
    }
    return Response(made.data, media_type=FORMATS[format_name].media_type, headers=headers)
