"""Rules over the rows of one list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from schemas.problems import Problem, error


def repeated(
    rows: Sequence[Any], list_name: str, name: str, key: Callable[[Any], Any] = lambda value: value
) -> Iterator[Problem]:
    """Refuse each row whose field `name` (as `key` sees it) stood in an earlier row."""
    seen: dict[Any, int] = {}
    for index, row in enumerate(rows):
        value = getattr(row, name)
        if value is None:
            continue
        first = seen.setdefault(key(value), index)
        if first != index:
            yield error((list_name, index, name), "duplicate", value, first=f"{list_name}[{first}]")
