"""Refuse Word templates with links to the outside, embedded objects, or fields that fetch.

A template comes from a customer; a document made of it must open nothing but itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.docx.tags import W
from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.relationships import rels_owner

LINK_SCHEMES = ("http://", "https://", "mailto:")
# Last parts of relationship types that load or run something (ECMA-376 part 1, 11 and 15.2).
REFUSED_KINDS = re.compile(
    r"attachedTemplate|oleObject|aFChunk|control|subDocument|frame|vbaProject|mailMerge\w+"
    r"|activeXControlBinary"
)
# Field codes of ECMA-376 17.16.5 that only count, repeat or format; INCLUDETEXT, DDE, DATABASE,
# LINK, MACROBUTTON and the like are missing because they fetch or run something.
# Field codes of ECMA-376 17.16.5 that only count, repeat or format; INCLUDETEXT, DDE, DATABASE,
# LINK, MACROBUTTON and the like are missing because they fetch or run something.
ALLOWED_FIELDS = re.compile(
    r"PAGE|NUMPAGES|SECTION|SECTIONPAGES|TOC|PAGEREF|REF|NOTEREF|STYLEREF|SEQ|HYPERLINK|DATE|TIME"
    r"|CREATEDATE|SAVEDATE|PRINTDATE|TITLE|SUBJECT|AUTHOR|COMMENTS|KEYWORDS|FILENAME|DOCPROPERTY"
    r"|NUMWORDS|NUMCHARS|XE|INDEX|TC|IF|=|SYMBOL|EQ|FORMTEXT|FORMCHECKBOX|FORMDROPDOWN|QUOTE"
    r"|LISTNUM|AUTONUM|REVNUM|ADVANCE",
    re.IGNORECASE,
)
_FETCHING = frozenset({"src", "href", "althref"})  # attributes of VML (ECMA-376 part 4, 19)
_SPLIT = re.compile(r"[\s\\\"]+")  # a switch (\h) or a quoted argument ends a field's name


def check_links(package: Package) -> None:
    """Refuse external relationships except plain hyperlinks. TemplateFaulty: unsafe_link."""
    for name in package.xml_names():
        if not name.endswith(".rels"):
            continue
        for rel in package.related(rels_owner(name)):
            kind = rel.kind.rpartition("/")[2]
            plain = kind == "hyperlink" and rel.target.lower().startswith(LINK_SCHEMES)
            if REFUSED_KINDS.fullmatch(kind) or (rel.external and not plain):
                raise TemplateFaulty("unsafe_link", place=name, value=f"{kind} {rel.target}")


def check_part(name: str, root: etree._Element) -> None:
    """Refuse fields that fetch or run, mail merge, and VML that names an address.

    TemplateFaulty: unsafe_field, unsafe_link.
    """
    for instruction in _instructions(root):
        words = _SPLIT.split(instruction.strip())
        if not ALLOWED_FIELDS.fullmatch(words[0]) or "{{" in instruction or "{%" in instruction:
            raise TemplateFaulty("unsafe_field", place=name, value=instruction)
    for element in root.iter(f"{{{W}}}mailMerge", f"{{{W}}}altChunk"):
        raise TemplateFaulty("unsafe_link", place=name, value=etree.QName(element).localname)
    for element in root.iter():
        for key, value in element.attrib.items():
            local = str(key).rpartition("}")[2]
            if local in _FETCHING and re.search(r"[:\\{]", str(value)):
                raise TemplateFaulty("unsafe_link", place=name, value=str(value))


def _instructions(root: etree._Element) -> Iterator[str]:
    """Yield the instruction of every field, without those of the fields nested in it.

    A complex field is spread over runs, from its begin to its end (ECMA-376 17.16.18).
    """
    open_fields: list[list[str]] = []
    for element in root.iter(f"{{{W}}}fldChar", f"{{{W}}}instrText", f"{{{W}}}fldSimple"):
        tag = etree.QName(element).localname
        kind = element.get(f"{{{W}}}fldCharType")
        if tag == "fldSimple":
            yield element.get(f"{{{W}}}instr", "")
        elif tag == "instrText" and open_fields:
            open_fields[-1].append(element.text or "")
        elif tag == "instrText":
            yield element.text or ""
        elif kind == "begin":
            open_fields.append([])
        elif kind == "end" and open_fields:
            yield "".join(open_fields.pop())
    yield from ("".join(left) for left in open_fields)
