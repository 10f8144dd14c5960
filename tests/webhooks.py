"""What tests of webhooks share: a moment, known secrets, a resolver that says what it is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network

import pytest

from docgen.errors import NotSignedIn
from docgen.webhooks.signature import new_secret, verify

NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def secret(first: int = 0) -> str:
    return new_secret(lambda count: bytes(range(first, first + count)))


def answering(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda host, port: addresses


def refusal(
    keys: Sequence[str], headers: dict[str, str], body: bytes = b"", now: datetime = NOW
) -> str:
    with pytest.raises(NotSignedIn) as caught:
        verify(keys, headers, body, now=now)
    assert caught.value.message("zh")
    return caught.value.code


def until(holds: Callable[[], object], patience_s: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
