"""Sessions: how they begin, what they may, and that they end when they should."""

from __future__ import annotations

from typing import Any

import pytest

from docgen.accounts import passwords, users
from tests.service import Team
from tests.signing_in import (
    ORIGIN,
    OTHER,
    PASSWORD,
    WRONG,
    actions,
    browser,
    change_user,
    everything_kept,
    give_password,
    sign_in,
    signed_in,
)

pytestmark = pytest.mark.usefixtures("quick_passwords")


def test_a_session_begins_and_ends(people: Team) -> None:
    client = browser(people)
    answer = sign_in(client)
    told = answer.json()
    assert answer.status_code == 201
    assert (told["username"], told["role"]) == ("zhangwei", "engineer")
    assert told["scopes"] == ["read", "write"]
    cookie = answer.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "path=/"):
        assert part in cookie
    assert "secure" not in cookie
    assert "domain" not in cookie
    assert client.get("/api/v1/me").json() == told
    headers = {"X-CSRF-Token": told["csrf_token"], "Origin": ORIGIN}
    kept = dict(client.cookies)
    assert client.delete("/api/v1/sessions/current", headers=headers).status_code == 204
    assert not client.cookies
    ended = client.get("/api/v1/me", headers={"Cookie": f"docgen_session={kept['docgen_session']}"})
    assert (ended.status_code, ended.json()["code"]) == (401, "not_signed_in")
    assert actions(people)[-2:] == ["login", "logout"]


def test_under_https_the_cookie_is_secure_and_of_this_host_alone(people: Team) -> None:
    client = browser(people, "https://testserver")
    answer = sign_in(client, Origin="https://testserver")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-docgen_session=")
    assert "Secure" in cookie
    assert client.get("/api/v1/me").status_code == 200
    plain = {"Cookie": f"docgen_session={client.cookies['__Host-docgen_session']}"}
    assert browser(people, "https://testserver").get("/api/v1/me", headers=plain).is_error


def test_each_sign_in_has_a_new_id_and_ends_the_old_one(people: Team) -> None:
    client = browser(people)
    planted = {"Cookie": "docgen_session=chosen-by-somebody-else"}
    assert "chosen" not in sign_in(client, **planted).headers["set-cookie"]
    assert browser(people).get("/api/v1/me", headers=planted).status_code == 401
    sign_in(client)
    before = client.cookies["docgen_session"]
    sign_in(client)
    after = client.cookies["docgen_session"]
    assert before != after
    old = browser(people).get("/api/v1/me", headers={"Cookie": f"docgen_session={before}"})
    assert old.status_code == 401
    assert client.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("hours", "uses", "status"),
    [(1.9, 1, 200), (2.0, 1, 401), (1.9, 6, 200), (1.9, 7, 401)],
)
def test_a_session_ends_unused_after_two_hours_and_anyway_after_twelve(
    office: Team, hours: float, uses: int, status: int
) -> None:
    give_password(office, "zhangwei")
    client, _ = signed_in(office)
    answers = []
    for _ in range(uses):
        office.clock.go(hours=hours)
        answers.append(client.get("/api/v1/me").status_code)
    assert answers == [200] * (uses - 1) + [status]


def test_wrong_name_wrong_password_and_no_password_are_told_alike(people: Team) -> None:
    answers = [
        sign_in(browser(people), name, WRONG) for name in ("zhangwei", "lina", "nobody", "\x00ü")
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


def test_a_session_does_what_its_role_may(people: Team) -> None:
    people.contract()
    client, headers = signed_in(people)
    assert len(client.get("/api/v1/contracts").json()["items"]) == 1
    assert client.get("/api/v1/users").status_code == 403
    refused = client.post("/api/v1/contracts", json={}, headers=headers)
    assert refused.json()["code"] == "not_allowed"


def test_a_session_ends_with_password_and_account(people: Team) -> None:
    mine, headers = signed_in(people)
    another, _ = signed_in(people)
    body = {"password": PASSWORD, "new_password": OTHER}
    wrong = mine.put("/api/v1/me/password", json=body | {"password": WRONG}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_password")
    weak = mine.put("/api/v1/me/password", json=body | {"new_password": "a"}, headers=headers)
    assert weak.json()["code"] == "password_weak"
    assert mine.put("/api/v1/me/password", json=body, headers=headers).status_code == 204
    assert [one.get("/api/v1/me").status_code for one in (mine, another)] == [401, 401]
    assert sign_in(browser(people)).status_code == 401
    client = browser(people)
    assert sign_in(client, password=OTHER).status_code == 201
    assert change_user(people, "zhangwei", {"disabled": True}).status_code == 200
    assert client.get("/api/v1/me").status_code == 401
    assert people.get("zhangwei", "/me").status_code == 401
    assert sign_in(browser(people), password=OTHER).status_code == 401
    assert change_user(people, "zhangwei", {"disabled": False}).status_code == 200
    assert people.get("zhangwei", "/me").status_code == 401, "a revoked token stays so"
    assert sign_in(browser(people), password=OTHER).status_code == 201


def test_no_secret_is_kept_told_or_written_down(people: Team) -> None:
    client, headers = signed_in(people)
    cookie = client.cookies["docgen_session"]
    made = client.post("/api/v1/me/tokens", json={"name": "ci"}, headers=headers).json()
    sign_in(browser(people), "zhangwei", WRONG)
    sign_in(browser(people), WRONG.replace(" ", ""), WRONG)
    kept = everything_kept(people)
    for secret in (PASSWORD, WRONG, WRONG.replace(" ", ""), cookie, made["token"]):
        assert secret not in kept
    assert headers["X-CSRF-Token"] not in kept


@pytest.mark.parametrize(
    "body",
    [
        {"username": "zhangwei"},
        {"username": "zhangwei", "password": 7},
        {"username": "zhangwei", "password": PASSWORD, "role": "admin"},
        {"username": "zhangwei", "password": PASSWORD * 20},
        ["zhangwei", PASSWORD],
    ],
)
def test_a_malformed_sign_in_is_not_told_back(office: Team, body: Any) -> None:
    answer = office.client.post("/api/v1/sessions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_body")
    assert PASSWORD not in answer.text


# ---------------------------------------------------------------- passwords


def test_a_password_is_kept_as_argon2id_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # with the work that it takes in earnest
    kept = passwords.hashed(PASSWORD, "zhangwei")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(kept, PASSWORD)
    assert not passwords.matches(kept, WRONG)
    assert not passwords.matches(None, "nobody has this password")
    assert not passwords.outdated(kept)


def test_a_hash_of_less_work_is_renewed_at_sign_in(
    office: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_password(office, "zhangwei")
    with office.store.reading() as session:
        before = users.by_username(session, "zhangwei").password_hash or ""
    monkeypatch.undo()
    assert passwords.outdated(before)
    assert sign_in(browser(office)).status_code == 201
    with office.store.reading() as session:
        after = users.by_username(session, "zhangwei").password_hash or ""
    assert not passwords.outdated(after)
    assert sign_in(browser(office)).status_code == 201


def test_many_sign_ins_at_once_wait_a_little_and_are_then_refused(
    office: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "PATIENCE_S", 0)
    for _ in range(passwords.AT_ONCE):
        assert passwords._PLACES.acquire(blocking=False)
    try:
        busy = sign_in(browser(office))
    finally:
        passwords._PLACES.release(passwords.AT_ONCE)
    assert (busy.status_code, busy.json()["code"]) == (429, "sign_in_busy")
    assert busy.headers["retry-after"]
