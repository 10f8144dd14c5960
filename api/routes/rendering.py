"""Render, validate and describe records. Work happens in killable children, never here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.bodies import json_body
from api.http.changes import download
from api.http.openapi import documents, problems, record_content, verdict
from api.http.work import Work
from docgen.errors import InputUnreadable
from docgen.pipeline import RenderedFile, RenderRequest
from docgen.templates.catalog import FORMATS, Format
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.envelope import Record
from schemas.jsonschema import json_schema
from schemas.problems import shown

router = APIRouter(tags=["rendering"])


class CheckOptions(BaseModel):
    """How a record is read."""

    model_config = ConfigDict(extra="forbid")
    mask_secrets: bool = Field(False, description="把口令替换为 ****** Mask credentials")


class RenderOptions(CheckOptions):
    """How a document is made."""

    lang: Literal["zh", "en"] | None = Field(
        None, description="文档语言，缺省由 DOCGEN_LANG 定 Language of the document"
    )


def model_of(record: str) -> type[Record]:
    """Find a record type by its code, in either case; 404."""
    types = record_types()
    if record.upper() in types:
        return types[record.upper()]
    raise InputUnreadable(
        "unknown_record_type.address",
        value=record,
        name=shown(record),
        choices=", ".join(types),
    )


def format_of(format: str) -> Format:
    """Find a format by its name, in either case; 404."""
    if format.lower() in FORMATS:
        return FORMATS[format.lower()]
    raise InputUnreadable(
        "unknown_format.address", value=format, name=shown(format), choices=", ".join(FORMATS)
    )


async def work_of(request: Request) -> AsyncIterator[Work]:
    """Take a place in the queue, before the body is read and until the answer is sent; 503."""
    work: Work = request.app.state.work
    with work.place():
        yield work


Model = Annotated[type[Record], Depends(model_of)]
Chosen = Annotated[Format, Depends(format_of)]
Working = Annotated[Work, Depends(work_of)]


async def body(request: Request, model: Model, work: Working) -> bytes:
    """Return the raw body, once the type is known and there is room for the work."""
    return await json_body(request)


Body = Annotated[bytes, Depends(body)]


@router.post(
    "/render/{record}.{format}",
    response_class=Response,
    responses=documents() | problems(400, 404, 413, 415, 422, 500, 503, 504),
    summary="生成文档 Make a document",
    openapi_extra=record_content(),
)
async def render_record(
    request: Request,
    *,
    model: Model,
    chosen: Chosen,
    work: Working,
    data: Body,
    options: Annotated[RenderOptions, Query()],
) -> Response:
    """Answer the record as docx, xlsx or pdf; `Docgen-Warnings` counts what was only warned of."""
    order = _order(request, model, data, options)
    return _download(await work.render(request, order, chosen.name), chosen)


@router.post(
    "/validate/{record}",
    responses=verdict() | problems(400, 404, 413, 415, 422, 503, 504),
    summary="检查单据 Check a record",
    openapi_extra=record_content(),
)
async def validate_record(
    request: Request,
    *,
    model: Model,
    work: Working,
    data: Body,
    options: Annotated[CheckOptions, Query()],
) -> dict[str, Any]:
    """Answer warnings of a valid record; an invalid one is answered 422 with all its errors."""
    order = _order(request, model, data, options)
    found = await work.validate(request, order)
    warnings = [problem.as_json() for problem in found.warnings]
    return {"valid": True, "code": found.code, "doc_no": found.doc_no, "warnings": warnings}


@router.get("/schemas", summary="单据类型 Record types")
async def list_schemas() -> dict[str, Any]:
    """List the record types with their names."""
    types = record_types()
    return {
        "records": [
            {"code": code, "name": {"zh": model.record_type.zh, "en": model.record_type.en}}
            for code, model in types.items()
        ]
    }


@router.get(
    "/schemas/contract", summary="合同的 JSON Schema The contract's", response_class=Response
)
async def contract_schema() -> Response:
    """Answer the contract's JSON Schema."""
    return _schema(Contract)


@router.get(
    "/schemas/{record}",
    responses=problems(404),
    summary="JSON Schema 2020-12",
    response_class=Response,
)
async def get_schema(model: Model) -> Response:
    """Answer a record type's JSON Schema, with labels and units."""
    return _schema(model)


def _schema(model: type[Record | Contract]) -> Response:
    text = json.dumps(json_schema(model), ensure_ascii=False)
    return Response(text, media_type="application/schema+json")


def _order(
    request: Request, model: type[Record], data: bytes, options: CheckOptions
) -> RenderRequest:
    settings = request.app.state.settings
    lang = options.lang if isinstance(options, RenderOptions) else None
    return RenderRequest(
        data,
        settings.clock(),
        code=model.record_type.code,
        lang=lang or settings.lang,
        mask=options.mask_secrets,
        templates=settings.template_folders,
        theme=settings.theme_folder,
        verify_url=settings.verify_url,
    )


def _download(made: RenderedFile, chosen: Format) -> Response:
    return download(
        made.data,
        f"{made.doc_no}.{chosen.name}",
        chosen.media_type,
        sha256=hashlib.sha256(made.data).hexdigest(),
        **{"Docgen-Warnings": str(len(made.warnings))},
    )
