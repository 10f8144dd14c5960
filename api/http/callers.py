"""Who calls: an API token, or a browser that is signed in; checked at every request.

A browser sends its cookie by itself, so its changes must also show that our own page makes them.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from api.http.bodies import media_type
from docgen.access import Actor
from docgen.accounts import sessions, tokens
from docgen.accounts.sessions import Visit
from docgen.errors import InputUnreadable, NotAllowed, NotSignedIn
from docgen.store.unit_of_work import Store

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# A form of another site can send text/plain and urlencoded bodies without a preflight (Fetch,
# 2.2.2); of the three such types only multipart is needed here, and _check_csrf holds for it too.
MEDIA_TYPES = frozenset({"application/json", "multipart/form-data"})
# A cookie named __Host- holds for this host only, over https and on every path (RFC 6265bis 4.1.3).
COOKIE, SECURE_COOKIE = "docgen_session", "__Host-docgen_session"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True)
class Caller:
    """Who calls; `visit` is the session, None with a token."""

    actor: Actor
    visit: Visit | None = None


def store_of(request: Request) -> Store:
    """Return the store that the application opened."""
    store: Store = request.app.state.store
    return store


async def the_store(request: Request) -> Store:
    """Return the store; a coroutine, since FastAPI would run a plain function in a thread."""
    return store_of(request)


def caller_of(request: Request) -> Caller:
    """Return who calls. Raises NotSignedIn; NotAllowed for another site's request in our name."""
    check_media_type(request)
    if (token := _token(request)) is None:
        return _visitor(request, cookie_of(request))
    with store_of(request).reading() as session:
        return Caller(_holder(request, session, token))


def _token(request: Request) -> str | None:
    """Return the token that a program sends; None for a browser, which sends its cookie."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if kind.lower() == "bearer" else None


def _holder(request: Request, session: Session, token: str) -> Actor:
    """Return whom a token stands for. Raises NotSignedIn."""
    return tokens.actor_of(session, token, store_of(request).clock(), address_of(request))


class ReadingCaller:
    """A caller who only reads: identified in the database session that the request reads in."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @contextmanager
    def reading(self) -> Iterator[tuple[Session, Actor]]:
        """Open a session to read in, and identify the reader. Raises NotSignedIn."""
        request, token = self._request, _token(self._request)
        visitor = _visitor(request, cookie_of(request)).actor if token is None else None
        with store_of(request).reading() as session:
            yield session, visitor or _holder(request, session, token or "")


async def reader_of(request: Request) -> ReadingCaller:
    """Return the reader of a request."""
    return ReadingCaller(request)


TheStore = Annotated[Store, Depends(the_store)]
TheReader = Annotated[ReadingCaller, Depends(reader_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]


async def actor_of(caller: TheCaller) -> Actor:
    """Return who calls, as the use cases know them."""
    return caller.actor


async def visit_of(caller: TheCaller) -> Visit:
    """Return the session of a caller who signed in as a person; a token makes no others."""
    if caller.visit is None:
        raise NotAllowed("session_needed")
    return caller.visit


TheActor = Annotated[Actor, Depends(actor_of)]
TheVisit = Annotated[Visit, Depends(visit_of)]


def address_of(request: Request) -> str:
    """Return the address of the caller's end of the connection."""
    return request.client.host if request.client else ""


def cookie_of(request: Request) -> str:
    """Return the session's cookie; empty when there is none."""
    return request.cookies.get(cookie_name(request), "")


def cookie_name(request: Request) -> str:
    """Return the cookie's name; under https one that no other host can set (RFC 6265bis)."""
    return SECURE_COOKIE if is_https(request) else COOKIE


def is_https(request: Request) -> bool:
    """Whether the browser came by https; a trusted proxy says so in X-Forwarded-Proto."""
    return request.url.scheme == "https"


def check_media_type(request: Request) -> None:
    """Refuse bodies that another site's form could send. InputUnreadable: media_type_refused."""
    headers = request.headers
    empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    media = media_type(headers)
    if request.method in SAFE_METHODS or (empty and not media) or media in MEDIA_TYPES:
        return
    raise InputUnreadable("media_type_refused", value=media)


def check_not_foreign(request: Request) -> None:
    """Refuse a request that another site's page makes; programs, which say nothing, may pass."""
    if not all(_signs(request)):
        raise NotAllowed("csrf_refused", csrf_header=CSRF_HEADER)


def _visitor(request: Request, cookie: str) -> Caller:
    if not cookie:
        raise NotSignedIn("not_signed_in")
    store = store_of(request)
    with store.reading() as session:
        visit = sessions.visit_of(
            session,
            cookie,
            key=store.key,
            now=store.clock(),
            address=address_of(request),
        )
    if request.method not in SAFE_METHODS:
        _check_csrf(request, visit)
    sessions.keep_alive(store, visit)
    return Caller(visit.actor, visit)


def _check_csrf(request: Request, visit: Visit) -> None:
    """Require the session's CSRF token and a header that names our own page. NotAllowed."""
    token = request.headers.get(CSRF_HEADER, "").encode()
    signs = list(_signs(request))
    if not signs or not all(signs) or not hmac.compare_digest(token, visit.csrf_token.encode()):
        raise NotAllowed("csrf_refused", csrf_header=CSRF_HEADER)


def _signs(request: Request) -> Iterator[bool]:
    """Yield what a browser says of where a request comes from: whether it is from us.

    A form under `Referrer-Policy: no-referrer` has the Origin `null`; Sec-Fetch-Site tells then.
    """
    headers = request.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        yield site == "same-origin"
    if origin is not None and (origin != "null" or site is None):
        yield _is_ours(request, origin)
    elif site is None and (referer := headers.get("referer")) is not None:
        yield _is_ours(request, referer)


def _is_ours(request: Request, url: str) -> bool:
    """Whether a URL is of this host: the one that was called, or the public one of the settings."""
    public = urlsplit(request.app.state.settings.oidc_redirect).netloc
    try:
        host = urlsplit(url).netloc.lower()
    except ValueError:  # a bracket without its other
        return False
    return host != "" and host in (request.headers.get("host", "").lower(), public.lower())
