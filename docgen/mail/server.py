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
            raise SettingWrong("mail_incomplete", place=f"DOCGEN_{name.upper()}")
    server = _parsed(settings)
    if server.password and not server.tls and server.host not in LOOPBACK:
        raise SettingWrong("mail_password_in_clear", place="DOCGEN_SMTP")
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
        raise SettingWrong("mail_bad_address", place="DOCGEN_SMTP") from wrong
    return Server(url.hostname, port, tls, _sender(settings.mail_from), user, password)


def _sender(text: str) -> Address:
    try:
        address: Address = SMTP.header_factory("from", text).addresses[0]
        if "@" in address.addr_spec and address.domain and text.isprintable():
            return address
    except (ValueError, HeaderParseError, IndexError):
        pass
    raise SettingWrong("mail_bad_address.sender", place="DOCGEN_MAIL_FROM")
