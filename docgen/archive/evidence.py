"""The evidence page: who was invited, who signed when and from where, and every hash, as one PDF.

Rendered in a child by the same renderer, theme and fonts as documents; the seal is set later.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, TemplateError

from docgen.document import View, words
from docgen.errors import TemplateFaulty
from docgen.renderers import theme_fields
from docgen.renderers.fonts import Fonts
from docgen.renderers.pdf.parts import About, EmbeddedFile
from docgen.templates.sandbox import environment
from docgen.templates.theme import Theme, load_theme

TEMPLATE = "evidence.html"
TITLE = "签署证据页 Evidence of signing"
KEPT = "\n"


@dataclass(frozen=True)
class EvidencePage:
    """What the page tells (`view`, plain JSON values) and carries, by file name."""

    view: Mapping[str, Any]
    carried: Mapping[str, bytes]
    doc_no: str
    created: datetime
    theme: Path


def render(page: EvidencePage) -> bytes:
    """Make the PDF; equal pages give equal bytes. Raises RenderFailed, TemplateFaulty."""
    from docgen.renderers.pdf.pdf import render_pdf  # WeasyPrint: only the child needs it

    theme = load_theme(page.theme)
    about = About(f"{TITLE} {page.doc_no}", theme.company("zh"), "zh-CN", page.created)
    carried = [
        EmbeddedFile(name, data, "Evidence", "Data") for name, data in sorted(page.carried.items())
    ]
    made = render_pdf(_html(page, theme), about, assets={"logo": theme.logo}, attachments=carried)
    return made.data


def _html(page: EvidencePage, theme: Theme) -> str:
    fonts = Fonts.load(theme.fonts)
    context = {
        "doc": {"title": TITLE, "lang": "zh", "mark": ""},
        "doc_no": page.doc_no,
        "theme": View(theme_fields(theme, "zh")),
        "t": View(dict(words("zh"))),
        "view": _printable(page.view, fonts),
    }
    loader = DictLoader(dict(theme.pages))
    try:
        made = environment(None, loader, trim_blocks=True, lstrip_blocks=True)
        return made.get_template(TEMPLATE).render(context)
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as wrong:
        raise TemplateFaulty(
            "template_error.evidence", place=TEMPLATE, reason=str(wrong)
        ) from wrong


def _printable(node: Any, fonts: Fonts) -> Any:
    """Name what no font has, such as an emoji in a browser's name: nothing keeps back evidence."""
    if isinstance(node, str):
        lost = {char for char in node if _unseen(char)} | {*fonts.missing(node)}
        return "".join(f"[U+{ord(char):04X}]" if char in lost else char for char in node)
    if isinstance(node, Mapping):
        return {name: _printable(value, fonts) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_printable(value, fonts) for value in node]
    return node


def _unseen(char: str) -> bool:
    return char not in KEPT and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Cn")


def size_of(page: EvidencePage) -> int:
    """Return how much there is to lay out, for the limits of the child."""
    return len(json.dumps(page.view, ensure_ascii=False).encode())
