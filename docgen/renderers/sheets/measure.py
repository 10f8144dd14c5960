"""How many lines a text takes in a cell, and how a text too long for one cell is continued."""

from __future__ import annotations

import re
from collections.abc import Iterator

CELL_LIMIT = 32_000
"""UTF-16 units that go into one cell; Excel's own limit is 32,767."""
ROW_POINTS = 400.0
"""Height that a row may grow to; Excel's own limit is 409.5 points."""
LINE = 1.32
"""Line height as a multiple of the font size."""
SAFETY = 0.9
"""Share of a cell's width that is counted on: fonts differ from machine to machine."""
_WIDE = re.compile(
    r"[\u1100-\u115f\u2018-\u201d\u2026\u2e80-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\U00010000-\U0010ffff]"
)


def columns(text: str) -> int:
    """Display columns of one line: a Chinese character takes two."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def lines(text: str, capacity: float) -> int:
    """Lines that `text` wraps to in a cell of `capacity` columns; breaks are counted as typed."""
    fits = capacity * SAFETY
    count = 0
    for line in text.split("\n"):
        taken = columns(line)
        count += 1 if taken <= fits else _wrapped(taken, fits)
    return count


def _wrapped(taken: int, fits: float) -> int:
    """Lines of a long line, with a little more for words that do not break at the edge."""
    return int(taken / max(fits - 1.5, 1)) + 1


def utf16(text: str) -> int:
    """Length in UTF-16 units, as Excel counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def chunks(text: str, capacity: float, most_lines: int) -> list[str]:
    """Split a text at line breaks so that each piece fits a cell and `most_lines`.

    Joined with line breaks the pieces are the text again, but for lines that fill a cell alone.
    """
    found: list[str] = []
    held: list[str] = []
    height = size = 0
    for line in _short_lines(text, capacity, most_lines):
        taken, length = lines(line, capacity), utf16(line) + 1
        if held and (height + taken > most_lines or size + length > CELL_LIMIT):
            found.append("\n".join(held))
            held, height, size = [], 0, 0
        held.append(line)
        height, size = height + taken, size + length
    return [*found, "\n".join(held)]


def _short_lines(text: str, capacity: float, most_lines: int) -> Iterator[str]:
    """Yield the lines of `text`; one that would not fit a cell by itself is cut into several."""
    fitting = int(min(capacity, CELL_LIMIT) * SAFETY * most_lines / 2) - most_lines
    most = min(max(fitting, 20), CELL_LIMIT // 2)
    for line in text.split("\n"):
        if utf16(line) < CELL_LIMIT and lines(line, capacity) <= most_lines:
            yield line
            continue
        for start in range(0, len(line), most):
            yield line[start : start + most]
