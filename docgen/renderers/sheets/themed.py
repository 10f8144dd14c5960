"""Replace the default theme's fonts and colours in a template by those of the theme in use."""

from __future__ import annotations

import re
from functools import cache

from lxml import etree

from docgen.renderers.sheets.styles import MAIN
from docgen.theme import Theme, default_folder, load_theme

COLOURS = ("accent", "accent_light", "rule", "good", "warn", "bad", "muted")
FONTS = ("word_serif", "word_sans")


@cache
def _placeholders() -> Theme:
    return load_theme(default_folder())


def themed(part: bytes, theme: Theme) -> bytes:
    """Give an XML part the fonts and colours of `theme`. Returns UTF-8."""
    base = _placeholders()
    text = unprefixed(part)
    swaps = {getattr(base, name): getattr(theme, name) for name in COLOURS}
    text = _swapped(text, r'((?:rgb="(?:FF|00)?|srgbClr val="|&amp;K))', swaps, "")
    fonts = {getattr(base, name): getattr(theme, name) for name in FONTS}
    return _swapped(text, r'((?:val|typeface)="|&amp;(?:"|&quot;))', fonts, r'(?=["&,])').encode()


def unprefixed(part: bytes) -> str:
    """Read a part whose elements have no prefix: some programs write `x:worksheet`."""
    text = etree.tostring(etree.fromstring(part), encoding="unicode")
    found = re.match(rf'<(\w+):[^>]*?\sxmlns:\1="{re.escape(MAIN)}"', text)
    if not found:
        return text
    text = re.sub(rf"(</?){found[1]}:", r"\1", text)
    return text.replace(f'xmlns:{found[1]}="', 'xmlns="')


def _swapped(text: str, before: str, swaps: dict[str, str], after: str) -> str:
    swaps = {old: new for old, new in swaps.items() if old != new}
    if not swaps:
        return text
    found = re.compile(f"{before}({'|'.join(map(re.escape, swaps))}){after}")
    return found.sub(lambda match: match[1] + swaps[match[2]], text)
