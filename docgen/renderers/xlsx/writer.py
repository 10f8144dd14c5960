"""Writes the rows of one sheet: what the calls in a plan's source do."""

from __future__ import annotations

from datetime import date, datetime

from docgen.document import Value
from docgen.errors import DocgenError
from docgen.renderers.xlsx import measure
from docgen.renderers.xlsx.plan import CellPlan, Plan, RowPlan
from docgen.renderers.xlsx.refs import LAST_ROW
from docgen.renderers.xlsx.strings import StringRun
from docgen.renderers.xlsx.styles import QUOTE, WRAP, StyleRun

FORMULA_MARKS = "=+-@\t\r"
GENERAL_DIGITS = 10
PADDING_POINTS = 5.0
_EPOCH = date(1899, 12, 30).toordinal()
_EPOCH_1904 = date(1904, 1, 1).toordinal()


class SheetWriter:
    """The rows of one sheet of one document, as text in `out`.

    `trace` holds the template row of each row written, negative for a continuation; `merges` the
    merged areas; `formulas` where formulas wait in `out`: (index, cell, row).
    """

    def __init__(self, plan: Plan, strings: StringRun, styles: StyleRun, date1904: bool) -> None:
        self.cells, self.rows = plan.cells, plan.rows
        self.strings, self.styles = strings, styles
        self.known = strings.get
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
        """Begin a row; its height is known when it is closed."""
        self.trace.append(sign * row.number)
        if len(self.trace) > LAST_ROW:
            raise too_many_rows()
        self.row, self.n = row, str(len(self.trace))
        self.opened = len(self.out)
        self.out.append("")
        self.plain_points = self.merged_points = 0.0
        for first, last in row.merges:
            self.merges.append(f"{first}{self.n}:{last}{self.n}")

    def close(self) -> None:
        """End the row that is open, and continue texts that did not fit it."""
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
        """Say how tall the row is; programs may fit it again, but for merged cells they cannot."""
        least = row.height or 0.0
        if max(self.plain_points, self.merged_points) <= least:
            return f' ht="{least:g}" customHeight="1"' if least else ""
        points = min(max(self.merged_points, self.plain_points), 409.0)
        fixed = ' customHeight="1"' if self.merged_points > least else ""
        return f' ht="{points:.1f}"{fixed}'

    def _continue(self, row: RowPlan) -> None:
        """Write one more row like `row`, with the next pieces of the texts that go on."""
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
        """Write a text cell; a text too tall or too long is continued in rows below."""
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
        at = self.known(text)
        if at is None:
            at = self.strings.add(text)
        self.out.append(f'<c r="{cell.column}{self.n}" s="{style}" t="s"><v>{at}</v></c>')

    def _fit(self, cell: CellPlan, text: str) -> str:
        """Note the height a text needs; keep what does not fit for the rows below."""
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
        """Write a number or a moment as one; False where it must be text after all."""
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
        """Write a day or a moment; False for one before Excel's calendar."""
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
    """Choose the number format that shows as many digits as the text, where General would not."""
    code = value.number_format or "General"
    if not code.startswith("General") or len(value) <= GENERAL_DIGITS:
        return code
    digits = str(value).split(" ")[0]
    whole, _, decimals = digits.partition(".")
    if len(whole) + len(decimals) <= GENERAL_DIGITS:
        return code
    return code.replace("General", "0." + "0" * len(decimals) if decimals else "0", 1)


def too_many_rows() -> DocgenError:
    """More rows than a sheet has."""
    from docgen.errors import RenderFailed

    return RenderFailed("too_many_rows.sheet", limit=LAST_ROW)
