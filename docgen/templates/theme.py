"""The firm's look: name, logo, fonts and colours, one place for Word, Excel and PDF.

A theme is a folder with `theme.toml` and the logo it names; `templates/theme` is the default.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docgen.errors import SettingWrong
from docgen.paths import templates_dir

PAGE_FILES = {".html", ".css"}
COLOUR = re.compile(r"^[0-9A-F]{6}$")


@dataclass(frozen=True)
class Theme:
    """A firm's look.

    Colours are six hex digits; `word_serif` and `word_sans` name fonts that the reader's Word or
    Excel has; `pages` are the files that a page template may extend or include, by name; `fonts`
    is the folder of the fonts that PDF embeds; `edge_seal` a PNG across the edges of a PDF's
    pages, empty for none.
    """

    company_zh: str
    company_en: str
    logo: bytes
    accent: str
    accent_light: str
    rule: str
    good: str
    warn: str
    bad: str
    muted: str
    word_serif: str
    word_sans: str
    verify_url: str
    pages: Mapping[str, str]
    fonts: Path
    edge_seal: bytes = b""

    def company(self, lang: str) -> str:
        """Return the firm's name in `lang`."""
        return self.company_zh if lang == "zh" else self.company_en

    @property
    def digest(self) -> str:
        """Hash of everything that changes a document's look."""
        look = {name: value for name, value in vars(self).items() if name != "fonts"}
        manifest = (self.fonts / "fonts.toml").read_bytes()
        return hashlib.sha256(repr(sorted(look.items())).encode() + manifest).hexdigest()


def load_theme(folder: Path) -> Theme:
    """Read `theme.toml`; SettingWrong names a missing key, a bad colour or a missing logo.

    Page files and fonts that the folder does not bring are those of the default theme.
    """
    path = folder / "theme.toml"
    try:
        given = tomllib.loads(path.read_text("utf-8"))
        if wrong_kind := [name for name, value in given.items() if not isinstance(value, str)]:
            raise TypeError(f"{wrong_kind[0]} must be text")
        logo = (folder / given.pop("logo")).read_bytes()
        edge_seal = _png(folder, given.pop("edge_seal", ""))
        pages = _pages(default_folder()) | _pages(folder)
        fonts = next(
            place / "fonts"
            for place in (folder, default_folder())
            if (place / "fonts" / "fonts.toml").is_file()
        )
        theme = Theme(logo=logo, pages=pages, fonts=fonts, edge_seal=edge_seal, **given)
    except (OSError, KeyError, StopIteration, TypeError, ValueError) as wrong:
        raise SettingWrong("theme_unreadable", place=path.name, reason=str(wrong)) from wrong
    for name in ("accent", "accent_light", "rule", "good", "warn", "bad", "muted"):
        if not COLOUR.match(getattr(theme, name)):
            raise SettingWrong(
                "theme_colour", place=path.name, value=getattr(theme, name), name=name
            )
    return theme


def default_folder() -> Path:
    """Return the theme that docgen brings."""
    return templates_dir() / "theme"


def _png(folder: Path, name: str) -> bytes:
    data = (folder / name).read_bytes() if name else b""
    if data and not data.startswith(b"\x89PNG"):
        raise ValueError(f"{name} is no PNG")
    return data


def _pages(folder: Path) -> dict[str, str]:
    return {
        path.name: path.read_text("utf-8")
        for path in sorted(folder.iterdir())
        if path.suffix in PAGE_FILES
    }
