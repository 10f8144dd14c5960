"""The signatures of the Standard Webhooks scheme (standardwebhooks.com, symmetric `v1`).

Makes and checks headers; reads no clock and keeps no secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from docgen.errors import NotSignedIn, SettingWrong

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
PREFIX = "whsec_"
LEAST_BYTES, NEW_BYTES, MOST_BYTES = 24, 32, 64
TOLERANCE = timedelta(minutes=5)
MOST_SIGNATURES = 16

_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,128}")  # a full stop would move the signed parts' borders
_SECONDS = re.compile(r"[0-9]{1,12}")


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Return a new secret, `whsec_` and 32 bytes in base64; `random_bytes` must be secret ones."""
    return PREFIX + base64.b64encode(random_bytes(NEW_BYTES)).decode("ascii")


def sign(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the three headers of a message sent at `at`, one signature for each secret.

    While a secret is replaced both sign, so that a receiver may change at its own time.
    Raises SettingWrong: webhook_secret_unusable; ValueError for an id or time of the wrong form.
    """
    if not secrets or not _ID.fullmatch(message_id) or at.tzinfo is None:
        raise ValueError("a message needs a secret, an id without full stop and a time with a zone")
    seconds = str(int(at.timestamp()))
    signatures = (_signature(key_of(secret), message_id, seconds, body) for secret in secrets)
    return {ID: message_id, TIMESTAMP: seconds, SIGNATURE: " ".join(signatures)}


def verify(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, *, now: datetime
) -> None:
    """Let a message pass that one of `secrets` signed within five minutes of `now`.

    The time taken says nothing of the secrets: every signature meets every secret.
    Raises NotSignedIn: webhook_signature_missing, _expired, _wrong; SettingWrong as `sign`.
    """
    if now.tzinfo is None:
        raise ValueError("the present moment needs a time zone")
    message_id, seconds, given = _read(headers)
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        raise NotSignedIn("webhook_signature_expired", place="header")
    wanted = [_signature(key_of(secret), message_id, seconds, body) for secret in secrets]
    fits = [hmac.compare_digest(one.encode(), other) for one in wanted for other in given]
    if not any(fits):
        raise NotSignedIn("webhook_signature_wrong", place="header")


def key_of(secret: str) -> bytes:
    """Return the key in a secret; SettingWrong (webhook_secret_unusable) where there is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if secret.startswith(PREFIX) and LEAST_BYTES <= len(key) <= MOST_BYTES:
        return key
    raise SettingWrong(
        "webhook_secret_unusable",
        place="secret",
        prefix=PREFIX,
        least_bytes=LEAST_BYTES,
        most_bytes=MOST_BYTES,
    )


def _signature(key: bytes, message_id: str, seconds: str, body: bytes) -> str:
    signed = f"{message_id}.{seconds}.".encode("ascii") + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def _read(headers: Mapping[str, str]) -> tuple[str, str, list[bytes]]:
    """Return id, seconds and the `v1` signatures; other versions are left for others to check."""
    found = {name.lower(): text for name, text in headers.items()}
    message_id, seconds = found.get(ID, ""), found.get(TIMESTAMP, "")
    given = found.get(SIGNATURE, "").split(" ")
    known = [one.encode("utf-8", "replace") for one in given if one.startswith("v1,")]
    whole = _ID.fullmatch(message_id) and _SECONDS.fullmatch(seconds)
    if not whole or not known or len(given) > MOST_SIGNATURES:
        raise NotSignedIn("webhook_signature_missing", place="header")
    return message_id, seconds, known
