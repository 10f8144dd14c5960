"""Cell references in A1 style, and how they move when a template's rows are printed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property

LAST_ROW = 1_048_576  # Excel's specification: 2**20 rows
_AREA = re.compile(r"^(\$?)([A-Z]{1,3})(\$?)(\d+)(?::(\$?)([A-Z]{1,3})(\$?)(\d+))?$")
# In turn: a string, which stays; a sheet's name; a cell or area, whole rows, whole columns. No
# name or function that only looks like one (ECMA-376 18.17.2).
_FORMULA_PART = re.compile(
    r'"(?:[^"]|"")*"'
    r"|(?P<sheet>(?:'(?:[^']|'')+'|[^\W\d][\w.]*)!)?(?<![\w.$])(?P<ref>"
    r"\$?[A-Z]{1,3}\$?\d+(?::\$?[A-Z]{1,3}\$?\d+)?|\$?\d+:\$?\d+|\$?[A-Z]{1,3}:\$?[A-Z]{1,3})(?![\w.(])"
)


def letters(column: int) -> str:
    """Return the letters of a column number from 1."""
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def number(column: str) -> int:
    """Return the number of a column's letters; A is 1."""
    value = 0
    for letter in column:
        value = value * 26 + ord(letter) - 64
    return value


def split(ref: str) -> tuple[str, int]:
    """Split a cell's reference: `B7` → ("B", 7). Raises ValueError."""
    found = _AREA.match(ref)
    if not found:
        raise ValueError(f"not a cell: {ref}")
    return found[2], int(found[4])


def area(ref: str) -> tuple[int, int, int, int]:
    """Parse `B7:D9` to first column, first row, last column, last row. Raises ValueError."""
    found = _AREA.match(ref)
    if not found:
        raise ValueError(f"not an area: {ref}")
    column, row = number(found[2]), int(found[4])
    return column, row, number(found[6] or found[2]), int(found[8] or row)


class RowMap:
    """Maps rows of the template to rows of the printed sheet.

    `trace` is the template row of each printed row; a negative entry continues the row before.
    """

    def __init__(self, trace: list[int], last: int) -> None:
        """`last` is the template's last row."""
        self.trace, self.last = trace, last
        self.total = len(trace)

    @cached_property
    def places(self) -> dict[int, list[int]]:
        """Template row → the rows printed for it, continuations included."""
        found: dict[int, list[int]] = {}
        for at, row in enumerate(self.trace, 1):
            found.setdefault(abs(row), []).append(at)
        return found

    def span(self, first: int, last: int) -> tuple[int, int] | None:
        """Return the first and last printed row of a span of template rows; None for none."""
        if first > self.last:
            return self._beyond(first), self._beyond(last)
        inside = [self.places[row] for row in self.places if first <= row <= last]
        low = min((rows[0] for rows in inside), default=0)
        high = max((rows[-1] for rows in inside), default=0)
        if last > self.last:
            low, high = low or self.total + 1, self._beyond(last)
        return (low, high) if low else None

    def at(self, row: int, current: int = 0) -> int:
        """Return the printed row of a template row that may be printed several times.

        The last one up to `current`, else the first, else the next row that was printed.
        """
        if row > self.last:
            return self._beyond(row)
        if rows := self.places.get(row):
            return rows[max(bisect_right(rows, current) - 1, 0)]
        later = [rows[0] for known, rows in self.places.items() if known > row]
        return min(later, default=self.total + 1)

    def groups(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return every repetition of a span of rows, as merges over several rows need it."""
        found: list[tuple[int, int]] = []
        for at, row in enumerate(self.trace, 1):
            if not first <= abs(row) <= last:
                continue
            fresh = row == first or not found or found[-1][1] != at - 1
            found.append((at, at)) if fresh else found.__setitem__(-1, (found[-1][0], at))
        return found

    def _beyond(self, row: int) -> int:
        return row if row >= LAST_ROW else min(self.total + row - self.last, LAST_ROW)


def mapped_area(ref: str, rows: RowMap) -> str:
    """Map an area of the template to the printed sheet; empty when none of it was printed."""
    found = _AREA.match(ref)
    if not found:
        return ref
    first = int(found[4])
    span = rows.span(first, int(found[8] or first))
    if span is None:
        return ""
    head = f"{found[1]}{found[2]}{found[3]}{span[0]}"
    if found[8] is None and span[0] == span[1]:
        return head
    tail = (
        f"{found[5] or found[1] or ''}{found[6] or found[2]}{found[7] or found[3] or ''}{span[1]}"
    )
    return f"{head}:{tail}"


def mapped_areas(refs: str, rows: RowMap) -> str:
    """Map areas divided by spaces: ST_Sqref (ECMA-376 18.18.76)."""
    return " ".join(filter(None, (mapped_area(ref, rows) for ref in refs.split())))


def mapped_formula(
    formula: str, sheet: Callable[[str], tuple[str, RowMap | None]], current: int = 0
) -> str:
    """Move the references of a formula; empty when something it needs was not printed.

    `sheet` returns the printed name and the rows of a sheet by its template name ("" is the
    formula's own); `current` is the formula's own row.
    """
    lost = False

    def move(found: re.Match[str]) -> str:
        nonlocal lost
        if not found["ref"]:
            return found[0]
        sheet_name = (found["sheet"] or "!")[:-1]
        if sheet_name.startswith("'"):
            sheet_name = sheet_name[1:-1].replace("''", "'")
        name, rows = sheet(sheet_name)
        moved = _moved(found["ref"], rows, current if not found["sheet"] else 0)
        lost = lost or not moved
        return (quoted(name) + "!" if found["sheet"] else "") + moved

    made = _FORMULA_PART.sub(move, formula)
    return "" if lost else made


def _moved(ref: str, rows: RowMap | None, current: int) -> str:
    if rows is None:
        return ref
    if found := re.match(r"^(\$?)(\d+):(\$?)(\d+)$", ref):
        span = rows.span(int(found[2]), int(found[4]))
        return f"{found[1]}{span[0]}:{found[3]}{span[1]}" if span else ""
    if ":" in ref or not (single := _AREA.match(ref)):
        return mapped_area(ref, rows)
    return f"{single[1]}{single[2]}{single[3]}{rows.at(int(single[4]), current)}"


def quoted(name: str) -> str:
    """Quote a sheet's name as formulas write it."""
    return "'" + name.replace("'", "''") + "'"
