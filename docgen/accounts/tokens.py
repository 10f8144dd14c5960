"""API tokens: shown once, kept as a hash, limited by scope and by time."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from docgen.access import SCOPES, Actor
from docgen.errors import InputUnreadable, NotFound, NotSignedIn
from docgen.store.audit_chain import text_hash
from docgen.store.tables import ApiTokenRow, UserRow
from docgen.store.unit_of_work import UnitOfWork
from schemas.vocabulary import Role

PREFIX = "dgt_"  # by which scanners of repositories find a token that was committed
TOKEN_BYTES = 32  # of randomness, so a plain sha256 is enough to keep it by
TOKEN_ID = re.compile(r"[!-~]{1,32}")
ADMIN = "admin"
DAYS, MOST_DAYS = 90, 366  # usual and longest life: a program's token is renewed once a year

# Made once: putting a query together takes longer than a small one takes to run.
_BEARER = (
    select(UserRow.id, UserRow.name, UserRow.role, ApiTokenRow.scopes, ApiTokenRow.expires_at)
    .join(UserRow, UserRow.id == ApiTokenRow.user_id)
    .where(
        ApiTokenRow.token_hash == bindparam("token_hash"),
        ApiTokenRow.revoked_at.is_(None),
        UserRow.disabled_at.is_(None),
    )
)


def create(
    unit: UnitOfWork,
    user: UserRow,
    name: str,
    *,
    scopes: Sequence[str] = (),
    days: int = DAYS,
) -> tuple[ApiTokenRow, str]:
    """Make a token for `user`; its text is returned once and never again.

    Without `scopes` it may all that its user's role may. InputUnreadable: bad_scope, bad_lifetime.
    """
    chosen = scopes or allowed(user.role)
    _check(chosen, user.role, days)
    text = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
    token = ApiTokenRow(
        id=unit.new_id(),
        user_id=user.id,
        name=name,
        token_hash=hash_of(text),
        scopes=" ".join(dict.fromkeys(chosen)),
        created_at=unit.now,
        expires_at=unit.now + timedelta(days=days),
    )
    unit.session.add(token)
    unit.session.flush()
    # The hash of what is kept of a token tells nobody anything, but another token has another one.
    fingerprint = text_hash(token.token_hash)
    unit.note(
        "token.created",
        ("token", token.id),
        user=user.username,
        scopes=token.scopes,
        revoked=False,
        fingerprint=fingerprint,
        expires=token.expires_at.astimezone(UTC).isoformat(),
    )
    return token, text


def allowed(role: str) -> tuple[str, ...]:
    """Return the scopes that a role's tokens may have; what they allow, the role limits further."""
    return tuple(scope for scope in SCOPES if scope != ADMIN or role == Role.admin)


def listed(session: Session, user_id: str) -> Sequence[ApiTokenRow]:
    """List a user's tokens, the newest first; never their texts."""
    query = select(ApiTokenRow).where(ApiTokenRow.user_id == user_id)
    return session.scalars(query.order_by(ApiTokenRow.created_at.desc(), ApiTokenRow.id)).all()


def revoke(unit: UnitOfWork, token_id: str, user_id: str | None) -> None:
    """End a token of a user's at once; a second time is no error. Raises NotFound."""
    query = select(ApiTokenRow).where(ApiTokenRow.id == token_id, ApiTokenRow.user_id == user_id)
    token = unit.session.scalar(query.with_for_update()) if TOKEN_ID.fullmatch(token_id) else None
    if token is None:
        raise NotFound("not_found.token")
    if token.revoked_at is None:
        token.revoked_at = unit.now
        unit.note("token.revoked", ("token", token.id), revoked=True)


def actor_of(session: Session, text: str, now: datetime, address: str) -> Actor:
    """Return whom a token stands for. Raises NotSignedIn for any that does not count (now).

    Every request asks this: one query over indexed columns, and nothing is written.
    """
    found = session.execute(_BEARER, {"token_hash": hash_of(text)}).first()
    if found is None or found[-1] <= now:
        raise NotSignedIn("not_signed_in")
    user_id, name, role, scopes, _ = found
    return Actor(user_id, name, role, address, tuple(scopes.split()))


def hash_of(text: str) -> str:
    """Return what is kept of a secret of full entropy: its sha256."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _check(scopes: Sequence[str], role: str, days: int) -> None:
    if set(scopes) - set(allowed(role)):
        raise InputUnreadable(
            "bad_scope", place="scopes", value=" ".join(scopes), choices=", ".join(allowed(role))
        )
    if not 1 <= days <= MOST_DAYS:
        raise InputUnreadable("bad_lifetime", place="days", value=days, limit=MOST_DAYS)
