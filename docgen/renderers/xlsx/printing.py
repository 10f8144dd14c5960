"""Assemble a document's parts: rows, the XML around them with moved references, the workbook."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import partial

from lxml import etree

from docgen.renderers.ooxml.relationships import XML_HEAD
from docgen.renderers.xlsx import refs
from docgen.renderers.xlsx.book import WorkbookParts
from docgen.renderers.xlsx.fragments import FillContext, xml_text
from docgen.renderers.xlsx.refs import RowMap
from docgen.renderers.xlsx.styles import M, without
from docgen.renderers.xlsx.writer import SheetWriter

# The hidden name without which Excel drops a sheet's filter (ECMA-376 18.2.5).
FILTER_NAME = "_xlnm._FilterDatabase"


@dataclass(frozen=True)
class PrintedSheets:
    """The written rows of every sheet, the sheets' printed names, and the texts of the slots."""

    writers: list[SheetWriter]
    names: list[str]
    slots: list[str]


def assemble(book: WorkbookParts, printed: PrintedSheets) -> dict[str, bytes]:
    """Return the parts of sheets, workbook, drawings and properties by name."""
    maps = [
        RowMap(writer.trace, code.plan.sheet.last)
        for writer, code in zip(printed.writers, book.sheets, strict=True)
    ]
    places = _Places(book, printed.names, maps)
    contexts = [
        FillContext(rows, partial(places.find, at), printed.slots) for at, rows in enumerate(maps)
    ]
    parts = {}
    for at, code in enumerate(book.sheets):
        parts[code.plan.sheet.part] = _sheet(book, at, printed.writers[at], contexts[at])
    for name, (frozen, at) in book.live.items():
        parts[name] = (XML_HEAD + frozen.fill(contexts[at])).encode()
    parts[book.workbook_part] = _workbook(book, places)
    return parts


@dataclass(frozen=True)
class _Places:
    """Finds sheets by their names in the template."""

    book: WorkbookParts
    names: list[str]
    maps: list[RowMap]

    def find(self, own: int, name: str) -> tuple[str, RowMap | None]:
        """Return the printed name and the rows of a sheet; of sheet `own` for an empty name."""
        if not name:
            return self.names[own], self.maps[own]
        for at, code in enumerate(self.book.sheets):  # Excel ignores the case of sheet names
            if code.plan.sheet.name.casefold() == name.casefold():
                return self.names[at], self.maps[at]
        return name, None

    def filter(self, at: int) -> str:
        """Return the printed area of a sheet's filter; empty when it has none."""
        ref = self.book.sheets[at].edges.filter_ref
        return refs.mapped_area(ref, self.maps[at]) if ref else ""


def _sheet(book: WorkbookParts, at: int, writer: SheetWriter, context: FillContext) -> bytes:
    edges, plan = book.sheets[at].edges, book.sheets[at].plan
    for index, cell_at, row in writer.formulas:
        cell = plan.cells[cell_at]
        formula = refs.mapped_formula(cell.formula, context.sheet, row)
        value = f"<f>{xml_text(formula)}</f>" if formula else ""
        writer.out[index] = f'<c r="{cell.column}{row}" s="{cell.style}">{value}</c>'
    area = refs.mapped_area(edges.filter_ref, context.rows) if edges.filter_ref else ""
    auto_filter = f'<autoFilter ref="{area}"/>' if area else ""
    after = [edge.fill(context) for edge in edges.after]
    after.insert(edges.merges_at, auto_filter + _merges(plan.sheet.merges, writer, context))
    before = [XML_HEAD, edges.open, *_before(book, at, context), "<sheetData>"]
    return "".join([*before, *writer.out, "</sheetData>", *after, "</worksheet>"]).encode()


def _before(book: WorkbookParts, at: int, context: FillContext) -> list[str]:
    """Return the XML before the rows; `dimension` follows `sheetPr` (ECMA-376 18.3.1.99)."""
    edges, plan = book.sheets[at].edges, book.sheets[at].plan
    columns = [refs.number(cell.column) for row in plan.sheet.rows for cell in row.cells]
    corner = f"{refs.letters(max(columns, default=1))}{max(context.rows.total, 1)}"
    dimension = f'<dimension ref="A1:{corner}"/>' if corner != "A1" else '<dimension ref="A1"/>'
    before = [edge.fill(context) for edge in edges.before]
    before.insert(1 if before and before[0].startswith("<sheetPr") else 0, dimension)
    return before


def _merges(
    merges: list[tuple[int, int, int, int]], writer: SheetWriter, context: FillContext
) -> str:
    """Return all merged areas; those within one row were collected while writing."""
    found = list(writer.merges)
    for left, top, right, bottom in merges:
        if bottom > top:
            for first, last in context.rows.groups(top, bottom):
                if last > first or right > left:
                    found.append(f"{refs.letters(left)}{first}:{refs.letters(right)}{last}")
    cells = "".join(f'<mergeCell ref="{ref}"/>' for ref in found)
    return f"<mergeCells>{cells}</mergeCells>" if found else ""


def _workbook(book: WorkbookParts, places: _Places) -> bytes:
    root = deepcopy(book.workbook)
    for child in list(root):
        if etree.QName(child).localname in ("AlternateContent", "fileRecoveryPr", "oleSize"):
            root.remove(child)  # the author's own path, and states of their program
    for element, name in zip(root.iterfind(f"{M}sheets/{M}sheet"), places.names, strict=True):
        element.set("name", name)
    _names(root, places)
    # Formulas are written without values and computed on opening (ECMA-376 18.2.2); without any
    # formula Excel would only ask to save on closing.
    calculation = root.find(f"{M}calcPr")
    if calculation is not None:
        without(calculation, "fullCalcOnLoad")
        if any(cell.formula for code in book.sheets for cell in code.plan.cells):
            calculation.set("fullCalcOnLoad", "1")
    return XML_HEAD.encode() + etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _names(root: etree._Element, places: _Places) -> None:
    """Move the defined names, drop those whose rows are gone, and write those of the filters."""
    names = root.find(f"{M}definedNames")
    if names is None:
        names = etree.Element(f"{M}definedNames")
        before = [n for n, e in enumerate(root) if etree.QName(e).localname in _BEFORE_NAMES]
        root.insert(max(before) + 1, names)
    for element in list(names):
        own = int(element.get("localSheetId") or 0)
        text = refs.mapped_formula(element.text or "", partial(places.find, own))
        if element.get("name") == FILTER_NAME or not text:
            names.remove(element)
        element.text = text
    for at in range(len(places.names)):
        if area := places.filter(at):
            left, top, right, bottom = refs.area(area)
            corners = f"${refs.letters(left)}${top}:${refs.letters(right)}${bottom}"
            attributes = {"name": FILTER_NAME, "localSheetId": str(at), "hidden": "1"}
            element = etree.SubElement(names, f"{M}definedName", attributes)
            element.text = f"{refs.quoted(places.names[at])}!{corners}"
    if not len(names):  # an empty list is not valid
        root.remove(names)


# Children of CT_Workbook before definedNames (ECMA-376 18.2.27).
_BEFORE_NAMES = frozenset({"sheets", "functionGroups", "externalReferences"})
