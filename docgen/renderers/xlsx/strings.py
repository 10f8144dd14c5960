"""Shared strings: those of the template that stay, then those of the document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lxml import etree

from docgen.renderers.xlsx.styles import MAIN, M, fragment

_HEAD = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<sst xmlns="{MAIN}">'
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def plain(element: etree._Element) -> str:
    """Read a string item without its formatting and phonetic hints."""
    texts = (
        t.text or ""
        for t in element.iter(f"{M}t")
        if t.getparent().tag != f"{M}rPh"  # type: ignore[union-attr]
    )
    return _unescape("".join(texts))


def _unescape(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        return chr(int(found[1], 16))

    return re.sub(r"_x([0-9A-Fa-f]{4})_", character, text).replace("\r\n", "\n").replace("\r", "\n")


def item(text: str) -> str:
    """Write an item of the table; what reads like an escape (`_x0041_`) is escaped."""
    made = escape(text)
    if "_x" in made:
        made = _ESCAPED.sub("_x005F_", made)
    return f'<si><t xml:space="preserve">{made}</t></si>'


@dataclass
class Strings:
    """The template's table while it is compiled: which of its strings stay."""

    items: list[etree._Element]
    kept: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, part: bytes) -> Strings:
        """Read `sharedStrings.xml`; empty bytes are an empty table."""
        return cls(list(etree.fromstring(part).findall(f"{M}si")) if part else [])

    def keep(self, element: etree._Element) -> int:
        """Keep an item (or an inline string) as it is, formatting included; its new number."""
        xml = fragment(element)
        xml = re.sub(r"^<is(?=[ >/])", "<si", xml).replace("</is>", "</si>")
        return self.kept.setdefault(xml, len(self.kept))


class StringRun:
    """The table of one document: `number` of a text, and the whole part."""

    __slots__ = ("_kept", "_known", "get")

    def __init__(self, kept: dict[str, int]) -> None:
        self._kept = kept
        self._known: dict[str, int] = {}
        self.get = self._known.get

    def add(self, text: str) -> int:
        """Take in a text that `get` does not know."""
        at = len(self._kept) + len(self._known)
        self._known[text] = at
        return at

    def xml(self) -> bytes:
        """Write the part with every string in the order of its first use."""
        return "".join([_HEAD, *self._kept, *map(item, self._known), "</sst>"]).encode()
