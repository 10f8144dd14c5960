"""Hands a message to the mail server, once, within a time; says what came of it, and no more."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage

from docgen.mail.server import Server

TIMEOUT_S = 20


@dataclass(frozen=True)
class Handed:
    """What came of it: `failure` is empty when it was taken; `for_good` when it never will be."""

    failure: str = ""
    for_good: bool = False


def hand_over(
    server: Server, message: EmailMessage, *, trust: ssl.SSLContext, timeout_s: float = TIMEOUT_S
) -> Handed:
    """Give a message to the server; every failure is told, none is raised."""
    try:
        with _connected(server, trust, timeout_s) as connection:
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as refused:
        codes = [code for code, _ in refused.recipients.values()]
        return Handed(f"recipient_refused {codes[0]}", all(code >= 500 for code in codes))
    except smtplib.SMTPAuthenticationError as refused_us:  # the operator's to mend
        return Handed(f"login_refused {refused_us.smtp_code}")
    except smtplib.SMTPResponseException as answered:
        code = int(answered.smtp_code)
        return Handed(f"{type(answered).__name__} {code}", code >= 500)
    except smtplib.SMTPException as failed:
        return Handed(type(failed).__name__)
    except (OSError, ssl.SSLError) as unreached:
        return Handed(f"unreachable {type(unreached).__name__}")
    return Handed()


def _connected(server: Server, trust: ssl.SSLContext, timeout_s: float) -> smtplib.SMTP:
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
