"""From a tagged part to a Jinja source, by docxtpl's own rules for paragraphs, rows and cells.

The n-th line of the source ends with the n-th marked tag, so that an error's line is its place.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from lxml import etree

from docgen.renderers import Piece
from docgen.renderers.word.tags import MARK, TAG, Tagged

_CELL = re.compile(r"<w:tcPr>(.*?)</w:tcPr>((?:<w:vMerge [^>]*/>)?)", re.DOTALL)
_CHILD = re.compile(r"<w:(\w+)(?:\s[^<>]*)?(?:/>|>.*?</w:\1>)", re.DOTALL)
_ORDER = {
    name: place
    for place, name in enumerate(
        ("cnfStyle", "tcW", "gridSpan", "hMerge", "vMerge", "tcBorders", "shd", "noWrap", "tcMar")
    )
}


@dataclass(frozen=True)
class Source:
    """A Jinja source and the pieces of the template that its lines stand for."""

    name: str
    text: str
    pieces: tuple[Piece, ...]

    def piece(self, line: int) -> Piece:
        """Find the piece of a line of the source."""
        return self.pieces[min(max(line, 1), len(self.pieces)) - 1]


def source(part: Tagged) -> Source:
    """Make a part's Jinja source: text in which only tags have line breaks, one at their end."""
    text = etree.tostring(part.root, encoding="unicode").replace("\n", " ")
    patched = _CELL.sub(_in_order, _patcher().patch_xml(text))
    plain = TAG.sub(lambda tag: html.unescape(tag[0]).replace(MARK, "\n"), patched)
    return Source(part.name, plain.replace(MARK, ""), tuple(part.pieces))


def _in_order(cell: re.Match[str]) -> str:
    """Put a cell's properties into the order of 17.4.70; docxtpl puts its own at either end."""
    inner = sorted(_CHILD.finditer(cell[1]), key=lambda child: _ORDER.get(child[1], len(_ORDER)))
    return "<w:tcPr>" + "".join(child[0] for child in inner) + "</w:tcPr>"


@cache
def _patcher() -> Any:
    """Return docxtpl's template class; it needs no file for what is asked of it."""
    from docxtpl import DocxTemplate

    return DocxTemplate("")
