"""Decide when a webhook is tried again: pure rules over receipts, without clock or database."""

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
SPREAD = 0.1  # of a wait, at most, so that messages that failed together do not return together
LONGEST = timedelta(hours=10)  # that a receiver may ask us to wait

GONE = 410  # RFC 9110, 15.5.11: for good


@dataclass(frozen=True)
class DeliveryVerdict:
    """The consequence of a receipt; `at` is set for another attempt only.

    `disabled`: the receiver is gone for good; nothing is sent until someone enables the webhook.
    """

    outcome: Literal["delivered", "again", "given_up", "disabled"]
    at: datetime | None = None


def verdict_of(receipt: Receipt, attempts: int, now: datetime, jitter: float) -> DeliveryVerdict:
    """Return the consequence of attempt number `attempts` (from 1), which ended at `now`."""
    if receipt.delivered:
        return DeliveryVerdict("delivered")
    if receipt.status == GONE:
        return DeliveryVerdict("disabled")
    at = next_attempt(attempts, now, jitter, retry_after=receipt.retry_after)
    return DeliveryVerdict("again", at) if at else DeliveryVerdict("given_up")


def next_attempt(
    attempts: int, now: datetime, jitter: float, *, retry_after: str = ""
) -> datetime | None:
    """Return the time of the next try after `attempts` failed ones, or None to give up.

    `jitter` is a random number from 0 to 1. Retry-After (seconds, or a date) may delay the try,
    by LONGEST at most, and never make it earlier; one that is neither is ignored.
    """
    if attempts < 1 or not 0 <= jitter <= 1 or now.tzinfo is None:
        raise ValueError(f"no attempt {attempts}, jitter {jitter}, or a moment without time zone")
    if attempts > len(WAITS):
        return None
    wait = WAITS[attempts - 1] * (1 + SPREAD * jitter)
    return now + max(wait, min(_parse_retry_after(retry_after, now), LONGEST))


def _parse_retry_after(retry_after: str, now: datetime) -> timedelta:
    """Return the wait of a Retry-After header (RFC 9110, 10.2.3); zero if it is neither form."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))  # more digits would overflow a timedelta
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
