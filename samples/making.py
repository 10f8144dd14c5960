"""What the makers of samples share: days, moments, rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

ROWS = 120
START = datetime.fromisoformat("2026-03-01T00:00:00+08:00")
PEOPLE = ("张伟", "李娜", "赵敏", "周磊")
Record = dict[str, Any]


def at(minutes: int) -> str:
    """Write the moment `minutes` after the first of March 2026."""
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M")


def day(days: int) -> str:
    """Write the day `days` after the first of March 2026."""
    return (START + timedelta(days=days)).strftime("%Y-%m-%d")


def rows(make: Callable[[int], Record], count: int = ROWS) -> list[Record]:
    """Make `count` rows, numbered from 1."""
    return [make(number) for number in range(1, count + 1)]
