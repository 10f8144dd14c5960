"""Render Word documents from Word templates: compiled once for a theme, printed in one pass.

A template is an ordinary .docx with docxtpl's tags; every part with tags becomes a Jinja source,
every other part is compressed once and copied. docxtpl itself renders nothing here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from lxml import etree

from docgen.document import Document
from docgen.errors import TemplateFaulty
from docgen.renderers import Piece, template_context
from docgen.renderers.docx.balance import Unbalanced, check_balance
from docgen.renderers.docx.escaping import word_environment
from docgen.renderers.docx.tags import MARK, TAG, TaggedPart, W, plain_pieces, tag_fault
from docgen.renderers.ooxml.package import CONTENT_TYPES, Frozen, Package
from docgen.renderers.ooxml.pictures import fit_logo, picture_parts
from docgen.renderers.ooxml.properties import CORE, CREATED, created, with_core_tags
from docgen.renderers.ooxml.relationships import XML_HEAD
from docgen.renderers.ooxml.safety import refuse_active
from docgen.renderers.qr import qr_png
from docgen.templates.sandbox import Sandbox, template_line
from docgen.templates.theme import Theme

_EMPTY_TABLE = re.compile(r"<w:tbl>(?:(?!<w:tbl>).)*?</w:tblGrid></w:tbl>", re.DOTALL)
# What an expression of a template can raise while it is printed.
_WRONG = (
    *(TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError),
    RecursionError,  # a macro that calls itself
)


@dataclass(frozen=True)
class _Part:
    """A compiled part that contains tags."""

    source: TemplateSource
    template: Template

    def print(self, context: dict[str, Any]) -> bytes:
        """Print the part. TemplateFaulty names the paragraph of the tag that failed."""
        try:
            # Not Template.render: it rewrites tracebacks, which costs the line number.
            jinja_context = self.template.new_context(context)
            text = "".join(self.template.root_render_func(jinja_context))
        except _WRONG as wrong:
            raise _fault(wrong, self.source.piece(template_line(wrong.__traceback__))) from wrong
        return (XML_HEAD + _repair_xml(text)).encode()


@dataclass(frozen=True)
class WordTemplate:
    """A Word template for one theme, ready to print."""

    frozen: Frozen
    parts: dict[str, _Part]
    codes: tuple[str, ...]
    theme: Theme

    def render(self, document: Document) -> bytes:
        """Print one document. TemplateFaulty for unknown names, RenderFailed for characters."""
        context = template_context(document, self.theme) | {CREATED: created(document)}
        parts = {name: part.print(context) for name, part in self.parts.items()}
        if self.codes:
            parts |= dict.fromkeys(self.codes, qr_png(document, self.theme))
        return self.frozen.write(parts, document.record_json)


def compile(template: bytes, theme: Theme) -> WordTemplate:
    """Compile a Word template for a theme; TemplateFaulty says what is wrong, and where."""
    package = Package.read(template)
    refuse_active(package)
    pictures = picture_parts(package)
    themed_parts = {name: _apply_theme(name, data, theme) for name, data in _xml_parts(package)}
    logos = {name: theme.logo for name, kind in pictures.items() if kind == "logo"}
    # A .dotx makes documents, not templates.
    types = package.parts[CONTENT_TYPES]
    types = types.replace(b"ml.template.main+xml", b"ml.document.main+xml")
    package = package.with_parts(themed_parts | logos | {CONTENT_TYPES: types})
    environment = word_environment()
    parts = {}
    for name, data in _xml_parts(package):
        if part := _compile_part(name, data, environment):
            parts[name] = part
    codes = tuple(name for name, kind in pictures.items() if kind == "qr")
    return WordTemplate(package.freeze({*parts, *codes}), parts, codes, theme)


def pieces(template: bytes) -> list[Piece]:
    """List every tagged paragraph of a template with its place; TemplateFaulty as `compile`."""
    package = Package.read(template)
    refuse_active(package)
    parts = _xml_parts(package)
    return [piece for name, data in parts for piece in plain_pieces(name, _root(name, data))]


def _xml_parts(package: Package) -> Iterator[tuple[str, bytes]]:
    """Yield the XML parts that may contain tags, fonts or colours, the body first."""
    main = package.main_part()
    names = [name for name in package.xml_names() if name.startswith(("word/", "docProps/"))]
    for name in sorted(names, key=lambda name: (name != main, name)):
        if not name.endswith(".rels"):
            yield name, package.parts[name]


def _root(name: str, data: bytes) -> etree._Element:
    # huge_tree: lxml refuses text over 10 MB and nesting over 256 otherwise; `unzip` has limits.
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=True))
    if name == "word/document.xml" and root.nsmap.get("w") != W:
        raise TemplateFaulty("not_word", place=name)
    return root


def _apply_theme(name: str, data: bytes, theme: Theme) -> bytes:
    """Check a part and apply the theme's logo, fonts and colours to it."""
    root = _root(name, data)
    fit_logo(root, theme.logo, ("}inline", "}anchor"))  # ECMA-376 20.4.2.8, 20.4.2.3
    if name == CORE:
        return with_core_tags(data)
    return (XML_HEAD + themed(etree.tostring(root, encoding="unicode"), theme)).encode()


def _compile_part(name: str, data: bytes, environment: Sandbox) -> _Part | None:
    """Compile a part; None where it contains no tags."""
    tagged = TaggedPart.read(name, _root(name, data))
    if not tagged.pieces:
        return None
    jinja = source(tagged)
    try:
        tree = environment.parse(jinja.text)
        check_balance(tree)
        return _Part(jinja, environment.from_string(tree))
    except TemplateSyntaxError as wrong:
        raise _fault(wrong, jinja.piece(wrong.lineno)) from wrong
    except Unbalanced as wrong:
        raise tag_fault("unbalanced_tag", piece=jinja.piece(wrong.line)) from wrong


def _repair_xml(text: str) -> str:
    """Add a paragraph to cells that lost their last one, drop tables that lost all rows.

    Word reports a damaged file otherwise: a cell ends with a paragraph (ECMA-376 17.4, tc).
    """
    text = text.replace("</w:tcPr></w:tc>", "</w:tcPr><w:p/></w:tc>")
    if "</w:tblGrid></w:tbl>" in text:
        text = _EMPTY_TABLE.sub("<w:p/>", text)
    return text


def _fault(wrong: Exception, piece: Piece) -> TemplateFaulty:
    code = "template_unsafe.part" if isinstance(wrong, SecurityError) else "template_error.part"
    return tag_fault(code, piece=piece, reason=str(wrong))


# The properties of a cell, among which docxtpl puts w:vMerge, w:gridSpan and w:shd.
_CELL = re.compile(r"<w:tcPr>(.*?)</w:tcPr>((?:<w:vMerge [^>]*/>)?)", re.DOTALL)
_CHILD = re.compile(r"<w:(\w+)(?:\s[^<>]*)?(?:/>|>.*?</w:\1>)", re.DOTALL)
_ORDER = (  # of the children of w:tcPr: CT_TcPr is an xsd:sequence (ECMA-376 17.4.70)
    "cnfStyle", "tcW", "gridSpan", "hMerge", "vMerge", "tcBorders", "shd", "noWrap", "tcMar",
)  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(_ORDER)}


@dataclass(frozen=True)
class TemplateSource:
    """The Jinja source of a part; line n of it is the n-th piece of the template."""

    name: str
    text: str
    pieces: tuple[Piece, ...]

    def piece(self, line: int) -> Piece:
        """Return the piece of a line (from 1) of the source."""
        return self.pieces[min(max(line, 1), len(self.pieces)) - 1]


def source(part: TaggedPart) -> TemplateSource:
    """Return a part's Jinja source, in which each tag ends a line and no other text does.

    So the line number of a Jinja error tells the tag.
    """
    text = etree.tostring(part.root, encoding="unicode").replace("\n", " ")
    patched = _CELL.sub(_in_schema_order, _docxtpl().patch_xml(text))
    plain = TAG.sub(lambda tag: html.unescape(tag[0]).replace(MARK, "\n"), patched)
    return TemplateSource(part.name, plain.replace(MARK, ""), tuple(part.pieces))


def _in_schema_order(cell: re.Match[str]) -> str:
    """Sort a cell's properties as the schema wants; docxtpl puts its own at either end."""
    inner = sorted(_CHILD.finditer(cell[1]), key=lambda child: _RANK.get(child[1], len(_RANK)))
    return "<w:tcPr>" + "".join(child[0] for child in inner) + "</w:tcPr>"


@cache
def _docxtpl() -> Any:
    """Return a docxtpl template without a file: its patch_xml only rewrites the text it is given.

    Imported late: processes that print no Word document need not load it.
    """
    from docxtpl import DocxTemplate

    return DocxTemplate("")


# The colours and fonts of the delivered templates (templates/theme/theme.toml), by theme field.
COLOURS = {
    "1F4E79": "accent",
    "EAF1F8": "accent_light",
    "9DB2C7": "rule",
    "2E7D32": "good",
    "B26A00": "warn",
    "C62828": "bad",
    "6B7280": "muted",
}
FONTS = {"宋体": "word_serif", "SimSun": "word_serif", "黑体": "word_sans", "SimHei": "word_sans"}
_COLOUR = re.compile(
    r'(\bw:(?:fill|color)="|<w:color w:val="|<a:srgbClr val="|\b(?:fill|stroke)?color="#)'
    rf'({"|".join(COLOURS)})"'
)
_FONT = re.compile(rf'(\bw:(?:eastAsia|ascii|hAnsi|cs)=")({"|".join(FONTS)})"')


def themed(xml: str, theme: Theme) -> str:
    """Replace the delivered fonts and colours of a part by the theme's."""
    xml = _COLOUR.sub(lambda m: f'{m[1]}{getattr(theme, COLOURS[m[2]])}"', xml)
    return _FONT.sub(lambda m: f'{m[1]}{getattr(theme, FONTS[m[2]])}"', xml)
