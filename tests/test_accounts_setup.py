"""The first administrator: made once, with a code that is used once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import update

from docgen.access import SERVICE
from docgen.accounts import setup
from docgen.store.tables import UserRow
from tests.service import Team, at_work
from tests.signing_in import PASSWORD, actions, browser, everything_kept, sign_in

pytestmark = pytest.mark.usefixtures("quick_passwords")

FIRST = {"username": "chef", "name": "管理员", "password": PASSWORD}


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    """An application over each database without an administrator."""
    url = request.getfixturevalue("database") if request.param == "postgresql" else ""
    with at_work(tmp_path / "data", url) as team:
        with team.store.change(SERVICE) as unit:
            unit.session.execute(update(UserRow).values(role="pm"))
        yield team


def set_up(team: Team, code: str, **changes: str) -> Response:
    return team.client.post("/api/v1/setup", json=FIRST | {"code": code} | changes)


def test_the_code_makes_one_administrator(empty: Team) -> None:
    code = setup.renew(empty.store)
    assert len(code.replace("-", "")) == 30
    assert set_up(empty, code, password="chef is my name").json()["code"] == "password_weak"
    assert set_up(empty, code, username="Chef").json()["code"] == "bad_username"
    made = set_up(empty, f" {code.lower().replace('-', ' ')} ")
    assert (made.status_code, made.json()["role"]) == (201, "admin")
    assert sign_in(browser(empty), "chef").status_code == 201
    again = set_up(empty, code, username="second")
    assert (again.status_code, again.json()["code"]) == (403, "setup_code_wrong")
    assert setup.renew(empty.store) == ""
    assert actions(empty)[-4:] == ["setup.code_made", "user.added", "login", "setup.failed"]


def test_a_code_ends_after_a_day_and_with_the_next_one(empty: Team) -> None:
    first = setup.renew(empty.store)
    second = setup.renew(empty.store)
    assert set_up(empty, first).status_code == 403
    empty.clock.go(hours=24)
    assert set_up(empty, second).status_code == 403
    assert set_up(empty, setup.renew(empty.store)).status_code == 201


def test_a_code_is_used_once_even_at_once(empty: Team) -> None:
    code = setup.renew(empty.store)
    with ThreadPoolExecutor(4) as pool:
        names = ["one", "two", "three", "four"]
        found = list(pool.map(lambda name: set_up(empty, code, username=name).status_code, names))
    assert sorted(found) == [201, 403, 403, 403]


def test_guesses_at_the_code_are_locked(empty: Team) -> None:
    code = setup.renew(empty.store)
    assert [set_up(empty, "X" * 30).status_code for _ in range(5)] == [403] * 5
    assert set_up(empty, code).status_code == 429
    assert code not in everything_kept(empty)
    assert code.replace("-", "") not in everything_kept(empty)


def test_without_a_code_there_is_no_way_in(empty: Team) -> None:
    for code in ("", " ", "-"):
        assert set_up(empty, code).status_code == 403
