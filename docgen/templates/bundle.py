"""Template bundles: what prints one record type, fixed as one file that equal contents make equal.

A bundle holds the template of each format and language and the theme's values, pictures and page
files; fonts are too large, and named by their manifest's sha256. Knows no store.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from docgen.document import LANGS
from docgen.errors import TemplateFaulty
from docgen.templates.catalog import FORMATS, Template, find, has
from docgen.templates.theme import FONTS_MANIFEST, Theme

FORMAT = 1
HEAD = "bundle.json"
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can tell (APPNOTE 4.4.6)
_PAGES = "theme/pages/"
_PICTURES = {"logo": "theme/logo", "edge_seal": "theme/edge_seal"}
_TEXTS = tuple(one.name for one in fields(Theme) if one.name not in {*_PICTURES, "pages", "fonts"})


@dataclass(frozen=True)
class TemplateBundle:
    """The templates of a record type by format and language, and their theme.

    `fonts_sha256` is that of the manifest of the fonts with which the bundle was made.
    """

    code: str
    templates: Mapping[tuple[str, str], Template]
    theme: Theme
    fonts_sha256: str

    def find(self, format_name: str, lang: str) -> Template:
        """Return a template. TemplateFaulty: template_missing."""
        if found := self.templates.get((format_name, lang)):
            return found
        file = FORMATS[format_name].file
        params = {"code": self.code, "format_name": format_name, "file": file}
        raise TemplateFaulty("template_missing", place=f"{self.code}/{file}", **params)

    def written(self) -> bytes:
        """Write it as a zip; its entries are stored, in order, without a date."""
        theme = self.theme
        named = {f"templates/{one.path.name}": one.data for one in self.templates.values()}
        named |= {place: getattr(theme, name) for name, place in _PICTURES.items()}
        named |= {_PAGES + name: text.encode() for name, text in theme.pages.items()}
        head = {
            "format": FORMAT,
            "code": self.code,
            "fonts": self.fonts_sha256,
            "theme": {name: getattr(theme, name) for name in _TEXTS},
            "templates": [
                {"format": key[0], "lang": key[1], "file": one.path.name, "version": one.version}
                for key, one in sorted(self.templates.items())
            ],
        }
        named[HEAD] = json.dumps(head, ensure_ascii=False, indent=1, sort_keys=True).encode()
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
            for name in sorted(named):
                made.writestr(zipfile.ZipInfo(name, _DATE), named[name])
        return out.getvalue()


def gathered(folders: tuple[Path, ...], theme: Theme, code: str) -> TemplateBundle:
    """Read the templates of a record type as they are now. TemplateFaulty: manifest_unreadable."""
    templates = {
        (format_name, lang): find(folders, code, format_name, lang)
        for format_name in FORMATS
        if has(folders, code, format_name)
        for lang in LANGS
    }
    return TemplateBundle(code, templates, theme, fonts_sha256(theme.fonts))


@lru_cache(maxsize=16)  # one record is printed in three formats, and parsing costs a millisecond
def parsed(data: bytes, fonts: Path) -> TemplateBundle:
    """Read a bundle, to be printed with the fonts of a folder.

    TemplateFaulty: bundle_format (of another docgen), bundle_broken.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as opened:
            named = {name: opened.read(name) for name in opened.namelist()}
        head = json.loads(named[HEAD])
        if head["format"] != FORMAT:
            raise TemplateFaulty("bundle_format", value=head["format"])
        templates = {
            (one["format"], one["lang"]): _template(head["code"], one, named)
            for one in head["templates"]
        }
        theme = Theme(
            **head["theme"],
            logo=named[_PICTURES["logo"]],
            edge_seal=named[_PICTURES["edge_seal"]],
            pages={
                name.removeprefix(_PAGES): data.decode()
                for name, data in named.items()
                if name.startswith(_PAGES)
            },
            fonts=fonts,
        )
        return TemplateBundle(head["code"], templates, theme, head["fonts"])
    except (zipfile.BadZipFile, LookupError, TypeError, ValueError) as wrong:
        raise TemplateFaulty("bundle_broken", reason=str(wrong)) from wrong


def fonts_sha256(folder: Path) -> str:
    """Return the sha256 of the manifest of a folder of fonts, which names each file's."""
    return hashlib.sha256((folder / FONTS_MANIFEST).read_bytes()).hexdigest()


def _template(code: str, one: Mapping[str, Any], named: Mapping[str, bytes]) -> Template:
    data = named[f"templates/{one['file']}"]
    return Template(code, one["format"], Path(code, one["file"]), one["version"], data)
