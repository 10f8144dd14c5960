"""What a workbook template must not bring: links elsewhere, connections, embedded programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.relationships import Relationship, rels_owner
from docgen.renderers.xlsx import tags
from docgen.renderers.xlsx.sheet import TemplateSheet
from docgen.renderers.xlsx.styles import M
from schemas.wording import Phrase

_PARTS = frozenset(
    {
        "externallinks",
        "connections",
        "querytables",
        "embeddings",
        "activex",
        "ctrlprops",
        "webextensions",
        "customui",
        "model",
        "pivotcache",
        "pivottables",
        "slicers",
        "tables",
    }
)
_SAFE_LINK = re.compile(r"^(?:https?://|mailto:)[^\s\\]+$", re.IGNORECASE)
_FORMULA = re.compile(
    r"\b(?:WEBSERVICE|RTD|CALL|REGISTER(?:\.ID)?|EXEC|DDE|SQL\.REQUEST|IMAGE|FOPEN|IMPORT\w+)\s*\("
    r"|\bHYPERLINK\s*\(\s*(?!\"#)|\[[^\]]*\]\S*!|\|\s*'|file:|\\\\|\w+\|",
    re.IGNORECASE,
)
_SHEET = re.compile(r"'(?:[^']|'')*'!")
_STRING = re.compile(r'"(?:[^"]|"")*"')


def check_package(package: Package) -> None:
    """Refuse parts and outside targets. TemplateFaulty names the part."""
    for name in package.parts:
        for folder in (
            name.lower().split("/")[1:] if name.lower().startswith("xl/") else [name.lower()]
        ):
            kind = folder.removesuffix(".xml").split("/")[0]
            if kind in _PARTS:
                part = Phrase(f"unsafe_part.{kind}")
                raise TemplateFaulty("template_unsafe.holds", place=name, value="", part=part)
    for name, link in _external(package):
        if not (link.kind.endswith("/hyperlink") and _SAFE_LINK.match(link.target)):
            raise TemplateFaulty("template_unsafe.outside", place=name, value=link.target)


def _external(package: Package) -> Iterator[tuple[str, Relationship]]:
    for name in package.parts:
        if name.endswith(".rels"):
            for link in package.related(rels_owner(name)):
                if link.external:
                    yield name, link


def check_names(workbook: etree._Element) -> None:
    """Refuse defined names that run something or hold tags. TemplateFaulty names them."""
    for element in workbook.iterfind(f"{M}definedNames/{M}definedName"):
        place = str(element.get("name"))
        if any(element.get(flag) in ("1", "true") for flag in ("function", "vbProcedure", "xlm")):
            raise TemplateFaulty("template_unsafe.macro_name", place=place, value="")
        check_formula(element.text or "", place)


def check_sheet(sheet: TemplateSheet) -> None:
    """Refuse formulas that reach out, wherever a sheet holds them. TemplateFaulty: the cell."""
    for row in sheet.rows:
        for cell in row.cells:
            if cell.formula:
                check_formula(cell.formula, sheet.place(f"{cell.column}{row.number}"))
    for element in sheet.root.iter(etree.Element):
        name = str(element.tag).rpartition("}")[2]
        around = element.getparent()
        other = name == "f" and around is not None and around.tag != f"{M}c"
        if other or name in ("formula", "formula1", "formula2"):
            check_formula(element.text or "", sheet.place(name))
        elif name in ("oleObjects", "controls", "tableParts", "webPublishItems"):
            raise TemplateFaulty("template_unsafe.element", place=sheet.name, value="", name=name)


def check_formula(formula: str, place: str) -> None:
    """Refuse tags in a formula, and functions that fetch or start something."""
    tags.checked(formula, place)
    if tags.has_tags(_SHEET.sub("", formula)):
        raise TemplateFaulty("tag_misplaced", place=place, value=formula)
    bare = _STRING.sub('""', formula)
    if _FORMULA.search(formula if "HYPERLINK" in formula.upper() else bare):
        raise TemplateFaulty("template_unsafe.formula", place=place, value=formula)
