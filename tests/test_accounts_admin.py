"""Accounts, by administrators: added, changed, disabled; and never without the last of them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.service import Team
from tests.signing_in import (
    OTHER,
    PASSWORD,
    actions,
    browser,
    change_user,
    everything_kept,
    sign_in,
)

pytestmark = pytest.mark.usefixtures("quick_passwords")


def test_an_administrator_keeps_the_accounts(team: Team) -> None:
    body = {"username": "sun", "name": "孙", "role": "expert", "email": "sun@example.com"}
    made = team.post("root", "/users", body | {"password": PASSWORD})
    assert (made.status_code, made.headers["location"]) == (201, "/api/v1/users/sun")
    assert made.json().items() >= body.items()
    assert "password" not in made.json()
    assert team.post("root", "/users", body).json()["code"] == "user_exists"
    assert sign_in(browser(team), "sun").status_code == 201
    changed = change_user(team, "sun", {"role": "leader", "name": "孙二", "email": ""})
    assert changed.json().items() >= {"role": "leader", "name": "孙二", "email": None}.items()
    assert changed.headers["etag"] == '"2"'
    stale = change_user(team, "sun", {"role": "admin"}, **{"If-Match": '"1"'})
    assert stale.status_code == 412
    assert team.ask("root", "PATCH", "/users/sun", json={}).status_code == 428
    names = [one["username"] for one in team.get("root", "/users").json()["items"]]
    assert names == sorted(names)
    assert "sun" in names
    page = team.get("root", "/users?limit=3").json()
    rest = team.get("root", f"/users?limit=200&cursor={page['next_cursor']}").json()
    assert [one["username"] for one in page["items"] + rest["items"]] == names


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"username": "S"}, "bad_username"),
        ({"username": "孙"}, "bad_username"),
        ({"username": "a b"}, "bad_username"),
        ({"role": "cust_owner"}, "bad_role"),
        ({"role": "root"}, "bad_role"),
        ({"name": ""}, "bad_body"),
        ({"name": "a\x00b"}, "bad_body"),
        ({"name": "\ud800"}, "bad_body"),
        ({"email": "nobody"}, "bad_body"),
        ({"email": "a@b\nc"}, "bad_body"),
        ({"password": "short"}, "password_weak"),
        ({"password": "changeme123"}, "password_weak"),
        ({"password": "sun is my name"}, "password_weak"),
        ({"password": "aaaaaaaaaaaa"}, "password_weak"),
        ({"subject": "x"}, "bad_body"),
    ],
)
def test_what_is_no_account(office: Team, changes: dict[str, str], code: str) -> None:
    body = {"username": "sun", "name": "孙", "role": "expert"} | changes
    content = json.dumps(body)
    headers = {"Content-Type": "application/json"}
    answer = office.ask("root", "POST", "/users", content=content, headers=headers)
    assert (answer.status_code in (400, 422), answer.json()["code"]) == (True, code)
    if "password" in changes:
        assert changes["password"] not in answer.text


def test_the_last_administrator_stays(team: Team) -> None:
    for change in ({"disabled": True}, {"role": "pm"}):
        answer = change_user(team, "root", change)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert team.get("root", "/me").json()["role"] == "admin"
    team.made(team.post("root", "/users", {"username": "second", "name": "二", "role": "admin"}))
    assert change_user(team, "second", {"disabled": True}).status_code == 200
    assert change_user(team, "root", {"role": "pm"}).json()["code"] == "last_admin"


def test_two_administrators_cannot_remove_each_other_at_once(team: Team) -> None:
    team.add("second", "二", "admin")
    etags = {one: team.get("root", f"/users/{one}").headers["etag"] for one in ("root", "second")}

    def disable(who: str, whom: str) -> int:
        headers = {"If-Match": etags[whom]}
        path = f"/users/{whom}"
        return team.ask(who, "PATCH", path, json={"disabled": True}, headers=headers).status_code

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(disable, ("root", "second"), ("second", "root")))
    assert found.count(200) == 1, found


def test_an_administrator_sees_no_contract(team: Team) -> None:
    contract_id = team.contract()
    assert team.get("root", f"/contracts/{contract_id}").status_code == 403
    assert team.get("root", "/records").status_code == 403


def test_an_account_that_is_not_there(team: Team) -> None:
    for name in ("nobody", "%00", "%ff", "ZHANGWEI", "a" * 300):
        assert team.get("root", f"/users/{name}").status_code == 404, name
        assert team.get("zhangwei", f"/users/{name}").status_code == 403, name


def test_a_repeated_request_adds_one_account_and_keeps_no_password(team: Team) -> None:
    body = {"username": "sun", "name": "孙", "role": "expert", "password": PASSWORD}
    headers = {"Idempotency-Key": "k1"}
    first, second = (team.post("root", "/users", body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["idempotency-replayed"] == "true"
    other = team.post("root", "/users", body | {"password": OTHER}, headers=headers)
    assert other.json()["code"] == "key_reused"
    assert actions(team).count("user.added") == len(team.tokens) + 1
    assert PASSWORD not in everything_kept(team)
