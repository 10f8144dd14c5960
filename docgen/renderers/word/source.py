"""From a tagged part to a Jinja source, by docxtpl's own rules for paragraphs, rows and cells.

The n-th line of the source ends with the n-th marked tag, so that an error's line is its place.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cache
from typing import Any

from lxml import etree

from docgen.renderers import Piece
from docgen.renderers.word.tags import MARK, TAG, Tagged


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
    patched: str = _patcher().patch_xml(text)
    plain = TAG.sub(lambda tag: html.unescape(tag[0]).replace(MARK, "\n"), patched)
    return Source(part.name, plain.replace(MARK, ""), tuple(part.pieces))


@cache
def _patcher() -> Any:
    """Return docxtpl's template class; it needs no file for what is asked of it."""
    from docxtpl import DocxTemplate

    return DocxTemplate("")
