"""Lists: each on a sheet of its own with header, filter and page setup, or inside a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from openpyxl.utils import get_column_letter

from docgen.authoring.scaffold.layout import FormCell, Table
from docgen.authoring.scaffold.xlsx import columns, styles
from docgen.authoring.scaffold.xlsx.canvas import HEAD_ROW, ROW, Canvas, Span
from docgen.authoring.scaffold.xlsx.page import set_page
from schemas.envelope import Record

HEADER = 4
NAME_LIMIT = 31


@dataclass(frozen=True)
class ListColumn:
    """A column of a list: the field, and the loop variable that holds it."""

    cell: FormCell
    row: str

    @property
    def label(self) -> str:
        """The tag of its label."""
        return f"{{{{ label.{self.cell.label} }}}}"

    @property
    def value(self) -> str:
        """The tag of its value."""
        return f"{{{{ {self.row}.{self.cell.path} }}}}"


@dataclass(frozen=True)
class ListSheet:
    """A list to print: its loops from the outside in, whether it has rows, what to say if not."""

    label: str
    columns: tuple[ListColumn, ...]
    loops: tuple[tuple[str, str], ...]
    count: str
    empty: str

    @property
    def tab(self) -> str:
        """The name of its sheet, as short as Excel wants it."""
        spaced = f"{{{{ label.{self.label} }}}}"
        return spaced if len(spaced) <= NAME_LIMIT else spaced.replace(" ", "")


def listing(table: Table) -> ListSheet:
    """Print a list of the record."""
    ordered = (*table.columns, *table.logs)
    found = tuple(ListColumn(cell, "row") for cell in ordered)
    return ListSheet(
        table.label, found, (("row", table.path),), f"{table.path}|length", f"{table.path}.empty"
    )


def nested(outer: str, key: FormCell, table: Table) -> ListSheet:
    """Print a list inside the rows of another: each row with the key of the row it belongs to."""
    own = (*table.columns, *table.logs)
    found = (ListColumn(key, "card"), *(ListColumn(cell, "row") for cell in own))
    loops = (("card", outer), ("row", f"card.{table.path}"))
    count = f'{outer}|map(attribute="{table.path}")|map("length")|sum'
    return ListSheet(table.label, found, loops, count, "t.none")


def list_sheet(book: Any, model: type[Record], given: ListSheet) -> None:
    """Add a sheet for a list: title, header, rows, and the reason when it is empty."""
    sheet = book.create_sheet(given.tab)
    widths = [columns.width(model, column.cell) for column in given.columns]
    canvas = Canvas(sheet, max(len(widths), 2))
    canvas.widths(widths)
    pages = set_page(sheet, sum(widths))
    _title(canvas, f"{{{{ label.{given.label} }}}}")
    canvas.control(f"if {given.count}")
    canvas.line([Span(column.label, styles.HEAD) for column in given.columns], HEAD_ROW + 6)
    last = get_column_letter(canvas.columns)
    sheet.auto_filter.ref = f"A{HEADER}:{last}{HEADER}"
    sheet.freeze_panes = f"{'B' if pages > 1 else 'A'}{HEADER + 1}"
    sheet.print_title_rows = f"{HEADER}:{HEADER}"
    if pages > 1:
        sheet.print_title_cols = "A:A"
    for name, path in given.loops:
        canvas.control(f"for {name} in {path}")
    looked = [columns.look(model, column.cell) for column in given.columns]
    spans = zip(given.columns, looked, strict=True)
    canvas.line([Span(column.value, look) for column, look in spans], ROW)
    for _ in given.loops:
        canvas.control("endfor")
    canvas.control("else")
    canvas.whole(f"{{{{ {given.empty} }}}}", styles.EMPTY, HEAD_ROW)
    canvas.control("endif")
    sheet.print_area = f"A1:{last}{canvas.row - 1}"


def _title(canvas: Canvas, text: str) -> None:
    """Write the sheet's title with the mark at its right, and which document it belongs to."""
    right = 1 if canvas.columns < 4 else 2
    canvas.line(
        [
            Span(text, styles.SHEET, canvas.columns - right),
            Span("{{ doc.mark }}", styles.MARK, right),
        ],
        32,
    )
    canvas.whole("{{ doc.title }}　{{ doc_no }}　{{ customer_name }}", styles.NOTE, 18)


def flowing(
    canvas: Canvas,
    model: type[Record],
    table: Table,
    *,
    optional: bool = False,
    named: bool = False,
) -> None:
    """Write a list into a form.

    An `optional` one is left out when it is empty; one that is `named` already has no heading.
    """
    if optional:
        canvas.control(f"if {table.path}")
    if not named:
        canvas.whole(f"{{{{ label.{table.label} }}}}", styles.SUBBAND)
    if not optional:
        canvas.control(f"if {table.path}")
    _rows(canvas, model, table)
    if not optional:
        canvas.control("else")
        canvas.whole(f"{{{{ {table.path}.empty }}}}", styles.EMPTY)
    canvas.control("endif")


def _rows(canvas: Canvas, model: type[Record], table: Table) -> None:
    """Write header and rows; a log stands under its row."""
    spans = columns.spans(model, table.columns, canvas.columns)
    pairs = list(zip(table.columns, spans, strict=True))
    heads = [Span(f"{{{{ label.{cell.label} }}}}", styles.HEAD, wide) for cell, wide in pairs]
    canvas.line(heads, HEAD_ROW)
    canvas.control(f"for row in {table.path}")
    cells = [
        Span(f"{{{{ row.{cell.path} }}}}", columns.look(model, cell), wide) for cell, wide in pairs
    ]
    canvas.line(cells, ROW)
    for log in table.logs:
        canvas.control(f"if row.{log.path}")
        canvas.whole(f"{{{{ row.{log.path} }}}}", styles.LOG)
        canvas.control("endif")
    canvas.control("endfor")
