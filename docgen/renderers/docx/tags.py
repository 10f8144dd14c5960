"""Find the tags in a Word part, rejoin those that Word split over runs, and locate them.

The tag syntax is docxtpl's: `{{ value }}`, `{% … %}`, with p, tr, tc or r where the paragraph,
row, cell or run around the tag is to be removed, and cellbg, colspan, vm, hm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.files.active import part_label
from docgen.renderers import Piece

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
P, R, T = f"{{{W}}}p", f"{{{W}}}r", f"{{{W}}}t"
TBL, TR, TC = f"{{{W}}}tbl", f"{{{W}}}tr", f"{{{W}}}tc"
XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"


def places(root: etree._Element, part: str) -> dict[etree._Element, str]:
    """Map each paragraph of a part to its place: `表 3 行 2 列 1 (table 3 row 2 cell 1)`.

    Tables, rows, cells and paragraphs outside cells are counted from 1, as in Word's own macros.
    """
    zh, en = part_label(part)
    numbers: dict[etree._Element, int] = {}
    counts: dict[etree._Element | None, int] = {}
    found = {}
    for element in root.iter(TBL, TR, TC, P):
        cell = _ancestor(element, TC) if element.tag == P else None
        if element.tag != P or cell is None:
            owner = _ancestor(element, {TR: TBL, TC: TR}.get(str(element.tag), ""))
            key = owner if owner is not None else (root if element.tag == TBL else None)
            counts[key] = numbers[element] = counts.get(key, 0) + 1
        if element.tag == P and cell is None:
            found[element] = f"{zh}段落 {numbers[element]} ({en}paragraph {numbers[element]})"
        elif cell is not None:
            cell_row = next(cell.iterancestors(TR))
            steps = (next(cell_row.iterancestors(TBL)), cell_row, cell)
            table, row, column = (numbers[step] for step in steps)
            here = f"(table {table} row {row} cell {column})"
            found[element] = f"{zh}表 {table} 行 {row} 列 {column} {here.replace('(', '(' + en)}"
    return found


def _ancestor(element: etree._Element, tag: str) -> etree._Element | None:
    return next(element.iterancestors(tag), None) if tag else None


# Ends every tag as long as the part is XML, and becomes a line break of the Jinja source: a
# noncharacter, which no text uses and XML still allows (Unicode 23.7).
MARK = "\ufdd0"
TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
OPENER = re.compile(r"\{[{%#]")
_PRINTS_XML = re.compile(r"\{\{(?:p|tr|tc|r)\s")  # docxtpl prints these without escaping
_CELL = re.compile(r"(\{%\s*)(cellbg|colspan)\s+(.*?)(\s*%\})", re.DOTALL)
_MERGE = re.compile(r"\{%\s*[vh]m\s*%\}")
_END = re.compile(r"-?[}%#]\}$")
_PRINT = re.compile(r"^\{\{(-?)(.*?)(-?)\}\}$", re.DOTALL)
_QUOTES = str.maketrans("“”‘’\n\t\xa0", "\"\"''   ")  # Word's autocorrection, undone in tags


@dataclass
class TaggedPart:
    """A part whose tags are each in one run; `pieces[n]` locates the n-th marked tag."""

    name: str
    root: etree._Element
    pieces: list[Piece] = field(default_factory=list)

    @classmethod
    def read(cls, name: str, root: etree._Element) -> TaggedPart:
        """Rewrite the tags of a part in place. TemplateFaulty: broken_tag, unsupported_tag."""
        part = cls(name, root)
        where = places(root, name)
        other = part_label(name)[0].strip() or name
        for element in root.iter("*"):
            for key, value in element.attrib.items():
                if OPENER.search(str(value)):
                    piece = Piece(_nearest_place(element, where, name), str(value))
                    element.set(key, part._rewrite(str(value), piece, inline=True))
            if element.tag == P:
                part._rewrite_paragraph(element, where[element])
            elif element.tag != T and OPENER.search(element.text or ""):
                piece = Piece(_nearest_place(element, where, other), element.text or "")
                element.text = part._rewrite(element.text or "", piece, inline=True)
        return part

    def _rewrite_paragraph(self, paragraph: etree._Element, place: str) -> None:
        texts = text_elements(paragraph)
        whole = "".join(text.text or "" for text in texts)
        if not OPENER.search(whole):
            return
        piece = Piece(place, whole)
        for text, content in zip(texts, _rejoin_tags(texts, whole), strict=True):
            text.text = self._rewrite(content, piece, inline=False)
            text.set(XML_SPACE, "preserve")

    def _rewrite(self, text: str, piece: Piece, *, inline: bool) -> str:
        """Rewrite the tags of a text; `inline` where no element may be printed into it."""
        if OPENER.search(TAG.sub("", text)):
            raise tag_fault("broken_tag.open", piece=piece)
        return TAG.sub(lambda found: self._tag(found[0], piece, inline=inline), text)

    def _tag(self, tag: str, piece: Piece, *, inline: bool) -> str:
        tag = tag.translate(_QUOTES).replace(MARK, "")
        if _PRINTS_XML.match(tag):
            raise tag_fault("unsupported_tag", piece=piece, value=tag)
        if _MERGE.fullmatch(tag):
            return tag
        tag = _CELL.sub(r"\1\2 (\3)|\2\4", tag)
        if inline and (printed := _PRINT.match(tag)):
            tag = f"{{{{{printed[1]} ({printed[2]})|inline {printed[3]}}}}}"
        self.pieces.append(piece)
        return _END.sub(lambda end: MARK + end[0], tag)


def text_elements(paragraph: etree._Element) -> list[etree._Element]:
    """List the text elements of a paragraph, without those of text boxes inside it."""
    return [text for text in paragraph.iter(T) if next(text.iterancestors(P)) is paragraph]


def plain_pieces(name: str, root: etree._Element) -> list[Piece]:
    """List the tagged texts of a part as people see them, in their order."""
    where = places(root, name)
    found = []
    for element in root.iter("*"):
        if element.tag == T:
            continue
        text = element.text or ""
        if element.tag == P:
            text = "".join(inner.text or "" for inner in text_elements(element))
        values = [str(value) for value in element.attrib.values()]
        for shown in (*values, text):
            if OPENER.search(shown):
                clean = TAG.sub(lambda tag: tag[0].translate(_QUOTES), shown)
                other = part_label(name)[0].strip() or name
                found.append(Piece(_nearest_place(element, where, other), clean))
    return found


def tag_fault(code: str, *, piece: Piece, value: str = "", **params: str) -> TemplateFaulty:
    """Return the error for a tag, with its place and the text around it."""
    return TemplateFaulty(
        code,
        place=f"{piece.place}：{piece.text.translate(_QUOTES)[:200]}",
        value=value or piece.text,
        **params,
    )


def _rejoin_tags(texts: list[etree._Element], whole: str) -> list[str]:
    """Move each tag that Word split over runs into the run in which it begins."""
    owners = [index for index, text in enumerate(texts) for _ in text.text or ""]
    for tag in TAG.finditer(whole):
        owners[tag.start() : tag.end()] = [owners[tag.start()]] * len(tag[0])
    parts = [""] * len(texts)
    for owner, character in zip(owners, whole, strict=True):
        parts[owner] += character
    return parts


def _nearest_place(element: etree._Element, where: dict[etree._Element, str], other: str) -> str:
    """Return the place of the paragraph around an element, or of the first one inside it."""
    for around in (element, *element.iterancestors(P), *element.iterdescendants(P)):
        if around in where:
            return where[around]
    return other
