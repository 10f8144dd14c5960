"""Relationships and content types of an Office package (ISO/IEC 29500-2, 6.5 and 6.2.3).

Reads and writes single parts as bytes; `docgen.renderers.ooxml.package` knows the whole file.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from lxml import etree

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
# The declaration as Office writes it, for parts that are written as text.
XML_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


@dataclass(frozen=True)
class Relationship:
    """A relationship of a part; `target` is a part's name, or a URL where it is `external`."""

    id: str
    kind: str
    target: str
    external: bool


def rels_name(part: str) -> str:
    """Return the name of the part with the relationships of `part` ("" is the package itself)."""
    folder, _, file = part.rpartition("/")
    return f"{folder}/_rels/{file}.rels".lstrip("/")


def rels_owner(name: str) -> str:
    """Return the name of the part whose relationships `name` holds; the reverse of `rels_name`."""
    folder, _, file = name.rpartition("/")
    return posixpath.join(posixpath.dirname(folder), file.removesuffix(".rels"))


def relationships(rels: bytes, part: str) -> list[Relationship]:
    """Parse the rels part of `part`; empty bytes give no relationships."""
    if not rels:
        return []
    found = []
    for child in etree.fromstring(rels).iterchildren("{*}Relationship"):
        target = child.get("Target", "")
        external = child.get("TargetMode") == "External"
        if not external:  # a target is relative to the folder of its part (ISO/IEC 29500-2, 6.4)
            base = "/" + posixpath.dirname(part)
            target = posixpath.normpath(posixpath.join(base, target)).lstrip("/")
        found.append(Relationship(child.get("Id", ""), child.get("Type", ""), target, external))
    return found


def with_relationship(rels: bytes, kind: str, target: str) -> bytes:
    """Add an internal relationship under the first free id; empty bytes start a new part."""
    root = etree.fromstring(rels or f'<Relationships xmlns="{_RELATIONSHIPS}"/>'.encode())
    used = {child.get("Id") for child in root}
    free = next(f"rId{n}" for n in range(1, len(used) + 2) if f"rId{n}" not in used)
    etree.SubElement(root, f"{{{_RELATIONSHIPS}}}Relationship", Id=free, Type=kind, Target=target)
    return part_bytes(root)


def with_type(types: bytes, part: str, kind: str) -> bytes:
    """Add the content type of `part`, and the default of the extension xml where it is missing."""
    root = etree.fromstring(types)
    etree.SubElement(root, f"{{{_TYPES}}}Override", PartName="/" + part, ContentType=kind)
    if not any(child.get("Extension", "").lower() == "xml" for child in root):
        plain = {"Extension": "xml", "ContentType": "application/xml"}
        root.insert(0, etree.Element(f"{{{_TYPES}}}Default", plain))
    return part_bytes(root)


def part_bytes(root: etree._Element) -> bytes:
    """Serialise a part: UTF-8 with an XML declaration, standalone."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
