"""Several small things in one cell: 张伟 13800010001；李娜(备), or SSD 500GB*2."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from docgen.intake.sheets.units import amounts, is_scientific
from schemas.fields import Choice, Part, shape, unit_of
from schemas.values import fold

NOT_STATED = "未注明"
_PIECES = re.compile(r"[、，,；;\n]+")
_TOKENS = re.compile(r"[\s/|:：()（）\[\]【】]+")
_PHONE = re.compile(r"\+?\d[\d-]{6,18}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_NOTHING = frozenset({"", "/", "-", "—", "无", "n/a"})
_IP = re.compile(r"[0-9a-f:.]*[.:][0-9a-f:.]+", re.IGNORECASE)


def converter(model: type[Part], typed: bool) -> Callable[[Any], Any]:
    """Return the function that reads a cell as rows of `model`."""

    def read(cell: Any) -> Any:
        text = str(cell).strip() if isinstance(cell, str) else f"{cell:g}"
        if fold(text) in _NOTHING:
            return None
        made = [
            part for piece in _PIECES.split(text) if piece.strip() for part in _parts(model, piece)
        ]
        return made or None

    return read


def _parts(model: type[Part], piece: str) -> list[dict[str, Any]]:
    made: dict[str, Any] = {}
    words, times = [], 1
    for token in _TOKENS.split(piece.strip()):
        if not token:
            continue
        found = _recognised(model, token, made)
        if found is None:
            words.append(token)
        else:
            name, value, count = found
            made[name] = value
            times = max(times, count)
    if text := _first_text(model):
        if words:
            made[text] = " ".join(words)
        elif model.model_fields[text].is_required():
            made.setdefault(text, NOT_STATED)
    return [dict(made) for _ in range(min(times, 100))]


def _recognised(model: type[Part], token: str, made: dict[str, Any]) -> tuple[str, Any, int] | None:
    """Say which field a word is for by its own form: address, phone, figure with a unit, choice."""
    names = [name for name in model.model_fields if name not in made]
    if "email" in names and _EMAIL.fullmatch(token):
        return "email", token, 1
    if "ip" in names and _IP.fullmatch(token):
        return "ip", token, 1
    if "phone" in names and is_scientific(token):
        return "phone", float(token), 1
    if "phone" in names and _PHONE.fullmatch(token):
        return "phone", token, 1
    for name in names:
        base = shape(model, name).base
        if unit_of(model, name) and (found := amounts(token, unit_of(model, name))):
            return name, found[0], found[1]
        if isinstance(base, type) and issubclass(base, Choice) and _is_member(base, token):
            return name, token, 1
        if name == "raid" and token.lower().startswith("raid"):
            return name, token, 1
    return None


def _is_member(members: Any, token: str) -> bool:
    try:
        members(token)
    except ValueError:
        return False
    return True


def _first_text(model: type[Part]) -> str | None:
    """Return the field that free words are for: the first mandatory text."""
    texts = [name for name in model.model_fields if shape(model, name).base is str]
    required = [name for name in texts if model.model_fields[name].is_required()]
    return next(iter(required or texts), None)
