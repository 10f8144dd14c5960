"""Core properties of an Office file (ISO/IEC 29500-2, 8): title, company, the document's time."""

from __future__ import annotations

from datetime import UTC

from lxml import etree

from docgen.document import Document
from docgen.renderers.ooxml.relationships import part_bytes

CORE = "docProps/core.xml"
CREATED = "_created"  # a template variable; no record field begins with an underscore
_DC = "http://purl.org/dc/elements/1.1/"
_TERMS = "http://purl.org/dc/terms/"
_CP = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_TEXTS = {
    f"{{{_DC}}}title": "{{ doc.title }} {{ doc_no }}",
    f"{{{_DC}}}creator": "{{ theme.company }}",
    f"{{{_CP}}}lastModifiedBy": "{{ theme.company }}",
}
_DATES = (f"{{{_TERMS}}}created", f"{{{_TERMS}}}modified")
_DROPPED = (f"{{{_CP}}}lastPrinted", f"{{{_CP}}}revision")  # the template's, not the document's


def with_core_tags(core: bytes) -> bytes:
    """Put tags into a template's core properties; a title with its own tags keeps them.

    The result uses the template variable CREATED, whose value is `created`.
    """
    root = etree.fromstring(core)
    for tag, text in _TEXTS.items():
        element = _child(root, tag)
        if tag != f"{{{_DC}}}title" or "{{" not in (element.text or ""):
            element.text = text
    for tag in _DATES:
        element = _child(root, tag)
        element.text = f"{{{{ {CREATED} }}}}"
        element.set(_XSI_TYPE, "dcterms:W3CDTF")  # required there (ISO/IEC 29500-2, 8)
    for tag in _DROPPED:
        for element in root.findall(tag):
            root.remove(element)
    return part_bytes(root)


def created(document: Document) -> str:
    """Return the document's time as W3CDTF (ISO 8601 profile) in UTC."""
    return document.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _child(root: etree._Element, tag: str) -> etree._Element:
    found = root.find(tag)
    return found if found is not None else etree.SubElement(root, tag)
