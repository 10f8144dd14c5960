"""OpenID providers as processes of their own: an honest one, and one that says what it is told."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import requests
from joserfc import jwt
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

PATIENCE_S = 60.0
POLL_S = 0.02  # how soon a server here notices that it is to end; half a second without it
CLIENT_ID, CLIENT_SECRET = "docgen", "c2lsZW50LXByb3ZpZGVyLXNlY3JldA"
DISCOVERY = "/.well-known/openid-configuration"


@contextmanager
def honest_provider(folder: Path) -> Iterator[str]:
    """Start oidc-provider-mock, which wants a nonce; its issuer."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = int(made.getsockname()[1])
    issuer = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    with (folder / "provider.log").open("wb") as log:
        process = subprocess.Popen([*command, "true"], stdout=log, stderr=log)
    try:
        _wait_for(process, port, folder / "provider.log")
        yield issuer
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(log.read_text("utf-8"))


def tell_of(issuer: str, sub: str, **claims: object) -> None:
    """Make a person known to the honest provider."""
    requests.put(f"{issuer}/users/{sub}", json=claims, timeout=PATIENCE_S).raise_for_status()


def agree(url: str, sub: str) -> str:
    """Sign in at the honest provider as a person would; where that sends the browser."""
    answer = requests.post(url, data={"sub": sub}, allow_redirects=False, timeout=PATIENCE_S)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


def deny(url: str) -> str:
    """Refuse at the honest provider; where that sends the browser."""
    form = {"action": "deny"}
    answer = requests.post(url, data=form, allow_redirects=False, timeout=PATIENCE_S)
    return str(answer.headers["location"])


@cache
def _published() -> RSAKey:
    """Return an honest provider's key, made once: finding its primes takes longer than a test."""
    return RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})


@dataclass
class Impostor:
    """A provider whose answers tests choose; it checks client and PKCE as a strict one does."""

    issuer: str = ""
    nonce: str = ""
    challenge: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=lambda: {"alg": "RS256", "kid": "k1"})
    key: Any = None  # that signs; the published one unless told otherwise
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    published: RSAKey = field(default_factory=_published)
    discovery: dict[str, Any] = field(default_factory=dict)
    token: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body."""
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        if path == DISCOVERY:
            return _json(self._described() | self.discovery)
        if path == "/jwks":
            return _json({"keys": [self.published.as_dict(private=False)]})
        if path == "/userinfo":
            return _json(self.userinfo)
        return self._exchanged(form)

    def _described(self) -> dict[str, Any]:
        places = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
            "userinfo_endpoint": "userinfo",
        }
        return {"issuer": self.issuer} | {
            name: f"{self.issuer}/{place}" for name, place in places.items()
        }

    def _exchanged(self, form: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        digest = sha256(form.get("code_verifier", "").encode()).digest()
        if urlsafe_b64encode(digest).rstrip(b"=").decode() != self.challenge:
            return _json({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "s1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "zhang@example.com",
            "email_verified": True,
        } | self.claims
        plain = {name: value for name, value in claims.items() if value is not None}
        signed = self._signed(plain)
        return _json(
            {"access_token": "at", "token_type": "Bearer", "id_token": signed} | self.token
        )

    def _signed(self, claims: dict[str, Any]) -> str:
        if self.header["alg"] == "none":
            parts = (urlsafe_b64encode(json.dumps(one).encode()) for one in (self.header, claims))
            return ".".join(part.rstrip(b"=").decode() for part in parts) + "."
        known = JWSRegistry(algorithms=[self.header["alg"]], strict_check_header=False)
        return jwt.encode(self.header, claims, self.key or self.published, registry=known)


def _json(value: Any, status: int = 200) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


@contextmanager
def impostor() -> Iterator[Impostor]:
    """Serve an impostor on the loopback."""
    made = Impostor()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            form = parse_qs(self.rfile.read(length).decode())
            status, headers, body = made.answer(
                self.path, {name: values[0] for name, values in form.items()}
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server names it so

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.issuer = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
