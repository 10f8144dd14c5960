"""What the API answers of people and their tokens: nothing that could be used to sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from docgen.access import Ability, Actor
from docgen.accounts.sessions import Visit
from docgen.accounts.tokens import allowed
from docgen.store import tables

Line = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$", examples=["张伟"])
]


class MeOut(BaseModel):
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
    def of(cls, row: tables.UserRow, actor: Actor, visit: Visit | None) -> MeOut:
        """Make it."""
        return cls(
            username=row.username,
            name=row.name,
            role=row.role,
            email=row.email,
            scopes=[scope for scope in allowed(row.role) if scope in actor.scopes],
            abilities=[ability for ability in Ability if actor.may(ability)],
            csrf_token=visit.csrf_token if visit else None,
            expires_at=visit.expires_at if visit else None,
        )


class UserOut(BaseModel):
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
    def of(cls, row: tables.UserRow) -> UserOut:
        """Make it."""
        return cls(
            username=row.username,
            name=row.name,
            role=row.role,
            email=row.email,
            disabled=row.disabled_at is not None,
            has_password=row.password_hash is not None,
            single_sign_on=row.subject is not None,
            created_at=row.created_at,
        )


class UserPage(BaseModel):
    """A page of accounts."""

    items: list[UserOut]
    next_cursor: str


class TokenOut(BaseModel):
    """An API token, without its text."""

    id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, row: tables.ApiTokenRow) -> TokenOut:
        """Make it."""
        same = {name: getattr(row, name) for name in TokenOut.model_fields if name != "scopes"}
        return cls(**same, scopes=row.scopes.split())


class TokenMade(TokenOut):
    """A token that was just made."""

    token: str | None = Field(None, description="told this once; null when a request is repeated")


class Tokens(BaseModel):
    """All tokens of the caller."""

    items: list[TokenOut]
