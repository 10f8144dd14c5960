"""Frozen XML with tokens: references to rows, formulas and texts that a document decides."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from docgen.renderers.xlsx import refs
from docgen.renderers.xlsx.refs import RowMap
from docgen.renderers.xlsx.styles import fragment

_TOKEN = re.compile("\ue000(\\d+)\ue001")


class Token(Protocol):
    """Makes the token of a value that a document decides; its kinds are those of `Fragment`."""

    def __call__(self, kind: str, value: str, base: int = 0) -> str:
        """Keep `kind` and `value`; `base` is the row that a formula is relative to."""
        ...


@dataclass(frozen=True)
class Filled:
    """What the edges of one sheet need of a document: its rows, other sheets, texts."""

    rows: RowMap
    sheet: Callable[[str], tuple[str, RowMap | None]]
    slots: list[str]


@dataclass
class Fragment:
    """Frozen XML with tokens. `fill` gives an empty text when a reference it needs is gone.

    Kinds: `areas` (a sqref), `formula`, `row` (where it went), `rows above` (as a count), `break`
    (the last row before it), `anchor` (a row from 0, `base` rows further), `slot` (a text).
    """

    pieces: list[str]
    tokens: list[tuple[str, str, int]]

    def fill(self, filled: Filled) -> str:
        """Write the XML for a document."""
        made = [_value(token, filled) for token in self.tokens]
        if not all(made):
            return ""
        pairs = zip(self.pieces[1:], made, strict=True)
        return self.pieces[0] + "".join(value + piece for piece, value in pairs)


def freeze(element: etree._Element, mark: Callable[[etree._Element, Token], None]) -> Fragment:
    """Freeze an element; `mark` is called for it and everything in it, and puts tokens in."""
    made = deepcopy(element)
    tokens: list[tuple[str, str, int]] = []

    def token(kind: str, value: str, base: int = 0) -> str:
        tokens.append((kind, value, base))
        return f"\ue000{len(tokens) - 1}\ue001"

    for item in list(made.iter(etree.Element)):
        mark(item, token)
    pieces = _TOKEN.split(fragment(made))
    return Fragment(pieces[::2], [tokens[int(at)] for at in pieces[1::2]])


def _value(token: tuple[str, str, int], filled: Filled) -> str:
    kind, value, base = token
    rows = filled.rows
    if kind == "areas":
        return refs.mapped_areas(value, rows)
    if kind == "formula":
        current = rows.at(base) if base else 0
        return xml_text(refs.mapped_formula(value, filled.sheet, current))
    if kind == "slot":
        return xml_text(filled.slots[int(value)]) or " "
    if kind == "anchor":
        return str(rows.at(base + 1) - 1 + int(value))
    if kind == "break":
        last = rows.span(1, int(value))
        return str(last[1]) if last else ""
    return str(rows.at(int(value))) if kind == "row" else str(rows.at(int(value) + 1) - 1)


def xml_text(text: str) -> str:
    """Escape a text for content or attributes of XML."""
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )
