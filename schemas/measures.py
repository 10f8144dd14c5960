"""Parameter values as quantities: whether 8G and 8192M are the same."""

from __future__ import annotations

import re
import unicodedata

_BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_SIZES = {
    letter + tail: factor
    for letter, factor in _BYTES.items()
    for tail in (("", "b", "ib") if letter else ("", "b"))
}
_SECONDS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"([+-]?\d{1,18}(?:\.\d{1,9})?)\s*([a-z]{0,3})")


def same_quantity(one: str, other: str, unit: str = "") -> bool:
    """Tell whether two values mean the same size or time; a bare number counts in `unit`."""
    first, second = _quantity(one, unit), _quantity(other, unit)
    return first is not None and first == second


def _quantity(text: str, unit: str) -> tuple[str, float] | None:
    found = _QUANTITY.fullmatch(_folded(text))
    if not found:
        return None
    suffix = found[2] or _folded(unit)
    if suffix in _SECONDS:
        return "time", float(found[1]) * _SECONDS[suffix]
    if found[2] and suffix not in _SIZES:
        return None
    return "size", float(found[1]) * _SIZES.get(suffix, 1)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().replace(",", "").lower()
