""".ods: date system, error cells, merged ranges, which the reader of values does not give."""

from __future__ import annotations

import re
from xml.parsers import expat

from docgen.errors import InputUnreadable
from docgen.files.formulas import reaches_out
from docgen.files.links import leads_outside
from docgen.intake.sheets.facts import Facts
from docgen.intake.sheets.limits import WorkbookLimits
from docgen.intake.sheets.places import letters
from docgen.intake.sheets.zipped import ZippedWorkbook, check_head

_MARKED = re.compile(
    rb'number-rows-spanned="(?!1")|value-type="error"|dde-(?:link|source)|table-source'
    rb"|cell-range-source|WEBSERVICE|FILTERXML|HYPERLINK|DDE\(|IMPORT|'#"
    rb'|database-source|script:event|href="(?:[a-z]+:)?//',
    re.IGNORECASE,
)
_SOURCES = {
    "office:dde-source": "macros",  # starts a program (OpenDocument 1.3 part 3, 14.6.5)
    "table:table-source": "data_connection",
    "table:cell-range-source": "data_connection",
    "table:database-source-sql": "data_connection",
    "table:database-source-table": "data_connection",
    "table:database-source-query": "data_connection",
    "script:event-listener": "macros",
}
_CLICKED = frozenset({"text:a", "draw:a"})
_ARRAY = re.compile(r"\{[^}]*\}")  # | separates its rows (part 4, 5.13)
_OTHER_FILE = re.compile(r"'[^']*[/\\][^']*'#")  # 'file:///a.ods'#$Sheet.A1 (part 4, 5.8)
_ROW_END = b"</table:table-row>"
_REPEATED_ROW = re.compile(rb'<table:table-row\b[^>]*number-rows-repeated="(\d{3,9})"[^>]*>')
_WIDE_CELL = re.compile(rb'<table:table-cell\b([^>]*number-columns-repeated="(\d{3,9})"[^>]*)>')
_LONGEST_ROW = 2**22
_EPOCH = re.compile(rb'null-date[^>]*date-value="(\d{4})-')
_TAIL = 64
_CONTENT = "content.xml"


def facts(package: ZippedWorkbook) -> Facts:
    """Look through content.xml, a second time only where something is special."""
    if _CONTENT not in package.entries:
        raise InputUnreadable("sheet_kind_unknown")
    found, marked, tail, first, rows = Facts(), False, b"", True, b""
    if b"encryption-data" in _small(package, "META-INF/manifest.xml"):
        raise InputUnreadable("workbook_encrypted")
    if any(name.startswith(("Basic/", "Scripts/")) for name in package.entries):
        found.notes.append("macros_ignored")
    if any(name.startswith("Pictures/") for name in package.entries):
        found.notes.append("pictures_ignored")
    for piece in package.pieces(_CONTENT):
        if first:
            check_head(piece, _CONTENT)
            first = False
        rows = _check_repeats(rows + piece, package.limits)
        seen = tail + piece
        marked = marked or bool(_MARKED.search(seen))
        epoch = _EPOCH.search(seen)
        found.date1904 = found.date1904 or bool(epoch and epoch[1] == b"1904")
        tail = piece[-_TAIL:]
    if marked:
        _Walk(found).through(package)
    return found


def _check_repeats(xml: bytes, limits: WorkbookLimits) -> bytes:
    """Refuse values that are repeated beyond all room; return the row that is not whole yet."""
    end = xml.rfind(_ROW_END) + 1
    for row in _REPEATED_ROW.finditer(xml, 0, end):
        cells = xml[row.end() : xml.find(_ROW_END, row.end())]
        times, filled = int(row[1]), cells.count(b"value-type=")
        if filled and times > limits.rows:
            raise InputUnreadable(
                "too_many_sheet_rows", place=_CONTENT, value=times, limit=WorkbookLimits.rows
            )
        if times * filled > limits.cells:
            raise InputUnreadable(
                "too_many_cells", place=_CONTENT, value=times * filled, limit=WorkbookLimits.cells
            )
    for cell in _WIDE_CELL.finditer(xml, 0, end):
        if b"value-type=" in cell[1] and int(cell[2]) > limits.columns:
            raise InputUnreadable(
                "too_many_columns", place=_CONTENT, value=int(cell[2]), limit=WorkbookLimits.columns
            )
    return xml[end:] if len(xml) - end < _LONGEST_ROW else b""


def _small(package: ZippedWorkbook, name: str) -> bytes:
    return package.read(name) if name in package.entries else b""


class _Walk:
    """Counts rows and cells of each table."""

    def __init__(self, found: Facts) -> None:
        self.found = found
        self.table, self.row, self.column = "", 0, 0
        self.repeat, self.width = 1, 1
        self.error: tuple[int, int] | None = None

    def through(self, package: ZippedWorkbook) -> None:
        """Parse content.xml. Raises InputUnreadable."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            for piece in package.pieces(_CONTENT):
                parser.Parse(piece)
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, LookupError) as wrong:
            raise InputUnreadable("workbook_broken", place=_CONTENT, value=str(wrong)) from wrong

    def _start(self, name: str, given: dict[str, str]) -> None:
        if code := _SOURCES.get(name):
            keys = ("office:dde-application", "office:dde-topic", "xlink:href")
            told = " ".join(given[key] for key in keys if key in given)
            self.found.ignore(code, self.table or _CONTENT, told)
        elif name not in _CLICKED and leads_outside(given.get("xlink:href", "")):
            self.found.ignore("remote_content", self.table or _CONTENT, given["xlink:href"])
        if name == "table:table":
            self.table, self.row = given.get("table:name", ""), 0
        elif name == "table:table-row":
            self.column, self.repeat = 0, int(given.get("table:number-rows-repeated", "1"))
        elif name in ("table:table-cell", "table:covered-table-cell"):
            self.width = int(given.get("table:number-columns-repeated", "1"))
            self._cell(given)

    def _cell(self, given: dict[str, str]) -> None:
        here = (self.row, self.column)
        formula = _ARRAY.sub("", given.get("table:formula", "").partition("=")[2])
        if formula and (reaches_out(formula) or _OTHER_FILE.search(formula)):
            place = f"{self.table}!{letters(self.column)}{self.row + 1}"
            self.found.ignore("active_formula", place, formula)
        rows = int(given.get("table:number-rows-spanned", "1"))
        columns = int(given.get("table:number-columns-spanned", "1"))
        if rows > 1 or columns > 1:
            end = (self.row + rows - 1, self.column + columns - 1)
            self.found.sheet(self.table).merges.append((here, end))
        if given.get("calcext:value-type") == "error":
            self.error = here
            self.found.sheet(self.table).odd[here] = "#ERROR"

    def _end(self, name: str) -> None:
        if name == "table:table-row":
            self.row += self.repeat
        elif name in ("table:table-cell", "table:covered-table-cell"):
            self.column += self.width
            self.error = None

    def _text(self, text: str) -> None:
        if self.error and text.strip():
            self.found.sheet(self.table).odd[self.error] = text.strip()[:20]
