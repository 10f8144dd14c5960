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
        raise _refuse(
            "too_large",
            (
                f"文件有 {len(data)} 字节，上限 {SIZE_LIMIT}",
                f"The file has {len(data)} bytes; {SIZE_LIMIT} is the limit",
            ),
            ("请拆分，或把大段日志改为附件。", "Split it, or attach long logs as files."),
        )
    text = _decoded(data)
    _check_depth(data)
    try:
        value = json.loads(
            text, object_pairs_hook=_pairs, parse_constant=_constant, parse_float=_figure
        )
    except json.JSONDecodeError as wrong:
        raise _refuse(
            "not_json",
            (
                f"第 {wrong.lineno} 行第 {wrong.colno} 列不是合法的 JSON：{wrong.msg}",
                f"Line {wrong.lineno}, column {wrong.colno} is no JSON: {wrong.msg}",
            ),
            ("请在该处检查引号、逗号和括号。", "Check quotes, commas and brackets there."),
            place=f"{wrong.lineno}:{wrong.colno}",
        ) from wrong
    except ValueError as wrong:
        raise _refuse(
            "not_json",
            (f"数字过长，无法读取：{wrong}", f"A number is too long to be read: {wrong}"),
            ("请核对数值。", "Check the figures."),
        ) from wrong
    return mask_all(value) if mask else value


def _decoded(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        raise _refuse(
            "utf16",
            ("文件是 UTF-16 或 UTF-32 编码", "The file is UTF-16 or UTF-32"),
            ("请另存为 UTF-8。", "Save it as UTF-8."),
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise _refuse(
            "not_utf8",
            (
                f"第 {wrong.start + 1} 个字节起不是 UTF-8",
                f"From byte {wrong.start + 1} on it is not UTF-8",
            ),
            ("请另存为 UTF-8（常见原因：文件是 GBK 编码）。", "Save it as UTF-8; it may be GBK."),
        ) from wrong
    if not text.strip():
        raise _refuse(
            "empty",
            ("文件是空的", "The file is empty"),
            ("请给出一份 JSON 单据。", "Give a JSON record."),
        )
    return text


def _check_depth(data: bytes) -> None:
    depth = 0
    for found in _BRACKET.finditer(data):
        if found.lastindex:
            depth += 1
        elif found[0] in _CLOSING:
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise _refuse(
                "nested_too_deep",
                (f"嵌套超过 {DEPTH_LIMIT} 层", f"Nested more than {DEPTH_LIMIT} levels deep"),
                (
                    "单据没有这么深的结构，请检查来源。",
                    "No record is that deep; check where it comes from.",
                ),
            )


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen = Counter(name for name, _ in pairs)
        twice = next(name for name, times in seen.items() if times > 1)
        shown = twice.encode("utf-8", "backslashreplace").decode()[:NAME_LIMIT]
        raise _refuse(
            "duplicate_key",
            (
                f"字段“{shown}”在同一对象中出现两次",
                f"The field “{shown}” stands twice in one object",
            ),
            ("请保留一个。", "Keep one of them."),
            place=shown,
        )
    return made


def _figure(text: str) -> float:
    """Return the number; one beyond all measure (1e999) would become Infinity."""
    number = float(text)
    return _constant(text[:NAME_LIMIT]) if math.isinf(number) else number


def _constant(name: str) -> NoReturn:
    raise _refuse(
        "not_a_json_number",
        (f"{name} 不是 JSON 数字", f"{name} is no JSON number"),
        ("没有数值时请省略该字段。", "Leave the field out where there is no figure."),
        place=name,
    )


def _refuse(
    code: str, messages: tuple[str, str], hints: tuple[str, str], place: str = ""
) -> InputUnreadable:
    return InputUnreadable(code, *messages, hint_zh=hints[0], hint_en=hints[1], place=place)
