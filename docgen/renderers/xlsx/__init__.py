"""Render Excel workbooks from Excel templates: compiled once for a theme, printed in one pass.

A template is an ordinary .xlsx with the tag language of the Word templates; a row that contains
`{%tr for p in params %}` and nothing else is a control row and is not printed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jinja2 import Template, TemplateError
from jinja2.exceptions import SecurityError
from lxml import etree

from docgen.document import Document
from docgen.errors import TemplateFaulty
from docgen.renderers import Piece, template_context
from docgen.renderers.ooxml.properties import CREATED, created
from docgen.renderers.qr import qr_png
from docgen.renderers.xlsx import tags
from docgen.renderers.xlsx.book import (
    WorkbookParts,
    read_book,
    read_package,
    read_sheets,
    strings_of,
)
from docgen.renderers.xlsx.calls import NotPrintable
from docgen.renderers.xlsx.printing import PrintedSheets, assemble
from docgen.renderers.xlsx.slots import sheet_names
from docgen.renderers.xlsx.strings import StringRun
from docgen.renderers.xlsx.styles import M, StyleRun
from docgen.renderers.xlsx.writer import SheetWriter
from docgen.templates.sandbox import template_line
from docgen.templates.theme import Theme

_WRONG = (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True)
class WorkbookTemplate:
    """An Excel template for one theme, ready to print."""

    book: WorkbookParts
    theme: Theme

    def render(self, document: Document) -> bytes:
        """Print one document.

        TemplateFaulty names the cell of an unknown name or failed expression; RenderFailed: a
        header that is too long, too many rows.
        """
        book = self.book
        context = template_context(document, self.theme) | {CREATED: created(document)}
        texts, styles = StringRun(book.strings), StyleRun(book.styles)
        slots = book.slots.finish(self._slots(context))
        writers = [self._rows(at, context, texts, styles) for at in range(len(book.sheets))]
        names = sheet_names(
            [slots[c.name_slot] if c.name_slot >= 0 else c.plan.sheet.name for c in book.sheets]
        )
        parts = assemble(book, PrintedSheets(writers, names, slots))
        parts |= {book.strings_part: texts.xml(), book.styles_part: styles.xml()}
        if book.codes:
            parts |= dict.fromkeys(book.codes, qr_png(document, self.theme))
        return book.frozen.write(parts, document.record_json)

    def _slots(self, context: dict[str, Any]) -> dict[int, str]:
        values: dict[int, str] = {}
        try:
            _run(self.book.slot_template, context, values)
        except _WRONG as wrong:
            line = template_line(wrong.__traceback__)
            raise _fault(wrong, *self.book.slots.where(line)) from wrong
        return values

    def _rows(
        self, at: int, context: dict[str, Any], texts: StringRun, styles: StyleRun
    ) -> SheetWriter:
        code = self.book.sheets[at]
        writer = SheetWriter(code.plan, texts, styles, self.book.date1904)
        try:
            _run(code.template, context, writer)
        except _WRONG as wrong:
            raise _fault(wrong, *code.plan.where(template_line(wrong.__traceback__))) from wrong
        writer.close()
        return writer


def compile(template: bytes, theme: Theme) -> WorkbookTemplate:
    """Compile an Excel template for a theme; TemplateFaulty says what is wrong, at `Sheet!B7`."""
    with _readable():
        return WorkbookTemplate(read_book(template, theme), theme)


def pieces(template: bytes) -> list[Piece]:
    """List every text with tags and its place, sheet by sheet; TemplateFaulty as `compile`."""
    with _readable():
        package, part, root = read_package(template)
        sheets = list(read_sheets(package, part, root, strings_of(package, part)))
    found: list[Piece] = []
    for sheet in sheets:
        if tags.has_tags(sheet.name):
            found.append(Piece(f"{sheet.name}!", sheet.name))
        for row in sheet.rows:
            tagged = (cell for cell in row.cells if tags.has_tags(cell.text))
            found += [Piece(sheet.place(f"{c.column}{row.number}"), c.text) for c in tagged]
        for element in sheet.root.iterfind(f"{M}headerFooter/*"):
            if tags.has_tags(element.text or ""):
                place = sheet.place(etree.QName(element).localname)
                found.append(Piece(place, element.text or ""))
    return found


@contextmanager
def _readable() -> Iterator[None]:
    """Convert the errors of reading a damaged workbook to TemplateFaulty."""
    try:
        yield
    except (LookupError, ValueError, TypeError, etree.LxmlError) as wrong:
        raise TemplateFaulty("template_unreadable", value="", reason=repr(wrong)) from wrong


def _run(template: Template, context: dict[str, Any], writer: object) -> None:
    """Run a plan's source for its calls on `writer`; the text it prints is dropped."""
    jinja_context = template.new_context(context | {tags.WRITER: writer})
    for _ in template.root_render_func(jinja_context):
        pass


def _fault(wrong: Exception, place: str, text: str) -> TemplateFaulty:
    if isinstance(wrong, NotPrintable):
        return TemplateFaulty("not_printable", place=place, value=text)
    if isinstance(wrong, SecurityError):
        return TemplateFaulty("template_unsafe.cell", place=place, value=text, reason=str(wrong))
    return TemplateFaulty("template_error.cell", place=place, value=text, reason=str(wrong))
