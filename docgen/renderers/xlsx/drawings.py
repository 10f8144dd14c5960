"""Parts beside the sheets that a document changes: drawings, charts, properties."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from lxml import etree

from docgen.renderers.ooxml.pictures import marked
from docgen.renderers.xlsx.fragments import Fragment, Token, freeze
from docgen.renderers.xlsx.slots import Slots

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_XDR = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_PNG = b"\x89PNG\r\n\x1a\n"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_CACHES = (f"{_C}numCache", f"{_C}strCache", f"{_C}multiLvlStrCache")
_FOLDERS = ("xl/drawings/drawing", "xl/charts/chart", "docProps/")


def may_live(name: str) -> bool:
    """Whether a part of that name can depend on the document."""
    return name.startswith(_FOLDERS) and name.endswith(".xml")


def read_live(name: str, data: bytes, slots: Slots, moves: bool) -> Fragment | None:
    """Freeze a part; None when nothing in it depends on the document.

    `moves` says whether the rows of its sheet move. TemplateFaulty names a broken or unsafe tag.
    """
    root = etree.fromstring(data)
    if name.startswith("xl/charts/"):
        for cache in list(root.iter(*_CACHES)):
            cache.getparent().remove(cache)  # type: ignore[union-attr]
    marker = _Marker(name, slots, moves)
    frozen = freeze(root, marker.mark)
    return frozen if frozen.tokens else None


@dataclass(frozen=True)
class _Marker:
    """Puts tokens into a part."""

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
            _anchor(item, token)


def _anchor(item: etree._Element, token: Token) -> None:
    """Move a picture with the row it stands on, keeping its height in rows."""
    rows = [item.find(f"{_XDR}{end}/{_XDR}row") for end in ("from", "to")]
    first = int(rows[0].text or 0) if rows[0] is not None else 0
    for row in rows:
        if row is not None:
            row.text = token("anchor", str(int(row.text or 0) - first), first)


def fit_logo(drawing: bytes, logo: bytes) -> bytes:
    """Give the logo's places in a drawing the logo's proportions, inside their own box.

    Only pictures that move but do not stretch with cells (one-cell anchors) can be fitted.
    """
    if logo[:8] != _PNG:
        return drawing
    root = etree.fromstring(drawing)
    ratio = struct.unpack(">2L", logo[16:24])
    for blip, kind in marked(root):
        anchor = next(blip.iterancestors(f"{_XDR}oneCellAnchor"), None)
        if kind == "logo" and anchor is not None:
            for size in (*anchor.iterchildren(f"{_XDR}ext"), *anchor.iter(f"{_A}ext")):
                _fit(size, ratio[0] / ratio[1])
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def _fit(size: etree._Element, ratio: float) -> None:
    if size.get("cx"):
        width, height = int(size.get("cx", "1")), int(size.get("cy", "1"))
        size.set("cx", str(min(width, round(height * ratio))))
        size.set("cy", str(min(height, round(width / ratio))))
