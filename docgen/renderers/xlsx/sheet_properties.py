"""Freeze the XML around a sheet's rows: views, filter, formats, validations, links, page setup.

References become tokens, which are filled in when it is known where the rows went.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field

from lxml import etree

from docgen.renderers.xlsx import refs, tags
from docgen.renderers.xlsx.fragments import FillContext, Fragment, Token, freeze
from docgen.renderers.xlsx.sheet import TemplateSheet
from docgen.renderers.xlsx.slots import Slots
from docgen.renderers.xlsx.styles import M, fragment, without

# Written anew by `printing`, or removed with the comments by `parts`.
_DROPPED = {f"{M}{name}" for name in ("sortState", "mergeCells", "dimension", "legacyDrawing")}
# Lists whose items may disappear; an empty list is not valid and disappears as well.
_LISTS = {
    f"{M}{name}"
    for name in ("dataValidations", "hyperlinks", "protectedRanges", "ignoredErrors", "rowBreaks")
}
_FORMULAS = {f"{M}{name}" for name in ("formula", "formula1", "formula2")}
_XM = "{http://schemas.microsoft.com/office/excel/2006/main}"


@dataclass
class Edge:
    """A child of the worksheet element; a list is omitted when none of its items is left."""

    fragments: list[Fragment]
    head: str = ""
    tail: str = ""

    def fill(self, context: FillContext) -> str:
        """Return the XML for a document."""
        body = "".join(piece.fill(context) for piece in self.fragments)
        return f"{self.head}{body}{self.tail}" if body else ""


@dataclass
class Edges:
    """Everything before and after the rows; `filter_ref` is the filter's area in the template.

    `open` is the start tag of the worksheet, `merges_at` the index in `after` of the merges.
    """

    open: str
    before: list[Edge] = field(default_factory=list)
    after: list[Edge] = field(default_factory=list)
    merges_at: int = 0
    filter_ref: str = ""


def read_edges(sheet: TemplateSheet, slots: Slots) -> Edges:
    """Freeze the XML around the rows of `sheet`; texts with tags become slots."""
    bare = copy(sheet.root)  # the start tag with its namespaces
    del bare[:]
    bare.text = None
    edges = Edges(etree.tostring(bare, encoding="unicode").replace("/>", ">"))
    side = edges.before
    for child in sheet.root:
        if child.tag == f"{M}sheetData":
            side = edges.after
            continue
        if child.tag in _DROPPED:
            continue
        if child.tag == f"{M}autoFilter":
            edges.filter_ref = filter_area(sheet, str(child.get("ref")))
            continue
        side.append(_edge(child, sheet, slots))
        if side is edges.after and child.tag in _BEFORE_MERGES:
            edges.merges_at = len(side)
    return edges


# Children of CT_Worksheet between sheetData and mergeCells (ECMA-376 18.3.1.99).
_BEFORE_MERGES = {
    f"{M}{name}"
    for name in (
        *("sheetCalcPr", "sheetProtection", "protectedRanges", "scenarios"),
        *("dataConsolidate", "customSheetViews"),
    )
}


def filter_area(sheet: TemplateSheet, ref: str) -> str:
    """Extend the filter's area to the end of the loop that begins in it or right below it."""
    left, top, right, bottom = refs.area(ref)
    for first, last in _loops(sheet):
        if top < first <= bottom + 1:
            bottom = max(bottom, last)
    return f"{refs.letters(left)}{top}:{refs.letters(right)}{bottom}"


def _loops(sheet: TemplateSheet) -> Iterator[tuple[int, int]]:
    """Yield the outermost loops as spans of rows."""
    depth, first = 0, 0
    for row in sheet.rows:
        for word in tags.keywords(row.statements):
            if word == "for":
                first = first if depth else row.number
                depth += 1
            elif word == "endfor":
                depth -= 1
                if depth == 0:
                    yield first, row.number


def _edge(child: etree._Element, sheet: TemplateSheet, slots: Slots) -> Edge:
    if child.tag in _LISTS:
        shell = copy(child)
        del shell[:]
        without(shell, "count", "manualBreakCount")
        text = fragment(shell)
        name = child.tag.rpartition("}")[2]
        pieces = [_fragment(item, sheet, slots) for item in child]
        return Edge(pieces, text.replace("/>", ">"), f"</{name}>")
    return Edge([_fragment(child, sheet, slots)])


def _fragment(element: etree._Element, sheet: TemplateSheet, slots: Slots) -> Fragment:
    # Formulas of formats and validations are relative to the first cell of their area.
    rows = (re.search(r"\d+", item.get("sqref") or "") for item in element.iter(etree.Element))
    base = next((int(row[0]) for row in rows if row), 0)
    return freeze(element, _Marker(sheet, slots, base).mark)


@dataclass(frozen=True)
class _Marker:
    """Replaces references by tokens; `base` is the row that formulas are relative to."""

    sheet: TemplateSheet
    slots: Slots
    base: int

    def mark(self, item: etree._Element, token: Token) -> None:
        for name in ("ref", "sqref"):
            if value := item.get(name):
                item.set(name, token("areas", value))
        if item.tag == f"{_XM}sqref" and item.text:
            item.text = token("areas", item.text)
        elif (item.tag in _FORMULAS or item.tag == f"{_XM}f") and item.text:
            item.text = token("formula", item.text, self.base)
        else:
            self._place(item, token)

    def _place(self, item: etree._Element, token: Token) -> None:
        parent = item.getparent()
        if item.tag == f"{M}pane" and (split := item.get("ySplit")):
            item.set("ySplit", token("rows above", split))
            if cell := item.get("topLeftCell"):
                column, row = refs.split(cell)
                item.set("topLeftCell", column + token("row", str(row)))
        elif item.tag == f"{M}selection":
            without(item, "sqref", "activeCell", "activeCellId")
        elif item.tag == f"{M}brk":
            item.set("id", token("break", str(item.get("id"))))
        elif item.tag == f"{M}hyperlink" and (target := item.get("location")):
            item.set("location", token("formula", target, 0))
        elif parent is not None and parent.tag == f"{M}headerFooter":
            text = item.text or ""
            if self.slots.wants(text):
                place = self.sheet.place(etree.QName(item).localname)
                item.text = token("slot", str(self.slots.add(place, text, header=True)))
