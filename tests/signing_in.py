"""People who sign in to the application of `tests.service` as browsers do."""

from __future__ import annotations

from typing import Any

import pytest
from argon2 import PasswordHasher
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select

from docgen.access import SERVICE
from docgen.accounts import passwords, users
from docgen.store.tables import AuditEntryRow, Base
from tests.service import Team

PASSWORD, OTHER = "correct horse battery", "a wholly different sentence"
WRONG = "no such luck today"
ORIGIN = "http://testserver"


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with less work: hundreds of guesses would take minutes."""
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    monkeypatch.setattr(
        passwords, "_unknown_user_hash", lambda: hasher.hash("nobody has this password")
    )


@pytest.fixture
def people(team: Team) -> Team:
    """The team, whose engineer and administrator have passwords."""
    for username in ("zhangwei", "root"):
        give_password(team, username)
    return team


def give_password(team: Team, username: str, password: str = PASSWORD) -> None:
    kept = passwords.hashed(password, username)
    with team.store.change(SERVICE) as unit:
        user = users.by_username(unit.session, username, lock=True)
        users.change(unit, user, users.Changes(password_hash=kept))


def browser(team: Team, base_url: str = ORIGIN) -> TestClient:
    return TestClient(team.client.app, base_url=base_url)


def sign_in(
    client: TestClient, username: str = "zhangwei", password: str = PASSWORD, **headers: str
) -> Response:
    body = {"username": username, "password": password}
    return client.post("/api/v1/sessions", json=body, headers=headers)


def signed_in(team: Team, username: str = "zhangwei") -> tuple[TestClient, dict[str, str]]:
    """Return a browser that is signed in, and what its page sends with a change."""
    client = browser(team)
    answer = sign_in(client, username)
    assert answer.status_code == 201, answer.text
    return client, {"X-CSRF-Token": answer.json()["csrf_token"], "Origin": ORIGIN}


def trail(team: Team) -> list[AuditEntryRow]:
    with team.store.reading() as session:
        return list(session.scalars(select(AuditEntryRow).order_by(AuditEntryRow.seq)))


def actions(team: Team) -> list[str]:
    return [entry.action for entry in trail(team)]


def everything_kept(team: Team) -> str:
    """Return all that the database holds, as text."""
    with team.store.reading() as session:
        tables = Base.metadata.sorted_tables
        rows = [session.execute(select(table)).all() for table in tables]
    return repr(rows)


def change_user(team: Team, username: str, body: Any, **headers: str) -> Response:
    path = f"/users/{username}"
    seen = headers or {"If-Match": team.get("root", path).headers.get("etag", '"0"')}
    return team.ask("root", "PATCH", path, json=body, headers=seen)
