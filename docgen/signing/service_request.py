"""One question to an address that the operator gave: no redirect, proxy or cookie is followed.

A time-stamping service and a remote signer are asked so; they hear hashes, never a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from docgen.errors import SettingWrong
from docgen.settings import LOOPBACK
from schemas.wording import Phrase

TIMEOUT_S = 10.0  # for all of it: looking up the name, connecting, asking and hearing
MOST_BYTES = 1024 * 1024


class Unanswered(OSError):
    """No usable answer came; `why` says so in both languages."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.why = Phrase(code, **params)


async def ask(
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    kind: str,
    body: bytes = b"",
    timeout_s: float = TIMEOUT_S,
) -> bytes:
    """Return the body of an answer with status 200 and media type `kind`. Raises Unanswered."""
    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
            ) as session,
            session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False
            ) as response,
        ):
            return await _heard(response, kind)
    except TimeoutError as wrong:
        raise Unanswered("unanswered.late", seconds=f"{timeout_s:g}") from wrong
    except Unanswered:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as wrong:
        reason = str(wrong) or type(wrong).__name__
        raise Unanswered("unanswered.unreachable", reason=reason) from wrong


async def _heard(response: aiohttp.ClientResponse, kind: str) -> bytes:
    if response.status != 200:
        raise Unanswered("unanswered.status", status=response.status)
    if response.content_type != kind:
        raise Unanswered("unanswered.kind", given=response.content_type, kind=kind)
    heard = bytearray()
    async for part in response.content.iter_any():
        heard += part
        if len(heard) > MOST_BYTES:
            raise Unanswered("unanswered.long")
    return bytes(heard)


def checked_url(url: str, setting: str, *, plain: bool = False) -> str:
    """Return an address that may be asked: https, on loopback http too, or anywhere if `plain`.

    Raises SettingWrong: address_refused. An address with a password in it is none, for it is told
    to people.
    """
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        may_be_plain = parts.scheme == "http" and (plain or parts.hostname in LOOPBACK)
        good = bool(parts.hostname) and (secure or may_be_plain) and parts.username is None
        _ = parts.port
    except ValueError:
        good = False
    if not good:
        raise SettingWrong("address_refused.plain" if plain else "address_refused", place=setting)
    return url
