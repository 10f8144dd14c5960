"""The fonts of a theme: which characters they cover, and a fontconfig that shows only them.

`fonts.toml` lists the files and the characters of each part; this module opens no font file.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

FAMILIES = {"serif": "Docgen Serif SC", "sans": "Docgen Sans SC"}
# Characters that need no glyph: line breaks, tabs, and Unicode's Default_Ignorable_Code_Point
# as far as people type it (soft hyphen, joiners, marks of direction, byte order mark).
IGNORED = r"\n\r\t\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
_RANGE = re.compile(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?")  # CSS Fonts 4, 4.5: unicode-range


@dataclass(frozen=True)
class FontFile:
    """One font file: family (serif or sans), CSS weight, and the part of the characters in it."""

    family: str
    weight: int
    file: str
    part: str
    sha256: str


@dataclass(frozen=True)
class Fonts:
    """The fonts of a folder. `ranges` maps a part to its CSS unicode-range."""

    folder: Path
    files: tuple[FontFile, ...]
    ranges: tuple[tuple[str, str], ...]

    @staticmethod
    @lru_cache(maxsize=4)
    def load(folder: Path) -> Fonts:
        """Load `fonts.toml`. Raises OSError or KeyError when it is missing or broken."""
        listed = tomllib.loads((folder / "fonts.toml").read_text("utf-8"))
        files = tuple(FontFile(**entry) for entry in listed["fonts"])
        return Fonts(folder, files, tuple(listed["unicode_range"].items()))

    @cached_property
    def _uncovered(self) -> re.Pattern[str]:
        classes = "".join(
            rf"\U{int(first, 16):08x}-\U{int(last or first, 16):08x}"
            for _, text in self.ranges
            for first, last in _RANGE.findall(text)
        )
        return re.compile(f"[^{classes}{IGNORED}]")

    def missing(self, text: str) -> list[str]:
        """List the characters of `text` that the fonts do not have, each once, in order."""
        return list(dict.fromkeys(self._uncovered.findall(text)))


def fontconfig_file(folder: Path, cache: Path) -> str:
    """Return the text of a fontconfig file that lists only the fonts of `folder`.

    Fontconfig then picks the part that has a character, as a page does by unicode-range.
    """
    # Fontconfig does not notice a file replaced in place: the cache's name holds the digest.
    digest = hashlib.sha256((folder / "fonts.toml").read_bytes()).hexdigest()[:16]
    rules = "".join(_rename_rule(font) for font in Fonts.load(folder).files)
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n'
        f"<fontconfig><dir>{escape(str(folder))}</dir>"
        f"<cachedir>{escape(str(cache / digest))}</cachedir>\n{rules}</fontconfig>\n"
    )


def _rename_rule(font: FontFile) -> str:
    """Return the rule that renames a font, once it is chosen, after its part.

    WeasyPrint 70 embeds fonts of equal family, style and weight as one font, and would print the
    glyphs of the wrong part.
    """
    name = f"{FAMILIES[font.family]} {font.part.title()}"
    return (
        f'<match target="font"><test name="file" compare="contains"><string>/{escape(font.file)}'
        '</string></test><edit name="family" mode="assign_replace">'
        f"<string>{escape(name)}</string></edit></match>\n"
    )
