"""Frozen XML with tokens for the references, formulas and texts that vary with the document."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol
from xml.sax.saxutils import escape

from lxml import etree

from docgen.renderers.xlsx import refs
from docgen.renderers.xlsx.refs import RowMap
from docgen.renderers.xlsx.styles import fragment

_TOKEN = re.compile("\ue000(\\d+)\ue001")  # private use characters, which no template contains


class Token(Protocol):
    """Creates the token of a value that varies; the kinds are those of `Fragment`."""

    def __call__(self, kind: str, value: str, base: int = 0) -> str:
        """Register a token and return its text; `base` is the row a formula is relative to."""
        ...


@dataclass(frozen=True)
class FillContext:
    """What tokens of one sheet need: where its rows went, other sheets by name, texts."""

    rows: RowMap
    sheet: Callable[[str], tuple[str, RowMap | None]]
    slots: list[str]


@dataclass
class Fragment:
    """Frozen XML with tokens as (kind, value, base).

    Kinds: `areas` (a sqref), `formula`, `row` (its new number), `rows above` (a count), `break`
    (the last row before it), `anchor` (a row from 0, `base` rows further), `slot` (a text).
    """

    pieces: list[str]
    tokens: list[tuple[str, str, int]]

    def fill(self, context: FillContext) -> str:
        """Return the XML for a document; empty when rows that it refers to were not printed."""
        values = [_value(token, context) for token in self.tokens]
        if not all(values):
            return ""
        pairs = zip(self.pieces[1:], values, strict=True)
        return self.pieces[0] + "".join(value + piece for piece, value in pairs)


def freeze(element: etree._Element, mark: Callable[[etree._Element, Token], None]) -> Fragment:
    """Freeze an element; `mark` is called for it and its descendants, and puts tokens in."""
    copied = deepcopy(element)
    tokens: list[tuple[str, str, int]] = []

    def token(kind: str, value: str, base: int = 0) -> str:
        tokens.append((kind, value, base))
        return f"\ue000{len(tokens) - 1}\ue001"

    for item in list(copied.iter(etree.Element)):
        mark(item, token)
    pieces = _TOKEN.split(fragment(copied))
    return Fragment(pieces[::2], [tokens[int(at)] for at in pieces[1::2]])


def _value(token: tuple[str, str, int], context: FillContext) -> str:
    kind, value, base = token
    rows = context.rows
    if kind == "areas":
        return refs.mapped_areas(value, rows)
    if kind == "formula":
        current = rows.at(base) if base else 0
        return xml_text(refs.mapped_formula(value, context.sheet, current))
    if kind == "slot":
        return xml_text(context.slots[int(value)]) or " "  # an empty value would drop the fragment
    if kind == "anchor":
        return str(rows.at(base + 1) - 1 + int(value))
    if kind == "break":
        last = rows.span(1, int(value))
        return str(last[1]) if last else ""
    return str(rows.at(int(value))) if kind == "row" else str(rows.at(int(value) + 1) - 1)


def xml_text(text: str) -> str:
    """Escape a text for the content or an attribute of XML."""
    return escape(text, {'"': "&quot;"})
