"""Errors as problem+json (RFC 9457): the same list of errors as the command line's `--json`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from docgen.errors import (
    Conflict,
    DocgenError,
    InputUnreadable,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Overloaded,
    RecordRefused,
    StoreFault,
    UploadRefused,
)

log = logging.getLogger("docgen.api")

PROBLEM = "application/problem+json"  # RFC 9457 3
RETRY_AFTER_S = 5  # long enough for a document to be done and its place to be free
# Where the class of an error (KINDS) would give another status than its code deserves.
STATUSES = {
    "caller_gone": 400,
    "unknown_record_type": 404,
    "unknown_format": 404,
    "too_large": 413,
    "not_json_media_type": 415,
    "encoding_unsupported": 415,
    "media_type_refused": 415,
    "bad_parameter": 422,
    "no_record_type": 422,
    # what a renderer cannot print is the record's to mend
    "character_not_xml": 422,
    "record_not_xml": 422,
    "no_glyph_in_page": 422,
    "too_many_rows": 422,
    "header_too_long": 422,
    "busy": 503,
    "oidc_unavailable": 503,
    "seal_missing": 503,
    "seal_unreadable": 503,
    "seal_expired": 503,
    "seal_not_yet": 503,
    "seal_mismatch": 503,
    "seal_usage": 503,
    "seal_kind": 503,
    "lta_incomplete": 503,
    "signer_failed": 503,
    "tsa_failed": 503,
    "render_timeout": 504,
    "render_stopped": 503,
    "key_reused": 422,
    "bad_key": 422,
    "bad_cursor": 422,
    "bad_body": 422,
    "unknown_event": 422,
    "webhook_address_refused": 422,
    "webhook_host_unknown": 422,
    "overtaken": 412,
    "etag_missing": 428,
    "upload_too_large": 413,
    "upload_kind_unknown": 415,
    "upload_kind_refused": 415,
    "link_expired": 410,
    "link_revoked": 410,
    "link_replaced": 410,
    "link_delegated": 410,
    "link_consent_missing": 422,
    "link_opinion_missing": 422,
    "link_comment_missing": 422,
    "link_signature_missing": 422,
    "link_name_differs": 422,
    "link_colleague_wrong": 422,
    "visit_other_contract": 422,
    "visit_repeats": 422,
    "no_space": 507,
    "blob_missing": 500,
    "blob_damaged": 500,
    "anchor_unwritable": 500,
}
KINDS: tuple[tuple[type[DocgenError], int], ...] = (
    (RecordRefused, 422),
    (InputUnreadable, 400),
    (NotSignedIn, 401),
    (NotAllowed, 403),
    (NotFound, 404),
    (Conflict, 409),
    (UploadRefused, 422),
    (Overloaded, 429),
    (StoreFault, 503),
)
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ParameterWrong(DocgenError):
    """Query parameters that are unknown or out of range, all of them."""

    summary_code, entry_code = "bad_parameter", "bad_parameter.one"

    def __init__(self, wrong: Sequence[Any]) -> None:
        super().__init__(self.summary_code)
        self.wrong = [
            DocgenError(self.entry_code, place=name, value=entry.get("input"), reason=entry["msg"])
            for entry in wrong
            for name in (str((entry["loc"] or ("body",))[-1]),)
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """One entry for each parameter."""
        return [entry for one in self.wrong for entry in one.as_json()]


class BodyWrong(ParameterWrong):
    """A JSON body whose fields are unknown, missing or out of range, all of them."""

    summary_code, entry_code = "bad_body", "bad_body.one"


def status_of(error: DocgenError) -> int:
    """Return the HTTP status of an error."""
    if error.code in STATUSES:
        return STATUSES[error.code]
    return next((status for kind, status in KINDS if isinstance(error, kind)), 500)


def problem_response(error: DocgenError, status: int | None = None) -> Response:
    """Return an error as problem+json."""
    code = status or status_of(error)
    body = {
        "type": f"urn:docgen:error:{error.code}",
        "title": error.message("en"),
        "title_zh": error.message("zh"),
        "status": code,
        "code": error.code,
        "errors": error.as_json(),
    }
    return JSONResponse(body, code, SAFE_HEADERS | _advice(error, code), media_type=PROBLEM)


def _advice(error: DocgenError, status: int) -> dict[str, str]:
    """Return the header that tells a program what to do next."""
    if status == 401:  # RFC 9110 11.6.1 wants it with every 401; RFC 6750 3 names the scheme
        return {"WWW-Authenticate": 'Bearer realm="docgen"'}
    if status in (429, 503):
        return {"Retry-After": str(getattr(error, "retry_after_s", RETRY_AFTER_S))}
    return {}


def install_errors(app: FastAPI) -> None:
    """Answer every failure of `app` with problem+json."""
    app.add_exception_handler(DocgenError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, DocgenError)
    if status_of(error) >= 500:
        log.error("%s: %s %s %s", _where(request), error.code, error.place, error)
    return problem_response(error)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        refusal = DocgenError("no_such_address")
    elif error.status_code == 405:
        refusal = DocgenError("method_not_allowed")
    else:
        refusal = DocgenError("bad_request", reason=str(error.detail))
    response = problem_response(refusal, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(ParameterWrong(error.errors()))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("%s failed", _where(request), exc_info=error)
    return problem_response(DocgenError("internal"), 500)


def _where(request: Request) -> str:
    """Return method and address for the log; what follows /s/ opens a link, so it stays out."""
    path = request.url.path
    return f"{request.method} {'/s/…' if path.startswith('/s/') else path}"
