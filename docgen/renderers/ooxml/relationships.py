"""Relationships and content types of an Office package (ISO/IEC 29500-2, 6.5 and 6.2.3)."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from lxml import etree

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONSHIPS = "http://schemas.openxmlformats.org/package/2006/relationships"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"


@dataclass(frozen=True)
class Relationship:
    """A link from a part. `target` is a part's name, or an address where it is `external`."""

    id: str
    kind: str
    target: str
    external: bool


def rels_name(part: str) -> str:
    """Name the part that holds the relationships of `part` (the package's own for "")."""
    folder, _, file = part.rpartition("/")
    return f"{folder}/_rels/{file}.rels".lstrip("/")


def rels_owner(name: str) -> str:
    """Name the part whose relationships `name` holds."""
    folder, _, file = name.rpartition("/")
    return posixpath.join(posixpath.dirname(folder), file.removesuffix(".rels"))


def relationships(rels: bytes, part: str) -> list[Relationship]:
    """Read the relationships of `part` out of its rels part; none out of empty bytes."""
    if not rels:
        return []
    children = etree.fromstring(rels).iterchildren("{*}Relationship")
    return [_relationship(child, part) for child in children]


def _relationship(child: etree._Element, part: str) -> Relationship:
    target = child.get("Target", "")
    external = child.get("TargetMode") == "External"
    if not external:
        base = "/" + posixpath.dirname(part)
        target = posixpath.normpath(posixpath.join(base, target)).lstrip("/")
    return Relationship(child.get("Id", ""), child.get("Type", ""), target, external)


def with_relationship(rels: bytes, kind: str, target: str) -> bytes:
    """Add an internal relationship under the first free id; empty bytes begin a new part."""
    root = etree.fromstring(rels or f'<Relationships xmlns="{_RELATIONSHIPS}"/>'.encode())
    used = {child.get("Id") for child in root}
    free = next(f"rId{n}" for n in range(1, len(used) + 2) if f"rId{n}" not in used)
    etree.SubElement(root, f"{{{_RELATIONSHIPS}}}Relationship", Id=free, Type=kind, Target=target)
    return xml(root)


def with_type(types: bytes, part: str, kind: str) -> bytes:
    """Give `part` its content type, and XML parts their default."""
    root = etree.fromstring(types)
    etree.SubElement(root, f"{{{_TYPES}}}Override", PartName="/" + part, ContentType=kind)
    if not any(child.get("Extension", "").lower() == "xml" for child in root):
        plain = {"Extension": "xml", "ContentType": "application/xml"}
        root.insert(0, etree.Element(f"{{{_TYPES}}}Default", plain))
    return xml(root)


def xml(root: etree._Element) -> bytes:
    """Serialise a part as Office does: UTF-8, declared, standalone."""
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
