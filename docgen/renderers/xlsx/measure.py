"""Estimate how many lines a text takes in a cell, and split texts that are too long for one.

Excel computes row heights only where it is opened, and never for merged cells: docgen must.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

CELL_LIMIT = 32_000  # UTF-16 units of a cell; Excel's specification allows 32,767
ROW_POINTS = 400.0  # height that a row may grow to; Excel's specification allows 409.5
LINE = 1.46  # line height as a multiple of the font size
SAFETY = 0.95  # share of a cell's width that is relied on: fonts differ between machines
LATIN, CAPITAL = 1.12, 1.35  # columns of a letter: 1 in 宋体, more in the fonts that replace it
_CAPITAL = re.compile(r"[A-Z@%&_mw]")
_WIDE = re.compile(
    r"[\u1100-\u115f\u2018-\u201d\u2026\u2e80-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6"
    r"\U00010000-\U0010ffff]"
)
_WORDS = re.compile(rf"{_WIDE.pattern}|(?:(?!{_WIDE.pattern})\S)+|\s")


def columns(text: str) -> float:
    """Return the display columns of one line; a Chinese character takes two."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    capital = len(_CAPITAL.findall(text))
    return wide * 2 + capital * CAPITAL + (len(text) - wide - capital) * LATIN


@lru_cache(maxsize=4096)
def lines(text: str, capacity: float) -> int:
    """Return the number of lines of `text` in a cell of `capacity` columns, its breaks included."""
    fits = max(capacity * SAFETY, 2.3)  # one wide character and a bit: every line takes one
    if len(text) * CAPITAL <= fits and text.isascii() and "\n" not in text:
        return 1
    count = 0
    for line in text.split("\n"):
        taken = columns(line)
        if taken <= fits:
            count += 1
        elif len(line) > SIMULATED:
            count += int(taken / (fits - 1)) + 1
        else:
            count += _wrapped(line, fits)
    return count


SIMULATED = 2_000  # characters; longer lines are estimated by their width, not word by word


def _wrapped(line: str, fits: float) -> int:
    """Return the lines of a long line: Latin words wrap as a whole, Chinese breaks anywhere."""
    count, used = 1, 0.0
    for word in _WORDS.findall(line):
        taken = columns(word)
        if used + taken <= fits or (word.isspace() and used):
            used += taken
            continue
        if taken > fits:  # a word longer than a line is cut at its end
            more = int((used + taken) / fits)
            count, used = count + more, (used + taken) % fits
        else:
            count, used = count + 1, taken
    return count


def utf16(text: str) -> int:
    """Return the length in UTF-16 units, in which Excel counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def chunks(text: str, capacity: float, most_lines: int) -> list[str]:
    """Split a text at line breaks so that each piece fits a cell and `most_lines`.

    The pieces joined with line breaks are the text again, except for lines that are cut.
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
