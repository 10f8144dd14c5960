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
LEAST_BYTES, NEW_BYTES, MOST_BYTES = 24, 32, 64  # of a key, as Standard Webhooks has them
TOLERANCE = timedelta(minutes=5)  # between the two clocks; older messages may be replays
MOST_SIGNATURES = 16  # of a header; each is compared with each secret

_ID = re.compile(r"[\x21-\x2d\x2f-\x7e]{1,128}")  # without full stop, which divides what is signed
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
    """Check that one of `secrets` signed a message within five minutes of `now`.

    Takes the same time whatever matches: every signature is compared with every secret.
    Raises NotSignedIn: webhook_signature_missing, _expired, _wrong; SettingWrong as `sign`.
    """
    if now.tzinfo is None:
        raise ValueError("the present moment needs a time zone")
    message_id, seconds, signatures = _read(headers)
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        raise NotSignedIn("webhook_signature_expired", place="header")
    expected = [_signature(key_of(secret), message_id, seconds, body) for secret in secrets]
    matches = [hmac.compare_digest(one.encode(), two) for one in expected for two in signatures]
    if not any(matches):
        raise NotSignedIn("webhook_signature_wrong", place="header")


def key_of(secret: str) -> bytes:
    """Return the key in a secret; SettingWrong (webhook_secret_unusable) where there is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if secret.startswith(PREFIX) and LEAST_BYTES <= len(key) <= MOST_BYTES:
        return key
    params = {"prefix": PREFIX, "least_bytes": LEAST_BYTES, "most_bytes": MOST_BYTES}
    raise SettingWrong("webhook_secret_unusable", place="secret", **params)


def _signature(key: bytes, message_id: str, seconds: str, body: bytes) -> str:
    signed = f"{message_id}.{seconds}.".encode("ascii") + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def _read(headers: Mapping[str, str]) -> tuple[str, str, list[bytes]]:
    """Return id, seconds and the `v1` signatures; those of other versions are ignored."""
    lower = {name.lower(): text for name, text in headers.items()}
    message_id, seconds = lower.get(ID, ""), lower.get(TIMESTAMP, "")
    signatures = lower.get(SIGNATURE, "").split(" ")
    version1 = [one.encode("utf-8", "replace") for one in signatures if one.startswith("v1,")]
    whole = _ID.fullmatch(message_id) and _SECONDS.fullmatch(seconds)
    if not whole or not version1 or len(signatures) > MOST_SIGNATURES:
        raise NotSignedIn("webhook_signature_missing", place="header")
    return message_id, seconds, version1
