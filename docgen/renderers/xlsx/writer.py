"""Write the rows of one sheet as XML text; the calls of a plan's source end here."""

from __future__ import annotations

from datetime import date, datetime

from docgen.document import Value
from docgen.errors import RenderFailed
from docgen.renderers.xlsx import measure
from docgen.renderers.xlsx.plan import CellPlan, Plan, RowPlan
from docgen.renderers.xlsx.refs import LAST_ROW
from docgen.renderers.xlsx.strings import StringRun
from docgen.renderers.xlsx.styles import QUOTE, WRAP, StyleRun

FORMULA_MARKS = "=+-@\t\r"  # a text that begins so becomes a formula when edited (OWASP)
GENERAL_DIGITS = 10  # that the format General shows of a number
PADDING_POINTS = 5.0  # above and below the text of a row
# Day 0 of the two date systems (ECMA-376 18.17.4.1); 1899-12-30, for day 60 is 1900-02-29.
_EPOCH = date(1899, 12, 30).toordinal()
_EPOCH_1904 = date(1904, 1, 1).toordinal()


class SheetWriter:
    """The rows of one sheet of one document, as XML in `out`.

    `trace` is the template row of each row written, negative for a continuation; `merges` the
    merged areas; `formulas` are to be written into `out`: (index, cell, row). `n` is the number
    of the open row as text, `rest` the texts to continue below it by column.
    """

    def __init__(self, plan: Plan, strings: StringRun, styles: StyleRun, date1904: bool) -> None:
        self.cells, self.rows = plan.cells, plan.rows
        self.styles = styles
        self.string = strings.number
        self.epoch = _EPOCH_1904 if date1904 else _EPOCH
        self.out: list[str] = []
        self.trace: list[int] = []
        self.merges: list[str] = []
        self.formulas: list[tuple[int, int, int]] = []
        self.row: RowPlan | None = None
        self.n = ""
        self.opened = 0
        self.plain_points = self.merged_points = 0.0
        self.rest: dict[str, list[str]] = {}

    def open(self, row: RowPlan, sign: int = 1) -> None:
        """Open a row; its start tag is written when it is closed and its height is known."""
        self.trace.append(sign * row.number)
        if len(self.trace) > LAST_ROW:
            raise RenderFailed("too_many_rows.sheet", limit=LAST_ROW)
        self.row, self.n = row, str(len(self.trace))
        self.opened = len(self.out)
        self.out.append("")
        self.plain_points = self.merged_points = 0.0
        for first, last in row.merges:
            self.merges.append(f"{first}{self.n}:{last}{self.n}")

    def close(self) -> None:
        """Close the open row, and continue texts that did not fit in rows below it."""
        row = self.row
        if row is None:
            return
        if len(row.tail) > 1:
            self.out.append(self.n.join(row.tail))
        self._end(row)
        while self.rest:
            self._continue(row)
        self.row = None

    def _end(self, row: RowPlan) -> None:
        self.out.append("</row>")
        self.out[self.opened] = f'<row r="{self.n}"{row.attributes}{self._height(row)}>'

    def _height(self, row: RowPlan) -> str:
        """Return the row's height; fixed for merged cells, which programs do not fit again."""
        least = row.height or 0.0
        if max(self.plain_points, self.merged_points) <= least:
            return f' ht="{least:g}" customHeight="1"' if least else ""
        points = min(max(self.merged_points, self.plain_points), 409.0)
        fixed = ' customHeight="1"' if self.merged_points > least else ""
        return f' ht="{points:.1f}"{fixed}'

    def _continue(self, row: RowPlan) -> None:
        """Write one more row like `row`, with the next pieces of the texts to continue."""
        self.open(row, -1)
        waiting, self.rest = self.rest, {}
        for column, style, at in row.cells:
            piece, *later = waiting.get(column, [""])
            if piece:
                self.text(self.cells[at], piece, "")
            else:
                self.out.append(f'<c r="{column}{self.n}" s="{style}"/>')
            if later:
                self.rest[column] = self.rest.get(column, []) + later
        self._end(row)

    def text(self, cell: CellPlan, text: str, tone: str) -> None:
        """Write a text cell; a text that is too tall or too long is continued in rows below."""
        style, flags = cell.style, 0
        if not text:
            self.out.append(f'<c r="{cell.column}{self.n}" s="{style}"/>')
            return
        if text[0] in FORMULA_MARKS:
            flags = QUOTE
        broken = "\n" in text
        if broken and not cell.look.wrap:
            flags |= WRAP
        if tone or flags:
            style = self.styles.variant(style, "", tone, flags)
        if broken or len(text) * 2 > cell.capacity:
            text = self._fit(cell, text)
        at = self.string(text)
        self.out.append(f'<c r="{cell.column}{self.n}" s="{style}" t="s"><v>{at}</v></c>')

    def _fit(self, cell: CellPlan, text: str) -> str:
        """Return the part of a text that fits; store the height it needs, and the rest."""
        capacity = cell.capacity or float(measure.CELL_LIMIT)
        needed = measure.lines(text, capacity)
        if needed > cell.most_lines or measure.utf16(text) > measure.CELL_LIMIT:
            text, *rest = measure.chunks(text, capacity, cell.most_lines)
            if rest:
                self.rest[cell.column] = rest
            needed = min(measure.lines(text, capacity), cell.most_lines)
        if needed > 1:
            points = needed * cell.line_points + PADDING_POINTS
            if cell.merged:
                self.merged_points = max(self.merged_points, points)
            else:
                self.plain_points = max(self.plain_points, points)
        return text

    def typed(self, cell: CellPlan, value: Value) -> bool:
        """Write a typed number or date; False where it must be written as text."""
        if cell.look.as_text:
            return False
        if value.number is not None:
            self.number(cell, value.number, _exact(value), value.tone)
            return True
        return self.moment(cell, value)

    def number(self, cell: CellPlan, value: float | int, code: str, tone: str) -> None:
        """Write a number; the author's own number format wins."""
        if cell.look.keeps(False) or code == "General":
            code = ""
        style = self.styles.variant(cell.style, code, tone, 0) if code or tone else cell.style
        self.out.append(f'<c r="{cell.column}{self.n}" s="{style}"><v>{value!r}</v></c>')

    def moment(self, cell: CellPlan, value: Value) -> bool:
        """Write a date or time as its serial number; False before March 1900."""
        moment = value.moment
        assert moment is not None
        serial: float = moment.toordinal() - self.epoch
        if serial < 61:  # Excel takes 1900 for a leap year: its days before March are other days
            return False
        if isinstance(moment, datetime):
            serial += (moment.hour * 3600 + moment.minute * 60 + moment.second) / 86400
        code = "" if cell.look.keeps(True) else value.number_format
        style = (
            self.styles.variant(cell.style, code, value.tone, 0)
            if code or value.tone
            else cell.style
        )
        self.out.append(f'<c r="{cell.column}{self.n}" s="{style}"><v>{serial!r}</v></c>')
        return True


def _exact(value: Value) -> str:
    """Return a number format that shows all digits of the text, where General would round."""
    code = value.number_format or "General"
    if not code.startswith("General") or len(value) <= GENERAL_DIGITS:
        return code
    digits = str(value).split(" ")[0]
    whole, _, decimals = digits.partition(".")
    if len(whole) + len(decimals) <= GENERAL_DIGITS:
        return code
    return code.replace("General", "0." + "0" * len(decimals) if decimals else "0", 1)
