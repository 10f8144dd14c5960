"""Errors as problem+json (RFC 9457): the same list of errors as the command line's `--json`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from docgen.errors import DocgenError, InputUnreadable, RecordRefused

log = logging.getLogger("docgen.api")

PROBLEM = "application/problem+json"
RETRY_AFTER_S = 5
STATUSES = {
    "caller_gone": 400,
    "unknown_record_type": 404,
    "unknown_format": 404,
    "too_large": 413,
    "not_json_media_type": 415,
    "encoding_unsupported": 415,
    "bad_parameter": 422,
    # what a renderer cannot print is the record's to mend
    "character_not_xml": 422,
    "record_not_xml": 422,
    "no_glyph_in_page": 422,
    "too_many_rows": 422,
    "header_too_long": 422,
    "busy": 503,
    "render_timeout": 504,
}
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ParameterWrong(DocgenError):
    """Query parameters that are unknown or out of range, all of them."""

    def __init__(self, wrong: Sequence[dict[str, Any]]) -> None:
        super().__init__("bad_parameter", "查询参数不正确", "The query parameters are not right")
        self.wrong = [
            DocgenError(
                self.code,
                f"参数 {name} 不正确",
                f"{name}: {entry['msg']}",
                hint_zh="可用参数见 /api/v1/openapi.json。",
                hint_en="See /api/v1/openapi.json for the parameters.",
                place=name,
                value=entry.get("input"),
            )
            for entry in wrong
            for name in (str(entry["loc"][-1]),)
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """One entry for each parameter."""
        return [entry for one in self.wrong for entry in one.as_json()]


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
    retry = {"Retry-After": str(RETRY_AFTER_S)} if code == 503 else {}
    return JSONResponse(body, code, SAFE_HEADERS | retry, media_type=PROBLEM)


def install_errors(app: FastAPI) -> None:
    """Answer every failure of `app` with problem+json."""
    app.add_exception_handler(DocgenError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, DocgenError)
    if status_of(error) >= 500:
        where = f"{request.method} {request.url.path}"
        log.error("%s: %s %s %s", where, error.code, error.place, error.en)
    return problem_response(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        told = DocgenError("no_such_address", "没有这个地址", "There is no such address")
    elif error.status_code == 405:
        told = DocgenError("method_not_allowed", "不支持该方法", "The method is not allowed")
    else:
        told = DocgenError("bad_request", "请求有误", str(error.detail))
    made = problem_response(told, error.status_code)
    made.headers.update(error.headers or {})
    return made


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(ParameterWrong(error.errors()))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem_response(
        DocgenError("internal", "服务内部错误，已记录", "Internal error; it was logged"), 500
    )
