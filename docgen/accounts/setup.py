"""The first administrator: made once, with a code that only who starts the service sees."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from docgen.access import SERVICE
from docgen.accounts import attempts, passwords, users
from docgen.accounts.sessions import nobody, note_failure
from docgen.accounts.tokens import hash_of
from docgen.errors import NotAllowed
from docgen.store.tables import SetupCodeRow, UserRow
from docgen.store.unit_of_work import Store
from schemas.vocabulary import Role

LIFETIME = timedelta(hours=24)
LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # none that are taken for each other
GROUPS, GROUP = 6, 5  # 30 letters: 147 bits


def renew(store: Store) -> str:
    """Make a new code, and end any older one, while there is no administrator; else return ''."""
    with store.change(SERVICE) as unit:
        unit.session.execute(delete(SetupCodeRow))
        if users.has_admin(unit.session):
            return ""
        code = "-".join(
            "".join(secrets.choice(LETTERS) for _ in range(GROUP)) for _ in range(GROUPS)
        )
        row = SetupCodeRow(code_hash=_hash(code), expires_at=unit.now + LIFETIME)
        unit.session.add(row)
        unit.note("setup.code_made", ("setup", "code"))
    return code


def first_admin(
    store: Store, code: str, *, username: str, name: str, password: str, address: str
) -> UserRow:
    """Make the first administrator and use the code up.

    Raises NotAllowed (wrong, expired or used code), InputUnreadable, Conflict, Overloaded.
    """
    users.check_username(username)
    passwords.check(password, username)
    target = attempts.of_setup(address)
    with store.change(nobody(address)) as unit:
        locking = attempts.begin(unit, target)
    with store.reading() as session:
        good = _counts(session, code, store.clock())
    if not good:
        note_failure(store, "setup", address, locking=locking)
        raise NotAllowed("setup_code_wrong", place="code")
    new = users.NewUser(username, name, Role.admin, None, passwords.hashed(password, username))
    with store.change(nobody(address)) as unit:
        used = delete(SetupCodeRow).where(SetupCodeRow.code_hash == _hash(code))
        if (
            users.has_admin(unit.session)
            or not unit.session.execute(used.returning(SetupCodeRow.code_hash)).first()
        ):
            raise NotAllowed("setup_code_wrong", place="code")
        attempts.forget(unit.session, target)
        return users.add(unit, new)


def _counts(session: Session, code: str, now: datetime) -> bool:
    query = select(SetupCodeRow.expires_at).where(SetupCodeRow.code_hash == _hash(code))
    expires_at = session.scalar(query)
    return expires_at is not None and expires_at > now and not users.has_admin(session)


def _hash(code: str) -> str:
    """Hash a code as typed: hyphens, blanks and lower case do not matter."""
    return hash_of("".join(code.split()).replace("-", "").upper())
