"""The firm's look: name, logo, fonts and colours, one place for Word, Excel and PDF.

A theme is a folder with `theme.toml` and the logo it names; `templates/theme` is the default.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from docgen.errors import SettingWrong

COLOUR = re.compile(r"^[0-9A-F]{6}$")


@dataclass(frozen=True)
class Theme:
    """A firm's look. Colours are six hex digits; `word_serif` and `word_sans` name fonts that the
    reader's Word or Excel has."""

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

    def company(self, lang: str) -> str:
        """The firm's name in `lang`."""
        return self.company_zh if lang == "zh" else self.company_en

    @property
    def digest(self) -> str:
        """Hash of everything that changes a document's look."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def load_theme(folder: Path) -> Theme:
    """Read `theme.toml`; SettingWrong names a missing key, a bad colour or a missing logo."""
    path = folder / "theme.toml"
    try:
        given = tomllib.loads(path.read_text("utf-8"))
        logo = (folder / str(given.pop("logo"))).read_bytes()
        theme = Theme(logo=logo, **given)
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as wrong:
        raise SettingWrong(
            "theme_unreadable",
            f"主题文件不可用：{wrong}",
            f"The theme cannot be used: {wrong}",
            place=path.name,
        ) from wrong
    for name in ("accent", "accent_light", "rule", "good", "warn", "bad", "muted"):
        if not COLOUR.match(getattr(theme, name)):
            raise SettingWrong(
                "theme_colour",
                f"主题颜色 {name} 应为六位十六进制，如 1F4E79",
                f"The theme's colour {name} must be six hex digits such as 1F4E79",
                place=path.name,
                value=getattr(theme, name),
            )
    return theme
