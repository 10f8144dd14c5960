"""Read and compile a workbook template: sheets as plans, styles, strings, texts, live parts.

Prints nothing: `docgen.renderers.xlsx.printing` puts a document's parts together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from jinja2 import Template, TemplateSyntaxError
from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Frozen, Package
from docgen.renderers.ooxml.pictures import fit_logo, picture_parts
from docgen.renderers.ooxml.properties import CORE, with_core_tags
from docgen.renderers.ooxml.relationships import OFFICE, part_bytes
from docgen.renderers.ooxml.safety import refuse_active
from docgen.renderers.xlsx import refusals, tags
from docgen.renderers.xlsx.calls import FILTERS, fillers, finalize
from docgen.renderers.xlsx.drawings import may_live, read_live
from docgen.renderers.xlsx.fragments import Fragment
from docgen.renderers.xlsx.parts import part_of_kind, with_strings, without_notes
from docgen.renderers.xlsx.plan import Plan, make_plan
from docgen.renderers.xlsx.sheet import TemplateSheet, read_sheet
from docgen.renderers.xlsx.sheet_properties import Edges, read_edges
from docgen.renderers.xlsx.slots import Slots, call_slot
from docgen.renderers.xlsx.strings import Strings
from docgen.renderers.xlsx.styles import MAIN, M, Stylebook
from docgen.templates.sandbox import Sandbox, environment
from docgen.templates.theme import COLOURS, Theme, default_folder, load_theme

_R_ID = f"{{{OFFICE}}}id"
_DO = "jinja2.ext.do"  # the statement `do`, which calls a filter and prints nothing
# Parts with fonts and colours.
_THEMED = re.compile(r"^xl/(?:styles|theme/.*|drawings/drawing\d+|charts/.*|worksheets/.*)\.xml$")


@dataclass(frozen=True)
class SheetCode:
    """A compiled sheet: its plan, its source, the XML around its rows, its name's slot or -1."""

    plan: Plan
    template: Template
    edges: Edges
    name_slot: int


@dataclass(frozen=True)
class WorkbookParts:
    """A compiled workbook; `live` are the parts that vary, by name, with their sheet's index.

    `strings` are the template's own shared strings that stay, with their numbers; `codes` the
    media parts that hold the QR code.
    """

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
    """Return a template's package, the name of its workbook part and that part's tree.

    TemplateFaulty: not_excel, what `refuse_active` finds, or what `Package.read` refuses.
    """
    package = Package.read(template)
    part = package.main_part()
    root = etree.fromstring(package.parts[part])
    if root.tag != f"{M}workbook":
        raise TemplateFaulty("not_excel", place=part, value="")
    refuse_active(package)
    refusals.check_package(package)
    refusals.check_names(root)
    return package, part, root


def read_sheets(
    package: Package, part: str, root: etree._Element, kept: Strings
) -> Iterator[TemplateSheet]:
    """Yield every sheet in the order of its tabs.

    TemplateFaulty: sheet_unsupported for chart sheets, tag_misplaced for formulas with tags.
    """
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
    package = _apply_theme(without_notes(package), theme)
    codes = tuple(name for name, kind in picture_parts(package).items() if kind == "qr")
    if not (styles_part := part_of_kind(package, part, "styles")):
        raise TemplateFaulty("not_excel.styles", place=part, value="")
    styles = Stylebook(etree.fromstring(package.parts[styles_part]), theme)
    kept = strings_of(package, part)
    slots = Slots()
    jinja = environment(finalize, filters=FILTERS | {"slot": call_slot}, extensions=[_DO])
    sheets = tuple(
        _code(sheet, styles, slots, jinja) for sheet in read_sheets(package, part, root, kept)
    )
    properties = root.find(f"{M}workbookPr")
    is_1904 = properties is not None and properties.get("date1904") in ("1", "true")
    live = _live(package, sheets, slots)
    package, strings_part = with_strings(package, part)
    dynamic = {part, styles_part, strings_part, *live, *codes, *(s.plan.sheet.part for s in sheets)}
    return WorkbookParts(
        package.freeze(dynamic), sheets, slots, slots.compile(jinja), styles, styles_part,
        kept.kept, strings_part, root, part, is_1904, live, codes,
    )  # fmt: skip


def _code(sheet: TemplateSheet, styles: Stylebook, slots: Slots, jinja: Sandbox) -> SheetCode:
    plan = make_plan(sheet, styles.looks, styles.normal_size)
    jinja = jinja.overlay()  # c0 is another cell in every sheet
    jinja.filters = jinja.filters | fillers(plan)
    try:
        template = jinja.from_string(plan.source)
    except TemplateSyntaxError as wrong:
        raise tags.broken(
            "broken_tag.engine", *plan.where(wrong.lineno), reason=str(wrong.message)
        ) from wrong
    name = slots.add(f"{sheet.name}!", sheet.name) if slots.wants(sheet.name) else -1
    return SheetCode(plan, template, read_edges(sheet, slots), name)


def _live(
    package: Package, sheets: tuple[SheetCode, ...], slots: Slots
) -> dict[str, tuple[Fragment, int]]:
    """Freeze the drawings, charts and properties that vary with the document."""
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


def _apply_theme(package: Package, theme: Theme) -> Package:
    """Apply the theme's fonts, colours and logo, and add tags to the core properties."""
    parts: dict[str, bytes] = {}
    for name, data in package.parts.items():
        if _THEMED.match(name):
            parts[name] = themed(data, theme)
            if b"docgen:logo" in parts[name]:
                root = etree.fromstring(parts[name])
                # Only pictures that move but do not stretch with cells (ECMA-376 20.5.2.24).
                fit_logo(root, theme.logo, ("}oneCellAnchor",))
                parts[name] = part_bytes(root)
    for name, kind in picture_parts(package).items():
        if kind == "logo":
            parts[name] = theme.logo
    if core := package.parts.get(CORE):
        for element in etree.fromstring(core).iter(etree.Element):
            if tags.has_tags(element.text or ""):
                tags.check(element.text or "", CORE)
        parts[CORE] = with_core_tags(core)
    return package.with_parts(parts)


FONTS = ("word_serif", "word_sans")


@cache
def _default_theme() -> Theme:
    return load_theme(default_folder())


def themed(part: bytes, theme: Theme) -> bytes:
    """Replace the default theme's fonts and colours in an XML part by those of `theme`; UTF-8."""
    default = _default_theme()
    text = unprefixed(part)
    colours = {getattr(default, name): getattr(theme, name) for name in COLOURS}
    # Cells have rgb with alpha (ECMA-376 18.18.86), drawings srgbClr, headers &Krrggbb.
    text = _replace(text, r'((?:rgb="(?:FF|00)?|srgbClr val="|&amp;K))', colours, "")
    fonts = {getattr(default, name): getattr(theme, name) for name in FONTS}
    # Headers name a font as &"name,style" (ECMA-376 18.3.1.46).
    return _replace(text, r'((?:val|typeface)="|&amp;(?:"|&quot;))', fonts, r'(?=["&,])').encode()


def unprefixed(part: bytes) -> str:
    """Return a part with its main namespace as the default: some programs write `x:worksheet`."""
    text = etree.tostring(etree.fromstring(part), encoding="unicode")
    found = re.match(rf'<(\w+):[^>]*?\sxmlns:\1="{re.escape(MAIN)}"', text)
    if not found:
        return text
    text = re.sub(rf"(</?){found[1]}:", r"\1", text)
    return text.replace(f'xmlns:{found[1]}="', 'xmlns="')


def _replace(text: str, before: str, values: dict[str, str], after: str) -> str:
    """Replace the keys of `values` between two patterns; `before` is a group, which stays."""
    values = {old: new for old, new in values.items() if old != new}
    if not values:
        return text
    pattern = re.compile(f"{before}({'|'.join(map(re.escape, values))}){after}")
    return pattern.sub(lambda match: match[1] + values[match[2]], text)
