"""The theme in a Word template: its fonts and colours stand where the default theme's stood.

Only attributes that hold a font or a colour are touched, never text.
"""

from __future__ import annotations

import re

from docgen.theme import Theme

# The look that templates are drawn with (templates/theme/theme.toml as delivered).
COLOURS = {
    "1F4E79": "accent",
    "EAF1F8": "accent_light",
    "9DB2C7": "rule",
    "2E7D32": "good",
    "B26A00": "warn",
    "C62828": "bad",
    "6B7280": "muted",
}
FONTS = {"宋体": "word_serif", "SimSun": "word_serif", "黑体": "word_sans", "SimHei": "word_sans"}
_COLOUR = re.compile(
    r'(\bw:(?:fill|color)="|<w:color w:val="|<a:srgbClr val="|\b(?:fill|stroke)?color="#)'
    rf'({"|".join(COLOURS)})"'
)
_FONT = re.compile(rf'(\bw:(?:eastAsia|ascii|hAnsi|cs)=")({"|".join(FONTS)})"')


def themed(xml: str, theme: Theme) -> str:
    """Replace the placeholder fonts and colours of a part by the theme's."""
    xml = _COLOUR.sub(lambda m: f'{m[1]}{getattr(theme, COLOURS[m[2]])}"', xml)
    return _FONT.sub(lambda m: f'{m[1]}{getattr(theme, FONTS[m[2]])}"', xml)
