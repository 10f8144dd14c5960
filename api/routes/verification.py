"""The public verification: of a code that is printed on a document, and of a file somebody has.

Open to everybody without an account, as pages and as JSON; tells nothing without a known code.
"""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from api.http.bodies import AnswerBody
from api.http.callers import TheStore, address_of
from api.http.openapi import answers, problems
from api.http.problems import status_of
from api.http.work import Work
from api.pages import verifying
from api.pages.routing import language, page_route_class, refusal_lines
from api.routes.record_bodies import Wording
from api.routes.rendering import Working
from docgen.errors import DocgenError, InputUnreadable, UploadRefused
from docgen.signing import verification
from docgen.signing.configuration import trusted
from docgen.signing.verification import FileCheck, Standing
from docgen.signing.verify import Signature
from docgen.store.unit_of_work import Store
from docgen.uploads import MOST_BYTES


class StandingOut(AnswerBody):
    """How a version stands."""

    doc_no: str
    title: Wording
    state: str
    doc_date: date
    record_sha256: str = Field(validation_alias="sha256")
    signers: list[str] = Field(
        description="姓名，合同未许可时只显首字 masked unless the contract permits"
    )


class SealOut(AnswerBody):
    """A seal in a file; `name` is whom it was set for, `signed_at` what it says itself."""

    field: str
    name: str
    signer: str
    fingerprint: str
    signed_at: str
    stamped_at: str | None
    trial: bool
    intact: bool
    trusted: bool
    covers_file: bool

    @classmethod
    def from_signature(cls, signature: Signature) -> SealOut:
        """Make it; the moment is the time stamp's, if there is one."""
        return cls.of(signature, stamped_at=signature.stamp.at if signature.stamp else None)


class FindingOut(AnswerBody):
    """Something that is not as it should be."""

    code: str
    place: str
    message: Wording


class VerifiedFile(AnswerBody):
    """What was found of a file, and the version that it was compared with."""

    outcome: str = Field(
        description="on_record, stamped_later, earlier, signoffs_differ, not_on_record, altered, "
        "signer_unknown, unsigned or unreadable"
    )
    stage: str = Field(
        description="which file on record: submitted, signed or archived; else empty"
    )
    sha256: str
    seals: list[SealOut]
    findings: list[FindingOut]
    version: StandingOut

    @classmethod
    def from_check(cls, standing: Standing, checked: FileCheck) -> VerifiedFile:
        """Make it of the version and of what was found of the file."""
        verdict = checked.verdict
        return cls.of(
            checked,
            sha256=verdict.sha256,
            seals=[SealOut.from_signature(seal) for seal in verdict.signatures],
            findings=[one.as_json() for one in (*verdict.findings, *checked.differences)],
            version=standing,
        )


MOST = MOST_BYTES["attachment"]
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
Code = Annotated[str, Path(max_length=80, description="校验码 the code printed on the document")]


def _refused(request: Request, error: Exception) -> Response:
    """Answer a refusal as a page."""
    assert isinstance(error, DocgenError)
    lang = language(request)
    made = verifying.verification_page(
        lang, status=status_of(error), lines=refusal_lines(error, lang)
    )
    if seconds := getattr(error, "retry_after_s", None):
        made.headers["Retry-After"] = str(seconds)
    return made


router = APIRouter(prefix="/verify", tags=["verification"])
page_router = APIRouter(
    prefix="/verify", route_class=page_route_class(_refused, DocgenError), include_in_schema=False
)


@router.get(
    "/{short_code}",
    summary="核验校验码 Verify a code",
    responses=answers(StandingOut) | problems(404, 422, 429, 503),
)
def read_standing(request: Request, store: TheStore, short_code: Code) -> StandingOut:
    """Tell how the version of a printed code stands; drafts and unknown codes are not found."""
    return StandingOut.of(verification.standing(store, short_code, address_of(request)))


@router.post(
    "/{short_code}",
    summary="核对文件 Check a file",
    responses=answers(VerifiedFile) | problems(400, 404, 413, 422, 429, 500, 503, 504),
    openapi_extra=FORM,
)
async def check_file(
    request: Request, store: TheStore, work: Working, short_code: Code
) -> VerifiedFile:
    """Verify a PDF's seals, and tell whether it is the file on record; it is not kept."""
    return VerifiedFile.from_check(*await _checked(request, store, work, short_code))


@page_router.get("")
def ask_code(request: Request, code: Annotated[str, Query(max_length=80)] = "") -> Response:
    """Show the form for a code, or go on to what was typed."""
    lang = language(request)
    if typed := verification.code_of(code):
        plain = "".join(one for one in typed if one.isascii() and one.isalnum()) or "-"
        return RedirectResponse(f"/verify/{plain}?lang={lang}", 303)
    return verifying.verification_page(lang)


@page_router.get("/{short_code}")
def show_standing(request: Request, store: TheStore, short_code: Code) -> Response:
    """Show how a version stands, with the form for a file."""
    one = verification.standing(store, short_code, address_of(request))
    return verifying.verification_page(
        language(request), code=verification.code_of(short_code), one=one
    )


@page_router.post("/{short_code}")
async def show_check(
    request: Request, store: TheStore, work: Working, short_code: Code
) -> Response:
    """Show what was found of a file."""
    one, checked = await _checked(request, store, work, short_code)
    code = verification.code_of(short_code)
    return verifying.verification_page(language(request), code=code, one=one, checked=checked)


async def _checked(
    request: Request, store: Store, work: Work, code: str
) -> tuple[Standing, FileCheck]:
    """Verify a file in a child; its body is read only once the code is known."""
    one = await run_in_threadpool(verification.standing, store, code, address_of(request))
    data = await _file(request)
    trust = await run_in_threadpool(trusted, store.settings)
    async with _turn(request):
        verdict = await work.look(request, verification.examine, data, trust)
    return one, await run_in_threadpool(verification.compared, store, one, data, verdict)


async def _file(request: Request) -> bytes:
    try:
        async with request.form(max_files=1, max_fields=5) as form:
            given = form.get("file")
            data = await given.read(MOST + 1) if isinstance(given, UploadFile) else b""
    except HTTPException as wrong:
        raise InputUnreadable("bad_form", reason=wrong.detail) from wrong
    if not data:
        raise UploadRefused("upload_empty")
    if len(data) > MOST:
        raise UploadRefused("upload_too_large", value=len(data))
    return data


def _turn(request: Request) -> asyncio.Semaphore:
    """Strangers' files take one child at most, so that members always find another."""
    state = request.app.state
    if not hasattr(state, "verifying"):
        state.verifying = asyncio.Semaphore(1)
    turn: asyncio.Semaphore = state.verifying
    return turn
