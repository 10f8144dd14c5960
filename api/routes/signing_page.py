"""The customer's signing page: opened by a link, without an account, on whatever device.

Every answer comes from a link that counts; nothing here is found by any other identifier.
"""

from __future__ import annotations

import hashlib
import io
from typing import Annotated

import segno
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api import pages
from api.http.callers import TheStore, address_of, is_https, store_of
from api.http.changes import download
from api.http.problems import problem_response, status_of
from api.http.work import Work
from api.pages import forms, showing
from api.pages.forms import Form
from api.pages.routing import language, page_route_class, refusal_lines
from api.routes.rendering import Working
from docgen.errors import DocgenError, InputUnreadable, NotFound
from docgen.links import opening, page_pictures, signing
from docgen.links.links import IssuedLink
from docgen.links.mail_outbox import invite
from docgen.links.opening import LinkVisitor, OpenedLink
from docgen.links.signing import Colleague, SignatureMark, SigningStatement
from docgen.signing import pictures
from docgen.store.unit_of_work import Store
from docgen.workflow.review import StatedOpinion
from schemas.envelope import Opinion

MOST_PAGES = 2000  # far above any document here; a larger number is not even looked up
COOKIE = "docgen_link_"


def refused(request: Request, error: Exception) -> Response:
    """Answer a refusal: to a script as problem+json, to people as a page."""
    if not isinstance(error, DocgenError):
        error = NotFound("link_unknown")
    if "application/json" in request.headers.get("accept", ""):
        return problem_response(error)
    lang = language(request)
    if error.code == "link_code_needed":
        visitor = visitor_of(request, request.path_params["token"])
        return _ask_code(request, visitor, lang)
    heading = pages.texts(lang)["refused"]
    lines = refusal_lines(error, lang)
    return pages.page("message.html", lang, status_of(error), heading=heading, lines=lines)


router = APIRouter(
    route_class=page_route_class(refused, DocgenError, RequestValidationError),
    include_in_schema=False,
)


def visitor_of(request: Request, token: str) -> LinkVisitor:
    """Return who comes with a link."""
    return LinkVisitor(
        token,
        request.cookies.get(_cookie(token), ""),
        address_of(request),
        request.headers.get("user-agent", ""),
    )


TheVisitor = Annotated[LinkVisitor, Depends(visitor_of)]
Position = Annotated[int, Path(ge=1, le=9999)]


@router.get("/pages/{name}")
def read_static(name: str) -> Response:
    """Answer a script or a style of the pages."""
    if name not in pages.STATIC:
        raise NotFound("link_unknown")
    data, media, tag = pages.static(name)
    headers = {"Cache-Control": "public, max-age=86400", "ETag": f'"{tag}"'}
    return Response(data, headers=headers, media_type=media)


@router.get("/s/{token}")
async def open_link(
    request: Request, store: TheStore, visitor: TheVisitor, work: Working
) -> Response:
    """Show what a link asks for: its document, or the list of a visit."""
    opened = await run_in_threadpool(_opened, store, visitor)
    if opened.count == 1:
        return await _document(request, visitor, work, 1)
    lang = language(request)
    shown = await run_in_threadpool(showing.visit, store, opened, lang)
    return pages.page("visit.html", lang, base=f"/s/{visitor.token}", **shown)


@router.get("/s/{token}/qr.svg")
def read_qr(request: Request, store: TheStore, visitor: TheVisitor) -> Response:
    """Draw the link itself, for a phone to open."""
    _opened(store, visitor)
    out = io.BytesIO()
    url = f"{showing.base_url(request)}/s/{visitor.token}"
    segno.make(url, error="m").save(out, kind="svg", scale=4, border=2, xmldecl=False)
    return Response(out.getvalue(), media_type="image/svg+xml")


@router.get("/s/{token}/{position}")
async def open_document(
    request: Request, visitor: TheVisitor, work: Working, position: Position
) -> Response:
    """Show one document of a visit."""
    return await _document(request, visitor, work, position)


@router.get("/s/{token}/{position}/document.pdf")
def read_document(store: TheStore, visitor: TheVisitor, position: Position) -> Response:
    """Answer the PDF as it stands, with the seals that it has."""
    _, one, _ = opening.visible_document(store, visitor, position)
    data = store.blobs.get(opening.open_document(store, visitor, position))
    return download(data, f"{one.version.doc_no}.pdf", "application/pdf")


@router.get("/s/{token}/{position}/pages/{page}.png")
async def read_page(
    request: Request,
    store: TheStore,
    visitor: TheVisitor,
    work: Working,
    position: Position,
    page: Annotated[int, Path(ge=1, le=MOST_PAGES)],
) -> Response:
    """Draw a page of a document, once for all who look at it."""
    sha256 = await run_in_threadpool(opening.open_document, store, visitor, position)
    png = await run_in_threadpool(page_pictures.cached_page, store, sha256, page)
    if png is None:
        pdf = await run_in_threadpool(store.blobs.get, sha256)
        png = await work.look(request, pictures.page_png, pdf, page)
        if png is None:
            raise NotFound("link_other_document")
        await run_in_threadpool(page_pictures.cache_page, store, sha256, page, png)
    return Response(png, media_type="image/png")


@router.post("/s/{token}/code")
async def give_code(request: Request, store: TheStore, visitor: TheVisitor) -> Response:
    """Take the access code; a cookie remembers in this browser that it was right."""
    form = await forms.read_form(request, visitor)
    proof = await run_in_threadpool(opening.try_code, store, visitor, form.text("code"))
    answer = JSONResponse({"done": True})
    answer.set_cookie(
        _cookie(visitor.token),
        proof,
        path="/s/",
        secure=is_https(request),
        httponly=True,
        samesite="lax",  # the link is opened from a mail, where strict would withhold the cookie
    )
    return answer


@router.post("/s/{token}/delegate")
async def hand_on(request: Request, store: TheStore, visitor: TheVisitor) -> Response:
    """Hand the link on; the answer shows the colleague's link, this once."""
    form = await forms.read_form(request, visitor)
    colleague = forms.colleague(form)
    base = showing.base_url(request)
    made = await run_in_threadpool(_handed_on, store, visitor, colleague, base)
    words = pages.texts(language(request, form.text("lang")))
    messages = [words["delegated"].format(name=colleague.name)]
    if made.link.email and store.settings.smtp:
        messages.append(words["delegated_mailed"])
    return JSONResponse({"url": f"{base}/s/{made.token}", "message": " ".join(messages)})


@router.post("/s/{token}/{position}/sign")
async def sign(
    request: Request, store: TheStore, visitor: TheVisitor, work: Working, position: Position
) -> Response:
    """Take what somebody says of a document, with their signature."""
    form = await forms.read_form(request, visitor)
    mark = await _mark(request, work, form)
    lang = language(request, form.text("lang"))
    statement = form.text("statement") or "document"
    signing_statement = await run_in_threadpool(
        _statement, store, visitor, form, showing.Asking(position, lang, statement, mark)
    )
    await run_in_threadpool(signing.sign, store, visitor, position, signing_statement)
    return JSONResponse({"done": True})


def _ask_code(request: Request, visitor: LinkVisitor, lang: str) -> Response:
    store = store_of(request)
    with store.reading() as session:
        link = opening.usable_link(session, visitor.token, store.clock())
    key = opening.form_key(store.key, link)
    return pages.page("code.html", lang, 401, base=f"/s/{visitor.token}", form_key=key)


async def _document(request: Request, visitor: LinkVisitor, work: Work, position: int) -> Response:
    store = store_of(request)
    opened, one, sha256 = await run_in_threadpool(
        opening.visible_document, store, visitor, position
    )
    pdf = await run_in_threadpool(store.blobs.get, sha256)
    count = await work.look(request, pictures.page_count, pdf)
    lang = language(request)
    shown = await run_in_threadpool(showing.document, store, opened, one, lang)
    base = f"/s/{visitor.token}"
    here = f"{base}/{position}"
    return pages.page("document.html", lang, base=base, here=here, pages=count, **shown)


def _opened(store: Store, visitor: LinkVisitor) -> OpenedLink:
    with store.reading() as session:
        return opening.check_visitor(session, visitor, store.clock(), store.key)


async def _mark(request: Request, work: Work, form: Form) -> SignatureMark:
    """Take the signature; a drawn one is read and drawn anew in a child."""
    if "image" not in form.files:
        return SignatureMark(typed=form.text("typed") or None)
    clean = await work.look(request, pictures.clean, form.files["image"])
    return SignatureMark(clean, forms.strokes(form))


def _statement(
    store: Store, visitor: LinkVisitor, form: Form, asking: showing.Asking
) -> SigningStatement:
    if form.text("consent") != "yes":
        raise InputUnreadable("link_consent_missing")
    if (opinion := form.text("opinion")) not in Opinion.__members__:
        raise InputUnreadable("link_opinion_missing")
    with store.reading() as session:
        opened = opening.check_visitor(session, visitor, store.clock(), store.key)
        one = opening.document_at(session, opened.link, asking.position)
    consent = showing.consent(opened.link, one, asking)
    stated = StatedOpinion(Opinion[opinion], form.text("comment") or None)
    return SigningStatement(stated, consent, asking.mark)


def _handed_on(store: Store, visitor: LinkVisitor, to: Colleague, base: str) -> IssuedLink:
    with store.reading() as session:
        link = opening.usable_link(session, visitor.token, store.clock())
    with store.change(opening.actor_of(link, visitor.address)) as unit:
        made = signing.delegate(unit, visitor, to, store.key)
        invite(unit, store, made, base)
        return made


def _cookie(token: str) -> str:
    return COOKIE + hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()[:12]
