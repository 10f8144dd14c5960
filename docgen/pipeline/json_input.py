"""Bytes → plain JSON values, or one clear error with line and column.

Strict where JSON is loose: UTF-8 only, no duplicate keys, no NaN, no bomb of nesting.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from docgen.errors import InputUnreadable
from schemas.secrets import mask_all

SIZE_LIMIT = 32 * 1024 * 1024
DEPTH_LIMIT = 32
NAME_LIMIT = 100

# Strings are skipped; possessive, so that one of 10 MB keeps no ways back in memory.
_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+|([\[{])|[\]}]', re.DOTALL)
_CLOSING = b"]}"


def read_json(data: bytes, *, mask: bool = False) -> Any:
    """Read one JSON value; `mask` replaces credentials in every text by `******`.

    Raises InputUnreadable: too_large, not_utf8, utf16, empty, nested_too_deep, not_json (with
    line and column), duplicate_key, not_a_json_number.
    """
    if len(data) > SIZE_LIMIT:
        raise InputUnreadable("too_large.record", size=len(data), limit=SIZE_LIMIT)
    text = _decoded(data)
    _check_depth(data)
    try:
        value = json.loads(
            text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_figure
        )
    except json.JSONDecodeError as wrong:
        raise InputUnreadable(
            "not_json",
            place=f"{wrong.lineno}:{wrong.colno}",
            lineno=wrong.lineno,
            colno=wrong.colno,
            reason=wrong.msg,
        ) from wrong
    except ValueError as wrong:
        raise InputUnreadable("not_json.number", reason=str(wrong)) from wrong
    return mask_all(value) if mask else value


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        raise InputUnreadable("utf16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise InputUnreadable("not_utf8", position=wrong.start + 1) from wrong
    if not text.strip():
        raise InputUnreadable("empty")
    return text


def _check_depth(data: bytes) -> None:
    depth = 0
    for found in _BRACKET.finditer(data):
        if found.lastindex:
            depth += 1
        elif found[0] in _CLOSING:
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise InputUnreadable("nested_too_deep", limit=DEPTH_LIMIT)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen = Counter(name for name, _ in pairs)
        twice = next(name for name, times in seen.items() if times > 1)
        shown = twice.encode("utf-8", "backslashreplace").decode()[:NAME_LIMIT]
        raise InputUnreadable("duplicate_key", place=shown)
    return made


def _figure(text: str) -> float:
    """Return the number; one beyond all measure (1e999) would become Infinity."""
    number = float(text)
    return _constant(text[:NAME_LIMIT]) if math.isinf(number) else number


def _constant(name: str) -> NoReturn:
    raise InputUnreadable("not_a_json_number", place=name)
