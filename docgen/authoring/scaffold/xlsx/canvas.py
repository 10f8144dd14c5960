"""Fills a sheet row by row: cells over several columns, control rows, bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.hyperlink import Hyperlink

from docgen.authoring.scaffold.xlsx import styles
from docgen.authoring.scaffold.xlsx.styles import SheetStyle

ROW, HEAD_ROW, BAND_ROW = 20.0, 24.0, 21.0


@dataclass(frozen=True)
class Span:
    """A cell over `columns` columns; `link` is a place in the workbook."""

    text: str
    look: SheetStyle
    columns: int = 1
    link: str = ""


@dataclass
class Canvas:
    """A sheet that is filled downwards. `columns` is how many columns its rows have."""

    sheet: Any
    columns: int
    row: int = 1
    breaks: list[int] = field(default_factory=list)

    def widths(self, widths: Sequence[float]) -> None:
        """Set the columns' widths in characters."""
        for at, width in enumerate(widths, 1):
            self.sheet.column_dimensions[get_column_letter(at)].width = width

    def control(self, statement: str) -> None:
        """Write a control row: `for row in params` stands as `{%tr for row in params %}`."""
        cell = self.sheet.cell(self.row, 1, f"{{%tr {statement} %}}")
        cell.style = styles.CONTROL.name
        self.row += 1

    def line(self, spans: Sequence[Span], height: float = ROW) -> None:
        """Write one row; the spans fill the columns from the left."""
        column = 1
        for span in spans:
            self._span(span, column)
            column += span.columns
        self.sheet.row_dimensions[self.row].height = height
        self.row += 1

    def whole(self, text: str, look: SheetStyle, height: float = ROW) -> None:
        """Write one cell over all columns."""
        self.line([Span(text, look, self.columns)], height)

    def band(self, text: str) -> None:
        """Write the heading of a section."""
        self.whole(text, styles.BAND, BAND_ROW)

    def gap(self, height: float = 8.0) -> None:
        """Leave a little room."""
        self.sheet.row_dimensions[self.row].height = height
        self.row += 1

    def _span(self, span: Span, column: int) -> None:
        last = column + span.columns - 1
        for at in range(column, last + 1):
            self.sheet.cell(self.row, at).style = span.look.name
        cell = self.sheet.cell(self.row, column, span.text)
        if span.columns > 1:
            self.sheet.merge_cells(
                start_row=self.row, end_row=self.row, start_column=column, end_column=last
            )
        if span.link:
            cell.hyperlink = Hyperlink(ref=cell.coordinate, location=span.link)
            cell.style = span.look.name
