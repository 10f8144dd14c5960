"""Parts of a template that a printed workbook does without, or needs beside it."""

from __future__ import annotations

import re

from lxml import etree

from docgen.renderers.ooxml.package import CONTENT_TYPES, Package
from docgen.renderers.ooxml.relationships import (
    OFFICE,
    relationships,
    rels_name,
    rels_owner,
    with_relationship,
    with_type,
    xml,
)

STRINGS = "xl/sharedStrings.xml"
_STRINGS_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
_APP = "docProps/app.xml"
_NOTES = frozenset({"calcChain", "comments", "threadedComment", "person"})
_LEGACY = re.compile(rb'<(?:\w+:)?legacyDrawing\s[^>]*?\bid="([^"]+)"')


def without_notes(package: Package) -> Package:
    """Leave out what would be stale or is meant for editors: comments, calculation chain.

    Names of sheets and areas in the file's properties go too: they are the template's.
    """
    gone = {target for name in package.parts for target in _notes(package, name)}
    gone |= {rels_name(name) for name in gone}
    parts = {name: data for name, data in package.parts.items() if name not in gone}
    for name, data in parts.items():
        if name.endswith(".rels"):
            parts[name] = _unlinked(data, rels_owner(name), gone)
    parts[CONTENT_TYPES] = _untyped(parts[CONTENT_TYPES], gone)
    if _APP in parts:
        parts[_APP] = _without_titles(parts[_APP])
    return Package(parts)


def _notes(package: Package, name: str) -> set[str]:
    """Find the notes that a part leads to; the drawings of comments, not those of headers."""
    if not name.endswith(".rels"):
        return set()
    owner = rels_owner(name)
    legacy = _LEGACY.search(package.parts.get(owner, b""))
    return {
        link.target
        for link in package.related(owner)
        if link.kind.rpartition("/")[2] in _NOTES or (legacy and link.id == legacy[1].decode())
    }


def _unlinked(rels: bytes, owner: str, gone: set[str]) -> bytes:
    stale = {link.id for link in relationships(rels, owner) if link.target in gone}
    root = etree.fromstring(rels)
    for child in list(root):
        if child.get("Id") in stale:
            root.remove(child)
    return xml(root)


def _untyped(types: bytes, gone: set[str]) -> bytes:
    """Forget the types of parts that are gone, and that the workbook was a template (.xltx)."""
    root = etree.fromstring(types.replace(b"ml.template.main+xml", b"ml.sheet.main+xml"))
    for child in list(root):
        if str(child.get("PartName", "")).lstrip("/") in gone:
            root.remove(child)
    return xml(root)


def _without_titles(app: bytes) -> bytes:
    root = etree.fromstring(app)
    for child in list(root):
        if etree.QName(child).localname in ("HeadingPairs", "TitlesOfParts"):
            root.remove(child)
    return xml(root)


def part_of_kind(package: Package, owner: str, kind: str) -> str:
    """Name the part of a kind that `owner` leads to; empty when there is none."""
    for link in package.related(owner):
        if link.kind.endswith(f"/{kind}") and link.target in package.parts:
            return link.target
    return ""


def with_strings(package: Package, workbook: str) -> tuple[Package, str]:
    """Give the package a table of shared strings, if it has none; the name of its part."""
    if name := part_of_kind(package, workbook, "sharedStrings"):
        return package, name
    links = package.parts[rels_name(workbook)]
    rels = with_relationship(links, f"{OFFICE}/sharedStrings", "/" + STRINGS)
    types = with_type(package.parts[CONTENT_TYPES], STRINGS, _STRINGS_TYPE)
    return package.with_parts({rels_name(workbook): rels, CONTENT_TYPES: types}), STRINGS
