"""The rows under a header: merged cells and 同上 filled in, everything that is no row skipped.

Nothing vanishes: what is not yielded is written to `Skips` with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from docgen.intake.sheets.book import Row, Sheet
from docgen.intake.sheets.cells import Odd
from docgen.intake.sheets.facts import Cell
from docgen.intake.sheets.headers import folded
from docgen.intake.sheets.layout import Layout
from docgen.intake.sheets.places import Skips
from schemas.values import fold

Numbered = tuple[int, Row]
DITTO = ("同上", "〃")
EXAMPLES = frozenset({"示例", "样例", "例", "例如", "example"})
NUMBERS = frozenset({"序号", "no", "no.", "#", "行号", "项次", "seq"})
_TOTAL = re.compile(
    r"(本页|页)?(合计|小计|总计|共计)([:：(（].*)?|(sub)?total[:：]?", re.IGNORECASE
)
_END = re.compile(r"[-—*]*(此行|本页|本表|此处)?以下(空白|无正文|无内容)[-—*]*")
_SIGN = re.compile(
    r"(制表|填表|编制|审核|复核|批准|审批|经办|校对|负责)(人|人员|日期|单位)?([:：(（].*)?$"
    r"|.{0,12}(签字|签名|签章|盖章|签收)(人|栏|处|日期)?([:：(（].*)?$"
)
_NOTE = re.compile(r"(注|备注|说明|填表说明|填写说明)\d{0,2}[:：].*", re.DOTALL)
FOOT_CELLS = 6
FOOTERS = (("total", _TOTAL), ("end_of_table", _END), ("signature", _SIGN), ("note", _NOTE))


def data_rows(sheet: Sheet, layout: Layout, skips: Skips) -> Iterator[Numbered]:
    """Yield number and cells of each row that is to become something."""
    filter_ = _Filter(sheet, layout)
    first = layout.first_data_row
    fill = _Fill(sheet, first)
    for number, row in sheet.rows():
        if number < first:
            continue
        odd = number in fill.odds and fill.odd(number, row)
        reason = None if odd else filter_.reason(row)
        if reason:
            skips.add(sheet.name, number, reason)
            continue
        yield number, fill.filled(number, row)


class _Filter:
    """Tells which rows are no data, and why."""

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        self.columns = [column.index for column in layout.columns]
        last = [folded(parts[-1] or parts[0]) if parts else "" for parts in layout.header]
        self.header = last
        first = [folded(parts[0]) if parts else "" for parts in layout.header]
        self.parents = first if len(layout.header_rows) > 1 else []
        self.numbers = {index for index, name in enumerate(last) if name in NUMBERS}
        self.titles = _titles(sheet, layout)
        self.marks = [(i, layout.header[i]) for i in self.columns[:4]]
        self.header_texts = {name for name in (*last, *self.parents) if name}

    def reason(self, row: Row) -> str | None:
        """Say why a row is skipped; None when it is data."""
        empty = row.count("")
        filled = len(row) - empty
        if not filled:
            return "blank"
        if filled > FOOT_CELLS:
            is_example = self.numbers and self._is_example(row)
            return "example" if is_example else self._repeated(row)
        cells = [(index, cell) for index, cell in enumerate(row) if cell != ""]
        texts = [(index, cell) for index, cell in cells if not _is_blank(cell)]
        if not texts:
            return "blank"
        first = cells[0][1]
        if isinstance(first, str) and fold(first) in EXAMPLES:
            return "example"
        if reason := self._foot([cell for _, cell in texts]):
            return reason
        if all(index in self.numbers for index, _ in texts):
            return "only_a_number"
        return self._repeated(row)

    def _is_example(self, row: Row) -> bool:
        """Tell whether the row is only there to show how it is done."""
        return any(index < len(row) and row[index] in EXAMPLES for index in self.numbers)

    def _foot(self, cells: list[Any]) -> str | None:
        words = [cell.strip() for cell in cells[:2] if isinstance(cell, str)]
        for word in words:
            plain = re.sub(r"[ \u3000]+", "", word)
            for reason, pattern in FOOTERS:
                if pattern.fullmatch(plain):
                    return reason
        if len(cells) == 1 and words and folded(words[0]) in self.titles:
            return "repeated_title"
        return None

    def _repeated(self, row: Row) -> str | None:
        """Recognise a header that is printed again on the next page."""
        for index, texts in self.marks:
            if index < len(row) and row[index] in texts:
                break
        else:
            return None
        found = [(i, folded(cell)) for i, cell in enumerate(row) if isinstance(cell, str) and cell]
        known = [name for _, name in found if name in self.header_texts]
        if len(known) < 2 or len(known) < 0.6 * len(found):
            return None
        for header in (self.header, self.parents):
            same = sum(i < len(header) and header[i] == name for i, name in found)
            if same >= 2 and same >= 0.6 * len(found):
                return "repeated_header"
        return None


def _is_blank(cell: Any) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _titles(sheet: Sheet, layout: Layout) -> set[str]:
    """Return the texts over the header."""
    found = set()
    for number, row in sheet.rows():
        if number >= min(layout.header_rows, default=0):
            break
        found |= {folded(cell) for cell in row if isinstance(cell, str) and cell.strip()}
    return found


@dataclass
class _Open:
    """A merged range that is being read: its last row, and the value of each first cell."""

    last: int
    value: Any


@dataclass
class _Fill:
    """Carries values down merged ranges and to 同上, and puts odd cells where they are."""

    sheet: Sheet
    first: int
    above: Row = field(default_factory=list)
    open: dict[int, _Open] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.starts: dict[int, list[tuple[int, int]]] = {}
        for (top, left), (bottom, _) in self.sheet.facts.merges:
            if bottom > top and top >= self.first - 1:
                self.starts.setdefault(top, []).append((left, bottom))
        self.odds: dict[int, list[tuple[int, str]]] = {}
        odd: dict[Cell, str] = self.sheet.facts.odd
        for (at, column), text in odd.items():
            self.odds.setdefault(at + 1, []).append((column, text))

    def odd(self, number: int, row: Row) -> bool:
        """Put errors and formulas without a value into the row that has them."""
        for column, text in self.odds[number]:
            row.extend([""] * (column + 1 - len(row)))
            if row[column] == "":
                row[column] = Odd(text)
        return True

    def filled(self, number: int, row: Row) -> Row:
        """Return the row with what merged ranges and 同上 stand for."""
        for left, bottom in self.starts.get(number - 1, ()):
            self.open[left] = _Open(bottom + 1, row[left] if left < len(row) else "")
        if self.open:
            self._carry(number, row)
        if DITTO[0] in row or DITTO[1] in row:
            row = [self._said_above(i, c) for i, c in enumerate(row)]
        self.above = row
        return row

    def _carry(self, number: int, row: Row) -> None:
        for column, opened in list(self.open.items()):
            if number > opened.last:
                del self.open[column]
            elif column < len(row) and row[column] == "":
                row[column] = opened.value

    def _said_above(self, index: int, cell: Any) -> Any:
        if cell not in DITTO:
            return cell
        value = self.above[index] if index < len(self.above) else ""
        return Odd(cell, "nothing_above") if value == "" else value
