"""Convert a template's sheet to a plan: a Jinja source of calls, and the tables that they index.

Each row and each cell with tags is one line of the source: `{% do (expr)|c17(__w) %}`. Values
never become part of the source, so no cell's text can be run.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from docgen.renderers.xlsx import measure, refs, tags
from docgen.renderers.xlsx.sheet import TemplateCell, TemplateRow, TemplateSheet
from docgen.renderers.xlsx.styles import CellFormat

SPACE_BESIDE = 0.7  # characters of a column's width that are its inner margin
INDENT = 1.4  # characters that one step of indent takes


@dataclass(frozen=True, slots=True)
class CellPlan:
    """A cell that the document fills.

    `lead` is the XML of the fixed cells before it, split at the row number. `capacity` is how
    many columns of text a line has (0: does not wrap), `most_lines` how many lines the tallest
    row has.
    """

    lead: tuple[str, ...]
    column: str
    style: int
    look: CellFormat
    capacity: float
    line_points: float
    most_lines: int
    merged: bool
    place: str
    text: str
    formula: str = ""


@dataclass(frozen=True, slots=True)
class RowPlan:
    """A row; `tail` is the XML of the fixed cells after the last filled one, split like `lead`.

    `cells` are (column, style, index of the filled cell or -1), `merges` (first, last column).
    """

    number: int
    height: float | None
    attributes: str
    tail: tuple[str, ...]
    cells: tuple[tuple[str, int, int], ...]
    merges: tuple[tuple[str, str], ...]


@dataclass
class Plan:
    """A sheet's source, the place and text of each of its lines, its rows and filled cells."""

    sheet: TemplateSheet
    looks: list[CellFormat]
    normal_size: float
    lines: list[str] = field(default_factory=list)
    places: list[tuple[str, str]] = field(default_factory=list)
    rows: list[RowPlan] = field(default_factory=list)
    cells: list[CellPlan] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The Jinja source, without escaping: the calls write XML themselves."""
        return "{% autoescape false %}" + "\n".join(self.lines) + "{% endautoescape %}"

    def where(self, line: int) -> tuple[str, str]:
        """Return the place and the text of a line (from 1) of the source."""
        return self.places[min(max(line, 1), len(self.places)) - 1] if self.places else ("", "")

    def add(self, line: str, place: str, text: str) -> None:
        """Append to the source; `line` may hold line breaks."""
        self.lines.append(line)
        self.places += [(place, text)] * (line.count("\n") + 1)


def make_plan(sheet: TemplateSheet, looks: list[CellFormat], normal_size: float) -> Plan:
    """Plan a sheet. TemplateFaulty names a broken tag, or a loop that is not closed."""
    plan = Plan(sheet, looks, normal_size)
    nesting = _Nesting(sheet)
    before = 0
    for row in sheet.rows:
        if row.number - before > 1:
            gap = f"{{% do {tags.WRITER}|gap({before + 1}, {row.number - 1}) %}}"
            plan.add(gap, sheet.name, "")
        before = row.number
        if row.statements:
            nesting.check(row)
            plan.add(row.statements, *nesting.place(row))
        else:
            _Rows(plan).add(row)
    nesting.end()
    return plan


@dataclass
class _Nesting:
    """Checks that control rows open and close blocks in turn."""

    sheet: TemplateSheet
    open: list[tuple[str, TemplateRow]] = field(default_factory=list)

    def place(self, row: TemplateRow) -> tuple[str, str]:
        cell = next(cell for cell in row.cells if cell.text.strip())
        return self.sheet.place(f"{cell.column}{row.number}"), cell.text

    def check(self, row: TemplateRow) -> None:
        for word in tags.keywords(row.statements):
            if word in tags.OPENING:
                self.open.append((word, row))
            elif word.startswith("end"):
                if not self.open or self.open[-1][0] != word[3:]:
                    raise tags.broken("broken_tag.nothing_to_end", *self.place(row), word=word)
                self.open.pop()
            elif word in ("else", "elif") and (
                not self.open or self.open[-1][0] not in ("if", "for")
            ):
                raise tags.broken("broken_tag.stands_alone", *self.place(row), word=word)

    def end(self) -> None:
        if self.open:
            word, row = self.open[-1]
            raise tags.broken("broken_tag.not_ended", *self.place(row), word=word)


@dataclass
class _Rows:
    """Adds one row to a plan."""

    plan: Plan

    def add(self, row: TemplateRow) -> None:
        plan = self.plan
        place = plan.sheet.place(str(row.number))
        plan.add(f"{{% do {tags.WRITER}|row({len(plan.rows)}) %}}", place, "")
        waiting: list[str] = [""]
        cells = []
        for cell in row.cells:
            filled = tags.has_tags(cell.text) or bool(cell.formula)
            cells.append((cell.column, cell.style, len(plan.cells) if filled else -1))
            if filled:
                self._filled(row, cell, tuple(waiting))
                waiting = [""]
            else:
                style = f' s="{cell.style}"' if cell.style else ""
                waiting[-1] += f'<c r="{cell.column}'
                waiting.append(f'"{style}{cell.fixed}')
        merges = tuple(
            (refs.letters(first), refs.letters(last))
            for first, top, last, bottom in plan.sheet.merges
            if top == bottom == row.number
        )
        fixed = (row.number, row.height, row.attributes, tuple(waiting), tuple(cells))
        plan.rows.append(RowPlan(*fixed, merges))

    def _filled(self, row: TemplateRow, cell: TemplateCell, lead: tuple[str, ...]) -> None:
        plan, at = self.plan, len(self.plan.cells)
        place = plan.sheet.place(f"{cell.column}{row.number}")
        look = plan.looks[cell.style]
        capacity, merged = self._capacity(row, cell, look)
        line_points = look.size * measure.LINE
        most = max(int(measure.ROW_POINTS / line_points), 1)
        fixed = (cell.column, cell.style, look, capacity, line_points, most, merged)
        text = cell.text or "=" + cell.formula
        plan.cells.append(
            CellPlan(lead if len(lead) > 1 else (), *fixed, place, text, cell.formula)
        )
        if cell.formula:
            plan.add(f"{{% do {tags.WRITER}|formula({at}) %}}", place, text)
        else:
            plan.add(_call(tags.read(cell.text, place), at), place, text)

    def _capacity(
        self, row: TemplateRow, cell: TemplateCell, look: CellFormat
    ) -> tuple[float, bool]:
        """Return how many columns of text a line of the cell has, and whether it is merged.

        A cell merged over rows counts as one that does not wrap: no row of it can be fitted.
        """
        column = refs.number(cell.column)
        last, merged = column, False
        for left, top, right, bottom in self.plan.sheet.merges:
            if left <= column <= right and top <= row.number <= bottom:
                if bottom > top:
                    return 0.0, True
                last, merged = right, True
        width = self.plan.sheet.width(column, last) - SPACE_BESIDE - look.indent * INDENT
        return (max(width * self.plan.normal_size / look.size, 1.0) if look.wrap else 0.0), merged


def _call(tagged: tags.TaggedText, at: int) -> str:
    """Return the source that fills cell `at`."""
    if tagged.shape == "value":
        return f"{{% do ({tagged.parts[0][1]})|c{at}({tags.WRITER}) %}}"
    if tagged.shape == "parts":
        pieces = ", ".join(f"({text})" if filled else repr(text) for filled, text in tagged.parts)
        return f"{{% do [{pieces}]|j{at}({tags.WRITER}) %}}"
    return f"{{% set __t %}}{tagged.text}{{% endset %}}{{% do __t|c{at}({tags.WRITER}) %}}"
