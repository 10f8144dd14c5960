"""A file's properties as people see them in its folder: title, firm, the document's own time."""

from __future__ import annotations

from datetime import UTC

from lxml import etree

from docgen.document import Document

CORE = "docProps/core.xml"
CREATED = "_created"
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
_DROPPED = (f"{{{_CP}}}lastPrinted", f"{{{_CP}}}revision")


def with_core_tags(core: bytes) -> bytes:
    """Put tags into a template's core properties; a title that has its own keeps them.

    The result names CREATED, whose value is `created`.
    """
    root = etree.fromstring(core)
    for tag, text in _TEXTS.items():
        element = _only(root, tag)
        if tag != f"{{{_DC}}}title" or "{{" not in (element.text or ""):
            element.text = text
    for tag in _DATES:
        element = _only(root, tag)
        element.text = f"{{{{ {CREATED} }}}}"
        element.set(_XSI_TYPE, "dcterms:W3CDTF")
    for tag in _DROPPED:
        for element in root.findall(tag):
            root.remove(element)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)


def created(document: Document) -> str:
    """Write the document's moment as W3CDTF in UTC."""
    return document.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _only(root: etree._Element, tag: str) -> etree._Element:
    found = root.find(tag)
    return found if found is not None else etree.SubElement(root, tag)
