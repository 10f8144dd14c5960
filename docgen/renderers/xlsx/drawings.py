"""Freeze the parts beside the sheets that vary with the document: drawings, charts, properties."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from docgen.renderers.xlsx.fragments import Fragment, Token, freeze
from docgen.renderers.xlsx.slots import Slots

_XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_CACHES = (f"{_C}numCache", f"{_C}strCache", f"{_C}multiLvlStrCache")
_FOLDERS = ("xl/drawings/drawing", "xl/charts/chart", "docProps/")


def may_live(name: str) -> bool:
    """Return whether a part of that name can vary with the document."""
    return name.startswith(_FOLDERS) and name.endswith(".xml")


def read_live(name: str, data: bytes, slots: Slots, moves: bool) -> Fragment | None:
    """Freeze a part; None when nothing in it varies with the document.

    `moves`: the sheet has control rows, so its rows move. TemplateFaulty names a broken or
    unsafe tag.
    """
    root = etree.fromstring(data)
    if name.startswith("xl/charts/"):
        # Cached values are the template's; Excel reads the cells without them (ECMA-376 21.2.2).
        for cache in list(root.iter(*_CACHES)):
            cache.getparent().remove(cache)  # type: ignore[union-attr]
    marker = _Marker(name, slots, moves)
    frozen = freeze(root, marker.mark)
    return frozen if frozen.tokens else None


@dataclass(frozen=True)
class _Marker:
    """Replaces the texts, formulas and anchors of a part by tokens."""

    name: str
    slots: Slots
    moves: bool

    def mark(self, item: etree._Element, token: Token) -> None:
        text = item.text or ""
        if self.slots.wants(text):
            item.text = token("slot", str(self.slots.add(self.name, text)))
        elif item.tag == f"{_C}f" and text:
            item.text = token("formula", text)
        for key, value in item.attrib.items():
            if self.slots.wants(str(value)):
                item.set(key, token("slot", str(self.slots.add(self.name, str(value)))))
        if self.moves and item.tag in (f"{_XDR}oneCellAnchor", f"{_XDR}twoCellAnchor"):
            # The picture moves with its first row and keeps its height in rows.
            rows = [item.find(f"{_XDR}{end}/{_XDR}row") for end in ("from", "to")]
            first = int(rows[0].text or 0) if rows[0] is not None else 0
            for row in rows:
                if row is not None:
                    row.text = token("anchor", str(int(row.text or 0) - first), first)
