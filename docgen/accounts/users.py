"""Accounts: who they are and in which role they work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, select, update
from sqlalchemy.orm import Session as Database

from docgen.access import ROLES, Ability, Actor
from docgen.accounts import attempts
from docgen.errors import Conflict, InputUnreadable, NotFound
from docgen.store.audit_chain import text_hash
from docgen.store.pagination import LIMIT, Page, decoded, paged
from docgen.store.tables import ApiTokenRow, SessionRow, UserRow
from docgen.store.unit_of_work import UnitOfWork
from schemas.vocabulary import Role

KIND = "users"
USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")


@dataclass(frozen=True)
class NewUser:
    """Somebody to add; `password_hash` is made by `docgen.accounts.passwords`."""

    username: str
    name: str
    role: str
    email: str | None = None
    password_hash: str | None = None


@dataclass(frozen=True)
class Changes:
    """What becomes of an account; None stays as it is, an empty `email` is taken away."""

    name: str | None = None
    email: str | None = None
    role: str | None = None
    disabled: bool | None = None
    password_hash: str | None = None


def add(unit: UnitOfWork, new: NewUser) -> UserRow:
    """Add an account; the caller has asked for the ability. InputUnreadable, Conflict."""
    check_username(new.username)
    _check_role(new.role)
    if unit.session.scalar(select(UserRow.id).where(UserRow.username == new.username)):
        raise Conflict("user_exists", place="username", value=new.username)
    user = UserRow(id=unit.new_id(), **vars(new), etag=1, created_at=unit.now)
    unit.session.add(user)
    unit.session.flush()
    note_added(unit, user)
    return user


def note_added(unit: UnitOfWork, user: UserRow) -> None:
    """Put a new account into the audit trail."""
    unit.note(
        "user.added",
        ("user", user.id),
        username=user.username,
        name=user.name,
        email=fingerprint(user.email),
        role=user.role,
        disabled=user.disabled_at is not None,
        password=fingerprint(user.password_hash),
        oidc=user.subject,
    )


def fingerprint(kept: str | None) -> str | None:
    """Return how the trail names what is kept of a secret: its sha256, which tells nobody anything.

    What is kept holds a salt, or is the hash of a random token.
    """
    return text_hash(kept) if kept else None


def change(unit: UnitOfWork, user: UserRow, changes: Changes) -> UserRow:
    """Change an account; the caller has asked for the ability. InputUnreadable, Conflict.

    Disabling ends sessions and revokes tokens at once; a new password ends sessions and locks.
    """
    others = _other_admins(unit.session, user)
    was_admin = _is_admin(user)
    changed = _put(user, changes, unit.now)
    if was_admin and not _is_admin(user) and not others:
        raise Conflict("last_admin", value=user.username)
    if changes.password_hash or user.disabled_at:
        unit.session.execute(delete(SessionRow).where(SessionRow.user_id == user.id))
    if changes.password_hash:
        attempts.forget(unit.session, attempts.of_user(user.username))
    if user.disabled_at:
        _revoke_tokens(unit, user)
    user.etag += 1
    unit.note("user.changed", ("user", user.id), username=user.username, **changed)
    return user


def listed(
    session: Database, actor: Actor, *, cursor: str = "", limit: int = LIMIT
) -> Page[UserRow]:
    """List accounts by user name. Raises NotAllowed."""
    actor.need(Ability.administer)
    query = select(UserRow).order_by(UserRow.username)
    if cursor:
        query = query.where(UserRow.username > str(decoded(cursor, KIND)))
    return paged(session.scalars(query.limit(limit + 1)), limit, KIND, lambda user: user.username)


def every(session: Database) -> Sequence[UserRow]:
    """List all accounts, for whoever runs the service."""
    return session.scalars(select(UserRow).order_by(UserRow.username)).all()


def administered(session: Database, actor: Actor, username: str, *, lock: bool = False) -> UserRow:
    """Find an account to look at or, locked, to change. Raises NotAllowed, NotFound."""
    actor.need(Ability.administer)
    return by_username(session, username, lock=lock)


def by_username(session: Database, username: str, *, lock: bool = False) -> UserRow:
    """Find an account; `lock` keeps others from changing it until the commit. NotFound."""
    query = select(UserRow).where(UserRow.username == username)
    chosen = query.with_for_update() if lock else query
    user = session.scalar(chosen) if USERNAME.fullmatch(username) else None
    if user is None:
        raise NotFound("not_found.user")
    return user


def enabled(session: Database, username: str) -> UserRow | None:
    """Find an account that may sign in."""
    if not USERNAME.fullmatch(username):
        return None
    query = select(UserRow).where(UserRow.username == username, UserRow.disabled_at.is_(None))
    return session.scalar(query)


def has_admin(session: Database) -> bool:
    """Whether there is an administrator who may sign in."""
    return session.scalar(_admins().limit(1)) is not None


def check_username(username: str) -> None:
    """Refuse what is no user name. InputUnreadable: bad_username."""
    if not USERNAME.fullmatch(username):
        raise InputUnreadable("bad_username", place="username", value=username)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InputUnreadable("bad_role", place="role", value=role, choices=", ".join(ROLES))


def _put(user: UserRow, changes: Changes, now: datetime) -> dict[str, Any]:
    """Put the changes into the row; what the audit trail says of them: no password, no address."""
    told: dict[str, Any] = {}
    if changes.role is not None:
        _check_role(changes.role)
        told["role"], user.role = changes.role, changes.role
    if changes.disabled is not None:
        told["disabled"] = changes.disabled
        user.disabled_at = (user.disabled_at or now) if changes.disabled else None
    if changes.password_hash:
        user.password_hash = changes.password_hash
        told["password"] = fingerprint(changes.password_hash)
    if changes.name is not None:
        told["name"], user.name = changes.name, changes.name
    if changes.email is not None:
        user.email = changes.email or None  # to whom a verified address of a provider leads
        told["email"] = fingerprint(user.email)
    return told


def _admins() -> Select[str]:
    return select(UserRow.id).where(UserRow.role == Role.admin, UserRow.disabled_at.is_(None))


def _other_admins(session: Database, user: UserRow) -> list[str]:
    """Return the administrators beside `user`; none of them changes until the commit."""
    return [one for one in session.scalars(_admins().with_for_update()) if one != user.id]


def _is_admin(user: UserRow) -> bool:
    return user.role == Role.admin and user.disabled_at is None


def _revoke_tokens(unit: UnitOfWork, user: UserRow) -> None:
    open_ones = (ApiTokenRow.user_id == user.id, ApiTokenRow.revoked_at.is_(None))
    revoked = update(ApiTokenRow).where(*open_ones).values(revoked_at=unit.now)
    for token_id in unit.session.scalars(revoked.returning(ApiTokenRow.id)):
        unit.note("token.revoked", ("token", token_id), revoked=True)
