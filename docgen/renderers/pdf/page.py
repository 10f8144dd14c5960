"""Compile page templates: HTML with the theme's styles, which `pdf` prints as PDF/A."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import DictLoader, Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError, TemplateNotFound

from docgen.document import Document, Label, Rows
from docgen.errors import TemplateFaulty
from docgen.renderers import Piece, template_context
from docgen.renderers.pdf.parts import About, EmbeddedFile
from docgen.renderers.pdf.pdf import RECORD_NAME, render_pdf
from docgen.renderers.qr import qr_png, sign_png
from docgen.templates.sandbox import environment
from docgen.templates.theme import Theme

PAGE = "page.html"


@dataclass(frozen=True)
class PageTemplate:
    """A compiled page template."""

    template: Template
    theme: Theme
    assets: Mapping[str, bytes] = field(default_factory=dict)

    def html(self, document: Document) -> str:
        """Return the page's HTML. TemplateFaulty names the line that failed."""
        try:
            return self.template.render(template_context(document, self.theme))
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as wrong:
            raise _fault(wrong, _line(wrong)) from wrong

    def render(self, document: Document) -> bytes:
        """Return the page as tagged PDF/A-3u, with the record and long logs attached."""
        about = About(
            title=f"{document.title} {document.doc_no}",
            author=self.theme.company(document.lang),
            lang={"zh": "zh-CN", "en": "en"}[document.lang],
            created=document.created,
        )
        assets = {
            "logo": self.theme.logo,
            "qr": qr_png(document, self.theme),
            "qr-sign": sign_png(document, self.theme),
        }
        record = EmbeddedFile(RECORD_NAME, document.record_json, "Record", "Source")
        logs = [
            EmbeddedFile(log.name, log.data, f"sha256 {log.sha256}", "Supplement")
            for log in document.attached
        ]
        attachments = [record, *logs]
        html, edge = self.html(document), self.theme.edge_seal
        return render_pdf(html, about, assets=assets, attachments=attachments, edge_seal=edge).data


def compile(template: bytes, theme: Theme) -> PageTemplate:
    """Compile `page.html`; TemplateFaulty names the line of a broken tag."""
    try:
        text = template.decode("utf-8")
        loader = DictLoader(dict(theme.pages) | {PAGE: text})
        jinja = environment(_as_text, loader, trim_blocks=True, lstrip_blocks=True)
        return PageTemplate(jinja.get_template(PAGE), theme)
    except UnicodeDecodeError as wrong:
        raise TemplateFaulty("template_not_utf8", place=PAGE) from wrong
    except TemplateSyntaxError as wrong:
        raise _fault(wrong, wrong.lineno) from wrong
    except TemplateNotFound as wrong:
        raise _fault(wrong, 1) from wrong


def pieces(template: bytes) -> list[Piece]:
    """Return the template's lines for the lint. TemplateFaulty: template_not_utf8."""
    try:
        lines = template.decode("utf-8").split("\n")
    except UnicodeDecodeError as wrong:
        raise TemplateFaulty("template_not_utf8", place=PAGE) from wrong
    return [Piece(f"第 {number} 行 (line {number})", line) for number, line in enumerate(lines, 1)]


def _as_text(value: Any) -> Any:
    """Return labels and lists as text, which Jinja escapes; the style sheet keeps line breaks."""
    return str(value) if isinstance(value, Label | Rows) else value


def _line(wrong: BaseException) -> int:
    """Return the page's line that raised, also where a page of the theme called it."""
    line, trace = 0, wrong.__traceback__
    while trace is not None:
        # Jinja rewrites the traceback (jinja2.debug): the frames have the template's lines.
        if trace.tb_frame.f_code.co_filename.endswith((PAGE, "<template>")):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _fault(wrong: Exception, line: int) -> TemplateFaulty:
    code = "template_unsafe.page" if isinstance(wrong, SecurityError) else "template_error.page"
    place = f"{PAGE} 第 {line} 行 (line {line})"
    return TemplateFaulty(code, place=place, line=line, reason=str(wrong))
