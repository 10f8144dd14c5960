"""Find the header of a table, in one level or two, and what its rows are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from docgen.intake.sheets.facts import Merge
from docgen.intake.sheets.headers import folded, unit_in
from docgen.intake.sheets.layout import Column
from docgen.intake.sheets.places import Spot, letters
from docgen.intake.sheets.targets import WEIGHTS, SheetTarget
from docgen.intake.sheets.types import class_headers
from schemas.problems import Problem, error

SEARCHED_ROWS = 40
CHILD_ALONE = 0.9
Head = Sequence[tuple[int, Sequence[Any]]]
"""The first rows of a sheet with their numbers."""


@dataclass(frozen=True)
class HeaderRow:
    """A header as it stands: for each column its texts, parent first, and what it is called."""

    rows: tuple[int, ...]
    columns: tuple[tuple[str, ...], ...]

    def text(self, index: int) -> str:
        """Return a column's header as people see it: 服务器 / 名称."""
        return " / ".join(part for part in dict.fromkeys(self.columns[index]) if part)

    def names(self, index: int) -> Iterator[tuple[str, float]]:
        """Yield what a column may be called, folded, the surest first."""
        parts = [part for part in dict.fromkeys(self.columns[index]) if part]
        if len(parts) == 2:
            yield folded(parts[0] + parts[1]), 1.0
            yield folded(parts[1]), CHILD_ALONE
        elif parts:
            yield folded(parts[0]), 1.0

    @property
    def filled(self) -> int:
        """How many columns have a header."""
        return sum(any(parts) for parts in self.columns)


@dataclass(frozen=True)
class Match:
    """A heading read as the header of a target."""

    heading: HeaderRow
    target: SheetTarget
    columns: tuple[Column, ...]
    faults: tuple[tuple[int, Problem], ...]
    score: float

    @property
    def unmapped(self) -> list[tuple[int, str]]:
        """Columns with a header that mean nothing here."""
        taken = {column.index for column in self.columns} | {index for index, _ in self.faults}
        texts = ((index, self.heading.text(index)) for index in range(len(self.heading.columns)))
        return [(index, text) for index, text in texts if text and index not in taken]

    def spots(self, sheet: str) -> list[tuple[Spot, Problem]]:
        """Return what is wrong with the header, at its cells."""
        row = self.heading.rows[-1]
        return [(Spot(sheet, row, index), problem) for index, problem in self.faults]


def headings(head: Head, merges: Sequence[Merge]) -> Iterator[HeaderRow]:
    """Yield every row that may be a header, alone and with the row above it as its parent."""
    texts = [(number, _texts(row)) for number, row in head[:SEARCHED_ROWS]]
    for at, (number, row) in enumerate(texts):
        if sum(map(bool, row)) >= 2:
            yield HeaderRow((number,), tuple((text,) for text in row))
        if at + 1 < len(texts) and any(row):
            below_number, below = texts[at + 1]
            yield _two_levels((number, row), (below_number, below), merges)


def _two_levels(
    above: tuple[int, list[str]], below: tuple[int, list[str]], merges: Sequence[Merge]
) -> HeaderRow:
    number, parents = above
    width = max(len(parents), len(below[1]))
    parents = parents + [""] * (width - len(parents))
    children = below[1] + [""] * (width - len(below[1]))
    spread = _spread(parents, children, [m for m in merges if m[0][0] == number - 1])
    return HeaderRow((number, below[0]), tuple(zip(spread, children, strict=True)))


def _spread(parents: list[str], children: list[str], merges: list[Merge]) -> list[str]:
    """Let a parent stand over the columns that it is merged over, or that follow it empty."""
    made = list(parents)
    for (_, first), (_, last) in merges:
        if first >= len(made):
            continue  # beyond the last cell with a text
        made[first : last + 1] = [parents[first]] * (min(last + 1, len(made)) - first)
    for index in range(1, len(made)):
        if not made[index] and children[index] and children[index - 1]:
            made[index] = made[index - 1]
    return made


def _texts(row: Sequence[Any]) -> list[str]:
    return [cell.strip() if isinstance(cell, str) else "" for cell in row]


def matched(heading: HeaderRow, target: SheetTarget) -> Match:
    """Read a heading as that of `target`: each column the nearest field of its name."""
    columns: list[Column] = []
    faults: list[tuple[int, Problem]] = []
    for index in range(len(heading.columns)):
        ids, confidence = _ids(heading, index, target)
        text = heading.text(index)
        if len(ids) > 1:
            slots = [target.slots[one] for one in ids]
            names = {lang: "、".join(s.label(lang) for s in slots) for lang in ("zh", "en")}
            faults.append((index, error((), "ambiguous_header", text, fields=names)))
        elif ids:
            slot = target.slots[ids[0]]
            columns.append(Column(index, text, slot, confidence, unit_in(text)))
    columns, twice = _once(columns)
    return Match(
        heading, target, tuple(columns), (*faults, *twice), _score(heading, target, columns)
    )


def _ids(heading: HeaderRow, index: int, target: SheetTarget) -> tuple[tuple[str, ...], float]:
    for name, confidence in heading.names(index):
        if tiers := target.names.get(name):
            return tiers[0], confidence
    return (), 0.0


def _once(columns: list[Column]) -> tuple[list[Column], list[tuple[int, Problem]]]:
    """Refuse a second column for one field, unless the field is a list or one is less sure."""
    kept: dict[str, Column] = {}
    lists: list[Column] = []
    faults = []
    for column in sorted(columns, key=lambda one: -one.confidence):
        first = kept.get(column.slot.id)
        if column.slot.is_list:
            lists.append(column)
        elif first is None:
            kept[column.slot.id] = column
        elif first.confidence == column.confidence:
            faults.append((column.index, _twice(column, first)))
    return sorted([*kept.values(), *lists], key=lambda one: one.index), faults


def _twice(column: Column, first: Column) -> Problem:
    slot = column.slot
    labels = {lang: slot.label(lang) for lang in ("zh", "en")}
    told = f"{letters(first.index)}（{first.header}）"
    return error((), "column_twice", column.header, first=told, label=labels)


def _score(heading: HeaderRow, target: SheetTarget, columns: list[Column]) -> float:
    """Weigh what was recognised by how much of what a row must have is there."""
    own = [column for column in columns if column.slot.tier in ("own", "nested")]
    ids = {column.slot.id for column in columns}
    has_parent = any(column.slot.tier == "parent" for column in columns)
    if len(own) < 2 or (target.needs_parent and not has_parent):
        return 0.0
    covered = len(target.required & ids) / (len(target.required) or 1)
    if len(columns) < 0.3 * heading.filled or (len(own) == 2 and covered < 0.5):
        return 0.0
    best = {column.slot.id: WEIGHTS[column.slot.tier] * column.confidence for column in columns}
    return sum(best.values()) * (0.5 + 0.5 * covered)


def class_column(heading: HeaderRow) -> int | None:
    """Find the column that tells the class of each ticket."""
    known = {folded(name) for name in class_headers()}
    for index in range(len(heading.columns)):
        if any(name in known for name, _ in heading.names(index)):
            return index
    return None
