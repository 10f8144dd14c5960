"""Read a template's sheet: rows, cells with their texts, merges and column widths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.xlsx import refs, tags
from docgen.renderers.xlsx.strings import Strings, plain
from docgen.renderers.xlsx.styles import M

DEFAULT_WIDTH = 8.43  # characters; Excel's standard column, 64 pixels
FAR = 1_000  # empty rows before a row that only has a format, which is then dropped
_ROW_ATTRIBUTES = (
    "s",
    "customFormat",
    "hidden",
    "outlineLevel",
    "collapsed",
    "thickTop",
    "thickBot",
)


@dataclass(frozen=True)
class TemplateCell:
    """A cell: a text with tags, a formula, or `fixed`, its XML from behind the style on."""

    column: str
    style: int
    text: str = ""
    formula: str = ""
    fixed: str = "/>"


@dataclass
class TemplateRow:
    """A row; `statements` (Jinja) makes it a control row. `height` is in points."""

    number: int
    cells: list[TemplateCell]
    height: float | None = None
    attributes: str = ""
    statements: str = ""

    @property
    def filled(self) -> bool:
        """Whether any cell contains more than a format."""
        return any(cell.text or cell.formula or cell.fixed != "/>" for cell in self.cells)


@dataclass
class TemplateSheet:
    """A sheet; `widths` are in characters by column number, `merges` as `refs.area` has them."""

    name: str
    part: str
    root: etree._Element
    rows: list[TemplateRow]
    widths: dict[int, float]
    default_width: float
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)

    def place(self, cell: str) -> str:
        """Return a cell's place for messages: `Sheet!B7`."""
        return f"{self.name}!{cell}"

    @property
    def last(self) -> int:
        """The number of the last row, 0 for none."""
        return self.rows[-1].number if self.rows else 0

    def width(self, first: int, last: int) -> float:
        """Return the width of neighbouring columns in characters."""
        return sum(self.widths.get(column, self.default_width) for column in range(first, last + 1))


def read_sheet(name: str, part: str, data: bytes, strings: Strings) -> TemplateSheet:
    """Read a worksheet part. TemplateFaulty names an array formula or a control row with more."""
    root = etree.fromstring(data)
    shared: dict[str, tuple[str, str]] = {}
    reader = _Reader(name, strings, shared)
    rows = [reader.row(element) for element in root.iterfind(f"{M}sheetData/{M}row")]
    # Sheets may claim a million rows: a format far below everything else is no row.
    while len(rows) > 1 and rows[-1].number - rows[-2].number > FAR and not rows[-1].filled:
        rows.pop()
    merges = [refs.area(str(m.get("ref"))) for m in root.iterfind(f"{M}mergeCells/{M}mergeCell")]
    widths, default = _widths(root)
    return TemplateSheet(name, part, root, rows, widths, default, merges)


@dataclass
class _Reader:
    """Reads rows in turn; `shared` maps a shared formula's index to its text and first cell."""

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
            f' {key}="{element.get(key)}"' for key in _ROW_ATTRIBUTES if element.get(key)
        )
        row.statements = self._statements(row)
        return row

    def _statements(self, row: TemplateRow) -> str:
        """Return the statements of a control row, which may contain nothing else."""
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
            tags.check(cell.text, f"{self.sheet}!{cell.column}{row.number}")
        return " ".join(tags.control(cell.text) for cell in found)

    def _cells(self, row: etree._Element) -> Iterator[TemplateCell]:
        column = 0
        for element in row.iterfind(f"{M}c"):
            ref = element.get("r")  # optional; a cell without one follows the cell before
            column = refs.number(refs.split(ref)[0]) if ref else column + 1
            yield self._cell(element, refs.letters(column))

    def _cell(self, element: etree._Element, column: str) -> TemplateCell:
        """Read a cell by its type: ST_CellType (ECMA-376 18.18.11)."""
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
        return TemplateCell(column, style, fixed=f"{typed}><v>{escape(value)}</v></c>")

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
        if element.get("t") == "shared":  # only the first cell has the text (ECMA-376 18.3.1.40)
            key = str(element.get("si"))
            if not text:
                from openpyxl.formula.translate import Translator

                formula, origin = self.shared[key]
                translator = Translator("=" + formula, origin)
                return str(translator.translate_formula(f"{column}{self.at}"))[1:]
            self.shared[key] = (text, f"{column}{self.at}")
        return text


def _widths(root: etree._Element) -> tuple[dict[int, float], float]:
    """Return column widths by number (0 for hidden ones), and the default width."""
    layout = root.find(f"{M}sheetFormatPr")
    default = float((layout.get("defaultColWidth") or 0) if layout is not None else 0)
    found: dict[int, float] = {}
    for column in root.iterfind(f"{M}cols/{M}col"):
        first, last = int(str(column.get("min"))), int(str(column.get("max")))
        hidden = column.get("hidden") in ("1", "true")
        width = 0.0 if hidden else float(column.get("width") or DEFAULT_WIDTH)
        # One `col` may cover all 16,384 columns; no template fills more than 256.
        found |= dict.fromkeys(range(first, min(last, first + 256) + 1), width)
    return found, default or DEFAULT_WIDTH
