"""Office packages (OPC): the template's parts, frozen for many renders, and the record inside.

A frozen package keeps its static parts compressed; a render deflates only what changed. The
record lies in a custom XML part with its hash and a hash of all other parts: they tell edits
and accidents apart from the file docgen made, they are no signature.
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
_ITEM_ID = "{D0C6E2F1-5245-434F-5244-000000000001}"
_ITEM = re.compile(r"^customXml/item(\d+)\.xml$", re.IGNORECASE)
_NOT_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Package:
    """The parts of a package by name."""

    parts: dict[str, bytes]

    @classmethod
    def read(cls, data: bytes, fault: type[DocgenError] = TemplateFaulty) -> Package:
        """Read a package within limits; `fault` says why it is refused (see `unzip`)."""
        parts = unzip(data, fault)
        if CONTENT_TYPES not in parts:
            raise fault("not_a_package.content_types")
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
        """Name the document or workbook part. TemplateFaulty: not_a_package."""
        for rel in self.related(""):
            if rel.kind.endswith("/officeDocument") and rel.target in self.parts:
                return rel.target
        raise TemplateFaulty("not_a_package")

    def with_parts(self, changed: Mapping[str, bytes]) -> Package:
        """Return the package with some parts added or replaced."""
        return Package(self.parts | dict(changed))

    def freeze(self, dynamic: Collection[str] = ()) -> Frozen:
        """Compress every part but the `dynamic` ones, and make room for the record.

        Parts that come and go (one sheet for each object, say) may be left out: `write` adds
        whatever it is given.
        """
        plumbed, record = _plumbed(self)
        kept = {n: d for n, d in plumbed.parts.items() if n != record and n not in dynamic}
        return Frozen({name: ZipMember.of(name, data) for name, data in kept.items()}, record)

    def pack(self) -> bytes:
        """Write the package as it is, without a record: the same bytes each time."""
        names = sorted(self.parts, key=_rank)
        return rezip(ZipMember.of(name, self.parts[name]) for name in names)


@dataclass(frozen=True)
class Frozen:
    """A package whose static parts are ready to be copied into every file."""

    entries: dict[str, ZipMember] = field(repr=False)
    record: str

    def write(self, dynamic: Mapping[str, bytes], record_json: bytes) -> bytes:
        """Make a file of the static parts, `dynamic` (which wins), and the record.

        RenderFailed: record_not_xml.
        """
        entries = self.entries | {name: ZipMember.of(name, data) for name, data in dynamic.items()}
        hashes = {name: entry.sha256 for name, entry in entries.items()}
        entries[self.record] = ZipMember.of(self.record, record_part(record_json, digest(hashes)))
        return rezip(entries[name] for name in sorted(entries, key=_rank))


@dataclass(frozen=True)
class Embedded:
    """The record of a file.

    `record_intact`: the JSON is the one docgen wrote. `file_intact`: so is every other part.
    """

    json: bytes
    record_intact: bool
    file_intact: bool


def record_part(record_json: bytes, parts_digest: str) -> bytes:
    """Write the record part's XML, with the hashes of the JSON and of all other parts.

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
    """Take the record out of a Word or Excel file, and tell whether anything changed since.

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
    """Find the record parts; ElementTree, because lxml refuses texts over 10 MB."""
    found = []
    for name, part in package.parts.items():
        if _ITEM.match(name) and RECORD.encode() in part:
            root = ET.fromstring(part)  # noqa: S314 (`unzip` has refused any DTD)
            if root.tag == f"{{{RECORD}}}record":
                found.append((name, root))
    return found


def _plumbed(package: Package) -> tuple[Package, str]:
    """Add what a record part needs beside it; a file that docgen made has it already."""
    if known := _records(package):
        return package, known[0][0]
    number = 1 + max((int(m[1]) for n in package.parts if (m := _ITEM.match(n))), default=0)
    item, props = f"customXml/item{number}.xml", f"customXml/itemProps{number}.xml"
    main_rels = rels_name(package.main_part())
    links = package.parts.get(main_rels, b"")
    added = {
        props: _item_properties(),
        rels_name(item): with_relationship(
            b"", f"{OFFICE}/customXmlProps", f"itemProps{number}.xml"
        ),
        main_rels: with_relationship(links, f"{OFFICE}/customXml", f"../{item}"),
        CONTENT_TYPES: with_type(package.parts[CONTENT_TYPES], props, _PROPS_TYPE),
    }
    return package.with_parts(added), item


def _item_properties() -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
        f'<ds:datastoreItem ds:itemID="{_ITEM_ID}" xmlns:ds="{_CUSTOM}">'
        f'<ds:schemaRefs><ds:schemaRef ds:uri="{RECORD}"/></ds:schemaRefs></ds:datastoreItem>'
    ).encode()


def _rank(name: str) -> tuple[int, str]:
    """Order parts so that `file` knows the type: content types, relationships, document, rest."""
    if name == CONTENT_TYPES:
        return 0, name
    if name.startswith("_rels/"):
        return 1, name
    return (3 if name.startswith(("docProps/", "customXml/")) else 2), name
