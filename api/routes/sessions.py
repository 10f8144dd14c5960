"""Signing in and out: by password, with the setup code at first, or through an OpenID provider."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from api.http.bodies import JsonBody, RequestBody, parsed
from api.http.callers import (
    TheStore,
    TheVisit,
    address_of,
    check_not_foreign,
    cookie_name,
    cookie_of,
    is_https,
)
from api.http.changes import Answer
from api.http.openapi import answers, content, problems
from api.routes.account_bodies import Line, MeOut, UserOut
from docgen.accounts import oidc, sessions, setup
from docgen.accounts.oidc import Provider, Return
from docgen.accounts.passwords import MOST
from docgen.errors import NotFound
from docgen.store.tables import UserRow
from docgen.store.unit_of_work import Store

OIDC_COOKIE, OIDC_PATH = "docgen_oidc", "/api/v1/oidc"
HOME = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=/">
<title>docgen</title>
<a href="/">继续 Continue</a>
"""
OPEN: dict[str, Any] = {"security": []}

router = APIRouter(tags=["sessions"], dependencies=[Depends(check_not_foreign)])


class Credentials(RequestBody):
    """A name and its password."""

    username: str = Field(max_length=200)
    password: str = Field(max_length=MOST)


class FirstAdmin(Credentials):
    """The first administrator, with the code that `docgen serve` prints."""

    code: str = Field(max_length=200)
    name: Line


@router.post(
    "/sessions",
    status_code=201,
    summary="登录 Sign in",
    responses=answers(MeOut, 201) | problems(400, 401, 403, 413, 415, 422, 429, 503),
    openapi_extra=content(Credentials) | OPEN,
)
def sign_in(request: Request, store: TheStore, data: JsonBody) -> Response:
    """Open a session: the cookie goes to the browser, `csrf_token` goes with every change."""
    given = parsed(Credentials, data, confidential=True)
    opened = sessions.sign_in(
        store,
        given.username.strip().lower(),
        given.password,
        address=address_of(request),
        old=cookie_of(request),
    )
    return _with_cookie(request, _me(store, opened), opened)


@router.delete(
    "/sessions/current",
    status_code=204,
    summary="退出 Sign out",
    responses=problems(401, 403, 429, 503),
)
def sign_out(request: Request, store: TheStore, visit: TheVisit) -> Response:
    """End the caller's session on the server."""
    with store.change(visit.actor) as unit:
        sessions.end(unit, visit)
    answer = Response(status_code=204)
    answer.delete_cookie(
        cookie_name(request), secure=is_https(request), httponly=True, samesite="strict"
    )
    return answer


@router.post(
    "/setup",
    status_code=201,
    summary="建立首个管理员 Make the first administrator",
    responses=answers(UserOut, 201) | problems(400, 403, 409, 413, 415, 422, 429, 503),
    openapi_extra=content(FirstAdmin) | OPEN,
)
def set_up(request: Request, store: TheStore, data: JsonBody) -> Response:
    """Use up the code that `docgen serve` printed."""
    given = parsed(FirstAdmin, data, confidential=True)
    user = setup.first_admin(store, **given.model_dump(), address=address_of(request))
    return Answer(UserOut.from_row(user), 201, user.etag).response()


def provider(request: Request) -> Provider:
    """Return the OpenID provider. Raises NotFound when the settings name none."""
    found = oidc.provider_of(request.app.state.settings)
    if found is None:
        raise NotFound("oidc_not_set_up")
    return found


TheProvider = Annotated[Provider, Depends(provider)]
Text = Annotated[str, Query(max_length=4000)]

# A browser comes here from the provider's page, so these two are foreign by nature.
oidc_router = APIRouter(prefix="/oidc", tags=["sessions"])


@oidc_router.get(
    "/login",
    status_code=303,
    response_class=RedirectResponse,
    summary="单点登录 Single sign-on",
    responses=problems(404, 429, 503),
)
def begin_oidc(request: Request, store: TheStore, provider: TheProvider) -> Response:
    """Send the browser to the OpenID provider."""
    departure = oidc.depart(store, provider, address_of(request))
    answer = RedirectResponse(departure.url, 303)
    answer.set_cookie(
        OIDC_COOKIE,
        departure.browser,
        max_age=int(oidc.LIFETIME.total_seconds()),
        path=OIDC_PATH,
        secure=is_https(request),
        httponly=True,
        samesite="lax",  # strict would keep it from coming back with the browser
    )
    return answer


@oidc_router.get(
    "/callback",
    response_class=HTMLResponse,
    summary="单点登录的返回 Back from single sign-on",
    responses=problems(401, 403, 404, 422, 429, 503),
    openapi_extra=OPEN,
)
def end_oidc(
    request: Request,
    *,
    store: TheStore,
    provider: TheProvider,
    code: Text = "",
    state: Text = "",
    error: Text = "",
) -> Response:
    """Open a session for whom the provider vouches, and go on to the first page."""
    given = Return(code, state, error, request.cookies.get(OIDC_COOKIE, ""))
    opened = oidc.arrive(
        store, provider, given, address=address_of(request), old=cookie_of(request)
    )
    # A redirect would still count as the provider's, and SameSite=Strict hold the cookie back.
    answer = _with_cookie(request, HTMLResponse(HOME), opened)
    answer.delete_cookie(
        OIDC_COOKIE, path=OIDC_PATH, secure=is_https(request), httponly=True, samesite="lax"
    )
    return answer


def _me(store: Store, opened: sessions.Opened) -> Response:
    visit = opened.visit
    with store.reading() as session:
        user = session.get_one(UserRow, visit.actor.user_id)
        return Answer(MeOut.from_user(user, visit.actor, visit), 201).response()


def _with_cookie(request: Request, answer: Response, opened: sessions.Opened) -> Response:
    answer.set_cookie(
        cookie_name(request),
        opened.cookie,
        max_age=int(sessions.LONGEST.total_seconds()),
        secure=is_https(request),
        httponly=True,
        samesite="strict",
    )
    return answer
