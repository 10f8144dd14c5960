"""An Excel template from a schema: complete, handsome, and edited in Excel or WPS afterwards.

Archives: a first sheet with every single field and the sign-offs, then a sheet for each list.
Forms: everything on one sheet; only lists too wide for it go on sheets of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.pagebreak import Break

from docgen.authoring.scaffold.layout import Block, Cards, Grid, Section, Table, field_of, outline
from docgen.authoring.scaffold.xlsx import styles
from docgen.authoring.scaffold.xlsx.canvas import Canvas, Span
from docgen.authoring.scaffold.xlsx.grids import COMPACT, Four
from docgen.authoring.scaffold.xlsx.lists import ListSheet, flowing, list_sheet, listing, nested
from docgen.authoring.scaffold.xlsx.page import set_page
from docgen.authoring.scaffold.xlsx.pictures import add_pictures, packed
from schemas.envelope import Record
from schemas.fields import label_of

FOUR = (17.0, 33.0, 17.0, 33.0)
UNITS, UNIT = 24, 4.8
LABEL_UNITS, VALUE_UNITS = 4, 8
FORM_COLUMNS = 10
"""Columns that a list may have to stand in a form."""


def scaffold_xlsx(model: type[Record]) -> bytes:
    """Make `workbook.xlsx` of a record type, every field in it, the same bytes each time."""
    book = styles.dressed()
    first = book.active
    assert first is not None
    first.title = "{{ doc.title }}"
    sections = outline(model)
    if model.record_type.layout == "form":
        _form(first, model, sections)
        listings = list(_listings(sections, FORM_COLUMNS))
    else:
        listings = list(_listings(sections, 0))
        _overview(first, model, sections, listings)
        _control(book.create_sheet("{{ t.document_control }}"), model, sections)
    for given in listings:
        list_sheet(book, model, given)
    return packed(book)


def _listings(sections: list[Section], most: int) -> Iterator[ListSheet]:
    """Yield the lists with more than `most` columns; those of document control have no own."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Cards):
                yield listing(Table(block.path, block.label, block.grid.cells))
                for inner in block.tables:
                    yield nested(block.path, block.grid.cells[0], inner)
            elif isinstance(block, Table) and section.key != "control" and len(block.cells) > most:
                yield listing(block)


def _overview(
    sheet: Any, model: type[Record], sections: list[Section], listings: list[ListSheet]
) -> None:
    """Fill the first sheet of an archive."""
    canvas = Canvas(sheet, len(FOUR))
    canvas.widths(FOUR)
    set_page(sheet, sum(FOUR))
    four = Four(canvas, 1, 1)
    four.head()
    for section in sections:
        grids = [block for block in section.blocks if isinstance(block, Grid)]
        if grids:
            canvas.band(f"{{{{ section.{section.key} }}}}")
        for grid in grids:
            _grid(four, grid, named=_same(model, section.key, grid.title))
    _contents(canvas, listings)
    sheet.row_breaks.append(Break(id=canvas.row - 1))
    four.signoffs()
    _finish(canvas)


def _same(model: type[Record], section: str, title: str) -> bool:
    """Tell whether a section and a grid in it have the same name: it is written once."""
    names = {key: zh for key, zh, _ in model.record_type.sections}
    return bool(title) and names[section] == label_of(*field_of(model, title), "zh")


def _grid(four: Four, grid: Grid, *, named: bool) -> None:
    if grid.title and not named:
        four.canvas.whole(f"{{{{ label.{grid.title} }}}}", styles.SUBBAND)
    four.grid(grid)


def _contents(canvas: Canvas, listings: list[ListSheet]) -> None:
    """Write how many rows each list has, with a link to its sheet."""
    canvas.band("{{ t.contents }}")
    for at in range(0, len(listings), 2):
        spans = []
        for given in listings[at : at + 2]:
            place = f"'{given.tab}'!A1"
            spans.append(Span(f"{{{{ label.{given.label} }}}}", styles.LINK, link=place))
            count = f"{{{{ {given.count} if {given.count} else {given.empty} }}}}"
            spans.append(Span(count, styles.VALUE))
        if len(spans) == 2:
            spans[1] = Span(spans[1].text, styles.VALUE, 3)
        canvas.line(spans)


def _control(sheet: Any, model: type[Record], sections: list[Section]) -> None:
    """Fill the sheet of revisions, distribution and attachments."""
    canvas = Canvas(sheet, UNITS)
    canvas.widths([UNIT] * UNITS)
    set_page(sheet, UNIT * UNITS)
    canvas.line(
        [
            Span("{{ t.document_control }}", styles.SHEET, UNITS - VALUE_UNITS),
            Span("{{ doc.mark }}", styles.MARK, VALUE_UNITS),
        ],
        34,
    )
    canvas.whole("{{ doc.title }}　{{ doc_no }}　{{ customer_name }}", styles.NOTE, 18)
    for section in sections:
        for block in section.blocks:
            if section.key == "control" and isinstance(block, Table):
                flowing(canvas, model, block)
                canvas.gap(12)
    sheet.print_area = f"A1:X{canvas.row - 1}"


def _form(sheet: Any, model: type[Record], sections: list[Section]) -> None:
    """Fill the one sheet of a form."""
    canvas = Canvas(sheet, UNITS)
    canvas.widths([UNIT] * UNITS)
    set_page(sheet, UNIT * UNITS)
    four = Four(canvas, LABEL_UNITS, VALUE_UNITS, COMPACT)
    four.head()
    for section in sections:
        canvas.band(f"{{{{ section.{section.key} }}}}")
        for block in section.blocks:
            _form_block(four, model, block, section.key)
    four.signoffs()
    _finish(canvas)


def _form_block(four: Four, model: type[Record], block: Block, section: str) -> None:
    if isinstance(block, Grid):
        _grid(four, block, named=_same(model, section, block.title))
    elif isinstance(block, Table):
        named = _same(model, section, block.label)
        flowing(four.canvas, model, block, optional=section == "control", named=named)
    else:
        named = _same(model, section, block.label)
        flowing(four.canvas, model, block.overview, named=named)


def _finish(canvas: Canvas) -> None:
    last = get_column_letter(canvas.columns)
    canvas.sheet.print_area = f"A1:{last}{canvas.row - 1}"
    add_pictures(canvas.sheet, canvas.columns)
