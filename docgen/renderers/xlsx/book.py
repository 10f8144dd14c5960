"""A workbook template, read and frozen: sheets as plans, styles, strings, texts, live parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from jinja2 import Template, TemplateSyntaxError
from jinja2.filters import FILTERS as JINJA_FILTERS
from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Frozen, Package
from docgen.renderers.ooxml.pictures import picture_parts
from docgen.renderers.ooxml.properties import CORE, with_core_tags
from docgen.renderers.ooxml.relationships import OFFICE
from docgen.renderers.xlsx import refusals, tags
from docgen.renderers.xlsx.calls import FILTERS, fillers, finalize
from docgen.renderers.xlsx.drawings import fit_logo, may_live, read_live
from docgen.renderers.xlsx.fragments import Fragment
from docgen.renderers.xlsx.parts import part_of_kind, with_strings, without_notes
from docgen.renderers.xlsx.plan import Plan, make_plan
from docgen.renderers.xlsx.sheet import TemplateSheet, read_sheet
from docgen.renderers.xlsx.sheet_properties import Edges, read_edges
from docgen.renderers.xlsx.slots import Slots, call_slot
from docgen.renderers.xlsx.strings import Strings
from docgen.renderers.xlsx.styles import MAIN, M, Stylebook
from docgen.templates.sandbox import Sandbox, environment
from docgen.templates.theme import Theme, default_folder, load_theme

_R_ID = f"{{{OFFICE}}}id"
_THEMED = re.compile(r"^xl/(?:styles|theme/.*|drawings/drawing\d+|charts/.*)\.xml$")


@dataclass(frozen=True)
class SheetCode:
    """A sheet ready to print: its plan, its compiled source, and what lies around its rows."""

    plan: Plan
    template: Template
    edges: Edges
    name_slot: int


@dataclass(frozen=True)
class WorkbookParts:
    """A workbook template ready to print. `live` are parts by name with their sheet's number."""

    frozen: Frozen
    sheets: tuple[SheetCode, ...]
    slots: Slots
    slot_template: Template
    styles: Stylebook
    styles_part: str
    strings: dict[str, int]
    strings_part: str
    workbook: etree._Element
    workbook_part: str
    date1904: bool
    live: dict[str, tuple[Fragment, int]]
    codes: tuple[str, ...]


def read_package(template: bytes) -> tuple[Package, str, etree._Element]:
    """Open a template within limits: its package, its workbook part and that part's tree.

    TemplateFaulty: no workbook, or one that reaches outside.
    """
    package = Package.read(template)
    part = package.main_part()
    root = etree.fromstring(package.parts[part])
    if root.tag != f"{M}workbook":
        raise TemplateFaulty("not_excel", place=part, value="")
    refusals.check_package(package)
    refusals.check_names(root)
    return package, part, root


def read_sheets(
    package: Package, part: str, root: etree._Element, kept: Strings
) -> Iterator[TemplateSheet]:
    """Every sheet in the order of its tabs. TemplateFaulty for chart sheets and unsafe formulas."""
    targets = {link.id: link for link in package.related(part)}
    for element in root.iterfind(f"{M}sheets/{M}sheet"):
        name = str(element.get("name"))
        link = targets.get(str(element.get(_R_ID)))
        if link is None or not link.kind.endswith("/worksheet") or link.target not in package.parts:
            raise TemplateFaulty("sheet_unsupported", place=name, value="")
        sheet = read_sheet(name, link.target, package.parts[link.target], kept)
        refusals.check_sheet(sheet)
        yield sheet


def strings_of(package: Package, part: str) -> Strings:
    """Read the shared strings of a workbook."""
    found = part_of_kind(package, part, "sharedStrings")
    return Strings.read(unprefixed(package.parts[found]).encode() if found else b"")


def read_book(template: bytes, theme: Theme) -> WorkbookParts:
    """Read a template for a theme. TemplateFaulty says what is wrong, at `Sheet!B7`."""
    package, part, root = read_package(template)
    package = _dressed(without_notes(package), theme)
    codes = tuple(name for name, kind in picture_parts(package).items() if kind == "qr")
    styles_part = _styles_part(package, part)
    styles = Stylebook(etree.fromstring(package.parts[styles_part]), theme)
    kept = strings_of(package, part)
    slots, engine = Slots(), _engine()
    sheets = tuple(
        _code(sheet, styles, slots, engine) for sheet in read_sheets(package, part, root, kept)
    )
    live = _live(package, sheets, slots)
    package, strings_part = with_strings(package, part)
    dynamic = {part, styles_part, strings_part, *live, *codes, *(s.plan.sheet.part for s in sheets)}
    return WorkbookParts(
        package.freeze(dynamic), sheets, slots, slots.compile(engine), styles, styles_part,
        kept.kept, strings_part, root, part, _is_1904(root), live, codes,
    )  # fmt: skip


def _engine() -> Sandbox:
    made = environment(finalize, extensions=["jinja2.ext.do"])
    plain = dict.fromkeys(("e", "escape", "forceescape", "safe"), str)
    made.filters = dict(JINJA_FILTERS) | plain | FILTERS | {"slot": call_slot}
    for name in ("urlize", "xmlattr", "tojson"):
        del made.filters[name]
    return made


def _code(sheet: TemplateSheet, styles: Stylebook, slots: Slots, engine: Sandbox) -> SheetCode:
    plan = make_plan(sheet, styles.looks, styles.normal_size)
    engine = engine.overlay()
    engine.filters = engine.filters | fillers(plan)
    try:
        template = engine.from_string(plan.source)
    except TemplateSyntaxError as wrong:
        raise tags.broken(
            "broken_tag.engine", *plan.where(wrong.lineno), reason=str(wrong.message)
        ) from wrong
    name = slots.add(f"{sheet.name}!", sheet.name) if slots.wants(sheet.name) else -1
    return SheetCode(plan, template, read_edges(sheet, slots), name)


def _live(
    package: Package, sheets: tuple[SheetCode, ...], slots: Slots
) -> dict[str, tuple[Fragment, int]]:
    """Freeze the drawings, charts and properties that depend on the document."""
    owners = {
        link.target: number
        for number, code in enumerate(sheets)
        for link in package.related(code.plan.sheet.part)
    }
    found = {}
    for name in package.xml_names():
        if may_live(name):
            moves = name in owners and any(
                row.statements for row in sheets[owners[name]].plan.sheet.rows
            )
            frozen = read_live(name, package.parts[name], slots, moves)
            if frozen:
                found[name] = frozen, owners.get(name, 0)
    return found


def _dressed(package: Package, theme: Theme) -> Package:
    """Give the package the theme's look and logo, and properties ready for the document's."""
    looks = {
        name: _look(name, data, theme) for name, data in package.parts.items() if _themed(name)
    }
    logos = {name: theme.logo for name, kind in picture_parts(package).items() if kind == "logo"}
    core = package.parts.get(CORE)
    if core is None:
        return package.with_parts(looks | logos)
    tags_in_core(core)
    return package.with_parts(looks | logos | {CORE: with_core_tags(core)})


def _themed(name: str) -> bool:
    sheet = name.startswith("xl/worksheets/") and name.endswith(".xml")
    return sheet or bool(_THEMED.match(name))


def _look(name: str, data: bytes, theme: Theme) -> bytes:
    dressed = themed(data, theme)
    return fit_logo(dressed, theme.logo) if b"docgen:logo" in dressed else dressed


def tags_in_core(data: bytes) -> None:
    """Check the tags of core properties, most of which docgen writes itself."""
    for element in etree.fromstring(data).iter(etree.Element):
        if tags.has_tags(element.text or ""):
            tags.checked(element.text or "", CORE)


def _styles_part(package: Package, part: str) -> str:
    found = part_of_kind(package, part, "styles")
    if not found:
        raise TemplateFaulty("not_excel.styles", place=part, value="")
    return found


def _is_1904(root: etree._Element) -> bool:
    properties = root.find(f"{M}workbookPr")
    return properties is not None and properties.get("date1904") in ("1", "true")


COLOURS = ("accent", "accent_light", "rule", "good", "warn", "bad", "muted")
FONTS = ("word_serif", "word_sans")


@cache
def _placeholders() -> Theme:
    return load_theme(default_folder())


def themed(part: bytes, theme: Theme) -> bytes:
    """Give an XML part the fonts and colours of `theme`. Returns UTF-8."""
    base = _placeholders()
    text = unprefixed(part)
    swaps = {getattr(base, name): getattr(theme, name) for name in COLOURS}
    text = _swapped(text, r'((?:rgb="(?:FF|00)?|srgbClr val="|&amp;K))', swaps, "")
    fonts = {getattr(base, name): getattr(theme, name) for name in FONTS}
    return _swapped(text, r'((?:val|typeface)="|&amp;(?:"|&quot;))', fonts, r'(?=["&,])').encode()


def unprefixed(part: bytes) -> str:
    """Read a part whose elements have no prefix: some programs write `x:worksheet`."""
    text = etree.tostring(etree.fromstring(part), encoding="unicode")
    found = re.match(rf'<(\w+):[^>]*?\sxmlns:\1="{re.escape(MAIN)}"', text)
    if not found:
        return text
    text = re.sub(rf"(</?){found[1]}:", r"\1", text)
    return text.replace(f'xmlns:{found[1]}="', 'xmlns="')


def _swapped(text: str, before: str, swaps: dict[str, str], after: str) -> str:
    swaps = {old: new for old, new in swaps.items() if old != new}
    if not swaps:
        return text
    found = re.compile(f"{before}({'|'.join(map(re.escape, swaps))}){after}")
    return found.sub(lambda match: match[1] + swaps[match[2]], text)
