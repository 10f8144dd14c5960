"""Guesses at passwords: locked after a few, whether there is an account or not (attack A4)."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from docgen.accounts import attempts, users
from tests.service import Team
from tests.signing_in import PASSWORD, WRONG, browser, change_user, sign_in, trail

pytestmark = pytest.mark.usefixtures("quick_passwords")


def guess(team: Team, username: str, times: int) -> list[int]:
    return [sign_in(team.client, username, WRONG).status_code for _ in range(times)]


def test_five_failures_lock_a_name_whether_somebody_has_it_or_not(people: Team) -> None:
    for username, found in (("zhangwei", 201), ("nobody", 401)):
        assert guess(people, username, 5) == [401] * 5
        locked = sign_in(people.client, username)
        assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
        assert locked.headers["retry-after"] == "900"
        people.clock.go(minutes=14)
        assert sign_in(people.client, username).headers["retry-after"] == "60"
        people.clock.go(minutes=1)
        assert sign_in(people.client, username).status_code == found


def test_the_answer_to_a_lock_says_nothing_of_the_account(people: Team) -> None:
    answers = []
    for username in ("zhangwei", "nobody"):
        guess(people, username, 5)
        answers.append(sign_in(people.client, username, WRONG))
    assert answers[0].content == answers[1].content
    assert answers[0].headers["retry-after"] == answers[1].headers["retry-after"]


def test_locks_double_up_to_a_day(office: Team) -> None:
    waits = []
    for _ in range(9):
        guess(office, "nobody", 5)
        wait_s = int(sign_in(office.client, "nobody", WRONG).headers["retry-after"])
        waits.append(wait_s / 60)
        office.clock.go(seconds=wait_s)
    assert waits == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]
    assert attempts.lock_of(1000) == timedelta(days=1)


def test_success_and_time_forget_failures(people: Team) -> None:
    guess(people, "zhangwei", 4)
    assert sign_in(browser(people)).status_code == 201
    assert guess(people, "zhangwei", 4) == [401] * 4
    people.clock.go(days=2)
    assert guess(people, "zhangwei", 5) == [401] * 5
    assert sign_in(browser(people)).status_code == 429


def test_an_administrators_new_password_lifts_the_lock(people: Team) -> None:
    guess(people, "zhangwei", 6)
    assert change_user(people, "zhangwei", {"password": PASSWORD + "!"}).status_code == 200
    assert sign_in(browser(people), "zhangwei", PASSWORD + "!").status_code == 201


def test_twenty_failures_lock_an_address_for_all_names(people: Team) -> None:
    for number in range(4):
        assert guess(people, f"name{number}", 5) == [401] * 5
    assert sign_in(browser(people)).status_code == 429
    people.clock.go(minutes=15)
    assert sign_in(browser(people)).status_code == 201


def test_guesses_at_once_are_no_more_than_guesses_in_turn(people: Team) -> None:
    with ThreadPoolExecutor(20) as pool:
        found = Counter(
            pool.map(lambda _: sign_in(browser(people), "zhangwei", WRONG).status_code, range(20))
        )
    assert found == {401: 5, 429: 15}


def test_what_happened_is_in_the_trail(people: Team) -> None:
    guess(people, "zhangwei", 5)
    guess(people, "nobody", 1)
    entries = trail(people)[-7:]
    assert [entry.action for entry in entries] == [
        *["login.failed"] * 5,
        "login.locked",
        "login.failed",
    ]
    with people.store.reading() as session:
        user = users.by_username(session, "zhangwei")
    assert {entry.subject_id for entry in entries[:6]} == {user.id}
    assert (entries[6].subject_kind, entries[6].actor_id) == ("address", None)
    assert all(entry.address for entry in entries)


def test_the_old_password_is_guarded_as_well(people: Team) -> None:
    client = browser(people)
    token = sign_in(client).json()["csrf_token"]
    headers = {"X-CSRF-Token": token, "Origin": "http://testserver"}
    body = {"password": WRONG, "new_password": PASSWORD + "!"}
    found = [
        client.put("/api/v1/me/password", json=body, headers=headers).status_code for _ in range(6)
    ]
    assert found == [401] * 5 + [429]
