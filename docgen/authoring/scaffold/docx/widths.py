"""Column widths of a scaffolded table, from what its fields usually hold and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from docgen.authoring.scaffold.layout import FormCell, choice_of, field_of
from schemas.fields import Choice, Part, label_of, shape, unit_of

# Widths in Latin characters, least and usual; a Chinese character is two wide.
LEAST = {bool: 4, int: 5, float: 7, datetime: 10, date: 10}
USUAL = {bool: 4, int: 8, float: 9, datetime: 16, date: 10}
NAME_WIDTH, TEXT_WIDTH = 12, 28
ONE_LINE, MARGINS, MOST_CHOICE, MOST_WORD = 6, 190, 7, 7
USUAL_NAMES = {
    "path": 36,
    "sha256": 32,
    "file": 22,
    "location": 20,
    "object": 18,
    "item": 18,
    "name": 20,
    "unit": 6,
}


def has_tone(model: type[Part], path: str) -> bool:
    """Tell whether a field's values have colours."""
    choice = choice_of(model, path)
    return choice is not None and any(member.tone for member in choice)


def column_widths(
    model: type[Part], cells: Sequence[FormCell], total: int, half_points: int
) -> list[int]:
    """Share `total` twentieths of a point: what labels need first, the rest by usual content."""
    character = half_points * 5
    least = [_least(model, cell) * character + MARGINS for cell in cells]
    usual = [_usual(*field_of(model, cell.label), cell) * character + MARGINS for cell in cells]
    wanted = [max(0, most - own) for most, own in zip(usual, least, strict=True)]
    free = total - sum(least)
    if free < 0:
        return _shared(least, total)
    extra = _shared(wanted if sum(wanted) else [1] * len(cells), free)
    return [own + more for own, more in zip(least, extra, strict=True)]


def _shared(weights: list[int], total: int) -> list[int]:
    shares = [total * weight // sum(weights) for weight in weights]
    shares[weights.index(max(weights))] += total - sum(shares)
    return shares


def _least(model: type[Part], cell: FormCell) -> int:
    """Return what a column needs: its label, on two lines if long, and what may not be broken."""
    owner, name = field_of(model, cell.label)
    label = _columns(label_of(owner, name, "zh"))
    unit = unit_of(owner, name)
    base: Any = shape(owner, name).base
    choice = choice_of(model, cell.label)
    return max(
        label if label <= ONE_LINE else (label + 3) // 4 * 2,
        min(MOST_WORD, _longest_word(label_of(owner, name, "en")) + 1),
        _columns(unit) + 2 if unit else 0,
        _least_choice(choice) if choice else LEAST.get(base, USUAL_NAMES.get(name, 8) // 2),
    )


def _usual(owner: type[Part], name: str, cell: FormCell) -> int:
    base: Any = shape(owner, name).base
    if choice := choice_of(owner, name):
        return min(14, _longest(choice))
    if base in USUAL:
        return USUAL[base]
    if cell.wide or _limit(owner, name) > 1_000:
        return TEXT_WIDTH
    return USUAL_NAMES.get(name, NAME_WIDTH)


def _least_choice(choice: type[Choice]) -> int:
    words = max(_longest_word(member.en) for member in choice) * 4 // 5
    return min(MOST_CHOICE, max(words, _longest(choice)))


def _longest_word(text: str) -> int:
    return max(map(len, text.split()))


def _longest(choice: type[Choice]) -> int:
    return max(_columns(member.zh) for member in choice)


def _limit(owner: type[Part], name: str) -> int:
    """Return the longest text that a field takes; 200 for lines, thousands for texts."""
    found = owner.model_json_schema()["properties"][name]
    arms = [found, *found.get("anyOf", [])]
    return max(int(arm.get("maxLength", 0)) for arm in arms)


def _columns(text: str) -> int:
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)
