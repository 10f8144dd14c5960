"""What a workbook template must not bring: links elsewhere, connections, embedded programs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from docgen.renderers.package import Package
from docgen.renderers.relationships import Relationship, rels_owner
from docgen.renderers.sheets import tags
from docgen.renderers.sheets.sheet import Sheet
from docgen.renderers.sheets.styles import M

_PARTS = {
    "externallinks": ("外部链接", "links to other workbooks"),
    "connections": ("数据连接", "data connections"),
    "querytables": ("数据查询", "data queries"),
    "embeddings": ("嵌入对象", "embedded objects"),
    "activex": ("控件", "controls"),
    "ctrlprops": ("控件", "controls"),
    "webextensions": ("网页扩展", "web extensions"),
    "customui": ("自定义功能区", "a custom ribbon"),
    "model": ("数据模型", "a data model"),
    "pivotcache": ("数据透视表", "pivot tables"),
    "pivottables": ("数据透视表", "pivot tables"),
    "slicers": ("切片器", "slicers"),
    "tables": ("“表格”（请转换为区域）", "tables (convert them to ranges)"),
}
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
            what = _PARTS.get(folder.removesuffix(".xml").split("/")[0])
            if what:
                zh, en = f"模板不能含有{what[0]}", f"A template must not hold {what[1]}"
                raise tags.faulty("template_unsafe", (zh, en), name)
    for name, link in _external(package):
        if not (link.kind.endswith("/hyperlink") and _SAFE_LINK.match(link.target)):
            zh, en = "模板不能链接外部文件", "A template must not link to files elsewhere"
            raise tags.faulty("template_unsafe", (zh, en), name, link.target)


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
            raise tags.faulty(
                "template_unsafe", ("名称不能是宏", "A name must not be a macro"), place
            )
        check_formula(element.text or "", place)


def check_sheet(sheet: Sheet) -> None:
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
            zh, en = f"模板不能含有 {name}", f"A template must not hold {name}"
            raise tags.faulty("template_unsafe", (zh, en), sheet.name)


def check_formula(formula: str, place: str) -> None:
    """Refuse tags in a formula, and functions that fetch or start something."""
    tags.checked(formula, place)
    if tags.has_tags(_SHEET.sub("", formula)):
        zh, en = "公式中不能有标签", "A formula must not hold tags"
        raise tags.faulty("tag_misplaced", (zh, en), place, formula)
    bare = _STRING.sub('""', formula)
    if _FORMULA.search(formula if "HYPERLINK" in formula.upper() else bare):
        zh, en = "公式不能引用外部内容", "A formula must not reach outside the workbook"
        raise tags.faulty("template_unsafe", (zh, en), place, formula)
