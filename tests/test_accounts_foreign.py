"""Changes that other sites try to make in the name of somebody who is signed in (attack A6)."""

from __future__ import annotations

import pytest

from tests.service import Team
from tests.signing_in import give_password, signed_in

pytestmark = pytest.mark.usefixtures("quick_passwords")

FOREIGN: list[dict[str, str | None]] = [
    {"X-CSRF-Token": None},
    {"X-CSRF-Token": ""},
    {"X-CSRF-Token": "0" * 64},
    {"X-CSRF-Token": "ü"},
    {"Origin": None},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://testserver:8080"},
    {"Origin": "http://[broken"},
    {"Origin": None, "Referer": "http://evil.example/testserver"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://evil.example"},
]
OURS: list[dict[str, str | None]] = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    {"Sec-Fetch-Site": "same-origin", "Origin": None},
    {"Origin": None, "Referer": "http://testserver/page"},
]


def with_changes(headers: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in (headers | changes).items() if value is not None}


def test_a_foreign_change_is_refused_and_ours_is_not(people: Team) -> None:
    client, headers = signed_in(people)
    for changes in FOREIGN:
        plain = with_changes(headers, changes) | {"Content-Type": "application/json"}
        sent = [(name.encode(), value.encode()) for name, value in plain.items()]
        for method, path in (("POST", "/me/tokens"), ("DELETE", "/sessions/current")):
            content = b'{"name": "x"}' if method == "POST" else None
            answer = client.request(
                method,
                f"/api/v1{path}",
                content=content,
                headers=sent,
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused"), changes
    for changes in OURS:
        answer = client.post(
            "/api/v1/me/tokens", json={"name": "x"}, headers=with_changes(headers, changes)
        )
        assert answer.status_code == 201, changes
    assert len(client.get("/api/v1/me/tokens").json()["items"]) == len(OURS) + 1


def test_another_sessions_token_does_not_count(people: Team) -> None:
    mine, _ = signed_in(people)
    _, theirs = signed_in(people, "root")
    answer = mine.post("/api/v1/me/tokens", json={"name": "x"}, headers=theirs)
    assert answer.json()["code"] == "csrf_refused"


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "", "text/plain;application/json"]
)
@pytest.mark.parametrize("path", ["/sessions", "/setup", "/me/tokens", "/contracts"])
def test_what_a_foreign_form_could_send_is_refused(office: Team, path: str, media: str) -> None:
    give_password(office, "zhangwei")
    client, headers = signed_in(office)
    answer = client.post(
        f"/api/v1{path}", content=b'{"name": "x"}', headers=headers | {"Content-Type": media}
    )
    assert answer.status_code == 415


@pytest.mark.parametrize("path", ["/sessions", "/setup"])
def test_nobody_is_signed_in_by_another_site(office: Team, path: str) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = office.client.post(f"/api/v1{path}", json={}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused")


def test_a_token_needs_neither(office: Team) -> None:
    answer = office.post("wangqiang", "/contracts", {}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 422
