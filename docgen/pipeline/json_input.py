"""Parse JSON bytes strictly, or refuse them with line and column.

Strict where RFC 8259 is loose: UTF-8 only, no duplicate keys, no NaN, no deep nesting.
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
DEPTH_LIMIT = 32  # no record nests so deep; json.loads would end in a RecursionError
NAME_LIMIT = 100  # characters of a key or number in a message

# Strings are skipped; possessive quantifiers, so that one of 10 MB keeps no backtracking states.
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
            text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_float
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
    # UTF-16 by its byte order mark, or by the NUL beside its first character (RFC 4627, 3).
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        duplicate = next(name for name, count in counts.items() if count > 1)
        shown = duplicate.encode("utf-8", "backslashreplace").decode()[:NAME_LIMIT]
        raise InputUnreadable("duplicate_key", place=shown)
    return values


def _float(text: str) -> float:
    number = float(text)
    # 1e999 would become Infinity, which is no JSON.
    return _refuse_constant(text[:NAME_LIMIT]) if math.isinf(number) else number


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's parser accepts."""
    raise InputUnreadable("not_a_json_number", place=name)
