"""Refuse workbook templates with parts that no printed workbook keeps, and tags in formulas."""

from __future__ import annotations

import re

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Package
from docgen.renderers.xlsx import tags
from docgen.renderers.xlsx.sheet import TemplateSheet
from docgen.renderers.xlsx.styles import M
from schemas.wording import Phrase

# Folders below xl/ (lower case) whose parts only macros use, or that hold areas of cells that
# docgen does not move: pivot tables, slicers, tables.
_FOLDERS = "embeddings ctrlprops customui pivotcache pivottables slicers tables"
_PARTS = frozenset(_FOLDERS.split())
_SHEET = re.compile(r"'(?:[^']|'')*'!")


def check_package(package: Package) -> None:
    """Refuse parts. TemplateFaulty names the part."""
    for name in package.parts:
        for folder in (
            name.lower().split("/")[1:] if name.lower().startswith("xl/") else [name.lower()]
        ):
            kind = folder.removesuffix(".xml").split("/")[0]
            if kind in _PARTS:
                part = Phrase(f"unsafe_part.{kind}")
                raise TemplateFaulty("template_unsafe.holds", place=name, value="", part=part)


def check_names(workbook: etree._Element) -> None:
    """Refuse defined names that hold tags. TemplateFaulty names them."""
    for element in workbook.iterfind(f"{M}definedNames/{M}definedName"):
        place = str(element.get("name"))
        check_formula(element.text or "", place)


def check_sheet(sheet: TemplateSheet) -> None:
    """Refuse tags in formulas of cells, formats and validations. TemplateFaulty names the cell."""
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
    """Refuse tags in a formula."""
    tags.check(formula, place)
    if tags.has_tags(_SHEET.sub("", formula)):
        raise TemplateFaulty("tag_misplaced", place=place, value=formula)
