"""Browsers that are signed in: sessions kept on the server, known by the hash of their cookie."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session as Database

from docgen.access import Actor
from docgen.accounts import attempts, passwords, users
from docgen.accounts.tokens import hash_of
from docgen.errors import NotSignedIn
from docgen.store.tables import SessionRow, UserRow
from docgen.store.unit_of_work import Store, UnitOfWork

# Two hours of a meeting without a click, and a working day: nobody stays signed in overnight.
IDLE, LONGEST = timedelta(hours=2), timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)  # a request writes nothing more often than that
COOKIE_BYTES = 32  # of randomness, so a plain sha256 is enough to keep it by


@dataclass(frozen=True)
class Visit:
    """A session: who it is, and what its cookie's hash is."""

    actor: Actor
    id_hash: str
    csrf_token: str
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Opened:
    """A session that was just made; `cookie` is told to the browser and kept nowhere."""

    visit: Visit
    cookie: str


def nobody(address: str) -> Actor:
    """Return who acts before anybody is known."""
    return Actor(None, "?", "nobody", address)


def actor_for(user: UserRow, address: str) -> Actor:
    """Return a user as the one who acts."""
    return Actor(user.id, user.name, user.role, address)


def sign_in(store: Store, username: str, password: str, *, address: str, old: str = "") -> Opened:
    """Open a session for a name and its password; an `old` one of the same browser ends.

    Raises NotSignedIn (wrong, unknown or disabled, all alike), Overloaded after too many failures.
    """
    targets = (attempts.of_user(username), attempts.of_address(address))
    with store.change(nobody(address)) as unit:
        locking = attempts.begin(unit, *targets)
    with store.reading() as session:
        user = users.enabled(session, username)
    kept = user.password_hash if user else None
    if not passwords.matches(kept, password) or user is None or kept is None:
        note_failure(store, "login", address, user=user, locking=locking)
        raise NotSignedIn("wrong_password")
    renewed = passwords.hashed(password, username) if passwords.outdated(kept) else kept
    with store.change(actor_for(user, address)) as unit:
        same = (
            UserRow.id == user.id,
            UserRow.password_hash == kept,
        )  # not changed while we computed
        found = unit.session.execute(
            update(UserRow).where(*same).values(password_hash=renewed).returning(UserRow.id)
        )
        if found.first() is None:
            raise NotSignedIn("wrong_password")
        if renewed != kept:
            told = {"password": users.fingerprint(renewed)}
            unit.note("user.changed", ("user", user.id), username=user.username, **told)
        attempts.forget(unit.session, *targets)
        return open_for(unit, user.id, store.key, old=old)


def change_password(store: Store, visit: Visit, password: str, new: str) -> None:
    """Set one's own password after showing the old one; every session of the account ends.

    Raises NotSignedIn (wrong_password), InputUnreadable (password_weak), Overloaded.
    """
    actor = visit.actor
    with store.reading() as session:
        user = session.get_one(UserRow, actor.user_id)
    passwords.check(new, user.username)
    with store.change(actor) as unit:
        locking = attempts.begin(unit, attempts.of_user(user.username))
    if not passwords.matches(user.password_hash, password):
        note_failure(store, "password", actor.address, user=user, locking=locking)
        raise NotSignedIn("wrong_password")
    kept = passwords.hashed(new, user.username)
    with store.change(actor) as unit:
        user = users.by_username(unit.session, user.username, lock=True)
        users.change(unit, user, users.Changes(password_hash=kept))


def open_for(unit: UnitOfWork, user_id: str, key: bytes, *, old: str = "", how: str = "") -> Opened:
    """Open a session for somebody who has shown who it is; NotSignedIn when disabled meanwhile."""
    session = unit.session
    user = session.get_one(UserRow, user_id, with_for_update=True, populate_existing=True)
    if user.disabled_at:
        raise NotSignedIn("not_signed_in")
    past = or_(SessionRow.expires_at <= unit.now, SessionRow.seen_at <= unit.now - IDLE)
    session.execute(delete(SessionRow).where(or_(past, SessionRow.id_hash == hash_of(old))))
    cookie = secrets.token_urlsafe(COOKIE_BYTES)
    row = SessionRow(
        id_hash=hash_of(cookie),
        user_id=user_id,
        created_at=unit.now,
        seen_at=unit.now,
        expires_at=unit.now + LONGEST,
    )
    session.add(row)
    unit.note("login", ("user", user_id), how=how or "password")
    actor = actor_for(user, unit.actor.address)
    visit = Visit(actor, row.id_hash, csrf_of(key, cookie), row.seen_at, row.expires_at)
    return Opened(visit, cookie)


def visit_of(session: Database, cookie: str, *, key: bytes, now: datetime, address: str) -> Visit:
    """Return whose cookie it is. Raises NotSignedIn for any that does not count (now)."""
    query = (
        select(SessionRow.id_hash, SessionRow.seen_at, SessionRow.expires_at, UserRow)
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.id_hash == hash_of(cookie), UserRow.disabled_at.is_(None))
    )
    found = session.execute(query).first()
    if found is None:
        raise NotSignedIn("not_signed_in")
    id_hash, seen_at, expires_at, user = found
    if expires_at <= now or seen_at + IDLE <= now:
        raise NotSignedIn("not_signed_in")
    return Visit(actor_for(user, address), id_hash, csrf_of(key, cookie), seen_at, expires_at)


def keep_alive(store: Store, visit: Visit) -> None:
    """Write down that a session is used, once a minute at most."""
    now = store.clock()
    if visit.seen_at + SEEN_EVERY <= now:
        with store.database.writing() as session:
            session.execute(
                update(SessionRow).where(SessionRow.id_hash == visit.id_hash).values(seen_at=now)
            )


def end(unit: UnitOfWork, visit: Visit) -> None:
    """End a session at once."""
    unit.session.execute(delete(SessionRow).where(SessionRow.id_hash == visit.id_hash))
    assert unit.actor.user_id
    unit.note("logout", ("user", unit.actor.user_id))


def csrf_of(key: bytes, cookie: str) -> str:
    """Return the token that a session's changes carry: who cannot read answers cannot know it."""
    return hmac.new(key, f"csrf {cookie}".encode("utf-8", "replace"), "sha256").hexdigest()


def note_failure(
    store: Store,
    what: str,
    address: str,
    *,
    user: UserRow | None = None,
    locking: Sequence[attempts.GuessedSecret] = (),
) -> None:
    """Put a failure into the audit trail, and what it locked; never what was typed.

    A name that nobody has may be a password typed into the wrong field.
    """
    subject = ("user", user.id) if user else ("address", address)
    with store.change(nobody(address)) as unit:
        unit.note(f"{what}.failed", subject)
        for target in locking:
            unit.note(f"{what}.locked", subject, by=target.kind)
