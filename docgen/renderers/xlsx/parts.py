"""Remove the parts of a template that no printed workbook keeps, add those that it needs."""

from __future__ import annotations

import re
from collections.abc import Callable

from lxml import etree

from docgen.renderers.ooxml.package import CONTENT_TYPES, Package
from docgen.renderers.ooxml.relationships import (
    OFFICE,
    part_bytes,
    relationships,
    rels_name,
    rels_owner,
    with_relationship,
    with_type,
)

STRINGS = "xl/sharedStrings.xml"
_STRINGS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
_APP = "docProps/app.xml"
# Last parts of relationship types; a stale calcChain makes Excel report a damaged file.
_NOTES = frozenset({"calcChain", "comments", "threadedComment", "person"})
# The VML drawing that shows comments (ECMA-376 18.3.1.51).
_LEGACY = re.compile(rb'<(?:\w+:)?legacyDrawing\s[^>]*?\bid="([^"]+)"')


def without_notes(package: Package) -> Package:
    """Remove comments and the calculation chain.

    Names of sheets and areas in the file's properties go too: they are the template's.
    """
    removed = {target for name in package.parts for target in _notes(package, name)}
    removed |= {rels_name(name) for name in removed}
    parts = {name: data for name, data in package.parts.items() if name not in removed}
    for name, data in parts.items():
        if name.endswith(".rels"):
            links = relationships(data, rels_owner(name))
            stale = {link.id for link in links if link.target in removed}
            parts[name] = _without_children(data, lambda child: child.get("Id") in stale)  # noqa: B023 (called at once)
    # A workbook that was a template (.xltx) becomes a workbook.
    types = parts[CONTENT_TYPES].replace(b"ml.template.main+xml", b"ml.sheet.main+xml")
    parts[CONTENT_TYPES] = _without_children(
        types, lambda child: str(child.get("PartName", "")).lstrip("/") in removed
    )
    if _APP in parts:
        titles = ("HeadingPairs", "TitlesOfParts")
        parts[_APP] = _without_children(
            parts[_APP], lambda child: etree.QName(child).localname in titles
        )
    return Package(parts)


def _without_children(part: bytes, drop: Callable[[etree._Element], bool]) -> bytes:
    root = etree.fromstring(part)
    for child in list(root):
        if drop(child):
            root.remove(child)
    return part_bytes(root)


def _notes(package: Package, name: str) -> set[str]:
    """Return the parts with notes that a rels part refers to; not the drawings of headers."""
    if not name.endswith(".rels"):
        return set()
    owner = rels_owner(name)
    legacy = _LEGACY.search(package.parts.get(owner, b""))
    return {
        link.target
        for link in package.related(owner)
        if link.kind.rpartition("/")[2] in _NOTES or (legacy and link.id == legacy[1].decode())
    }


def part_of_kind(package: Package, owner: str, kind: str) -> str:
    """Return the name of the part of a kind that `owner` refers to; empty when there is none."""
    for link in package.related(owner):
        if link.kind.endswith(f"/{kind}") and link.target in package.parts:
            return link.target
    return ""


def with_strings(package: Package, workbook: str) -> tuple[Package, str]:
    """Add a table of shared strings if there is none; return the package and the part's name."""
    if name := part_of_kind(package, workbook, "sharedStrings"):
        return package, name
    links = package.parts[rels_name(workbook)]
    rels = with_relationship(links, f"{OFFICE}/sharedStrings", "/" + STRINGS)
    types = with_type(package.parts[CONTENT_TYPES], STRINGS, _STRINGS_TYPE)
    return package.with_parts({rels_name(workbook): rels, CONTENT_TYPES: types}), STRINGS
