"""Requests that are sent again: the same key gives the same answer, and nothing is done twice."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from docgen.errors import InputUnreadable
from docgen.store.tables import IdempotencyKeyRow
from docgen.store.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Repeatable:
    """A request with its key; `fingerprint` covers its address and its content."""

    user_id: str
    key: str
    fingerprint: str


def wait_for(session: Session, request: Repeatable) -> None:
    """Let no other request with this key be carried out meanwhile (SQLite has one writer)."""
    if session.get_bind().dialect.name != "sqlite":
        # An advisory lock has one signed 64-bit key (PostgreSQL, 9.28.10).
        digest = hashlib.sha256(f"{request.user_id} {request.key}".encode()).digest()
        lock = int.from_bytes(digest[:8], "big", signed=True)
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})


def earlier(session: Session, request: Repeatable) -> IdempotencyKeyRow | None:
    """Return the answer given before. InputUnreadable: key_reused, for another request."""
    found = session.get(IdempotencyKeyRow, (request.user_id, request.key))
    if found and found.fingerprint != request.fingerprint:
        raise InputUnreadable("key_reused", place="Idempotency-Key", value=request.key)
    return found


def keep(unit: UnitOfWork, request: Repeatable, *, status: int, headers: str, body: str) -> None:
    """Keep an answer, together with what was done."""
    unit.session.add(
        IdempotencyKeyRow(
            user_id=request.user_id,
            key=request.key,
            fingerprint=request.fingerprint,
            status=status,
            headers=headers,
            body=body,
            created_at=unit.now,
        )
    )


def forget(session: Session, older_than: datetime) -> None:
    """Forget the answers that were given before a moment."""
    session.execute(delete(IdempotencyKeyRow).where(IdempotencyKeyRow.created_at < older_than))
