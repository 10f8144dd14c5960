"""Find the template of a record type and format, compile it once, and list the output formats.

A template folder `<templates>/<CODE>/` holds `manifest.toml`, `document.docx`, `workbook.xlsx`
and `page.html`; a file `document.en.docx` replaces `document.docx` in English.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol

from docgen.document import Document
from docgen.errors import TemplateFaulty
from docgen.templates.theme import Theme
from schemas.catalog import record_types

CACHED = 64  # compiled templates: all record types in all formats, for three themes


class CompiledTemplate(Protocol):
    """A template that is ready to print documents."""

    def render(self, document: Document) -> bytes:
        """Print one document; RenderFailed or TemplateFaulty says why not."""
        ...


@dataclass(frozen=True)
class Format:
    """An output format: its template file, its renderer module, its media type (IANA)."""

    name: str
    file: str
    module: str
    media_type: str


FORMATS = {
    format_.name: format_
    for format_ in (
        Format(
            "docx",
            "document.docx",
            "docgen.renderers.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        Format(
            "xlsx",
            "workbook.xlsx",
            "docgen.renderers.xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        Format("pdf", "page.html", "docgen.renderers.pdf.page", "application/pdf"),
    )
}


@dataclass(frozen=True)
class Template:
    """One template file, found for a record type, format and language."""

    code: str
    format: str
    path: Path
    version: str
    data: bytes

    @property
    def digest(self) -> str:
        """Hash of the file."""
        return hashlib.sha256(self.data).hexdigest()


def find(folders: tuple[Path, ...], code: str, format_name: str, lang: str) -> Template:
    """Find a template in the first folder that has one. TemplateFaulty: template_missing."""
    file = Path(FORMATS[format_name].file)
    names = (f"{file.stem}.{lang}{file.suffix}", file.name)
    for folder in folders:
        for name in names:
            path = folder / code / name
            if path.is_file():
                version = _version(path.parent, code)
                return Template(code, format_name, path, version, path.read_bytes())
    params = {"code": code, "format_name": format_name, "file": file.name}
    raise TemplateFaulty("template_missing", place=f"{code}/{file.name}", **params)


def has(folders: tuple[Path, ...], code: str, format_name: str) -> bool:
    """Return whether there is a template of a record type in a format."""
    return any((folder / code / FORMATS[format_name].file).is_file() for folder in folders)


def every(folders: tuple[Path, ...]) -> Iterator[Template]:
    """Yield every template that would be used, by format and record type."""
    for format_name in FORMATS:
        for code in _codes(folders, format_name):
            yield find(folders, code, format_name, "zh")


@cache
def templates_digest(folders: tuple[Path, ...], format_name: str) -> str:
    """Return one hash of all templates of a format; read once a process."""
    found = (
        find(folders, code, format_name, lang)
        for code in _codes(folders, format_name)
        for lang in ("zh", "en")
    )
    return hashlib.sha256("".join(template.digest for template in found).encode()).hexdigest()


def _codes(folders: tuple[Path, ...], format_name: str) -> list[str]:
    return [code for code in record_types() if has(folders, code, format_name)]


_compiled: OrderedDict[tuple[str, str, str], CompiledTemplate] = OrderedDict()


def compiled(template: Template, theme: Theme) -> CompiledTemplate:
    """Compile the template for a theme, once for each content of both."""
    key = (template.format, template.digest, theme.digest)
    if key not in _compiled:
        module = import_module(FORMATS[template.format].module)
        _compiled[key] = module.compile(template.data, theme)
        if len(_compiled) > CACHED:
            _compiled.popitem(last=False)
    _compiled.move_to_end(key)  # least recently used first
    return _compiled[key]


def _version(folder: Path, code: str) -> str:
    """Read the version in the folder's manifest, which must be of this record type."""
    path = folder / "manifest.toml"
    try:
        manifest = tomllib.loads(path.read_text("utf-8"))
        if manifest["record"] != code:
            raise ValueError(f"record = {manifest['record']}")
        return str(manifest["version"])
    except (OSError, KeyError, ValueError) as wrong:
        raise TemplateFaulty(
            "manifest_unreadable", place=f"{code}/manifest.toml", code=code, reason=str(wrong)
        ) from wrong
