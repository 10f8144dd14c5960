"""Office packages (ISO/IEC 29500-2): a template's parts, and the record embedded in each file.

A frozen package keeps its static parts compressed; a render deflates only what changed. The
record is a custom XML part (ISO/IEC 29500-1, 15.2) with its hash and a hash of all other
parts: these detect edits and damage, but they are not a signature.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree as ET

from docgen.errors import DocgenError, InputUnreadable, RenderFailed, TemplateFaulty
from docgen.files.rezip import ZipMember, digest, rezip
from docgen.files.unzip import is_xml, unzip
from docgen.renderers.ooxml.relationships import (
    OFFICE,
    Relationship,
    relationships,
    rels_name,
    with_relationship,
    with_type,
)

CONTENT_TYPES = "[Content_Types].xml"
RECORD = "urn:docgen:record:1"
_CUSTOM = "http://schemas.openxmlformats.org/officeDocument/2006/customXml"
_PROPS_TYPE = "application/vnd.openxmlformats-officedocument.customXmlProperties+xml"
_ITEM_ID = "{D0C6E2F1-5245-434F-5244-000000000001}"  # fixed, for equal files must be equal bytes
_ITEM = re.compile(r"^customXml/item(\d+)\.xml$", re.IGNORECASE)  # part names ignore case
_NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")  # outside Char of XML 1.0, 2.2


@dataclass(frozen=True)
class Package:
    """The parts of a package by name."""

    parts: dict[str, bytes]

    @classmethod
    def read(cls, data: bytes, fault: type[DocgenError] = TemplateFaulty) -> Package:
        """Read a package within the limits of `unzip`; a refusal is raised as `fault`."""
        parts = unzip(data, fault)
        if CONTENT_TYPES not in parts:
            raise fault("not_a_package.content_types")
        # Word and Excel run macros by the content type of the main part, whatever the file's name.
        if b"macroenabled" in parts[CONTENT_TYPES].lower():
            raise fault("macros.content_type", place=CONTENT_TYPES)
        return cls(parts)

    def xml_names(self) -> list[str]:
        """List the names of the XML parts, sorted."""
        return sorted(name for name in self.parts if is_xml(name))

    def related(self, part: str) -> list[Relationship]:
        """Read the relationships of `part`; of the package itself for an empty name."""
        return relationships(self.parts.get(rels_name(part), b""), part)

    def main_part(self) -> str:
        """Return the name of the document or workbook part. TemplateFaulty: not_a_package."""
        for rel in self.related(""):
            if rel.kind.endswith("/officeDocument") and rel.target in self.parts:
                return rel.target
        raise TemplateFaulty("not_a_package")

    def with_parts(self, changed: Mapping[str, bytes]) -> Package:
        """Return a copy of the package with parts added or replaced."""
        return Package(self.parts | dict(changed))

    def freeze(self, dynamic: Collection[str] = ()) -> Frozen:
        """Compress every part but the `dynamic` ones, and add the relationships of a record part.

        `dynamic` parts are given to `write` instead, which accepts any others as well.
        """
        package, record = _with_record_links(self)
        static = {n: d for n, d in package.parts.items() if n != record and n not in dynamic}
        return Frozen({name: ZipMember.of(name, data) for name, data in static.items()}, record)

    def pack(self) -> bytes:
        """Write the package without a record; equal packages give equal bytes."""
        names = sorted(self.parts, key=_rank)
        return rezip(ZipMember.of(name, self.parts[name]) for name in names)


@dataclass(frozen=True)
class Frozen:
    """A package whose static parts are compressed, ready to be copied into every file."""

    entries: dict[str, ZipMember] = field(repr=False)
    record: str

    def write(self, dynamic: Mapping[str, bytes], record_json: bytes) -> bytes:
        """Write a file of the static parts, `dynamic` (which replaces static ones) and the record.

        RenderFailed: record_not_xml.
        """
        entries = self.entries | {name: ZipMember.of(name, data) for name, data in dynamic.items()}
        hashes = {name: entry.sha256 for name, entry in entries.items()}
        entries[self.record] = ZipMember.of(self.record, record_part(record_json, digest(hashes)))
        return rezip(entries[name] for name in sorted(entries, key=_rank))


@dataclass(frozen=True)
class Embedded:
    """The record embedded in a file.

    `record_intact`: the JSON has the hash written beside it. `file_intact`: so have the others.
    """

    json: bytes
    record_intact: bool
    file_intact: bool


def record_part(record_json: bytes, parts_digest: str) -> bytes:
    """Return the XML of the record part, with the hashes of the JSON and of all other parts.

    RenderFailed: record_not_xml, for a character that XML cannot hold (JSON escapes controls).
    """
    text = record_json.decode("utf-8")
    if found := _NOT_XML.search(text):
        raise RenderFailed("record_not_xml", number=ord(found[0]))
    sha256 = hashlib.sha256(record_json).hexdigest()
    head = f'<record xmlns="{RECORD}" sha256="{sha256}" parts="{parts_digest}">'
    body = html.escape(text, quote=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}{body}</record>'.encode()


def read_record(data: bytes) -> Embedded:
    """Extract the record of a Word or Excel file, and check whether anything was changed since.

    InputUnreadable: no_record, or what `unzip` refuses.
    """
    package = Package.read(data, InputUnreadable)
    for name, element in _records(package):
        record_json = (element.text or "").encode()
        others = {n: hashlib.sha256(d).digest() for n, d in package.parts.items() if n != name}
        intact = element.get("sha256") == hashlib.sha256(record_json).hexdigest()
        return Embedded(record_json, intact, intact and element.get("parts") == digest(others))
    raise InputUnreadable("no_record")


def _records(package: Package) -> list[tuple[str, Any]]:
    """Find the record parts; by ElementTree, because lxml refuses text nodes over 10 MB."""
    found = []
    for name, part in package.parts.items():
        if _ITEM.match(name) and RECORD.encode() in part:
            root = ET.fromstring(part)  # noqa: S314 (`unzip` has refused any DTD)
            if root.tag == f"{{{RECORD}}}record":
                found.append((name, root))
    return found


def _with_record_links(package: Package) -> tuple[Package, str]:
    """Add the properties and relationships of a record part; return the record part's name.

    A template that was a document of docgen has them already.
    """
    if records := _records(package):
        return package, records[0][0]
    number = 1 + max((int(m[1]) for n in package.parts if (m := _ITEM.match(n))), default=0)
    item, props = f"customXml/item{number}.xml", f"customXml/itemProps{number}.xml"
    main_rels = rels_name(package.main_part())
    links = package.parts.get(main_rels, b"")
    properties = (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<ds:datastoreItem ds:itemID="{_ITEM_ID}" xmlns:ds="{_CUSTOM}">'
        f'<ds:schemaRefs><ds:schemaRef ds:uri="{RECORD}"/></ds:schemaRefs></ds:datastoreItem>'
    )
    added = {
        props: properties.encode(),
        rels_name(item): with_relationship(
            b"", f"{OFFICE}/customXmlProps", f"itemProps{number}.xml"
        ),
        main_rels: with_relationship(links, f"{OFFICE}/customXml", f"../{item}"),
        CONTENT_TYPES: with_type(package.parts[CONTENT_TYPES], props, _PROPS_TYPE),
    }
    return package.with_parts(added), item


def _rank(name: str) -> tuple[int, str]:
    """Sort key of parts: content types, relationships, document, rest; `file(1)` needs that."""
    if name == CONTENT_TYPES:
        return 0, name
    if name.startswith("_rels/"):
        return 1, name
    return (3 if name.startswith(("docProps/", "customXml/")) else 2), name
