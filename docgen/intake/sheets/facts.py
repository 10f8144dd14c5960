"""What a workbook says beside its values: date system, error cells, merges, what is ignored."""

from __future__ import annotations

from dataclasses import dataclass, field

from docgen.files.active import MOST, VALUE, ActiveContent

Cell = tuple[int, int]
"""Row and column, both counted from 0."""
Merge = tuple[Cell, Cell]

WITHOUT_VALUE = ""
"""Stands in `odd` for a formula whose result was not saved."""


@dataclass
class SheetFacts:
    """Cells whose value the reader cannot give (their error text), and ranges that are merged."""

    odd: dict[Cell, str] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)


@dataclass
class Facts:
    """Facts of a whole workbook, by the sheets' names; `notes` are codes of what is ignored.

    `ignored` names each thing that would fetch or start something, with its place.
    """

    date1904: bool = False
    notes: list[str] = field(default_factory=list)
    ignored: list[ActiveContent] = field(default_factory=list)
    sheets: dict[str, SheetFacts] = field(default_factory=dict)

    def ignore(self, code: str, place: str, value: str) -> None:
        """Note something that is ignored, once."""
        found = ActiveContent(code, place, value[:VALUE])
        if len(self.ignored) < MOST and found not in self.ignored:
            self.ignored.append(found)

    def sheet(self, name: str) -> SheetFacts:
        """Return the facts of a sheet, none where nothing is special."""
        return self.sheets.setdefault(name, SheetFacts())
