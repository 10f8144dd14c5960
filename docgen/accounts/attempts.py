"""Guesses at passwords and codes: counted before they are judged, and refused after a few.

A count is kept for each user name, whether somebody has it or not, and for each address.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from docgen.accounts.tokens import hash_of
from docgen.errors import Overloaded
from docgen.store.database import insert_into
from docgen.store.tables import AttemptRow
from docgen.store.unit_of_work import UnitOfWork

# Five guesses a lock make 35 on the first day and five on each later one (NIST SP 800-63B 5.2.2
# allows 100 in a row).
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=15), timedelta(days=1)
FORGOTTEN = timedelta(days=2)  # after the last failure; longer than any lock


@dataclass(frozen=True)
class GuessedSecret:
    """What is guessed at, or from where; `limit` failures lock it."""

    kind: str
    name: str
    limit: int

    @property
    def key_hash(self) -> str:
        """What it is kept under."""
        return hash_of(f"{self.kind} {self.name}")


class Locked(Overloaded):
    """Too many failures; says neither of what nor whether there is such an account."""


def of_user(username: str) -> GuessedSecret:
    """Guesses at a user's password: five."""
    return GuessedSecret("user", username, 5)


def of_address(address: str) -> GuessedSecret:
    """Guesses from one address, which many people may share: twenty."""
    return GuessedSecret("address", address, 20)


def of_setup(address: str) -> GuessedSecret:
    """Guesses at the setup code from one address: five."""
    return GuessedSecret("setup", address, 5)


def begin(unit: UnitOfWork, *targets: GuessedSecret) -> list[GuessedSecret]:
    """Count an attempt as failed until it succeeds; returns what this one locks if it fails.

    Counting comes first, so that guesses sent at once are no more than guesses sent in turn.
    Raises Locked.
    """
    unit.session.execute(delete(AttemptRow).where(AttemptRow.failed_at <= unit.now - FORGOTTEN))
    ordered = sorted(targets, key=lambda target: target.key_hash)  # as all do: no deadlock
    rows = [(target, _row(unit.session, target.key_hash, unit.now)) for target in ordered]
    locks = [row.locked_until for _, row in rows if row.locked_until]
    if locks and max(locks) > unit.now:
        wait_s = math.ceil((max(locks) - unit.now).total_seconds())
        raise Locked("too_many_attempts", retry_after_s=wait_s)
    return [target for target, row in rows if _counted(row, target.limit, unit.now)]


def refuse_locked(session: Session, now: datetime, *targets: GuessedSecret) -> None:
    """Refuse while a lock lasts, and count nothing. Raises Locked."""
    keys = [target.key_hash for target in targets]
    query = select(AttemptRow.locked_until).where(AttemptRow.key_hash.in_(keys))
    locks = [until for until in session.scalars(query) if until]
    if locks and max(locks) > now:
        wait_s = math.ceil((max(locks) - now).total_seconds())
        raise Locked("too_many_attempts", retry_after_s=wait_s)


def forget(session: Session, *targets: GuessedSecret) -> None:
    """Forget failures, and locks: somebody has shown who they are."""
    for key in sorted(target.key_hash for target in targets):
        session.execute(delete(AttemptRow).where(AttemptRow.key_hash == key))


def _counted(row: AttemptRow, limit: int, now: datetime) -> bool:
    """Count one; whether it locks."""
    row.failures, row.failed_at = row.failures + 1, now
    rounds, rest = divmod(row.failures, limit)
    if rest == 0:
        row.locked_until = now + lock_of(rounds)
    return rest == 0


def lock_of(rounds: int) -> timedelta:
    """Return how long the n-th lock lasts: a quarter of an hour, doubling up to a day."""
    # The exponent is bounded, or a timedelta would overflow after years of guessing.
    return min(FIRST_LOCK * (1 << min(rounds - 1, 10)), LONGEST_LOCK)


def _row(session: Session, key_hash: str, now: datetime) -> AttemptRow:
    """Return the count, locked for others until the commit; a new one begins at nothing.

    In one statement: between two, somebody who succeeds may delete the row.
    """
    new = insert_into(session, AttemptRow).values(key_hash=key_hash, failures=0, failed_at=now)
    kept = new.on_conflict_do_update(
        index_elements=[AttemptRow.key_hash], set_={"failures": AttemptRow.failures}
    ).returning(AttemptRow)
    return session.scalars(kept, execution_options={"populate_existing": True}).one()
