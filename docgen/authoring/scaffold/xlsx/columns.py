"""What a field's column is like: how wide, and how its values stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, get_args

from docgen.authoring.scaffold.layout import FormCell, choice_of, field_of
from docgen.authoring.scaffold.xlsx import styles
from docgen.authoring.scaffold.xlsx.styles import SheetStyle
from schemas.fields import Part, label_of, shape, unit_of

WIDTHS: dict[Any, float] = {bool: 7, int: 10, float: 11, datetime: 19, date: 12}
NAME, TEXT, WIDE, LOG, HASH = 16.0, 22.0, 40.0, 90.0, 34.0
USUAL = {
    "path": 34.0,
    "location": 22.0,
    "item": 24.0,
    "name": 24.0,
    "file": 26.0,
    "seq": 6.0,
    "unit": 8.0,
    "email": 26.0,
    "sql_id": 18.0,
    "param_name": 24.0,
    "org": 24.0,
    "no": 10.0,
    "doc_no": 22.0,
    "ticket_no": 22.0,
    "authorization_no": 22.0,
}
LEAST = {datetime: 4, date: 3}
"""Narrow columns of a form that a moment needs."""
FILTER_ARROW = 3
TEXT_LENGTH = 1_000


def width(model: type[Part], cell: FormCell) -> float:
    """Width of a field's column in characters: its usual content, and its labels' words."""
    owner, name = field_of(model, cell.label)
    return max(_content(model, cell, owner, name), _label(owner, name))


def _content(model: type[Part], cell: FormCell, owner: type[Part], name: str) -> float:
    base: Any = shape(owner, name).base
    if cell.log:
        return LOG
    if cell.wide:
        return WIDE
    if choice := choice_of(model, cell.label):
        return min(max(columns(member.zh) for member in choice) + 3.0, 16.0)
    if base in WIDTHS:
        return WIDTHS[base]
    if name == "sha256":
        return HASH
    return USUAL.get(name, NAME if is_line(owner, name) else TEXT)


def _label(owner: type[Part], name: str) -> float:
    """Room for the Chinese label, on two lines if long, and the longest English word."""
    zh = columns(label_of(owner, name, "zh"))
    words = [*label_of(owner, name, "en").split(), f"({unit_of(owner, name)})"]
    return max(zh if zh <= 8 else (zh + 3) // 4 * 2, *map(len, words)) + FILTER_ARROW


def look(model: type[Part], cell: FormCell) -> SheetStyle:
    """How a field's values stand in a column: numbers right, short words and dates centred."""
    owner, name = field_of(model, cell.label)
    base: Any = shape(owner, name).base
    if cell.log:
        return styles.LOG
    if cell.number:
        return styles.CENTRE if name in ("seq", "level") else styles.NUMBER
    if base in (date, datetime):
        return styles.MOMENT
    return styles.CENTRE if base is bool or choice_of(model, cell.label) else styles.TEXT


def spans(model: type[Part], cells: Sequence[FormCell], total: int) -> list[int]:
    """Share `total` narrow columns of a form among the columns of a list, texts getting most."""
    least = [LEAST.get(_base(model, cell), 2) for cell in cells]
    if sum(least) > total:
        least = [max(total // len(cells), 1)] * len(cells)
    weights = [_weight(model, cell) for cell in cells]
    spare = total - sum(least)
    parts = [weight / sum(weights) * spare for weight in weights]
    found = [own + int(part) for own, part in zip(least, parts, strict=True)]
    by_rest = sorted(range(len(parts)), key=lambda at: (int(parts[at]) - parts[at], at))
    for at in by_rest[: total - sum(found)]:
        found[at] += 1
    return found


def _base(model: type[Part], cell: FormCell) -> Any:
    return shape(*field_of(model, cell.label)).base


def _weight(model: type[Part], cell: FormCell) -> int:
    owner, name = field_of(model, cell.label)
    if _base(model, cell) in WIDTHS or choice_of(model, cell.label):
        return 1
    if not is_line(owner, name):
        return 16
    return 10 if name == "title" else int(USUAL.get(name, NAME) / 3)


def is_line(owner: type[Part], name: str) -> bool:
    """Tell whether a field holds one short line, not a text."""
    field = owner.model_fields[name]
    found = [length for item in field.metadata if (length := getattr(item, "max_length", None))]
    return max(found + _lengths(field.annotation), default=TEXT_LENGTH) < TEXT_LENGTH


def _lengths(annotation: Any) -> list[int]:
    """List the longest lengths that an annotation names, optional or not."""
    found: list[int] = []
    for item in getattr(annotation, "__metadata__", ()):
        for part in getattr(item, "metadata", [item]):
            found += [part.max_length] if getattr(part, "max_length", None) else []
    for arm in (*get_args(annotation), getattr(annotation, "__origin__", None)):
        found += _lengths(arm) if arm is not None and arm is not annotation else []
    return found


def columns(text: str) -> int:
    """Display columns of a text: a Chinese character takes two."""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)
