"""Where a paragraph stands, in words that people find in Word: paragraph, or table, row, cell."""

from __future__ import annotations

import re

from lxml import etree

from docgen.renderers.word.names import TBL, TC, TR, P

_PARTS = {
    "header": ("页眉", "header"),
    "footer": ("页脚", "footer"),
    "footnotes": ("脚注", "footnotes"),
    "endnotes": ("尾注", "endnotes"),
    "comments": ("批注", "comments"),
    "core": ("文档属性", "properties"),
    "app": ("文档属性", "properties"),
    "custom": ("文档属性", "properties"),
}
_NAME = re.compile(r"^(?:word|docProps)/([a-z]+)(\d*)\.xml$")


def part_label(part: str) -> tuple[str, str]:
    """Name a part in zh and en; nothing for the body."""
    found = _NAME.match(part)
    if part == "word/document.xml":
        return "", ""
    if not found or found[1] not in _PARTS:
        return f"{part} ", f"{part} "
    zh, en = _PARTS[found[1]]
    return f"{zh}{found[2]} ", f"{en}{found[2]} "


def places(root: etree._Element, part: str) -> dict[etree._Element, str]:
    """Say for each paragraph of a part where it stands: `表 3 行 2 列 1 (table 3 row 2 cell 1)`."""
    zh, en = part_label(part)
    numbers: dict[etree._Element, int] = {}
    counts: dict[etree._Element | None, int] = {}
    found = {}
    for element in root.iter(TBL, TR, TC, P):
        cell = _above(element, TC) if element.tag == P else None
        if element.tag != P or cell is None:
            owner = _above(element, {TR: TBL, TC: TR}.get(str(element.tag), ""))
            key = owner if owner is not None else (root if element.tag == TBL else None)
            counts[key] = numbers[element] = counts.get(key, 0) + 1
        if element.tag == P and cell is None:
            found[element] = f"{zh}段落 {numbers[element]} ({en}paragraph {numbers[element]})"
        elif cell is not None:
            table, row, column = (numbers[step] for step in _steps(cell))
            here = f"(table {table} row {row} cell {column})"
            found[element] = f"{zh}表 {table} 行 {row} 列 {column} {here.replace('(', '(' + en)}"
    return found


def _steps(cell: etree._Element) -> tuple[etree._Element, etree._Element, etree._Element]:
    row = next(cell.iterancestors(TR))
    return next(row.iterancestors(TBL)), row, cell


def _above(element: etree._Element, tag: str) -> etree._Element | None:
    return next(element.iterancestors(tag), None) if tag else None
