"""Single sign-on through a real OpenID provider, which runs as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from sqlalchemy import select

from api.app import create_app
from docgen.access import SERVICE
from docgen.accounts import oidc, users
from docgen.errors import SettingWrong
from docgen.settings import Settings
from docgen.store.tables import OidcLoginRow, UserRow
from tests.providers import CLIENT_ID, CLIENT_SECRET, agree, deny, honest_provider, tell_of
from tests.service import Team, at_work
from tests.signing_in import ORIGIN, actions, browser, change_user, everything_kept

pytestmark = [pytest.mark.enable_socket, pytest.mark.slow]

MAIL = "zhang@example.com"


@dataclass
class Wandering:
    """The real time, moved: providers have no other."""

    offset: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The provider."""
    with honest_provider(tmp_path_factory.mktemp("provider")) as made:
        yield made


def settings_for(issuer: str) -> dict[str, Any]:
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_redirect": "http://127.0.0.1:8000",
    }


@contextmanager
def set_up(folder: Path, issuer: str, url: str = "") -> Iterator[Team]:
    """A team whose engineer has an e-mail address, with the provider set up."""
    with at_work(folder, url, **settings_for(issuer)) as team:
        team.store.clock = Wandering()
        give_mail(team, "zhangwei", MAIL)
        yield team


@pytest.fixture(params=["sqlite", "postgresql"])
def firm(request: pytest.FixtureRequest, tmp_path: Path, issuer: str) -> Iterator[Team]:
    """That team over each database."""
    url = request.getfixturevalue("free_url") if request.param == "postgresql" else ""
    with set_up(tmp_path / "data", issuer, url) as team:
        yield team


@pytest.fixture
def small_firm(tmp_path: Path, issuer: str) -> Iterator[Team]:
    """That team over SQLite."""
    with set_up(tmp_path / "data", issuer) as team:
        yield team


def give_mail(team: Team, username: str, mail: str) -> None:
    with team.store.change(SERVICE) as unit:
        user = users.by_username(unit.session, username, lock=True)
        users.change(unit, user, users.Changes(email=mail))


def leave(client: TestClient) -> str:
    """Set out for the provider; where the browser is sent."""
    answer = client.get("/api/v1/oidc/login", follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def come_back(client: TestClient, location: str) -> Response:
    parts = urlsplit(location)
    return client.get(f"{parts.path}?{parts.query}", follow_redirects=False)


def sign_on(client: TestClient, sub: str) -> Response:
    return come_back(client, agree(leave(client), sub))


def subject_of(team: Team, username: str) -> str | None:
    with team.store.reading() as session:
        return session.scalar(select(UserRow.subject).where(UserRow.username == username))


# ---------------------------------------------------------------- those who are known


def test_a_verified_address_links_an_account_once(firm: Team, issuer: str) -> None:
    tell_of(issuer, "s-1", email=MAIL.upper(), email_verified=True)
    client = browser(firm)
    answer = sign_on(client, "s-1")
    assert answer.status_code == 200, answer.text
    assert 'http-equiv="refresh" content="0; url=/"' in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    me = client.get("/api/v1/me").json()
    assert (me["username"], me["role"]) == ("zhangwei", "engineer")
    headers = {"X-CSRF-Token": me["csrf_token"], "Origin": ORIGIN}
    assert client.delete("/api/v1/sessions/current", headers=headers).status_code == 204
    assert subject_of(firm, "zhangwei") == f"{issuer}|s-1"
    assert actions(firm)[-3:] == ["user.linked", "login", "logout"]

    tell_of(issuer, "s-1", email="moved@example.com", email_verified=False)
    assert sign_on(browser(firm), "s-1").status_code == 200
    tell_of(issuer, "s-2", email=MAIL, email_verified=True)
    second = sign_on(browser(firm), "s-2")
    assert (second.status_code, second.json()["code"]) == (403, "oidc_unknown_person")
    assert actions(firm)[-2:] == ["login", "login.failed"]


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "stranger@example.com", "email_verified": True},
        {"email": MAIL, "email_verified": False},
        {"email": MAIL, "email_verified": "true"},
        {"email": MAIL},
        {"email": f"{MAIL} ", "email_verified": True},
        {"email": "", "email_verified": True},
        {"email_verified": True},
        {},
    ],
)
def test_nobody_else_comes_in_or_is_added(
    small_firm: Team, issuer: str, claims: dict[str, object]
) -> None:
    tell_of(issuer, "s-3", **claims)
    client = browser(small_firm)
    answer = sign_on(client, "s-3")
    assert (answer.status_code, answer.json()["code"]) == (403, "oidc_unknown_person")
    assert client.get("/api/v1/me").status_code == 401
    assert subject_of(small_firm, "zhangwei") is None
    with small_firm.store.reading() as session:
        assert len(users.every(session)) == len(small_firm.tokens)


def test_an_address_of_two_accounts_links_neither(firm: Team, issuer: str) -> None:
    give_mail(firm, "lina", MAIL)
    tell_of(issuer, "s-4", email=MAIL, email_verified=True)
    assert sign_on(browser(firm), "s-4").json()["code"] == "oidc_unknown_person"


def test_a_disabled_account_stays_out(firm: Team, issuer: str) -> None:
    tell_of(issuer, "s-5", email=MAIL, email_verified=True)
    client = browser(firm)
    assert sign_on(client, "s-5").status_code == 200
    with firm.store.change(SERVICE) as unit:
        user = users.by_username(unit.session, "zhangwei", lock=True)
        users.change(unit, user, users.Changes(disabled=True))
    assert client.get("/api/v1/me").status_code == 401
    assert sign_on(browser(firm), "s-5").json()["code"] == "oidc_unknown_person"


# ---------------------------------------------------------------- the way there and back


def test_what_is_sent_to_the_provider(small_firm: Team, issuer: str) -> None:
    client = browser(small_firm)
    url = leave(client)
    sent = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith(f"{issuer}/oauth2/authorize?")
    assert sent["response_type"] == "code"
    assert sent["scope"].split() == ["openid", "email", "profile"]
    assert sent["redirect_uri"] == "http://127.0.0.1:8000/api/v1/oidc/callback"
    assert sent["code_challenge_method"] == "S256"
    assert min(len(sent[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert CLIENT_SECRET not in url
    kept = everything_kept(small_firm)
    for secret in (sent["state"], sent["nonce"], client.cookies["docgen_oidc"]):
        assert secret not in kept
    another = parse_qs(urlsplit(leave(browser(small_firm))).query)
    assert {name for name in sent if another[name][0] == sent[name]} == {
        "response_type",
        "client_id",
        "scope",
        "redirect_uri",
        "code_challenge_method",
    }


def test_a_return_counts_once_in_time_and_in_the_same_browser(firm: Team, issuer: str) -> None:
    tell_of(issuer, "s-6", email=MAIL, email_verified=True)
    client, victim = browser(firm), browser(firm)
    location = agree(leave(client), "s-6")
    leave(victim)
    for other in (browser(firm), victim):
        planted = come_back(other, location)
        assert (planted.status_code, planted.json()["code"]) == (401, "oidc_failed")
    cookies = dict(client.cookies)
    assert come_back(client, location).status_code == 200
    header = {"Cookie": f"docgen_oidc={cookies['docgen_oidc']}"}
    parts = urlsplit(location)
    again = browser(firm).get(f"{parts.path}?{parts.query}", headers=header)
    assert again.json()["code"] == "oidc_failed"

    late = browser(firm)
    location = agree(leave(late), "s-6")
    firm.store.clock.offset = timedelta(minutes=10)  # type: ignore[attr-defined]
    assert come_back(late, location).json()["code"] == "oidc_failed"
    leave(browser(firm))
    with firm.store.reading() as session:
        assert len(session.scalars(select(OidcLoginRow)).all()) == 1, "the old ones are forgotten"


def test_a_refusal_at_the_provider_is_told(small_firm: Team) -> None:
    client = browser(small_firm)
    answer = come_back(client, deny(leave(client)))
    assert (answer.status_code, answer.json()["code"]) == (401, "oidc_failed")
    assert "access_denied" in answer.json()["title"]


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x", "?code=x&state=y", "?error=a<b>", "?state=%00&code=%ff"]
)
def test_a_return_from_nowhere(small_firm: Team, query: str) -> None:
    answer = browser(small_firm).get(f"/api/v1/oidc/callback{query}")
    assert (answer.status_code, answer.json()["code"]) == (401, "oidc_failed")
    assert "a<b>" not in answer.text


def test_an_administrator_sees_who_is_linked(firm: Team, issuer: str) -> None:
    tell_of(issuer, "s-7", email=MAIL, email_verified=True)
    sign_on(browser(firm), "s-7")
    firm.store.clock.offset = firm.clock() - datetime.now(UTC)  # type: ignore[attr-defined]
    assert firm.get("root", "/users/zhangwei").json()["single_sign_on"] is True
    assert change_user(firm, "zhangwei", {"disabled": True}).status_code == 200


# ---------------------------------------------------------------- settings


def test_without_settings_there_is_no_single_sign_on(office: Team) -> None:
    for path in ("login", "callback"):
        answer = office.client.get(f"/api/v1/oidc/{path}", follow_redirects=False)
        assert (answer.status_code, answer.json()["code"]) == (404, "oidc_not_set_up")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *(({name: ""}, "oidc_incomplete") for name in settings_for("")),
        ({"oidc_issuer": "http://login.example.com"}, "oidc_not_https"),
        ({"oidc_issuer": "login.example.com"}, "oidc_not_https"),
        ({"oidc_issuer": "https://"}, "oidc_not_https"),
        ({"oidc_redirect": "http://docgen.example.com"}, "oidc_not_https"),
        ({"oidc_redirect": "javascript:alert(1)"}, "oidc_not_https"),
    ],
)
def test_wrong_settings_are_told_at_the_start(
    tmp_path: Path, changes: dict[str, str], code: str
) -> None:
    given = settings_for("https://login.example.com") | changes
    settings = Settings(data=tmp_path, **given)
    with pytest.raises(SettingWrong) as caught, TestClient(create_app(settings)):
        pass
    assert caught.value.code == code
    assert CLIENT_SECRET not in f"{caught.value} {caught.value.as_json()} {settings!r}"


def test_the_callback_is_below_the_public_address() -> None:
    for base in ("https://docgen.example.com", "https://docgen.example.com/"):
        given = settings_for("https://login.example.com") | {"oidc_redirect": base}
        provider = oidc.provider_of(Settings(**given))
        assert provider is not None
        assert provider.callback == "https://docgen.example.com/api/v1/oidc/callback"
