"""When a webhook is tried again, and when it is not: pure rules over receipts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from docgen.webhooks.request import Receipt

# The waits that the Standard Webhooks specification proposes, about 27 hours and 35 minutes.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
SPREAD = 0.1  # of a wait, at most, so that what failed together does not come back together
LONGEST = timedelta(hours=10)  # that a receiver may put us off for

GONE = 410


@dataclass(frozen=True)
class DeliveryVerdict:
    """What a receipt leads to; `at` is set for another attempt only.

    `disabled`: the receiver is gone for good, nothing more is sent there until someone enables it.
    """

    outcome: Literal["delivered", "again", "given_up", "disabled"]
    at: datetime | None = None


def judged(receipt: Receipt, attempts: int, now: datetime, jitter: float) -> DeliveryVerdict:
    """Return what follows attempt number `attempts` (from 1), which ended at `now`."""
    if receipt.delivered:
        return DeliveryVerdict("delivered")
    if receipt.status == GONE:
        return DeliveryVerdict("disabled")
    at = next_attempt(attempts, now, jitter, retry_after=receipt.retry_after)
    return DeliveryVerdict("again", at) if at else DeliveryVerdict("given_up")


def next_attempt(
    attempts: int, now: datetime, jitter: float, *, retry_after: str = ""
) -> datetime | None:
    """Return when to try again after `attempts` in vain, or None to give up.

    `jitter` is a random number from 0 to 1. Retry-After (seconds, or a date) may put the attempt
    off, by ten hours at most, but never forward; one that reads as neither is no wish.
    """
    if attempts < 1 or not 0 <= jitter <= 1 or now.tzinfo is None:
        raise ValueError(f"no attempt {attempts}, jitter {jitter}, or a moment without time zone")
    if attempts > len(WAITS):
        return None
    wait = WAITS[attempts - 1] * (1 + SPREAD * jitter)
    return now + max(wait, min(_asked(retry_after, now), LONGEST))


def _asked(retry_after: str, now: datetime) -> timedelta:
    """Return the wait that a Retry-After header asks for (RFC 9110, 10.2.3)."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
