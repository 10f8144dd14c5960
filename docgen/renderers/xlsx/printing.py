"""Puts a document's sheets together: rows, edges with moved references, workbook, live parts."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

from lxml import etree

from docgen.renderers.xlsx import refs
from docgen.renderers.xlsx.book import WorkbookParts
from docgen.renderers.xlsx.drawings import HEAD
from docgen.renderers.xlsx.fragments import Filled, xml_text
from docgen.renderers.xlsx.refs import RowMap
from docgen.renderers.xlsx.styles import M, without
from docgen.renderers.xlsx.writer import SheetWriter

FILTER_NAME = "_xlnm._FilterDatabase"


@dataclass(frozen=True)
class PrintedSheet:
    """The written rows of every sheet, the printed names of the sheets, and the texts."""

    writers: list[SheetWriter]
    names: list[str]
    slots: list[str]


def finished(book: WorkbookParts, printed: PrintedSheet) -> dict[str, bytes]:
    """Write the parts of sheets, workbook, drawings and properties."""
    maps = [_row_map(book, at, writer) for at, writer in enumerate(printed.writers)]
    places = _Places(book, printed.names, maps)
    made = {}
    for at, code in enumerate(book.sheets):
        filled = Filled(maps[at], partial(places.find, at), printed.slots)
        made[code.plan.sheet.part] = _sheet(book, at, printed.writers[at], filled)
    for name, (frozen, at) in book.live.items():
        filled = Filled(maps[at], partial(places.find, at), printed.slots)
        made[name] = (HEAD + frozen.fill(filled)).encode()
    made[book.workbook_part] = _workbook(book, places)
    return made


def _row_map(book: WorkbookParts, at: int, writer: SheetWriter) -> RowMap:
    return RowMap(writer.trace, book.sheets[at].plan.sheet.last)


@dataclass(frozen=True)
class _Places:
    """Finds sheets by their names in the template."""

    book: WorkbookParts
    names: list[str]
    maps: list[RowMap]

    def find(self, own: int, name: str) -> tuple[str, RowMap | None]:
        """Find the printed name and the rows of a sheet; of sheet `own` for an empty name."""
        if not name:
            return self.names[own], self.maps[own]
        for at, code in enumerate(self.book.sheets):
            if code.plan.sheet.name.casefold() == name.casefold():
                return self.names[at], self.maps[at]
        return name, None

    def filter(self, at: int) -> str:
        """Where the filter of a sheet lies now; empty when it has none."""
        ref = self.book.sheets[at].edges.filter_ref
        return refs.mapped_area(ref, self.maps[at]) if ref else ""


def _sheet(book: WorkbookParts, at: int, writer: SheetWriter, filled: Filled) -> bytes:
    edges, plan = book.sheets[at].edges, book.sheets[at].plan
    for index, cell_at, row in writer.formulas:
        cell = plan.cells[cell_at]
        formula = refs.mapped_formula(cell.formula, filled.sheet, row)
        value = f"<f>{xml_text(formula)}</f>" if formula else ""
        writer.out[index] = f'<c r="{cell.column}{row}" s="{cell.style}">{value}</c>'
    after = [edge.fill(filled) for edge in edges.after]
    after.insert(
        edges.merges_at,
        _filter(edges.filter_ref, filled) + _merges(plan.sheet.merges, writer, filled),
    )
    pieces = [
        HEAD,
        edges.open,
        *_before(book, at, filled),
        "<sheetData>",
        *writer.out,
        "</sheetData>",
    ]
    return "".join([*pieces, *after, "</worksheet>"]).encode()


def _before(book: WorkbookParts, at: int, filled: Filled) -> Iterator[str]:
    """Write what stands before the rows; the dimension follows the sheet's properties."""
    edges, plan = book.sheets[at].edges, book.sheets[at].plan
    columns = [refs.number(cell.column) for row in plan.sheet.rows for cell in row.cells]
    corner = f"{refs.letters(max(columns, default=1))}{max(filled.rows.total, 1)}"
    dimension = f'<dimension ref="A1:{corner}"/>' if corner != "A1" else '<dimension ref="A1"/>'
    made = [edge.fill(filled) for edge in edges.before]
    made.insert(1 if made and made[0].startswith("<sheetPr") else 0, dimension)
    yield from made


def _filter(ref: str, filled: Filled) -> str:
    area = refs.mapped_area(ref, filled.rows) if ref else ""
    return f'<autoFilter ref="{area}"/>' if area else ""


def _merges(merges: list[tuple[int, int, int, int]], writer: SheetWriter, filled: Filled) -> str:
    """All merged areas: those of single rows were noted while writing."""
    found = list(writer.merges)
    for left, top, right, bottom in merges:
        if bottom > top:
            for first, last in filled.rows.groups(top, bottom):
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
    _calculation(root, any(cell.formula for code in book.sheets for cell in code.plan.cells))
    return HEAD.encode() + etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _calculation(root: etree._Element, formulas: bool) -> None:
    """Let formulas be worked out on opening; without any, closing must not ask to save."""
    calculation = root.find(f"{M}calcPr")
    if calculation is not None and formulas:
        calculation.set("fullCalcOnLoad", "1")
    elif calculation is not None:
        without(calculation, "fullCalcOnLoad")


def _names(root: etree._Element, places: _Places) -> None:
    """Move the defined names; one whose rows are gone goes too. Filters get theirs anew."""
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
            given = {"name": FILTER_NAME, "localSheetId": str(at), "hidden": "1"}
            etree.SubElement(names, f"{M}definedName", given).text = _absolute(
                places.names[at], area
            )
    if not len(names):
        root.remove(names)


_BEFORE_NAMES = frozenset({"sheets", "functionGroups", "externalReferences"})


def _absolute(name: str, area: str) -> str:
    left, top, right, bottom = refs.area(area)
    corners = f"${refs.letters(left)}${top}:${refs.letters(right)}${bottom}"
    return f"{refs.quoted(name)}!{corners}"
