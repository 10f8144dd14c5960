"""One question to an address that the operator gave: no redirect, proxy or cookie is followed.

A time-stamping service and a remote signer are asked so; they hear hashes, never a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from docgen.errors import SettingWrong
from docgen.settings import LOOPBACK

TIMEOUT_S = 10.0  # for all of it: looking up the name, connecting, asking and hearing
MOST_BYTES = 1024 * 1024


class Unanswered(OSError):
    """No usable answer came; `zh` and `en` say why."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh, self.en = zh, en


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
        raise Unanswered(
            f"{timeout_s:g} 秒内没有应答", f"no answer within {timeout_s:g} s"
        ) from wrong
    except Unanswered:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as wrong:
        reason = str(wrong) or type(wrong).__name__
        raise Unanswered(f"连接不上：{reason}", f"it cannot be reached: {reason}") from wrong


async def _heard(response: aiohttp.ClientResponse, kind: str) -> bytes:
    if response.status != 200:
        raise Unanswered(f"应答 {response.status}", f"it answered {response.status}")
    if response.content_type != kind:
        raise Unanswered(
            f"应答的类型是 {response.content_type}，不是 {kind}",
            f"it answered {response.content_type} instead of {kind}",
        )
    heard = bytearray()
    async for part in response.content.iter_any():
        heard += part
        if len(heard) > MOST_BYTES:
            raise Unanswered("应答太长", "its answer is too long")
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
        raise SettingWrong(
            "address_refused",
            f"{setting} 不是可用的地址",
            f"{setting} is no address that can be used",
            hint_zh="用 https://，不带用户名与口令；"
            + ("也可用 http://。" if plain else "本机可用 http://。"),
            hint_en="Use https://, without user and password; http:// "
            + ("is possible too." if plain else "is for this machine alone."),
            place=setting,
        )
    return url
