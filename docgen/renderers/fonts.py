"""The project's own fonts: what they cover, how a page names them, and nothing else in sight.

`fonts.toml` lists the files and what each part holds, so that no font is opened to know that.
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
# Characters without ink that need no glyph: line breaks, tabs, joiners, marks of direction.
IGNORED = r"\n\r\t\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff"
_RANGE = re.compile(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?")


@dataclass(frozen=True)
class FontFile:
    """One file: its family (serif or sans), CSS weight, and the part of the characters it holds."""

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
        """Read `fonts.toml`; OSError or KeyError when it is missing or broken."""
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
    """Return a fontconfig file under which only the fonts of `folder` can be seen.

    Fontconfig then picks the part that has a character, as a page does by unicode-range. Each
    part is found by its family's name and then given one of its own: WeasyPrint 70 embeds fonts of
    equal family, style and weight as one, and prints the glyphs of the wrong part. The cache's
    name holds the manifest's digest: fontconfig does not notice a file replaced in its place.
    """
    digest = hashlib.sha256((folder / "fonts.toml").read_bytes()).hexdigest()[:16]
    rules = "".join(_own_name(font) for font in Fonts.load(folder).files)
    return (
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">\n'
        f"<fontconfig><dir>{escape(str(folder))}</dir>"
        f"<cachedir>{escape(str(cache / digest))}</cachedir>\n{rules}</fontconfig>\n"
    )


def _own_name(font: FontFile) -> str:
    """Return the rule that names a font, once it is chosen, after its part too."""
    name = f"{FAMILIES[font.family]} {font.part.title()}"
    return (
        f'<match target="font"><test name="file" compare="contains"><string>/{escape(font.file)}'
        '</string></test><edit name="family" mode="assign_replace">'
        f"<string>{escape(name)}</string></edit></match>\n"
    )
