"""The mail server of the settings: parse its address, and send a message to it (RFC 5321).

Knows nothing of what is sent, and tries once; `docgen.links.mail_outbox` tries again.
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import unquote, urlsplit

from docgen.errors import SettingWrong
from docgen.settings import LOOPBACK, Settings

PORTS = {"smtp": 25, "smtps": 465}  # RFC 5321, RFC 8314


@dataclass(frozen=True)
class MailServer:
    """A mail server; `tls` is "" (none), "starttls" or "smtps"."""

    host: str
    port: int
    tls: str
    sender: Address
    user: str = ""
    password: str = ""


def server_of(settings: Settings) -> MailServer | None:
    """Return the mail server of the settings, or None.

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


def _parsed(settings: Settings) -> MailServer:
    try:
        url = urlsplit(settings.smtp)
        if url.scheme not in PORTS or not url.hostname or url.query not in ("", "starttls"):
            raise ValueError(url.scheme)
        tls = "smtps" if url.scheme == "smtps" else url.query
        port = url.port or (587 if tls == "starttls" else PORTS[url.scheme])  # RFC 6409, 3.1
        user, password = unquote(url.username or ""), unquote(url.password or "")
    except ValueError as wrong:
        raise SettingWrong("mail_bad_address", place="DOCGEN_SMTP") from wrong
    return MailServer(url.hostname, port, tls, _sender(settings.mail_from), user, password)


def _sender(text: str) -> Address:
    try:
        address: Address = SMTP.header_factory("from", text).addresses[0]
        if "@" in address.addr_spec and address.domain and text.isprintable():
            return address
    except (ValueError, HeaderParseError, IndexError):
        pass
    raise SettingWrong("mail_bad_address.sender", place="DOCGEN_MAIL_FROM")


TIMEOUT_S = 20  # of each step, where RFC 5321, 4.5.3.2 would have minutes


@dataclass(frozen=True)
class SendResult:
    """The result of a sending: `failure` is empty on success, `for_good` if retrying is useless."""

    failure: str = ""
    for_good: bool = False


def hand_over(
    server: MailServer,
    message: EmailMessage,
    *,
    trust: ssl.SSLContext,
    timeout_s: float = TIMEOUT_S,
) -> SendResult:
    """Send a message to the server; failures are returned, never raised."""
    try:
        with _connect(server, trust, timeout_s) as connection:
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as refused:
        codes = [code for code, _ in refused.recipients.values()]
        # 5yz is permanent, 4yz is not (RFC 5321, 4.2.1).
        return SendResult(f"recipient_refused {codes[0]}", all(code >= 500 for code in codes))
    except smtplib.SMTPAuthenticationError as refused_us:  # never for good: a setting is wrong
        return SendResult(f"login_refused {refused_us.smtp_code}")
    except smtplib.SMTPResponseException as answered:
        code = int(answered.smtp_code)
        return SendResult(f"{type(answered).__name__} {code}", code >= 500)
    except smtplib.SMTPException as failed:
        return SendResult(type(failed).__name__)
    except (OSError, ssl.SSLError) as unreached:
        return SendResult(f"unreachable {type(unreached).__name__}")
    return SendResult()


def _connect(server: MailServer, trust: ssl.SSLContext, timeout_s: float) -> smtplib.SMTP:
    if server.tls == "smtps":
        return smtplib.SMTP_SSL(server.host, server.port, timeout=timeout_s, context=trust)
    connection = smtplib.SMTP(server.host, server.port, timeout=timeout_s)
    if server.tls == "starttls":
        try:
            connection.starttls(context=trust)
        except BaseException:
            connection.close()
            raise
    return connection
