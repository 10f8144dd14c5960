"""Pages of a list by cursor: the last key of a page is where the next one begins."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from docgen.errors import InputUnreadable

T = TypeVar("T")
LIMIT, MOST = 50, 200  # items of a page: what is usual, and what one answer may hold


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items, and the cursor of the next ones (empty at the end)."""

    items: list[T]
    next_cursor: str = ""


def paged(found: Iterable[T], limit: int, kind: str, key: Callable[[T], str | int]) -> Page[T]:
    """Make a page of the first `limit` items; one item more tells that another page follows."""
    items = list(found)
    if len(items) <= limit:
        return Page(items)
    return Page(items[:limit], _encoded(kind, key(items[limit - 1])))


def decoded(cursor: str, kind: str) -> str | int:
    """Return the key in a cursor. InputUnreadable: bad_cursor."""
    try:
        # RFC 4648 5 lets the padding be left out of addresses; Python wants it back.
        padded = cursor + "=" * (-len(cursor) % 4)
        found_kind, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if found_kind != kind or not isinstance(key, str | int) or isinstance(key, bool):
            raise ValueError(kind)
        # PostgreSQL compares with a 32-bit integer, and a larger one would be its error.
        if isinstance(key, int) and not 0 <= key < 2**31:
            raise ValueError(key)
        if isinstance(key, str) and b"\0" in key.encode():  # PostgreSQL has no NUL, UTF-8 no halves
            raise ValueError(key)
    except (ValueError, TypeError, binascii.Error, RecursionError) as wrong:
        raise InputUnreadable("bad_cursor", place="cursor", value=cursor) from wrong
    return key


def _encoded(kind: str, key: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps([kind, key]).encode()).decode().rstrip("=")
