"""Figures as people type them: 64G, 500GB*2, 90天, 98.3%, read in a field's own unit."""

from __future__ import annotations

import re
import unicodedata

_SIZES = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_BYTES = {
    name: factor
    for letter, factor in _SIZES.items()
    for name in ({letter + "b", letter + "ib", letter} if letter != "b" else {"b", "bytes", "字节"})
}
_TIMES = {
    "ms": 0.001,
    "毫秒": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "秒": 1.0,
    "min": 60.0,
    "分": 60.0,
    "分钟": 60.0,
    "h": 3600.0,
    "小时": 3600.0,
    "d": 86400.0,
    "天": 86400.0,
    "日": 86400.0,
}
_PERCENT = {"%": 1.0}
_COUNTS = dict.fromkeys(
    (
        "个",
        "核",
        "核心",
        "cores",
        "core",
        "c",
        "颗",
        "块",
        "台",
        "次",
        "份",
        "条",
        "张",
        "路",
        "行",
    ),
    1.0,
)
_KINDS = (_BYTES, _TIMES, _PERCENT)
_FIGURE = re.compile(
    r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)\s*([a-z%\u4e00-\u9fff]{0,5})"
    r"(?:\s*[*x×]\s*(\d{1,4})\s*[块个条颗根张]?)?"
)
_DIGITS_LOST = re.compile(r"[+-]?\d(?:\.\d+)?e[+]\d{1,3}", re.IGNORECASE)


def is_unit(text: str) -> bool:
    """Tell whether a text is a unit that figures may have."""
    low = text.strip().lower()
    return any(low in known for known in (*_KINDS, _COUNTS))


def is_scientific(text: str) -> bool:
    """Tell whether a text is a number in scientific notation, as a spreadsheet shortens it."""
    return bool(_DIGITS_LOST.fullmatch(text.strip()))


def figure(text: str, unit: str, given: str = "") -> float | None:
    """Read a figure in `unit`; a bare one is in the unit `given` by the header. None: not one."""
    parts = amounts(text, unit, given)
    return None if parts is None else parts[0] * parts[1]


def amounts(text: str, unit: str, given: str = "") -> tuple[float, int] | None:
    """Read a figure in `unit` and how many times it stands: 500GB*2 is (500, 2)."""
    found = _FIGURE.fullmatch(unicodedata.normalize("NFKC", text).strip().lower())
    if not found:
        return None
    factor = scale(found[2] or given, unit)
    if factor is None and not found[2]:
        factor = 1.0
    if factor is None:
        return None
    return _plain(float(found[1].replace(",", "")) * factor), int(found[3] or 1)


def scale(given: str, unit: str) -> float | None:
    """Return by what a figure in `given` is multiplied to be in `unit`; None: they do not fit."""
    low, own = given.strip().lower(), unit.strip().lower()
    if not low or low == own:
        return 1.0
    for known in _KINDS:
        if low in known and own in known:
            return known[low] / known[own]
    return 1.0 if low in _COUNTS and not own else None


def _plain(value: float) -> float:
    return round(value, 6)
