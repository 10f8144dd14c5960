"""A template's sheet as it was read: rows, cells with their texts, merges and column widths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.xlsx import refs, tags
from docgen.renderers.xlsx.strings import Strings, plain
from docgen.renderers.xlsx.styles import M

DEFAULT_WIDTH = 8.43
FAR = 1_000
"""Rows without anything before a row that only has a format."""


@dataclass(frozen=True)
class TemplateCell:
    """A cell of the template: a text with tags, a formula, or `fixed` XML (after the style)."""

    column: str
    style: int
    text: str = ""
    formula: str = ""
    fixed: str = "/>"


@dataclass
class TemplateRow:
    """A row of the template; `statements` makes it a control row."""

    number: int
    cells: list[TemplateCell]
    height: float | None = None
    attributes: str = ""
    statements: str = ""

    @property
    def filled(self) -> bool:
        """Whether any cell holds more than a format."""
        return any(cell.text or cell.formula or cell.fixed != "/>" for cell in self.cells)


@dataclass
class TemplateSheet:
    """A sheet of the template. `widths` are column widths in characters by column number."""

    name: str
    part: str
    root: etree._Element
    rows: list[TemplateRow]
    widths: dict[int, float]
    default_width: float
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)

    def place(self, cell: str) -> str:
        """`Sheet!B7`."""
        return f"{self.name}!{cell}"

    @property
    def last(self) -> int:
        """The last row with anything in it."""
        return self.rows[-1].number if self.rows else 0

    def width(self, first: int, last: int) -> float:
        """Width of neighbouring columns in characters."""
        return sum(self.widths.get(column, self.default_width) for column in range(first, last + 1))


def read_sheet(name: str, part: str, data: bytes, strings: Strings) -> TemplateSheet:
    """Read a worksheet part. TemplateFaulty names an array formula or a control row with more."""
    root = etree.fromstring(data)
    shared: dict[str, tuple[str, str]] = {}
    reader = _Reader(name, strings, shared)
    rows = [reader.row(element) for element in root.iterfind(f"{M}sheetData/{M}row")]
    _trim(rows)
    merges = [refs.area(str(m.get("ref"))) for m in root.iterfind(f"{M}mergeCells/{M}mergeCell")]
    widths, default = _widths(root)
    return TemplateSheet(name, part, root, rows, widths, default, merges)


def _trim(rows: list[TemplateRow]) -> None:
    """Forget formatted rows far below everything else: sheets may claim a million rows."""
    while len(rows) > 1 and rows[-1].number - rows[-2].number > FAR and not rows[-1].filled:
        rows.pop()


@dataclass
class _Reader:
    """Reads rows one after the other; `shared` holds the first cell of shared formulas."""

    sheet: str
    strings: Strings
    shared: dict[str, tuple[str, str]]
    at: int = 0

    def row(self, element: etree._Element) -> TemplateRow:
        self.at = int(element.get("r") or self.at + 1)
        cells = list(self._cells(element))
        height = element.get("ht")
        fixed = element.get("customHeight") in ("1", "true") and height
        row = TemplateRow(self.at, cells, float(height) if fixed and height else None)
        row.attributes = "".join(
            f' {key}="{element.get(key)}"'
            for key in (
                "s",
                "customFormat",
                "hidden",
                "outlineLevel",
                "collapsed",
                "thickTop",
                "thickBot",
            )
            if element.get(key)
        )
        row.statements = self._statements(row)
        return row

    def _statements(self, row: TemplateRow) -> str:
        """Find the statements of a control row: nothing else may stand in it."""
        found = [cell for cell in row.cells if tags.control(cell.text)]
        if not found:
            return ""
        for cell in row.cells:
            if cell not in found and (cell.text.strip() or cell.formula or cell.fixed != "/>"):
                place = f"{self.sheet}!{cell.column}{row.number}"
                raise TemplateFaulty(
                    "tag_misplaced.control_row", place=place, value=cell.text, number=row.number
                )
        for cell in found:
            tags.checked(cell.text, f"{self.sheet}!{cell.column}{row.number}")
        return " ".join(tags.control(cell.text) for cell in found)

    def _cells(self, row: etree._Element) -> Iterator[TemplateCell]:
        column = 0
        for element in row.iterfind(f"{M}c"):
            given = element.get("r")
            column = refs.number(refs.split(given)[0]) if given else column + 1
            yield self._cell(element, refs.letters(column))

    def _cell(self, element: etree._Element, column: str) -> TemplateCell:
        style = int(element.get("s") or 0)
        formula = element.find(f"{M}f")
        if formula is not None:
            return TemplateCell(column, style, formula=self._formula(formula, column))
        kind = element.get("t") or "n"
        value = element.findtext(f"{M}v")
        if kind in ("s", "inlineStr"):
            return self._string(element, column, style)
        if value is None:
            return TemplateCell(column, style)
        if kind == "str" and tags.has_tags(value):
            return TemplateCell(column, style, text=value)
        typed = "" if kind == "n" else f' t="{kind}"'
        return TemplateCell(column, style, fixed=f"{typed}><v>{_escaped(value)}</v></c>")

    def _string(self, element: etree._Element, column: str, style: int) -> TemplateCell:
        string, value = element.find(f"{M}is"), element.findtext(f"{M}v")
        if element.get("t") == "s" and value is not None:
            string = self.strings.items[int(value)]
        if string is None:
            return TemplateCell(column, style)
        text = plain(string)
        if tags.has_tags(text):
            return TemplateCell(column, style, text=text)
        if not text:
            return TemplateCell(column, style)
        return TemplateCell(column, style, fixed=f' t="s"><v>{self.strings.keep(string)}</v></c>')

    def _formula(self, element: etree._Element, column: str) -> str:
        place = f"{self.sheet}!{column}{self.at}"
        text = element.text or ""
        if element.get("t") in ("array", "dataTable"):
            raise TemplateFaulty("formula_unsupported", place=place, value=text)
        if element.get("t") == "shared":
            key = str(element.get("si"))
            if not text:
                return _translated(*self.shared[key], f"{column}{self.at}")
            self.shared[key] = (text, f"{column}{self.at}")
        return text


def _translated(formula: str, origin: str, target: str) -> str:
    from openpyxl.formula.translate import Translator

    return str(Translator("=" + formula, origin).translate_formula(target))[1:]


def _widths(root: etree._Element) -> tuple[dict[int, float], float]:
    """Column widths by number (hidden ones count nothing), and the default."""
    layout = root.find(f"{M}sheetFormatPr")
    default = float((layout.get("defaultColWidth") or 0) if layout is not None else 0)
    found: dict[int, float] = {}
    for column in root.iterfind(f"{M}cols/{M}col"):
        first, last = int(str(column.get("min"))), int(str(column.get("max")))
        hidden = column.get("hidden") in ("1", "true")
        width = 0.0 if hidden else float(column.get("width") or DEFAULT_WIDTH)
        found |= dict.fromkeys(range(first, min(last, first + 256) + 1), width)
    return found, default or DEFAULT_WIDTH


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
