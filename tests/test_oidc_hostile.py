"""Single sign-on when the provider's answers are forged, broken, late or missing."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from httpx2 import Response
from joserfc.jwk import ECKey, OctKey, RSAKey

from docgen.accounts import oidc
from tests.providers import CLIENT_SECRET, DISCOVERY, Impostor, impostor
from tests.service import Team, at_work
from tests.signing_in import browser
from tests.test_oidc import MAIL, Wandering, give_mail, leave, settings_for

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def provider() -> Iterator[Impostor]:
    with impostor() as made:
        yield made


@pytest.fixture
def firm(tmp_path: Path, provider: Impostor) -> Iterator[Team]:
    with at_work(tmp_path / "data", **settings_for(provider.issuer)) as team:
        team.store.clock = Wandering()
        give_mail(team, "zhangwei", MAIL)
        yield team


def sign_on(team: Team, provider: Impostor) -> Response:
    """Go there and come back with a code."""
    client = browser(team)
    sent = parse_qs(urlsplit(leave(client)).query)
    provider.nonce = provider.nonce or sent["nonce"][0]
    provider.challenge = provider.challenge or sent["code_challenge"][0]
    path = f"/api/v1/oidc/callback?code=secret-code&state={sent['state'][0]}"
    return client.get(path)


def test_the_impostor_is_believed_when_all_is_right(firm: Team, provider: Impostor) -> None:
    assert sign_on(firm, provider).status_code == 200
    assert provider.asked == [DISCOVERY, DISCOVERY, "/token", "/jwks"]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "http://127.0.0.1:1"}, "invalid_claim"),
        ({"iss": None}, "missing_claim"),
        ({"aud": "another"}, "invalid_claim"),
        ({"aud": ["another", "third"]}, "invalid_claim"),
        ({"aud": ["docgen", "another"]}, "missing_claim"),
        ({"azp": "another"}, "invalid_claim"),
        ({"aud": None}, "missing_claim"),
        ({"exp": 1_000_000_000}, "expired_token"),
        ({"exp": None}, "missing_claim"),
        ({"iat": None}, "missing_claim"),
        ({"nbf": 32_000_000_000}, ""),
        ({"nonce": None}, "missing_claim"),
        ({"nonce": "another"}, "invalid_claim"),
        ({"nonce": ""}, ""),
        ({"sub": None}, "missing_claim"),
        ({"sub": ""}, ""),
        ({"sub": "x" * 256}, ""),
        ({"sub": "s\u0000"}, ""),
        ({"sub": ["s1"]}, ""),
        ({"at_hash": "bm90aGluZw"}, "invalid_claim"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else value,
)
def test_a_claim_that_is_not_for_us(
    firm: Team, provider: Impostor, claims: dict[str, Any], reason: str
) -> None:
    provider.claims = claims
    answer = sign_on(firm, provider)
    assert (answer.status_code, answer.json()["code"]) == (401, "oidc_failed"), answer.text
    assert reason in answer.json()["title"]


def test_a_signature_by_another_key(firm: Team, provider: Impostor) -> None:
    provider.key = RSAKey.generate_key(2048, {"kid": "k1"})
    assert "bad_signature" in sign_on(firm, provider).json()["title"]


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_signature_that_anybody_could_make(
    firm: Team, provider: Impostor, algorithm: str
) -> None:
    """As where a public key is taken for a shared secret, or no signature for a good one."""
    provider.header = {"alg": algorithm, "kid": "k1"}
    provider.key = OctKey.import_key(CLIENT_SECRET)
    assert sign_on(firm, provider).json()["code"] == "oidc_failed"


def test_a_token_that_brings_its_own_key(firm: Team, provider: Impostor) -> None:
    provider.key = RSAKey.generate_key(2048)
    provider.header = {"alg": "RS256", "jwk": provider.key.as_dict(private=False)}
    assert sign_on(firm, provider).json()["code"] == "oidc_failed"


def test_a_key_of_another_kind_is_as_good(firm: Team, provider: Impostor) -> None:
    key = ECKey.generate_key("P-256", {"kid": "e1"})
    provider.key, provider.header = key, {"alg": "ES256", "kid": "e1", "x-own": "1"}
    keys = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    provider.answers["/jwks"] = (200, {}, keys)
    assert sign_on(firm, provider).status_code == 200


def test_a_stolen_code_is_no_use_without_the_verifier(firm: Team, provider: Impostor) -> None:
    provider.challenge = "of-another-browser"
    assert "invalid_grant" in sign_on(firm, provider).json()["title"]


@pytest.mark.parametrize("verified", [True, False])
def test_an_address_only_from_userinfo(firm: Team, provider: Impostor, verified: bool) -> None:
    provider.claims = {"email": None, "email_verified": None}
    provider.userinfo = {"sub": "s1", "email": MAIL, "email_verified": verified}
    assert sign_on(firm, provider).status_code == (200 if verified else 403)
    assert provider.asked[-1] == "/userinfo"


def test_userinfo_of_somebody_else(firm: Team, provider: Impostor) -> None:
    provider.claims = {"email": None}
    provider.userinfo = {"sub": "s2", "email": MAIL, "email_verified": True}
    assert sign_on(firm, provider).json()["code"] == "oidc_failed"


OK: dict[str, str] = {}
ELSEWHERE = {"Location": "http://127.0.0.1:1/"}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/token", (500, OK, b"<h1>secret-words</h1>")),
        ("/token", (200, OK, b"secret-words")),
        ("/token", (200, OK, b"[]")),
        ("/token", (200, OK, b"{}")),
        ("/token", (200, OK, b'{"access_token": "a", "id_token": 7}')),
        ("/token", (200, OK, b'{"access_token": "a", "id_token": "secret-words"}')),
        ("/token", (200, OK, b'{"access_token": "a", "id_token": "a.b.c"}')),
        ("/token", (302, ELSEWHERE, b"")),
        ("/token", (400, OK, b'{"error": "secret words", "error_description": "secret-words"}')),
        ("/jwks", (404, OK, b"{}")),
        ("/jwks", (200, OK, b'{"keys": []}')),
        ("/jwks", (200, OK, b'{"keys": [{"kty": "secret-words"}]}')),
        ("/jwks", (200, OK, b'{"secret-words": 1}')),
        ("/jwks", (302, ELSEWHERE, b"")),
    ],
)
def test_answers_that_are_none(
    firm: Team,
    provider: Impostor,
    caplog: pytest.LogCaptureFixture,
    path: str,
    answer: tuple[int, dict[str, str], bytes],
) -> None:
    provider.answers[path] = answer
    with caplog.at_level(logging.INFO):
        told = sign_on(firm, provider)
    assert told.status_code in (401, 503)
    assert told.json()["code"] in ("oidc_failed", "oidc_unavailable")
    ours = [one.getMessage() for one in caplog.records if one.name != "httpx2"]  # the browser
    for secret in ("secret-words", "secret-code", CLIENT_SECRET, provider.nonce):
        assert secret not in told.text + "".join(ours)


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://login.example.com"},
        {"issuer": None},
        {"token_endpoint": "http://login.example.com/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
        {"token_endpoint": 7},
    ],
    ids=lambda value: "-".join(f"{name}-{text}" for name, text in value.items()),
)
def test_a_description_that_leads_elsewhere(
    firm: Team, provider: Impostor, described: dict[str, Any]
) -> None:
    provider.discovery = described
    answer = browser(firm).get("/api/v1/oidc/login", follow_redirects=False)
    assert (answer.status_code, answer.json()["code"]) == (503, "oidc_unavailable")
    assert answer.headers["retry-after"]


@pytest.mark.parametrize(
    "answer", [(500, OK, b""), (200, OK, b"<html>"), (200, OK, b"[]"), (301, ELSEWHERE, b"")]
)
def test_no_description(
    firm: Team, provider: Impostor, answer: tuple[int, dict[str, str], bytes]
) -> None:
    provider.answers[DISCOVERY] = answer
    told = browser(firm).get("/api/v1/oidc/login", follow_redirects=False)
    assert told.json()["code"] == "oidc_unavailable"


def test_a_provider_that_is_away(tmp_path: Path) -> None:
    with at_work(tmp_path / "data", **settings_for("http://127.0.0.1:1")) as team:
        answer = team.client.get("/api/v1/oidc/login", follow_redirects=False)
        assert (answer.status_code, answer.json()["code"]) == (503, "oidc_unavailable")


def test_too_many_on_their_way_are_told_so(
    firm: Team, provider: Impostor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "MOST_WAITING", 2)
    codes = [
        browser(firm).get("/api/v1/oidc/login", follow_redirects=False).status_code
        for _ in range(3)
    ]
    assert codes == [303, 303, 429]
    for _ in range(oidc.AT_ONCE):
        assert oidc._PLACES.acquire(blocking=False)
    try:
        answer = browser(firm).get("/api/v1/oidc/login", follow_redirects=False)
    finally:
        oidc._PLACES.release(oidc.AT_ONCE)
    assert (answer.status_code, answer.json()["code"]) == (429, "sign_in_busy")
