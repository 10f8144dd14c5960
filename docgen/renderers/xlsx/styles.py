"""The workbook's styles (ECMA-376 18.8): those of the template, and variants for a document.

A variant is a template's style with a number format, a tone's colours, a text mark or wrapping.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from xml.sax.saxutils import quoteattr

from lxml import etree

from docgen.renderers import tint
from docgen.renderers.ooxml.relationships import XML_HEAD
from docgen.templates.theme import Theme

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
M = f"{{{MAIN}}}"
QUOTE, WRAP = 1, 2  # flags of a variant: quotePrefix (a text, never a formula), wrapText
Ids = tuple[int | None, int | None, int | None]
# Built-in number formats, the same in every locale, and the ids of dates (ECMA-376 18.8.30).
_BUILTIN = {"General": 0, "0": 1, "0.00": 2, "0%": 9, "0.00%": 10, "@": 49}
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_CONTAINERS = ("numFmts", "fonts", "fills", "cellXfs")


@dataclass(frozen=True)
class CellFormat:
    """The properties of a style that the writer needs: font size in points, wrapping, format."""

    size: float
    wrap: bool
    indent: int
    format_id: int
    is_date: bool

    @property
    def as_text(self) -> bool:
        """Whether the template's author formatted the cell as text."""
        return self.format_id == _BUILTIN["@"]

    def keeps(self, moment: bool) -> bool:
        """Return whether the author's number format suits a date (`moment`) or a number."""
        return self.format_id not in (0, _BUILTIN["@"]) and self.is_date == moment


class Stylebook:
    """A template's `styles.xml`, split where variants are added."""

    def __init__(self, root: etree._Element, theme: Theme) -> None:
        self.colours = {tone: getattr(theme, tone) for tone in ("good", "warn", "bad", "muted")}
        for font in root.iter(f"{M}font"):
            _in_order(font)
        self._parts = {name: _container(root, name) for name in _CONTAINERS}
        self._formats = {
            str(item.get("formatCode")): int(str(item.get("numFmtId")))
            for item in self._parts["numFmts"]
        }
        self.counts = {name: len(part) for name, part in self._parts.items()}
        # Excel itself uses the ids up to 163 (ECMA-376 18.8.30).
        self.next_format = max([163, *self._formats.values()]) + 1
        self.looks = [self._look(xf) for xf in self._parts["cellXfs"]]
        self._pieces = _cut(root, self._parts)
        self.variant_xml = lru_cache(maxsize=4096)(self._variant_xml)
        self.font_xml = lru_cache(maxsize=512)(self._font_xml)

    @property
    def normal_size(self) -> float:
        """Points of the workbook's default font, whose digits are the unit of column widths."""
        return _size(self._parts["fonts"][0]) if len(self._parts["fonts"]) else 11.0

    def format_id(self, code: str) -> int | None:
        """Return the id of a number format of the template or of Excel; None for others."""
        return _BUILTIN.get(code, self._formats.get(code))

    def base_font(self, style: int) -> int:
        """Return the index of a style's font."""
        return int(self._parts["cellXfs"][style].get("fontId") or 0)

    def xml(self, added: dict[str, list[str]]) -> bytes:
        """Return the whole part with the elements that a document added."""
        out = [self._pieces[0]]
        for name, piece in zip(_CONTAINERS, self._pieces[1:], strict=True):
            out += added.get(name, ())
            out.append(piece)
        return "".join(out).encode()

    def _look(self, xf: etree._Element) -> CellFormat:
        font = self._parts["fonts"][int(xf.get("fontId") or 0)]
        alignment = xf.find(f"{M}alignment")
        wrap = alignment is not None and alignment.get("wrapText") in ("1", "true")
        format_id = int(xf.get("numFmtId") or 0)
        codes = [code for code, known in self._formats.items() if known == format_id]
        is_date = format_id in _DATES or any(_is_date(code) for code in codes)
        indent = int(alignment.get("indent") or 0) if alignment is not None else 0
        return CellFormat(_size(font), wrap, indent, format_id, is_date)

    def _font_xml(self, font: int, colour: str) -> str:
        element = deepcopy(self._parts["fonts"][font])
        for old in element.findall(f"{M}color"):
            element.remove(old)
        etree.SubElement(element, f"{M}color", rgb=f"FF{colour}")
        _in_order(element)
        return fragment(element)

    def _variant_xml(self, style: int, ids: Ids, flags: int) -> str:
        """Return a copy of a style with other ids (number format, font, fill) and flags.

        None keeps an id.
        """
        xf = deepcopy(self._parts["cellXfs"][style])
        for name, value in zip(_APPLIED, ids, strict=True):
            if value is not None:
                xf.set(f"{name}Id", str(value))
                xf.set(f"apply{_APPLIED[name]}", "1")
        if flags & QUOTE:
            xf.set("quotePrefix", "1")
        if flags & WRAP:
            _wrap(xf)
        return fragment(xf)


_APPLIED = {"numFmt": "NumberFormat", "font": "Font", "fill": "Fill"}
_FONT_ORDER = (
    "b", "i", "strike", "condense", "extend", "outline", "shadow", "u", "vertAlign",
    "sz", "color", "name", "family", "charset", "scheme",
)  # fmt: skip


def _in_order(font: etree._Element) -> None:
    """Sort a font's children as CT_Font's sequence has them; strict readers refuse others."""
    rank = {f"{M}{name}": at for at, name in enumerate(_FONT_ORDER)}
    font[:] = sorted(font, key=lambda child: rank.get(str(child.tag), len(rank)))


@dataclass
class StyleRun:
    """The variants that one document needs, numbered in order of first use."""

    book: Stylebook
    added: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in _CONTAINERS})
    known: dict[tuple[int, str, str, int], int] = field(default_factory=dict)
    _numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def variant(self, style: int, number_format: str, tone: str, flags: int) -> int:
        """Return the index of a variant of `style`, which is added if it is new."""
        key = (style, number_format, tone, flags)
        if key not in self.known:
            format_id = self._format(number_format) if number_format else None
            font, fill = self._font(style, tone), self._fill(tone)
            xf = self.book.variant_xml(style, (format_id, font, fill), flags)
            self.known[key] = self._number("cellXfs", xf, xf)
        return self.known[key]

    def _format(self, code: str) -> int:
        existing = self.book.format_id(code)
        if existing is not None:
            return existing
        new_id = self.book.next_format + len(self.added["numFmts"])
        xml = f'<numFmt numFmtId="{new_id}" formatCode={quoteattr(code)}/>'
        at = self._number("numFmts", code, xml) - self.book.counts["numFmts"]
        return self.book.next_format + at

    def _font(self, style: int, tone: str) -> int | None:
        colour = self.book.colours.get(tone)
        if colour is None:
            return None
        xml = self.book.font_xml(self.book.base_font(style), colour)
        return self._number("fonts", xml, xml)

    def _fill(self, tone: str) -> int | None:
        colour = self.book.colours.get(tone)
        if colour is None or tone == "muted":
            return None
        xml = (
            f'<fill><patternFill patternType="solid"><fgColor rgb="FF{tint(colour, 0.12)}"/>'
            '<bgColor indexed="64"/></patternFill></fill>'  # 64: the system's foreground
        )
        return self._number("fills", xml, xml)

    def _number(self, container: str, key: str, xml: str) -> int:
        """Return the index of an element by its key; `xml` is added if it is new."""
        at = self._numbers.get((container, key))
        if at is None:
            at = self.book.counts[container] + len(self.added[container])
            self._numbers[container, key] = at
            self.added[container].append(xml)
        return at

    def xml(self) -> bytes:
        """Return `styles.xml` with the variants."""
        return self.book.xml(self.added)


def fragment(element: etree._Element) -> str:
    """Serialise an element without the main namespace, for use inside a part that declares it."""
    text = etree.tostring(element, encoding="unicode", with_tail=False)
    return text.replace(f' xmlns="{MAIN}"', "")


def without(element: etree._Element, *names: str) -> None:
    """Remove attributes, if they are there."""
    for name in names:
        if name in element.attrib:
            del element.attrib[name]


def _container(root: etree._Element, name: str) -> etree._Element:
    """Return a container, which is added if missing, without its optional count."""
    found = root.find(f"{M}{name}")
    if found is None:
        found = etree.Element(f"{M}{name}", nsmap={None: MAIN})  # type: ignore[dict-item]
        root.insert(0 if name == "numFmts" else 1, found)
    without(found, "count")
    if name == "numFmts" and not len(found):  # an empty container is no valid part
        found.append(etree.Element(f"{M}numFmt", numFmtId="164", formatCode="yyyy-mm-dd"))
    return found


def _cut(root: etree._Element, parts: dict[str, etree._Element]) -> list[str]:
    """Serialise the part, split at the end of each container."""
    for name, part in parts.items():
        part.append(etree.Comment(f"docgen:{name}"))
    text = etree.tostring(root, encoding="unicode")
    for part in parts.values():
        part.remove(part[-1])
    return re.split("<!--docgen:(?:numFmts|fonts|fills|cellXfs)-->", XML_HEAD + text)


def _wrap(xf: etree._Element) -> None:
    alignment = xf.find(f"{M}alignment")
    if alignment is None:
        alignment = etree.Element(f"{M}alignment", nsmap=xf.nsmap)  # type: ignore[arg-type]  # None too
        xf.insert(0, alignment)
    alignment.set("wrapText", "1")
    xf.set("applyAlignment", "1")


def _size(font: etree._Element) -> float:
    size = font.find(f"{M}sz")
    return float(size.get("val") or 11) if size is not None else 11.0


def _is_date(code: str) -> bool:
    # Without quoted texts, escapes, and brackets of colours and conditions; [h] is elapsed time.
    bare = re.sub(r'"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]', "", code, flags=re.IGNORECASE)
    return bare != "General" and bool(re.search(r"[ymdhs年月日]", bare, re.IGNORECASE))
