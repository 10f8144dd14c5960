"""API tokens: shown once, kept as a hash, limited by scope, role and time (attacks A1, A3)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from docgen.accounts import tokens
from docgen.accounts.tokens import hash_of
from tests.service import Team
from tests.signing_in import actions, browser, everything_kept, give_password, signed_in

pytestmark = pytest.mark.usefixtures("quick_passwords")


def made(team: Team, username: str = "zhangwei", **body: Any) -> dict[str, Any]:
    client, headers = signed_in(team, username)
    answer = client.post("/api/v1/me/tokens", json={"name": "ci"} | body, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def with_token(team: Team, token: str, method: str, path: str, body: Any = None) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    answer = browser(team).request(method, f"/api/v1{path}", json=body, headers=headers)
    return answer.status_code


def test_a_token_is_shown_once_and_kept_as_a_hash(people: Team) -> None:
    token = made(people)
    assert len(token["token"]) > 40
    assert with_token(people, token["token"], "GET", "/me") == 200
    client, _ = signed_in(people)
    listed = client.get("/api/v1/me/tokens")
    assert token["id"] in {one["id"] for one in listed.json()["items"]}
    assert all("token" not in one for one in listed.json()["items"])
    kept = everything_kept(people)
    assert hash_of(token["token"]) in kept
    assert token["token"] not in listed.text + kept


def test_a_repeated_request_makes_one_token_and_tells_it_once(people: Team) -> None:
    client, headers = signed_in(people)
    headers |= {"Idempotency-Key": "one"}
    first, second = (
        client.post("/api/v1/me/tokens", json={"name": "ci"}, headers=headers) for _ in range(2)
    )
    assert second.headers["idempotency-replayed"] == "true"
    assert second.json() == first.json() | {"token": None}


def test_a_token_ends_when_revoked_and_in_time(people: Team) -> None:
    client, headers = signed_in(people)
    short, long = made(people, days=1), made(people, days=366)
    path = f"/api/v1/me/tokens/{long['id']}"
    assert client.delete(path, headers=headers).status_code == 204
    assert client.delete(path, headers=headers).status_code == 204
    assert with_token(people, long["token"], "GET", "/me") == 401
    people.clock.go(hours=24, seconds=-1)
    assert with_token(people, short["token"], "GET", "/me") == 200
    people.clock.go(seconds=1)
    assert with_token(people, short["token"], "GET", "/me") == 401
    assert actions(people).count("token.revoked") == 1


def test_wrong_expired_and_revoked_are_told_alike(people: Team) -> None:
    client, headers = signed_in(people)
    revoked, expired = made(people), made(people, days=1)
    client.delete(f"/api/v1/me/tokens/{revoked['id']}", headers=headers)
    people.clock.go(days=1)
    texts = (revoked["token"], expired["token"], "dgt_nobodys", "x", "\x01", "a" * 4000)
    answers = [
        browser(people).get("/api/v1/me", headers={"Authorization": f"Bearer {text}"})
        for text in texts
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("username", "scopes", "status"),
    [
        ("zhangwei", ["read"], 201),
        ("zhangwei", ["read", "write"], 201),
        ("zhangwei", ["admin"], 422),
        ("zhangwei", ["read", "admin"], 422),
        ("zhangwei", ["everything"], 422),
        ("root", ["admin"], 201),
    ],
)
def test_scopes_are_those_of_the_role(
    office: Team, username: str, scopes: list[str], status: int
) -> None:
    give_password(office, username)
    client, headers = signed_in(office, username)
    body = {"name": "ci", "scopes": scopes}
    answer = client.post("/api/v1/me/tokens", json=body, headers=headers)
    assert answer.status_code in (status, 400 if status == 422 else status)
    if status == 422:
        assert answer.json()["code"] == "bad_scope"


def test_a_scope_limits_and_a_role_limits_further(people: Team) -> None:
    contract_id = people.contract()
    reader = made(people, scopes=["read"])["token"]
    assert with_token(people, reader, "GET", f"/contracts/{contract_id}") == 200
    assert with_token(people, reader, "POST", "/records?code=XJ", {}) == 403
    admin = made(people, "root", scopes=["admin"])["token"]
    assert with_token(people, admin, "GET", "/users") == 200
    assert with_token(people, admin, "GET", f"/contracts/{contract_id}") == 403
    with_role_taken = {"role": "engineer"}
    people.add("second", "二", "admin")
    seen = people.get("second", "/users/root").headers["etag"]
    people.ask("second", "PATCH", "/users/root", json=with_role_taken, headers={"If-Match": seen})
    assert with_token(people, admin, "GET", "/users") == 403


@pytest.mark.parametrize("days", [0, -1, 367, 10**9])
def test_a_token_lives_a_year_at_most(office: Team, days: int) -> None:
    give_password(office, "zhangwei")
    client, headers = signed_in(office)
    body = {"name": "ci", "days": days}
    answer = client.post("/api/v1/me/tokens", json=body, headers=headers)
    assert answer.json()["code"] == "bad_body"


def test_a_token_makes_and_revokes_none_and_sets_no_password(people: Team) -> None:
    mine = made(people)
    for method, path, body in (
        ("POST", "/me/tokens", {"name": "more"}),
        ("DELETE", f"/me/tokens/{mine['id']}", None),
        ("PUT", "/me/password", {"password": "a", "new_password": "b"}),
        ("DELETE", "/sessions/current", None),
    ):
        headers = {"Authorization": f"Bearer {mine['token']}"}
        answer = browser(people).request(method, f"/api/v1{path}", json=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_needed"), path


def test_another_persons_token_is_not_there(people: Team) -> None:
    theirs = made(people, "root")
    client, headers = signed_in(people)
    answers = [
        client.delete(f"/api/v1/me/tokens/{one}", headers=headers)
        for one in (theirs["id"], "nothing", "%00", "a" * 40, "%ff")
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert len({answer.content for answer in answers}) == 1
    assert with_token(people, theirs["token"], "GET", "/me") == 200


def test_a_token_is_read_in_one_query_and_nothing_is_written(people: Team) -> None:
    token = made(people)["token"]
    said: list[str] = []
    with people.store.reading() as session:
        connection = session.connection()  # not the engine: workers beside it ask as well
        event.listen(
            connection,
            "before_cursor_execute",
            lambda *given: said.append(str(given[2])),
            named=False,
        )
        actor = tokens.actor_of(session, token, people.clock(), "")
    assert actor.name == "张伟"
    assert [one.split(" ")[0] for one in said if one != "BEGIN"] == ["SELECT"]
