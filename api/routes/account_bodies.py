"""What the API answers of people and their tokens: nothing that could be used to sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from api.http.bodies import AnswerBody, ItemsBody, PageBody, words_of
from docgen.access import Ability, Actor
from docgen.accounts.sessions import Visit
from docgen.accounts.tokens import allowed
from docgen.store import tables

Line = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["张伟"])
]


class MeOut(AnswerBody):
    """Who calls, and what they may do."""

    username: str
    name: str
    role: str
    email: str | None
    scopes: list[str]
    abilities: list[str]
    csrf_token: str | None = Field(description="send it as X-CSRF-Token; null with a token")
    expires_at: datetime | None = Field(description="when the session ends at the latest")

    @classmethod
    def from_user(cls, row: tables.UserRow, actor: Actor, visit: Visit | None) -> MeOut:
        """Make it of the account, and of what this token or session may do."""
        return cls.of(
            row,
            scopes=[scope for scope in allowed(row.role) if scope in actor.scopes],
            abilities=[ability for ability in Ability if actor.may(ability)],
            csrf_token=visit.csrf_token if visit else None,
            expires_at=visit.expires_at if visit else None,
        )


class UserOut(AnswerBody):
    """An account."""

    username: str
    name: str
    role: str
    email: str | None
    disabled: bool
    has_password: bool
    single_sign_on: bool = Field(description="linked to an identity of the OpenID provider")
    created_at: datetime

    @classmethod
    def from_row(cls, row: tables.UserRow) -> UserOut:
        """Make it; of password and identity it says only whether there is one."""
        return cls.of(
            row,
            disabled=row.disabled_at is not None,
            has_password=row.password_hash is not None,
            single_sign_on=row.subject is not None,
        )


class UserPage(PageBody[UserOut]):
    """A page of accounts."""


class TokenOut(AnswerBody):
    """An API token, without its text."""

    id: str
    name: str
    scopes: Annotated[list[str], BeforeValidator(words_of)]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class TokenMade(TokenOut):
    """A token that was just made."""

    token: str | None = Field(None, description="told this once; null when a request is repeated")


class Tokens(ItemsBody[TokenOut]):
    """All tokens of the caller."""
