"""Where something stands in a spreadsheet, and what is wrong there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from schemas.problems import Problem, shown


def letters(column: int) -> str:
    """Name a column, counted from 0, as spreadsheets do: A, Z, AA."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def column_of(name: str) -> int:
    """Count a column's letters from 0; ValueError for what is no column."""
    if not name.isascii() or not name.isalpha() or len(name) > 3:
        raise ValueError(name)
    number = 0
    for letter in name.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


@dataclass(frozen=True, slots=True)
class Spot:
    """A sheet, a row counted from 1, and a column counted from 0 (None: the row, or the sheet)."""

    sheet: str
    row: int = 0
    column: int | None = None

    @property
    def cell(self) -> str:
        """The A1 name; empty for a whole sheet."""
        if not self.row:
            return ""
        return f"{letters(self.column or 0)}{self.row}"

    def __str__(self) -> str:
        return f"{self.sheet}!{self.cell}" if self.cell else self.sheet


@dataclass(frozen=True)
class Fault:
    """A problem of a record, at the cell that it comes from."""

    file: str
    spot: Spot
    problem: Problem
    field: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `errors[]`."""
        problem = self.problem
        return {
            "file": self.file,
            "sheet": self.spot.sheet,
            "cell": self.spot.cell,
            "row": self.spot.row or None,
            "field": self.field or problem.place,
            "code": problem.code,
            "level": problem.level,
            "value": shown(problem.value),
            "message": {"zh": problem.message("zh"), "en": problem.message("en")},
            "hint": {"zh": problem.hint("zh"), "en": problem.hint("en")},
        }


@dataclass(frozen=True)
class Skip:
    """Rows that are no record, and why; `to_row` is the last of a long run of them."""

    file: str
    sheet: str
    row: int
    reason: str
    to_row: int

    @property
    def rows(self) -> int:
        """How many rows it stands for."""
        return self.to_row - self.row + 1

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `skipped[]`."""
        told = {"file": self.file, "sheet": self.sheet, "row": self.row, "reason": self.reason}
        return told | ({"to_row": self.to_row} if self.to_row > self.row else {})


RUN = 100


class Skips:
    """Collects skipped rows; only a run of more than 100 for one reason becomes one entry."""

    def __init__(self, file: str) -> None:
        """Begin with none."""
        self.file = file
        self.entries: list[Skip] = []
        self.rows = 0
        self._run: tuple[str, str, int, int] | None = None

    def add(self, sheet: str, row: int, reason: str, to_row: int | None = None) -> None:
        """Note that the rows `row` to `to_row` are skipped."""
        last = row if to_row is None else to_row
        self.rows += last - row + 1
        run = self._run
        if run and run[:2] == (sheet, reason) and run[3] == row - 1:
            self._run = (sheet, reason, run[2], last)
            return
        self.close()
        self._run = (sheet, reason, row, last)

    def close(self) -> None:
        """Write down the last run."""
        if self._run:
            sheet, reason, first, last = self._run
            self.entries.extend(_entries(self.file, sheet, reason, range(first, last + 1)))
            self._run = None


def _entries(file: str, sheet: str, reason: str, rows: range) -> Iterable[Skip]:
    if len(rows) > RUN:
        return [Skip(file, sheet, rows[0], reason, rows[-1])]
    return [Skip(file, sheet, row, reason, row) for row in rows]
