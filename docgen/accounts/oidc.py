"""Signing in through an OpenID provider: the code flow of OpenID Connect, with PKCE.

Makes no accounts, and tells nobody, not even a log, what the provider answered.
"""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from sqlalchemy import delete, func, select

from docgen.accounts.sessions import Opened, actor_for, nobody, note_failure, open_for
from docgen.accounts.tokens import hash_of
from docgen.errors import DocgenError, NotAllowed, NotSignedIn, Overloaded, SettingWrong
from docgen.settings import LOOPBACK, OIDC, PREFIX, Settings
from docgen.store.tables import OidcLoginRow, UserRow
from docgen.store.unit_of_work import Store, UnitOfWork

ERROR = re.compile(r"[a-z_]{1,64}")  # RFC 6749, 4.1.2.1 and 5.2
SCOPE = "openid email profile"
# Signatures by key pairs only: none by a shared secret, and none at all.
SIGNATURES = JWSRegistry(
    algorithms=["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"],
    strict_check_header=False,
)
LIFETIME = timedelta(minutes=10)  # for a password and a second factor at the provider
MOST_WAITING = 10_000  # people on their way to the provider and back
TIMEOUT_S = 10  # of each request to the provider; a person waits for several of them
LEEWAY_S = 60  # by which the provider's clock may differ
DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0, 4
CALLBACK = "/api/v1/oidc/callback"
SUBJECT = re.compile(r"[ -~]{1,255}")  # Core, 2
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# A provider that hangs holds up those who sign in through it, and nobody else.
AT_ONCE = 4
_PLACES = threading.BoundedSemaphore(AT_ONCE)


@dataclass(frozen=True)
class Provider:
    """An OpenID provider, and what we are to it."""

    issuer: str
    client_id: str
    client_secret: str
    callback: str


@dataclass(frozen=True)
class Departure:
    """Somebody on the way to the provider: where to, and what the browser keeps meanwhile."""

    url: str
    browser: str


@dataclass(frozen=True)
class Return:
    """What came back with somebody: from the provider, and from the browser's own cookie."""

    code: str
    state: str
    error: str
    browser: str


@dataclass(frozen=True)
class OidcIdentity:
    """Whom the provider vouches for; `email` is empty unless it was verified."""

    subject: str
    email: str


def provider_of(settings: Settings) -> Provider | None:
    """Return the provider of the settings, if there is one.

    Raises SettingWrong: oidc_incomplete, oidc_not_https (http is for the loopback only).
    """
    values = {name: getattr(settings, name) for name in OIDC}
    if not any(values.values()):
        return None
    for name, value in values.items():
        if not value:
            variables = ", ".join(PREFIX + one.upper() for one in OIDC)
            raise SettingWrong("oidc_incomplete", place=PREFIX + name.upper(), variables=variables)
    for name in ("oidc_issuer", "oidc_redirect"):
        if not _is_safe(values[name]):
            raise SettingWrong("oidc_not_https", place=PREFIX + name.upper(), value=values[name])
    issuer, client_id, secret, base = values.values()
    return Provider(issuer, client_id, secret, base.rstrip("/") + CALLBACK)


def depart(store: Store, provider: Provider, address: str) -> Departure:
    """Send somebody to the provider. DocgenError: oidc_unavailable; Overloaded."""
    state, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with _exchange(provider) as client:
        metadata = _discovered(client, provider)
        url, _ = client.create_authorization_url(
            metadata["authorization_endpoint"],
            state=state,
            nonce=_derived(store.key, "nonce", browser),
            code_verifier=_derived(store.key, "verifier", browser),
        )
    with store.change(nobody(address)) as unit:
        _remember(unit, state, browser)
    return Departure(url, browser)


def arrive(store: Store, provider: Provider, given: Return, *, address: str, old: str) -> Opened:
    """Open a session for whom the provider vouches; an account is linked the first time.

    Raises NotSignedIn (oidc_failed), NotAllowed (oidc_unknown_person), oidc_unavailable.
    """
    with store.change(nobody(address)) as unit:
        _use_departure(unit, given)
    try:
        person = _identity(store, provider, given)
        with store.change(nobody(address)) as unit:
            user = _account(unit, person)
            unit.actor = actor_for(user, address)
            return open_for(unit, user.id, store.key, old=old, how="oidc")
    except (NotSignedIn, NotAllowed):
        note_failure(store, "login", address)
        raise


def _remember(unit: UnitOfWork, state: str, browser: str) -> None:
    session = unit.session
    session.execute(delete(OidcLoginRow).where(OidcLoginRow.expires_at <= unit.now))
    if (session.scalar(select(func.count()).select_from(OidcLoginRow)) or 0) >= MOST_WAITING:
        raise Overloaded("sign_in_busy")
    row = OidcLoginRow(
        state_hash=hash_of(state),
        browser_hash=hash_of(browser),
        expires_at=unit.now + LIFETIME,
    )
    session.add(row)


def _use_departure(unit: UnitOfWork, given: Return) -> None:
    """Use a departure up: once, within its time, by the browser that left. NotSignedIn."""
    taken = delete(OidcLoginRow).where(
        OidcLoginRow.state_hash == hash_of(given.state),
        OidcLoginRow.browser_hash == hash_of(given.browser),
        OidcLoginRow.expires_at > unit.now,
    )
    if unit.session.execute(taken.returning(OidcLoginRow.state_hash)).first() is None:
        raise _failed(given.error)


def _identity(store: Store, provider: Provider, given: Return) -> OidcIdentity:
    """Exchange the code, and believe what the provider has signed."""
    if given.error or not given.code:
        raise _failed(given.error)
    with _exchange(provider) as client:
        metadata = _discovered(client, provider)
        token = client.fetch_token(
            metadata["token_endpoint"],
            grant_type="authorization_code",
            code=given.code,
            code_verifier=_derived(store.key, "verifier", given.browser),
            allow_redirects=False,
        )
        keys: Any = _get_json(client, metadata["jwks_uri"])
        claims = _claims(token, KeySet.import_key_set(keys), provider)
        claims.params["nonce"] = _derived(store.key, "nonce", given.browser)
        claims.validate(now=int(store.clock().timestamp()), leeway=LEEWAY_S)
        if "email" not in claims and _is_safe(place := str(metadata.get("userinfo_endpoint"))):
            claims.update(_userinfo(client, place, claims["sub"]))
    if not SUBJECT.fullmatch(str(claims["sub"])):
        raise NotSignedIn("oidc_failed")
    email = claims.get("email") if claims.get("email_verified") is True else ""
    return OidcIdentity(f"{provider.issuer}|{claims['sub']}", str(email or ""))


def _claims(token: Any, keys: KeySet, provider: Provider) -> CodeIDToken:
    signed = jwt.decode(str(token["id_token"]), keys, registry=SIGNATURES)
    options = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
        "sub": {"essential": True},
        "exp": {"essential": True},
    }
    params = {"client_id": provider.client_id, "access_token": token.get("access_token")}
    return CodeIDToken(signed.claims, signed.header, options, params)


def _userinfo(client: OAuth2Session, place: str, subject: object) -> dict[str, Any]:
    """Ask for the e-mail address where the id_token leaves it out (Core 5.3.2: of the same sub)."""
    claims = _get_json(client, place, withhold_token=False)
    if claims.get("sub") != subject:
        raise NotSignedIn("oidc_failed")
    return {name: claims[name] for name in ("email", "email_verified") if name in claims}


def _account(unit: UnitOfWork, person: OidcIdentity) -> UserRow:
    """Find the account, or link the one whose address the provider has verified. NotAllowed."""
    session = unit.session
    user = session.scalar(select(UserRow).where(UserRow.subject == person.subject))
    if user is None and person.email:
        same = func.lower(UserRow.email) == person.email.lower()
        query = select(UserRow).where(
            same, UserRow.subject.is_(None), UserRow.disabled_at.is_(None)
        )
        found = session.scalars(query.with_for_update()).all()
        user = found[0] if len(found) == 1 else None
        if user is not None:
            user.subject = person.subject
            user.etag += 1
            told = {"username": user.username, "oidc": user.subject}
            unit.note("user.linked", ("user", user.id), **told)
    if user is None or user.disabled_at:
        raise NotAllowed("oidc_unknown_person")
    return user


@contextmanager
def _exchange(provider: Provider) -> Iterator[OAuth2Session]:
    """Talk to the provider; its errors are raised as ours, without its words."""
    if not _PLACES.acquire(blocking=False):
        raise Overloaded("sign_in_busy")
    try:
        with OAuth2Session(
            provider.client_id,
            provider.client_secret,
            scope=SCOPE,
            redirect_uri=provider.callback,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        ) as client:
            yield client
    except requests.RequestException as wrong:
        host = urlsplit(provider.issuer).hostname
        raise DocgenError("oidc_unavailable", host=host) from wrong
    except (AuthlibBaseError, JoseError) as wrong:
        raise _failed(wrong.error) from wrong
    except (ValueError, KeyError, TypeError) as wrong:
        raise NotSignedIn("oidc_failed") from wrong
    finally:
        _PLACES.release()


def _discovered(client: OAuth2Session, provider: Provider) -> dict[str, Any]:
    metadata = _get_json(client, provider.issuer.rstrip("/") + DISCOVERY)
    if metadata.get("issuer") != provider.issuer or not all(
        _is_safe(str(metadata.get(name))) for name in ENDPOINTS
    ):
        host = urlsplit(provider.issuer).hostname
        raise DocgenError("oidc_unavailable", host=host)
    return metadata


def _get_json(client: OAuth2Session, url: str, *, withhold_token: bool = True) -> dict[str, Any]:
    answer = client.get(url, withhold_token=withhold_token, allow_redirects=False)
    answer.raise_for_status()
    body = answer.json()
    if answer.status_code != 200 or not isinstance(body, dict):
        raise requests.RequestException("no JSON object")
    return body


def _derived(key: bytes, purpose: str, browser: str) -> str:
    """Return nonce or verifier: neither is kept, and neither is known without key and cookie."""
    return hmac.new(key, f"oidc {purpose} {browser}".encode(), "sha256").hexdigest()


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    inside = parts.scheme == "http" and parts.hostname in LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or inside)


def _failed(reason: str | None) -> NotSignedIn:
    """Say that it did not work; of what the provider answered only the error code is repeated."""
    if reason and ERROR.fullmatch(reason):
        return NotSignedIn("oidc_failed.by_code", value=reason)
    return NotSignedIn("oidc_failed")
