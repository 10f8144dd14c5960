"""How two versions of a record differ, field by field, with the labels that people know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from schemas.catalog import record_model
from schemas.fields import Part, label_of, shape

IGNORED = frozenset({"status", "doc_no", "revisions"})  # they differ between any two versions


@dataclass(frozen=True)
class Change:
    """A field that differs: where it stands now, what it is called, and both values."""

    pointer: str
    label: dict[str, str]
    before: Any
    after: Any


def between(code: str, before: str, after: str) -> list[Change]:
    """Compare two records (JSON texts); number, status and history are left out.

    Rows of a list are matched as a whole first, so that one row put in between is one change.
    """
    model = record_model(code)
    first, second = _typed(model, before), _typed(model, after)
    names = [name for name in model.model_fields if name not in IGNORED]
    return [
        change
        for name in names
        for change in _field(model, name, (first.get(name), second.get(name)), "")
    ]


def _typed(model: type[Part], text: str) -> dict[str, Any]:
    loaded = json.loads(text)
    return loaded if isinstance(loaded, dict) else {}


def _field(model: type[Part], name: str, both: tuple[Any, Any], above: str) -> Iterator[Change]:
    before, after = both
    if before == after:
        return
    part = shape(model, name).part
    pointer = f"{above}/{name}"
    if part and isinstance(before, dict) and isinstance(after, dict):
        for child in _names(part, before, after):
            yield from _field(part, child, (before.get(child), after.get(child)), pointer)
    elif part and isinstance(before, list) and isinstance(after, list):
        yield from _rows(model, name, (before, after), pointer)
    else:
        yield Change(pointer, _label(model, name), before, after)


def _rows(
    model: type[Part], name: str, both: tuple[list[Any], list[Any]], pointer: str
) -> Iterator[Change]:
    before, after = both
    part = shape(model, name).part
    assert part
    keys = [[json.dumps(row, sort_keys=True) for row in rows] for rows in both]
    for kind, a, b, c, d in SequenceMatcher(a=keys[0], b=keys[1], autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        paired = min(b - a, d - c)
        for step in range(paired):
            old, new = before[a + step], after[c + step]
            if isinstance(old, dict) and isinstance(new, dict):
                for child in _names(part, old, new):
                    place = f"{pointer}/{c + step}"
                    yield from _field(part, child, (old.get(child), new.get(child)), place)
        for index in range(a + paired, b):
            yield Change(f"{pointer}/{index}", _label(model, name), before[index], None)
        for index in range(c + paired, d):
            yield Change(f"{pointer}/{index}", _label(model, name), None, after[index])


def _names(part: type[Part], before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [name for name in part.model_fields if name in before or name in after]


def _label(model: type[Part], name: str) -> dict[str, str]:
    return {lang: label_of(model, name, lang) for lang in ("zh", "en")}
