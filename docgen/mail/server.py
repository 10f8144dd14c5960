"""The mail server that the settings name: how it is reached, and who the sender is."""

from __future__ import annotations

from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.policy import SMTP
from urllib.parse import unquote, urlsplit

from docgen.errors import SettingWrong
from docgen.settings import LOOPBACK, Settings

PORTS = {"smtp": 25, "smtps": 465}


@dataclass(frozen=True)
class Server:
    """A mail server; `tls` is "" (none), "starttls" or "smtps"."""

    host: str
    port: int
    tls: str
    sender: Address
    user: str = ""
    password: str = ""


def server_of(settings: Settings) -> Server | None:
    """Return the mail server of the settings, if there is one.

    SettingWrong: mail_incomplete (the sender, or the public address for links), mail_bad_address,
    mail_password_in_clear (a password without TLS, but to the loopback).
    """
    if not settings.smtp:
        return None
    for name in ("mail_from", "public_url"):
        if not getattr(settings, name):
            raise _wrong(
                "mail_incomplete", name, ("须与 DOCGEN_SMTP 同时设置", "goes with DOCGEN_SMTP")
            )
    server = _parsed(settings)
    if server.password and not server.tls and server.host not in LOOPBACK:
        raise _wrong(
            "mail_password_in_clear",
            "smtp",
            ("口令须经 TLS 发送：用 smtps:// 或 ?starttls", "needs TLS: smtps:// or ?starttls"),
        )
    return server


def _parsed(settings: Settings) -> Server:
    try:
        url = urlsplit(settings.smtp)
        if url.scheme not in PORTS or not url.hostname or url.query not in ("", "starttls"):
            raise ValueError(url.scheme)
        tls = "smtps" if url.scheme == "smtps" else url.query
        port = url.port or (587 if tls == "starttls" else PORTS[url.scheme])
        user, password = unquote(url.username or ""), unquote(url.password or "")
    except ValueError as wrong:
        told = (
            "应为 smtp://主机:端口?starttls 或 smtps://…",
            "is smtp://host:port?starttls or smtps://…",
        )
        raise _wrong("mail_bad_address", "smtp", told) from wrong
    return Server(url.hostname, port, tls, _sender(settings.mail_from), user, password)


def _sender(text: str) -> Address:
    try:
        address: Address = SMTP.header_factory("from", text).addresses[0]
        if "@" in address.addr_spec and address.domain and text.isprintable():
            return address
    except (ValueError, HeaderParseError, IndexError):
        pass
    told = ("应为“名称 <地址>”", "is “Name <address>”")
    raise _wrong("mail_bad_address", "mail_from", told)


def _wrong(code: str, name: str, told: tuple[str, str]) -> SettingWrong:
    variable = f"DOCGEN_{name.upper()}"
    zh, en = (f"{variable} {one}" for one in told)
    return SettingWrong(code, zh, en, place=variable)
