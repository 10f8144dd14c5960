"""Word documents from Word templates: compiled once for a theme, printed in one pass.

A template is an ordinary .docx with docxtpl's tags; every part with tags becomes a Jinja source,
everything else is copied as it is, compressed already.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from lxml import etree

from docgen.document import Document
from docgen.errors import TemplateFaulty
from docgen.renderers import Piece, template_context
from docgen.renderers.docx.balance import Unbalanced, check_balance
from docgen.renderers.docx.escaping import word_environment
from docgen.renderers.docx.safety import check_links, check_part
from docgen.renderers.docx.tags import MARK, TAG, TaggedParagraph, W, plain_pieces, tag_fault
from docgen.renderers.ooxml.package import CONTENT_TYPES, Frozen, Package
from docgen.renderers.ooxml.pictures import fit_logo, picture_parts
from docgen.renderers.ooxml.properties import CORE, CREATED, created, with_core_tags
from docgen.renderers.qr import qr_png
from docgen.templates.sandbox import Sandbox
from docgen.templates.theme import Theme

DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_EMPTY_TABLE = re.compile(r"<w:tbl>(?:(?!<w:tbl>).)*?</w:tblGrid></w:tbl>", re.DOTALL)
_WRONG = (
    TemplateError,
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
)


@dataclass(frozen=True)
class _Part:
    """A part with tags, compiled."""

    source: TemplateSource
    template: Template

    def print(self, context: dict[str, Any]) -> bytes:
        """Print the part. TemplateFaulty names the paragraph of whatever went wrong."""
        try:
            made = self.template.new_context(context)
            text = "".join(self.template.root_render_func(made))
        except _WRONG as wrong:
            raise _fault(wrong, self.source.piece(_line(wrong.__traceback__))) from wrong
        return (DECLARATION + _mended(text)).encode()


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
        made = {name: part.print(context) for name, part in self.parts.items()}
        if self.codes:
            made |= dict.fromkeys(self.codes, qr_png(document, self.theme))
        return self.frozen.write(made, document.record_json)


def compile(template: bytes, theme: Theme) -> WordTemplate:
    """Compile a Word template for a theme; TemplateFaulty says what is wrong, and where."""
    package = Package.read(template)
    check_links(package)
    pictures = picture_parts(package)
    looks = {name: _dressed(name, data, theme) for name, data in _xml(package)}
    logos = {name: theme.logo for name, kind in pictures.items() if kind == "logo"}
    package = package.with_parts(looks | logos | _document_type(package))
    environment = word_environment()
    parts = {}
    for name, data in _xml(package):
        if part := _compiled(name, data, environment):
            parts[name] = part
    codes = tuple(name for name, kind in pictures.items() if kind == "qr")
    return WordTemplate(package.freeze({*parts, *codes}), parts, codes, theme)


def pieces(template: bytes) -> list[Piece]:
    """List every tagged paragraph of a template with its place; TemplateFaulty as `compile`."""
    package = Package.read(template)
    return [
        piece for name, data in _xml(package) for piece in plain_pieces(name, _root(name, data))
    ]


def _xml(package: Package) -> Iterator[tuple[str, bytes]]:
    """Yield the XML parts that may hold tags or looks, the body first."""
    main = package.main_part()
    names = [name for name in package.xml_names() if name.startswith(("word/", "docProps/"))]
    for name in sorted(names, key=lambda name: (name != main, name)):
        if not name.endswith(".rels"):
            yield name, package.parts[name]


def _root(name: str, data: bytes) -> etree._Element:
    root = etree.fromstring(data, etree.XMLParser(resolve_entities=False, huge_tree=True))
    if name == "word/document.xml" and root.nsmap.get("w") != W:
        raise TemplateFaulty("not_word", place=name)
    return root


def _dressed(name: str, data: bytes, theme: Theme) -> bytes:
    """Check a part and give it the theme's look."""
    root = _root(name, data)
    check_part(name, root)
    fit_logo(root, theme.logo)
    if name == CORE:
        return with_core_tags(data)
    return (DECLARATION + themed(etree.tostring(root, encoding="unicode"), theme)).encode()


def _document_type(package: Package) -> dict[str, bytes]:
    """Let a .dotx make documents, not templates."""
    types = package.parts[CONTENT_TYPES]
    return {CONTENT_TYPES: types.replace(b"ml.template.main+xml", b"ml.document.main+xml")}


def _compiled(name: str, data: bytes, environment: Sandbox) -> _Part | None:
    tagged = TaggedParagraph.read(name, _root(name, data))
    if not tagged.pieces:
        return None
    made = source(tagged)
    try:
        tree = environment.parse(made.text)
        check_balance(tree)
        return _Part(made, environment.from_string(tree))
    except TemplateSyntaxError as wrong:
        raise _fault(wrong, made.piece(wrong.lineno)) from wrong
    except Unbalanced as wrong:
        raise tag_fault("unbalanced_tag", piece=made.piece(wrong.line)) from wrong


def _mended(text: str) -> str:
    """Give cells that lost their last paragraph an empty one, drop tables that lost all rows."""
    text = text.replace("</w:tcPr></w:tc>", "</w:tcPr><w:p/></w:tc>")
    if "</w:tblGrid></w:tbl>" in text:
        text = _EMPTY_TABLE.sub("<w:p/>", text)
    return text


def _line(trace: TracebackType | None) -> int:
    """Find the source line that raised: the deepest frame that Jinja compiled."""
    line = 1
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


def _fault(wrong: Exception, piece: Piece) -> TemplateFaulty:
    code = "template_unsafe.part" if isinstance(wrong, SecurityError) else "template_error.part"
    return tag_fault(code, piece=piece, reason=str(wrong))


_CELL = re.compile(r"<w:tcPr>(.*?)</w:tcPr>((?:<w:vMerge [^>]*/>)?)", re.DOTALL)
_CHILD = re.compile(r"<w:(\w+)(?:\s[^<>]*)?(?:/>|>.*?</w:\1>)", re.DOTALL)
_ORDER = {
    name: place
    for place, name in enumerate(
        ("cnfStyle", "tcW", "gridSpan", "hMerge", "vMerge", "tcBorders", "shd", "noWrap", "tcMar")
    )
}


@dataclass(frozen=True)
class TemplateSource:
    """A Jinja source and the pieces of the template that its lines stand for."""

    name: str
    text: str
    pieces: tuple[Piece, ...]

    def piece(self, line: int) -> Piece:
        """Find the piece of a line of the source."""
        return self.pieces[min(max(line, 1), len(self.pieces)) - 1]


def source(part: TaggedParagraph) -> TemplateSource:
    """Make a part's Jinja source: text in which only tags have line breaks, one at their end."""
    text = etree.tostring(part.root, encoding="unicode").replace("\n", " ")
    patched = _CELL.sub(_in_order, _patcher().patch_xml(text))
    plain = TAG.sub(lambda tag: html.unescape(tag[0]).replace(MARK, "\n"), patched)
    return TemplateSource(part.name, plain.replace(MARK, ""), tuple(part.pieces))


def _in_order(cell: re.Match[str]) -> str:
    """Put a cell's properties into the order of 17.4.70; docxtpl puts its own at either end."""
    inner = sorted(_CHILD.finditer(cell[1]), key=lambda child: _ORDER.get(child[1], len(_ORDER)))
    return "<w:tcPr>" + "".join(child[0] for child in inner) + "</w:tcPr>"


@cache
def _patcher() -> Any:
    """Return docxtpl's template class; it needs no file for what is asked of it."""
    from docxtpl import DocxTemplate

    return DocxTemplate("")


# The look that templates are drawn with (templates/theme/theme.toml as delivered).
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
    """Replace the placeholder fonts and colours of a part by the theme's."""
    xml = _COLOUR.sub(lambda m: f'{m[1]}{getattr(theme, COLOURS[m[2]])}"', xml)
    return _FONT.sub(lambda m: f'{m[1]}{getattr(theme, FONTS[m[2]])}"', xml)
