"""Errors as problem+json (RFC 9457): the same list of errors as the command line's `--json`."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from docgen.errors import DocgenError, InputUnreadable, RecordRefused

log = logging.getLogger("docgen.api")

STATUSES = {
    "too_large": 413,
    "not_json_media_type": 415,
    "unknown_record_type": 404,
    "unknown_format": 404,
    "unknown_lang": 422,
    "render_timeout": 503,
    "busy": 503,
}

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message", "hint"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer (RFC 6901)"},
                    "code": {"type": "string"},
                    "value": {},
                    "message": {"$ref": "#/components/schemas/Wording"},
                    "hint": {"$ref": "#/components/schemas/Wording"},
                },
            },
        },
    },
}
WORDING_SCHEMA = {
    "type": "object",
    "properties": {"zh": {"type": "string"}, "en": {"type": "string"}},
}


def status_of(error: DocgenError) -> int:
    """Return the HTTP status of an error."""
    if error.code in STATUSES:
        return STATUSES[error.code]
    if isinstance(error, RecordRefused):
        return 422
    return 400 if isinstance(error, InputUnreadable) else 500


def problem_response(error: DocgenError, status: int | None = None) -> Response:
    """Return an error as problem+json."""
    code = status or status_of(error)
    body = {
        "type": f"urn:docgen:error:{error.code}",
        "title": error.en,
        "title_zh": error.zh,
        "status": code,
        "code": error.code,
        "errors": error.as_json(),
    }
    headers = {"Retry-After": "5"} if code == 503 else {}
    return JSONResponse(body, code, headers, media_type="application/problem+json")


def install_errors(app: FastAPI) -> None:
    """Answer every failure of `app` with problem+json."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, DocgenError)
        if status_of(error) == 500:
            log.error("%s %s: %s %s", request.method, request.url.path, error.code, error.en)
        return problem_response(error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = {
            404: ("没有这个地址", "There is no such address"),
            405: ("不支持该方法", "The method is not allowed"),
        }
        zh, en = words.get(error.status_code, ("请求有误", str(error.detail)))
        made = problem_response(DocgenError(f"http_{error.status_code}", zh, en), error.status_code)
        made.headers.update(error.headers or {})
        return made

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = "/".join(str(step) for step in first["loc"])
        return problem_response(
            DocgenError(
                "bad_parameter", f"参数 {place} 不正确", f"{place}: {first['msg']}", place=place
            ),
            422,
        )

    async def unexpected(request: Request, error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem_response(
            DocgenError("internal", "服务内部错误，已记录", "Internal error; it was logged"), 500
        )

    app.add_exception_handler(DocgenError, refused)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)
