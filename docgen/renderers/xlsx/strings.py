"""Shared strings (ECMA-376 18.4): the template's that stay, then those of the document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from lxml import etree

from docgen.renderers.ooxml.relationships import XML_HEAD
from docgen.renderers.xlsx.styles import MAIN, M, fragment

_HEAD = f'{XML_HEAD}<sst xmlns="{MAIN}">'
# ST_Xstring (ECMA-376 22.9.2.19): _x000D_ is a character that XML cannot hold.
_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def plain(element: etree._Element) -> str:
    """Return the text of a string item, without formatting and phonetic hints (rPh)."""
    text = "".join(
        t.text or ""
        for t in element.iter(f"{M}t")
        if t.getparent().tag != f"{M}rPh"  # type: ignore[union-attr]
    )
    text = re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def item(text: str) -> str:
    """Return the XML of an item; text that reads like an escape (`_x0041_`) is escaped."""
    xml = escape(text)
    if "_x" in xml:
        xml = _ESCAPED.sub("_x005F_", xml)
    return f'<si><t xml:space="preserve">{xml}</t></si>'


@dataclass
class Strings:
    """The template's table while it is compiled; `kept` are the items that stay, by number."""

    items: list[etree._Element]
    kept: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, part: bytes) -> Strings:
        """Read `sharedStrings.xml`; empty bytes are an empty table."""
        return cls(list(etree.fromstring(part).findall(f"{M}si")) if part else [])

    def keep(self, element: etree._Element) -> int:
        """Keep an item (or inline string) with its formatting; return its new number."""
        xml = fragment(element)
        xml = re.sub(r"^<is(?=[ >/])", "<si", xml).replace("</is>", "</si>")
        return self.kept.setdefault(xml, len(self.kept))


class StringRun:
    """The table of one document: the template's strings, then texts in order of first use."""

    __slots__ = ("_kept", "_numbers")

    def __init__(self, kept: dict[str, int]) -> None:
        self._kept = kept
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """Return the number of a text, which is added if it is new."""
        return self._numbers.setdefault(text, len(self._kept) + len(self._numbers))

    def xml(self) -> bytes:
        """Return the whole part."""
        return "".join([_HEAD, *self._kept, *map(item, self._numbers), "</sst>"]).encode()
