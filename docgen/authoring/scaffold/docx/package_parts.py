"""The parts around a scaffolded document's text, and how they are bound to a package."""

from __future__ import annotations

import io

import docx
import segno

from docgen.authoring.scaffold.docx.page_parts import cover_footer, cover_header, footer, header
from docgen.authoring.scaffold.docx.styles import MONO, SANS, SERIF, styles_part
from docgen.authoring.scaffold.docx.tables import LANDSCAPE, PORTRAIT
from docgen.authoring.scaffold.docx.xml import part
from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.relationships import OFFICE, XML_HEAD
from docgen.templates.theme import default_folder

LOGO, CODE = "rId11", "rId12"
_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml"
_TYPES = {
    "theme": "application/vnd.openxmlformats-officedocument.theme+xml",
    "core": "application/vnd.openxmlformats-package.core-properties+xml",
    "document": f"{_WORD}.document.main+xml",
}
_LINKS = {  # relationship of the document → part beside it, kind
    "rId1": ("header1.xml", "header"),
    "rId2": ("footer1.xml", "footer"),
    "rId3": ("header2.xml", "header"),
    "rId4": ("footer2.xml", "footer"),
    "rId5": ("header3.xml", "header"),
    "rId6": ("footer3.xml", "footer"),
    "rId7": ("styles.xml", "styles"),
    "rId8": ("settings.xml", "settings"),
    "rId9": ("fontTable.xml", "fontTable"),
    "rId10": ("theme/theme1.xml", "theme"),
    LOGO: ("media/logo.png", "image"),
    CODE: ("media/qr.png", "image"),
}


def _references(kind: str, header_id: str, footer_id: str) -> str:
    return (
        f'<w:headerReference w:type="{kind}" r:id="{header_id}"/>'
        f'<w:footerReference w:type="{kind}" r:id="{footer_id}"/>'
    )


FIRST = _references("first", "rId1", "rId2")
UPRIGHT = _references("default", "rId3", "rId4")
TURNED = _references("default", "rId5", "rId6")


def bound(body: str) -> bytes:
    """Make the .docx of a body (the content of w:body), the same bytes each time."""
    beside = {
        "styles.xml": styles_part(),
        "settings.xml": part("settings", _SETTINGS),
        "fontTable.xml": part("fonts", _FONTS),
        "theme/theme1.xml": _office_theme(),
        "header1.xml": cover_header(LOGO),
        "footer1.xml": cover_footer(CODE),
        "header2.xml": header(PORTRAIT, 2),
        "footer2.xml": footer(PORTRAIT),
        "header3.xml": header(LANDSCAPE, 3),
        "footer3.xml": footer(LANDSCAPE),
        "media/logo.png": (default_folder() / "logo.png").read_bytes(),
        "media/qr.png": _sample_code(),
    }
    # Without headers and footers that no section refers to.
    links = {
        id: (name, kind)
        for id, (name, kind) in _LINKS.items()
        if kind not in {"header", "footer"} or f'r:id="{id}"' in body
    }
    parts = {f"word/{name}": beside[name] for name, _ in links.values()}
    parts["word/document.xml"] = part("document", f"<w:body>{body}</w:body>")
    parts["word/_rels/document.xml.rels"] = _relations(links)
    for name in ("header1", "footer1"):
        if f"word/{name}.xml" in parts:
            pictures = {id: _LINKS[id] for id in (LOGO, CODE)}
            parts[f"word/_rels/{name}.xml.rels"] = _relations(pictures)
    return Package(parts | _envelope(links)).pack()


def _envelope(links: dict[str, tuple[str, str]]) -> dict[str, bytes]:
    """Make what every package needs around its document."""
    kinds = {f"/word/{name}": kind for name, kind in links.values() if kind != "image"}
    kinds |= {"/word/document.xml": "document", "/docProps/core.xml": "core"}
    return {
        "[Content_Types].xml": _types(kinds),
        "_rels/.rels": _relations(
            {
                "rId1": ("word/document.xml", "officeDocument"),
                "rId2": ("docProps/core.xml", "metadata/core-properties"),
            }
        ),
        "docProps/core.xml": _core(),
    }


def _office_theme() -> bytes:
    """Take the theme part of an empty document; Word wants one."""
    empty = io.BytesIO()
    docx.Document().save(empty)
    return Package.read(empty.getvalue()).parts["word/theme/theme1.xml"]


def _relations(links: dict[str, tuple[str, str]]) -> bytes:
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    made = "".join(
        f'<Relationship Id="{id}" Type="{package if "/" in kind else OFFICE}/{kind}" '
        f'Target="{target}"/>'
        for id, (target, kind) in links.items()
    )
    return f'{XML_HEAD}<Relationships xmlns="{package}">{made}</Relationships>'.encode()


def _types(kinds: dict[str, str]) -> bytes:
    defaults = {
        "rels": "application/vnd.openxmlformats-package.relationships+xml",
        "xml": "application/xml",
        "png": "image/png",
    }
    made = "".join(
        f'<Default Extension="{extension}" ContentType="{kind}"/>'
        for extension, kind in defaults.items()
    )
    made += "".join(
        f'<Override PartName="{name}" ContentType="{_TYPES.get(kind, f"{_WORD}.{kind}+xml")}"/>'
        for name, kind in kinds.items()
    )
    namespace = "http://schemas.openxmlformats.org/package/2006/content-types"
    return f'{XML_HEAD}<Types xmlns="{namespace}">{made}</Types>'.encode()


def _core() -> bytes:
    namespace = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
    dc = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
    return (
        f'{XML_HEAD}<cp:coreProperties xmlns:cp="{namespace}" {dc} '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/>'
    ).encode()


def _sample_code() -> bytes:
    out = io.BytesIO()
    segno.make("docgen", error="m", micro=False).save(out, kind="png", scale=6, border=1)
    return out.getvalue()


_SETTING = "http://schemas.microsoft.com/office/word"
_COMPATIBILITY = "".join(
    f'<w:compatSetting w:name="{name}" w:uri="{_SETTING}" w:val="{value}"/>'
    for name, value in (
        ("compatibilityMode", 15),
        ("overrideTableStyleFontSizeAndJustification", 1),
        ("enableOpenTypeFeatures", 1),
        ("doNotFlipMirrorIndents", 1),
    )
)
_SETTINGS = (
    '<w:zoom w:percent="100"/><w:defaultTabStop w:val="420"/>'
    '<w:characterSpacingControl w:val="compressPunctuation"/>'
    f"<w:compat><w:useFELayout/>{_COMPATIBILITY}</w:compat>"
    '<w:themeFontLang w:val="en-US" w:eastAsia="zh-CN"/>'
)


def _font(name: str, other: str, charset: str, *, family: str, pitch: str) -> str:
    also = f'<w:altName w:val="{other}"/>' if other else ""
    return (
        f'<w:font w:name="{name}">{also}<w:charset w:val="{charset}"/>'
        f'<w:family w:val="{family}"/><w:pitch w:val="{pitch}"/></w:font>'
    )


_FONTS = (
    _font(SERIF, "SimSun", "86", family="auto", pitch="variable")
    + _font(SANS, "SimHei", "86", family="auto", pitch="variable")
    + _font(MONO, "", "00", family="modern", pitch="fixed")
)
