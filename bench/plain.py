"""What a person would write with docxtpl, openpyxl and WeasyPrint: the contenders.

They print the same content from the same templates, and do not learn our tricks. Each gets the
document's values ready made; that our own side reads and checks the record counts against us.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from docgen.document import Document, Label, Rows, Value, View
from docgen.renderers import template_context
from docgen.renderers.pdf import page
from docgen.renderers.qr import qr_png, sign_png
from docgen.templates.catalog import find
from docgen.templates.sandbox import numeral, widths
from docgen.templates.theme import Theme

SERIF, SANS = "Noto Serif CJK SC", "Noto Sans CJK SC"
ANYWHERE = "overflow-wrap: anywhere"
LOOK_OF_TABLES = "table-layout: fixed; border-collapse: separate; border-spacing: 0"
_WIDTHS = re.compile(r"<colgroup>.*?</colgroup>", re.DOTALL)


class List(list[Any]):
    """A list of rows that knows what to print when it is empty."""

    empty = ""


class Fields(dict[str, Any]):
    """An object of the record; an absent one is false."""

    present = True

    def __bool__(self) -> bool:
        return self.present


class Named(str):
    """A label and, as attributes, those of its children."""

    __slots__ = ("__dict__",)


def plain_context(document: Document, theme: Theme) -> dict[str, Any]:
    """Return the names of a template as plain dictionaries, lists and texts."""
    context = {name: _plain(value) for name, value in template_context(document, theme).items()}
    return context | {"numeral": numeral, "widths": widths}


def _plain(value: Any) -> Any:
    if isinstance(value, Label):
        label = Named(value.text)
        vars(label).update((name, _plain(child)) for name, child in value.fields.items())
        return label
    if isinstance(value, View):
        fields = Fields((name, _plain(child)) for name, child in value.fields.items())
        fields.present = value.present
        fields.setdefault("empty", value.empty)
        return fields
    if isinstance(value, Rows):
        rows = List(_plain(row) for row in value.rows)
        rows.empty = value.empty
        return rows
    return value


class Word:
    """docxtpl, the template opened again for each document, as its manual shows."""

    def __init__(self, document: Document, theme: Theme, folders: Any) -> None:
        self.template = find(folders, document.code, "docx", document.lang).data
        self.context = plain_context(document, theme)

    def make(self) -> bytes:
        """Make one document."""
        from docxtpl import DocxTemplate

        template = DocxTemplate(io.BytesIO(self.template))
        template.render(self.context, autoescape=True)
        written = io.BytesIO()
        template.save(written)
        return written.getvalue()


class Excel:
    """openpyxl: a new workbook, a sheet of facts, a sheet for each table, styled cells."""

    def __init__(self, document: Document, theme: Theme, folders: Any) -> None:
        del folders
        self.document, self.theme = document, theme

    def make(self) -> bytes:
        """Make one workbook."""
        from openpyxl import Workbook

        book = Workbook()
        sheet: Any = book.active
        sheet.title = "facts"
        style = _styles(self.theme)
        for at, (name, value) in enumerate(_facts(self.document.view, self.document.labels), 1):
            _write(sheet.cell(at, 1), name, style["head"])
            _write(sheet.cell(at, 2), value, style["cell"])
        sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 24, 60
        for label, rows in _tables(self.document.view, self.document.labels):
            _table(book.create_sheet(label.text[:31]), label, rows, style)
        written = io.BytesIO()
        book.save(written)
        return written.getvalue()


def _table(sheet: Any, label: Label, rows: Rows, style: dict[str, dict[str, Any]]) -> None:
    from openpyxl.utils import get_column_letter

    names = list(rows.rows[0].fields)
    for column, name in enumerate(names, 1):
        _write(sheet.cell(1, column), label.fields[name].text, style["head"])
        sheet.column_dimensions[get_column_letter(column)].width = 18
    for at, row in enumerate(rows, 2):
        for column, name in enumerate(names, 1):
            _write(sheet.cell(at, column), row.fields[name], style["cell"])
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions


def _write(cell: Any, value: Any, style: dict[str, Any]) -> None:
    cell.value = str(value)
    if isinstance(value, Value) and value.number is not None:
        cell.value, cell.number_format = value.number, value.number_format
    elif isinstance(value, Value) and value.moment is not None:
        moment: Any = value.moment
        cell.value = moment.replace(tzinfo=None) if hasattr(moment, "hour") else moment
        cell.number_format = value.number_format
    for name, part in style.items():
        setattr(cell, name, part)


def _styles(theme: Theme) -> dict[str, dict[str, Any]]:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

    side = Side("thin", theme.rule)
    cell = {
        "font": Font(theme.word_sans, 10),
        "border": Border(side, side, side, side),
        "alignment": Alignment(vertical="top", wrap_text=True),
    }
    head = cell | {
        "font": Font(theme.word_sans, 10, bold=True, color=theme.accent),
        "fill": PatternFill("solid", theme.accent_light),
    }
    return {"cell": cell, "head": head}


def _facts(view: View, labels: Label) -> Iterator[tuple[str, Any]]:
    for name, value in view.fields.items():
        if isinstance(value, View):
            yield from _facts(value, labels.fields[name])
        elif not (isinstance(value, Rows) and value.rows and isinstance(value.rows[0], View)):
            yield labels.fields[name].text, value


def _tables(view: View, labels: Label) -> Iterator[tuple[Label, Rows]]:
    for name, value in view.fields.items():
        if isinstance(value, View):
            yield from _tables(value, labels.fields[name])
        elif isinstance(value, Rows) and value.rows and isinstance(value.rows[0], View):
            yield labels.fields[name], value


class Pdf:
    """WeasyPrint as its manual shows: the whole of it, the host's fonts, collapsed borders.

    `archival` asks for the same kind of file as ours: PDF/A-3u, tags, the record attached.
    """

    archival = True
    breaks = ANYWHERE

    def __init__(self, document: Document, theme: Theme, folders: Any) -> None:
        self.document = document
        template = _WIDTHS.sub("", find(folders, document.code, "pdf", document.lang).data.decode())
        pages = {name: _WIDTHS.sub("", text) for name, text in theme.pages.items()}
        pages["page.css"] = _untuned(pages["page.css"]).replace(ANYWHERE, self.breaks)
        self.page = page.compile(template.encode(), replace(theme, pages=pages))
        self.assets = {
            "asset:logo": theme.logo,
            "asset:qr": qr_png(document, theme),
            "asset:qr-sign": sign_png(document, theme),
        }

    def make(self) -> bytes:
        """Make one file."""
        from weasyprint import HTML, Attachment
        from weasyprint.text.fonts import FontConfiguration

        record = Attachment(
            string=self.document.record_json, name="record.json", relationship="Source"
        )
        archive = {"pdf_variant": "pdf/a-3u", "pdf_tags": True, "attachments": [record]}
        html = HTML(string=self.page.html(self.document), url_fetcher=self._fetch)
        made: bytes = html.write_pdf(
            font_config=FontConfiguration(), **(archive if self.archival else {})
        )
        return made

    def _fetch(self, url: str, *_: Any, **__: Any) -> Any:
        from weasyprint.urls import URLFetcherResponse

        return URLFetcherResponse(url, self.assets[url], {"Content-Type": "image/png"})


class LightPdf(Pdf):
    """The same without PDF/A, tags and attachment: another kind of file, for comparison only."""

    archival = False


class LeanPdf(Pdf):
    """The same without breaking words anywhere: other pages, on which a long path runs over.

    Breaks anywhere are no tuning but a look; with automatic widths they cost a quarter of the time.
    """

    breaks = ""


def _untuned(css: str) -> str:
    """Return the style sheet without what makes it quick: a grid around each cell instead."""
    assert LOOK_OF_TABLES in css
    css = css.replace(LOOK_OF_TABLES, "border-collapse: collapse")
    css = css.replace("Docgen Serif SC", SERIF).replace("Docgen Sans SC", SANS)
    return css + "\ntd, th { border: .75pt solid #bfc7d1 }\n"


CONTENDERS = {"docx": Word, "xlsx": Excel, "pdf": Pdf, "pdf-light": LightPdf, "pdf-lean": LeanPdf}
