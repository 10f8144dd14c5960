"""Accounts: one's own, with its tokens; and everybody's, for administrators."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.http.bodies import JsonBody, RequestBody, parsed
from api.http.callers import TheActor, TheCaller, TheStore, TheVisit
from api.http.changes import Answer, ChangeRunner, TheRunner
from api.http.openapi import answers, content, problems
from api.routes.account_bodies import Line, MeOut, TokenMade, TokenOut, Tokens, UserOut, UserPage
from docgen.access import Ability
from docgen.accounts import passwords, sessions, tokens, users
from docgen.store.etags import check_etag
from docgen.store.pagination import LIMIT, MOST
from docgen.store.tables import UserRow
from docgen.store.unit_of_work import UnitOfWork

router = APIRouter(tags=["accounts"])

Email = Annotated[str, Field(max_length=254, pattern=r"^([^\x00-\x20@]+@[^\x00-\x20@]+)?$")]
Password = Annotated[str, Field(max_length=passwords.MOST)]


class NewToken(RequestBody):
    """A token to make; without scopes it may what the caller's role may."""

    name: Line
    scopes: list[str] = Field([], max_length=3, examples=[["read"]])
    days: int = Field(tokens.DAYS, ge=1, le=tokens.MOST_DAYS)


class NewPassword(RequestBody):
    """One's own password, the old and the new one."""

    password: Password
    new_password: Password


class NewUserIn(RequestBody):
    """An account to add; without a password it signs in by token or single sign-on."""

    username: str
    name: Line
    role: str = Field(examples=["engineer"])
    email: Email = ""
    password: Password | None = None


class UserChange(RequestBody):
    """What becomes of an account; what is left out stays. A new password ends its sessions."""

    name: Line | None = None
    role: str | None = None
    email: Email | None = None
    disabled: bool | None = None
    password: Password | None = None


# ---------------------------------------------------------------- one's own


@router.get("/me", summary="我是谁 Who I am", responses=answers(MeOut) | problems(401, 429, 503))
def read_me(store: TheStore, caller: TheCaller) -> Response:
    """Answer who calls; a session is told its CSRF token again."""
    with store.reading() as session:
        user = session.get_one(UserRow, caller.actor.user_id)
        return Answer(MeOut.from_user(user, caller.actor, caller.visit)).response()


@router.put(
    "/me/password",
    status_code=204,
    summary="改自己的密码 Change one's password",
    responses=problems(400, 401, 403, 413, 415, 422, 429, 503),
    openapi_extra=content(NewPassword),
)
def change_password(store: TheStore, visit: TheVisit, data: JsonBody) -> Response:
    """Set a new password; all of the caller's sessions end, this one too."""
    given = parsed(NewPassword, data, confidential=True)
    sessions.change_password(store, visit, given.password, given.new_password)
    return Response(status_code=204)


@router.get(
    "/me/tokens",
    summary="我的令牌 My tokens",
    responses=answers(Tokens) | problems(401, 429, 503),
)
def list_tokens(store: TheStore, actor: TheActor) -> Response:
    """List the caller's tokens, never their texts."""
    with store.reading() as session:
        found = tokens.listed(session, actor.user_id or "")
        return Answer(Tokens(items=[TokenOut.of(row) for row in found])).response()


@router.post(
    "/me/tokens",
    status_code=201,
    summary="生成令牌 Make a token",
    responses=answers(TokenMade, 201) | problems(400, 401, 403, 413, 415, 422, 429, 503),
    openapi_extra=content(NewToken),
)
def create_token(runner: TheRunner, visit: TheVisit, data: JsonBody) -> Response:
    """Make a token; its text is in this answer and never in another."""
    given = parsed(NewToken, data)
    told: list[TokenMade] = []

    def create(unit: UnitOfWork) -> Answer:
        user = unit.session.get_one(UserRow, visit.actor.user_id)
        row, text = tokens.create(unit, user, given.name, scopes=given.scopes, days=given.days)
        kept = TokenMade.of(row)
        told.append(kept.model_copy(update={"token": text}))
        return Answer(kept, 201)

    answer = runner.change(data, create)  # keeps the answer for a repetition, without the text
    return Answer(told[0], 201).response() if told else answer


@router.delete(
    "/me/tokens/{token_id}",
    status_code=204,
    summary="吊销令牌 Revoke a token",
    responses=problems(401, 403, 404, 429, 503),
)
def revoke_token(runner: TheRunner, visit: TheVisit, token_id: str) -> Response:
    """End one of the caller's tokens at once."""
    return runner.delete(lambda unit: tokens.revoke(unit, token_id, visit.actor.user_id))


# ---------------------------------------------------------------- everybody's


@router.get(
    "/users",
    summary="账号列表 List accounts",
    responses=answers(UserPage) | problems(401, 403, 422, 429, 503),
)
def list_users(
    store: TheStore,
    actor: TheActor,
    cursor: Annotated[str, Query(max_length=500)] = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = LIMIT,
) -> Response:
    """List accounts by user name."""
    with store.reading() as session:
        page = users.listed(session, actor, cursor=cursor, limit=limit)
        items = [UserOut.from_row(row) for row in page.items]
    return Answer(UserPage.of(page, items=items)).response()


@router.post(
    "/users",
    status_code=201,
    summary="添加账号 Add an account",
    responses=answers(UserOut, 201) | problems(400, 401, 403, 409, 413, 415, 422, 429, 503),
    openapi_extra=content(NewUserIn),
)
def add_user(runner: TheRunner, data: JsonBody) -> Response:
    """Add an account."""
    runner.actor.need(Ability.administer)
    given = parsed(NewUserIn, data, confidential=True)
    kept = passwords.hashed(given.password, given.username) if given.password else None
    new = users.NewUser(given.username, given.name, given.role, given.email or None, kept)
    return runner.change(
        _fingerprint(runner, data), lambda unit: _answer(users.add(unit, new), 201)
    )


@router.get(
    "/users/{username}",
    summary="读取账号 Read an account",
    responses=answers(UserOut) | problems(401, 403, 404, 429, 503),
)
def read_user(store: TheStore, actor: TheActor, username: str) -> Response:
    """Answer an account with its ETag."""
    with store.reading() as session:
        return _answer(users.administered(session, actor, username)).response()


@router.patch(
    "/users/{username}",
    summary="修改账号 Change an account",
    responses=answers(UserOut)
    | problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503),
    openapi_extra=content(UserChange),
)
def change_user(runner: TheRunner, username: str, data: JsonBody) -> Response:
    """Change an account; disabling ends its sessions and tokens, a password also lifts a lock."""
    runner.actor.need(Ability.administer)
    given = parsed(UserChange, data, confidential=True)
    plain = given.model_dump(exclude={"password"})
    kept = passwords.hashed(given.password, username) if given.password else None
    changes = users.Changes(**plain, password_hash=kept)

    def change(unit: UnitOfWork) -> Answer:
        user = users.administered(unit.session, unit.actor, username, lock=True)
        check_etag(runner.if_match, user.etag)
        return _answer(users.change(unit, user, changes))

    return runner.change(_fingerprint(runner, data), change)


def _fingerprint(runner: ChangeRunner, data: bytes) -> bytes:
    """Return what stands for a body with a password in it: only the key could try passwords."""
    return hmac.digest(runner.store.key, data, "sha256")


def _answer(user: UserRow, status: int = 200) -> Answer:
    return Answer(UserOut.from_row(user), status, user.etag, f"/api/v1/users/{user.username}")
