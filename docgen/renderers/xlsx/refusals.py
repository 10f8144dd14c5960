"""Refuse workbook templates with links elsewhere, data connections or embedded programs."""

from __future__ import annotations

import re

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.relationships import rels_owner
from docgen.renderers.xlsx import tags
from docgen.renderers.xlsx.sheet import TemplateSheet
from docgen.renderers.xlsx.styles import M
from schemas.wording import Phrase

# Folders below xl/ (lower case) whose parts fetch or run something, or hold areas of cells that
# docgen does not move: pivot tables, slicers, tables.
_FOLDERS = (
    "externallinks connections querytables embeddings activex ctrlprops webextensions customui "
    "model pivotcache pivottables slicers tables"
)
_PARTS = frozenset(_FOLDERS.split())
_SAFE_LINK = re.compile(r"^(?:https?://|mailto:)[^\s\\]+$", re.IGNORECASE)
# Functions that fetch or start something, HYPERLINK to anything but a place in the workbook,
# references to other workbooks ([1]Sheet!A1), and DDE (server|topic).
_FORMULA = re.compile(
    r"\b(?:WEBSERVICE|RTD|CALL|REGISTER(?:\.ID)?|EXEC|DDE|SQL\.REQUEST|IMAGE|FOPEN|IMPORT\w+)\s*\("
    r"|\bHYPERLINK\s*\(\s*(?!\"#)|\[[^\]]*\]\S*!|\|\s*'|file:|\\\\|\w+\|",
    re.IGNORECASE,
)
_SHEET = re.compile(r"'(?:[^']|'')*'!")
_STRING = re.compile(r'"(?:[^"]|"")*"')


def check_package(package: Package) -> None:
    """Refuse parts and external targets. TemplateFaulty names the part."""
    for name in package.parts:
        for folder in (
            name.lower().split("/")[1:] if name.lower().startswith("xl/") else [name.lower()]
        ):
            kind = folder.removesuffix(".xml").split("/")[0]
            if kind in _PARTS:
                part = Phrase(f"unsafe_part.{kind}")
                raise TemplateFaulty("template_unsafe.holds", place=name, value="", part=part)
    for name in package.parts:
        for link in package.related(rels_owner(name)) if name.endswith(".rels") else ():
            safe = link.kind.endswith("/hyperlink") and _SAFE_LINK.match(link.target)
            if link.external and not safe:
                raise TemplateFaulty("template_unsafe.outside", place=name, value=link.target)


def check_names(workbook: etree._Element) -> None:
    """Refuse defined names that run something or hold tags. TemplateFaulty names them."""
    for element in workbook.iterfind(f"{M}definedNames/{M}definedName"):
        place = str(element.get("name"))
        if any(element.get(flag) in ("1", "true") for flag in ("function", "vbProcedure", "xlm")):
            raise TemplateFaulty("template_unsafe.macro_name", place=place, value="")
        check_formula(element.text or "", place)


def check_sheet(sheet: TemplateSheet) -> None:
    """Refuse unsafe formulas in cells, formats and validations. TemplateFaulty names the cell."""
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
    tags.check(formula, place)
    if tags.has_tags(_SHEET.sub("", formula)):
        raise TemplateFaulty("tag_misplaced", place=place, value=formula)
    bare = _STRING.sub('""', formula)
    if _FORMULA.search(formula if "HYPERLINK" in formula.upper() else bare):
        raise TemplateFaulty("template_unsafe.formula", place=place, value=formula)
