"""Load a theme: a company's name, logo, fonts and colours, the same for Word, Excel and PDF.

A theme is a folder with `theme.toml` and the logo it names; `templates/theme` is the default.
Renders nothing: each renderer applies the theme in its own format.
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
FONTS_MANIFEST = "fonts.toml"
COLOURS = ("accent", "accent_light", "rule", "good", "warn", "bad", "muted")  # fields of Theme
COLOUR = re.compile(r"^[0-9A-F]{6}$")  # upper case, as Word and Excel write them


@dataclass(frozen=True)
class Theme:
    """A company's look.

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
        """Return the company's name in `lang`."""
        return self.company_zh if lang == "zh" else self.company_en

    @property
    def digest(self) -> str:
        """Hash of everything that changes a document's look; font files by their manifest."""
        look = {name: value for name, value in vars(self).items() if name != "fonts"}
        manifest = (self.fonts / FONTS_MANIFEST).read_bytes()
        return hashlib.sha256(repr(sorted(look.items())).encode() + manifest).hexdigest()


def load_theme(folder: Path) -> Theme:
    """Load a theme. SettingWrong names a missing key, a bad colour or a missing logo.

    Page files and fonts missing in the folder are taken from the default theme.
    """
    path = folder / "theme.toml"
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        if wrong_kind := [name for name, value in table.items() if not isinstance(value, str)]:
            raise TypeError(f"{wrong_kind[0]} must be text")
        logo = (folder / table.pop("logo")).read_bytes()
        seal_name = table.pop("edge_seal", "")
        edge_seal = (folder / seal_name).read_bytes() if seal_name else b""
        if edge_seal and not edge_seal.startswith(b"\x89PNG"):
            raise ValueError(f"{seal_name} is no PNG")
        pages = _pages(default_folder()) | _pages(folder)
        fonts = fonts_folder(folder)
        theme = Theme(logo=logo, pages=pages, fonts=fonts, edge_seal=edge_seal, **table)
    except (OSError, KeyError, TypeError, ValueError) as wrong:
        raise SettingWrong("theme_unreadable", place=path.name, reason=str(wrong)) from wrong
    for name in COLOURS:
        colour = getattr(theme, name)
        if not COLOUR.match(colour):
            raise SettingWrong("theme_colour", place=path.name, value=colour, name=name)
    return theme


def fonts_folder(folder: Path) -> Path:
    """Return the folder of a theme's fonts: its own, else that of the default theme."""
    own = folder / "fonts"
    return own if (own / FONTS_MANIFEST).is_file() else default_folder() / "fonts"


def default_folder() -> Path:
    """Return the folder of the theme that comes with docgen."""
    return templates_dir() / "theme"


def _pages(folder: Path) -> dict[str, str]:
    return {
        path.name: path.read_text("utf-8")
        for path in sorted(folder.iterdir())
        if path.suffix in PAGE_FILES
    }
