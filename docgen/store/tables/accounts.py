"""People of the provider: accounts, how they sign in, API tokens, who works on which contract.

No password, token, cookie or code lies here: only hashes of them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, Sha256, UtcMoment


class UserRow(Base):
    """An account. `role` is one of `docgen.access.ROLES`; `subject` is the OIDC issuer and sub."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(512), unique=True)
    etag: Mapped[int] = mapped_column(default=1)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class SessionRow(Base):
    """A signed-in browser, known by the hash of its cookie."""

    __tablename__ = "sessions"

    id_hash: Mapped[str] = mapped_column(Sha256, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    seen_at: Mapped[datetime] = mapped_column(UtcMoment)
    expires_at: Mapped[datetime] = mapped_column(UtcMoment, index=True)


class AttemptRow(Base):
    """Guesses that failed, by what they were made at: the hash of a user name or an address."""

    __tablename__ = "attempts"

    key_hash: Mapped[str] = mapped_column(Sha256, primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[datetime] = mapped_column(UtcMoment, index=True)
    locked_until: Mapped[datetime | None] = mapped_column(UtcMoment)


class SetupCodeRow(Base):
    """The code that makes the first administrator, once."""

    __tablename__ = "setup_codes"

    code_hash: Mapped[str] = mapped_column(Sha256, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(UtcMoment)


class OidcLoginRow(Base):
    """Somebody who was sent to the OpenID provider and has not come back yet."""

    __tablename__ = "oidc_logins"

    state_hash: Mapped[str] = mapped_column(Sha256, primary_key=True)
    browser_hash: Mapped[str] = mapped_column(Sha256)
    expires_at: Mapped[datetime] = mapped_column(UtcMoment, index=True)


class ApiTokenRow(Base):
    """A program's credentials, known by their hash; `scopes` are separated by spaces."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    token_hash: Mapped[str] = mapped_column(Sha256, unique=True)
    scopes: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    expires_at: Mapped[datetime] = mapped_column(UtcMoment)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcMoment)


class MemberRow(Base):
    """Somebody who works on a contract, and so may see it."""

    __tablename__ = "members"

    contract_id: Mapped[str] = mapped_column(Id, ForeignKey("contracts.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), primary_key=True, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
