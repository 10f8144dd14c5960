""".xlsx and .xlsm: date system, error cells, formulas without a saved value, macros, links."""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.parsers import expat

from docgen.errors import InputUnreadable
from docgen.files.active import OfficeScan
from docgen.files.formulas import reaches_out
from docgen.intake.sheets.extent import Extent
from docgen.intake.sheets.facts import WITHOUT_VALUE, Cell, Facts
from docgen.intake.sheets.places import column_of
from docgen.intake.sheets.zipped import ZippedWorkbook, check_head

_CELL = re.compile(rb"<(?:\w+:)?c ([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_NAME = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_FORMULA_TEXT = re.compile(rb"<(?:\w+:)?f(?:\s[^>]*)?>([^<]+)<")
# Without one of these a formula reaches nothing; most formulas are plain sums.
_SUSPECT = re.compile(
    rb"[|\[\\]|'[^']*/|HYPERLINK|WEBSERVICE|FILTERXML|RTD|CALL|REGISTER|EXEC|DDE|SQL|IMAGE|FOPEN"
    rb"|IMPORT",
    re.IGNORECASE,
)
# Small parts that say what is loaded; sheets are looked through on the way, the rest holds nothing.
_SCANNED = re.compile(
    r"^\[Content_Types\]\.xml$|\.rels$|^xl/workbook\.xml$|^xl/externallinks/[^/]+\.xml$",
    re.IGNORECASE,
)
_NOTES = {
    "macros_ignored": re.compile(r"vbaproject|/macrosheets/", re.IGNORECASE),
    "external_links_ignored": re.compile(r"^xl/externallinks/", re.IGNORECASE),
    "pictures_ignored": re.compile(r"^xl/media/", re.IGNORECASE),
}
_PREFIXED = re.compile(rb'xmlns:[^=]{1,40}="[^"]{0,80}spreadsheetml')
_ERROR, _FORMULAS = b't="e"', (b"<f", b":f")


def facts(package: ZippedWorkbook) -> Facts:
    """Look through the parts that are read, inflating each once. Raises InputUnreadable."""
    found, names = Facts(), list(package.entries)
    found.notes += [note for note, part in _NOTES.items() if any(map(part.search, names))]
    parts = _sheet_parts(package, found)
    for one in _scanned(package).findings():
        found.ignore(one.code, one.place, one.value)
    for name in names:
        sheet = parts.get(name.lower())
        if sheet is not None:
            extent = Extent(package.limits)
            if _is_marked(package, name, extent):
                found.sheet(sheet).odd.update(_odd_cells(package, name, found, sheet))
            extent.check(sheet)
        elif name.lower().endswith(("sharedstrings.xml", "styles.xml")):
            for number, piece in enumerate(package.pieces(name)):
                if not number:
                    check_head(piece, name)
    return found


def _scanned(package: ZippedWorkbook) -> OfficeScan:
    """Look for what fetches or starts something, beside the sheets' own formulas."""
    scan = OfficeScan()
    for name in package.entries:
        part = scan.part(name)
        if _SCANNED.search(name):
            try:
                part.read(package.read(name))
            except expat.ExpatError as wrong:
                raise InputUnreadable("workbook_broken", place=name, value=str(wrong)) from wrong
    return scan


def _sheet_parts(package: ZippedWorkbook, found: Facts) -> dict[str, str]:
    """Return part → sheet name; note the date system on the way."""
    lower = {name.lower(): name for name in package.entries}
    if "xl/workbook.xml" not in lower:
        raise InputUnreadable("sheet_kind_unknown")
    book = _parsed(package, lower["xl/workbook.xml"])
    targets = {}
    if rels := lower.get("xl/_rels/workbook.xml.rels"):
        for one in _parsed(package, rels):
            targets[one.get("Id", "")] = _part(one.get("Target", ""))
    parts = {}
    for node in book.iter():
        kind = node.tag.rpartition("}")[2]
        if kind == "workbookPr":
            found.date1904 = node.get("date1904", "0") in ("1", "true")
        if kind == "sheet":
            ids = [value for key, value in node.items() if key.endswith("}id")]
            parts[targets.get(ids[0] if ids else "", "")] = node.get("name", "")
    return parts


def _part(target: str) -> str:
    """Return the entry that a relationship of the workbook leads to."""
    whole = target if target.startswith("/") else f"/xl/{target}"
    return posixpath.normpath(whole).lstrip("/").lower()


def _parsed(package: ZippedWorkbook, name: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(package.read(name))  # noqa: S314 (without DTD, see read)
    except (ElementTree.ParseError, ValueError, LookupError) as wrong:
        raise InputUnreadable("workbook_broken", place=name, value=str(wrong)) from wrong


def _is_marked(package: ZippedWorkbook, name: str, extent: Extent) -> bool:
    """Inflate a part once, measure it; tell whether it may hold error cells or formulas."""
    marked, formulas = False, list(_FORMULAS)
    for number, piece in enumerate(package.pieces(name)):
        if not number:
            check_head(piece, name)
            formulas = [one for one in _FORMULAS if one[:1] == b"<" or _PREFIXED.search(piece)]
        seen = extent.see(piece)
        marked = marked or _ERROR in seen or any(_begins(seen, one) for one in formulas)
    return marked


def _begins(xml: bytes, element: bytes) -> bool:
    """Tell whether an element of just this name begins somewhere, which one search cannot."""
    at = xml.find(element)
    while at >= 0:
        if xml[at + len(element) : at + len(element) + 1] in (b" ", b">", b"/"):
            return True
        at = xml.find(element, at + 1)
    return False


def _odd_cells(
    package: ZippedWorkbook, name: str, found: Facts, sheet: str
) -> Iterator[tuple[Cell, str]]:
    """Give the cells without a value; note formulas that reach out on the way."""
    rest = b""
    for piece in package.pieces(name):
        rest += piece
        cut = rest.rfind(b"<row") if b"<row" in rest else rest.rfind(b":row ")
        if cut <= 0:
            continue
        yield from _odd_in(rest[:cut], found, sheet)
        rest = rest[cut:]
    yield from _odd_in(rest, found, sheet)


def _odd_in(xml: bytes, found: Facts, sheet: str) -> Iterator[tuple[Cell, str]]:
    for match in _CELL.finditer(xml):
        attributes, inner = match[1], match[2] or b""
        is_error = b't="e"' in attributes
        if not is_error and not _FORMULA.search(inner):
            continue
        value = _VALUE.search(inner)
        place = _NAME.search(attributes)
        if place is None:
            continue
        cell = (int(place[2]) - 1, column_of(place[1].decode()))
        formula = _FORMULA_TEXT.search(inner)
        if formula and _SUSPECT.search(formula[1]):
            text = html.unescape(formula[1].decode("utf-8", "replace"))
            if reaches_out(text):
                at = f"{sheet}!{(place[1] + place[2]).decode()}"
                found.ignore("active_formula", at, text)
        if is_error:
            yield cell, value[1].decode("utf-8", "replace") if value else "#ERROR"
        elif (value is None or not value[1]) and b't="str"' not in attributes:
            yield cell, WITHOUT_VALUE
