"""Shared by the renderers of all formats: the template variables, and the pieces a lint reads.

Knows no format: what is special to Word, Excel or PDF belongs into its own package below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docgen.document import Document, Value, View
from docgen.templates.theme import COLOURS, Theme

TINT = 0.16  # share of the colour; black text on it keeps a contrast of 7:1 (WCAG 2.2, 1.4.6)
NO_FILL = "auto"  # ST_HexColorAuto of WordprocessingML (ECMA-376 17.18)


@dataclass(frozen=True)
class Piece:
    """A part of a template that contains tags: its position in words, and its text."""

    place: str
    text: str


def template_context(document: Document, theme: Theme) -> dict[str, Any]:
    """Return every template variable: the document's, `theme` and `tone_fill`."""
    return document.context() | {
        "theme": View(theme_fields(theme, document.lang)),
        "tone_fill": tone_fill(theme),
    }


def theme_fields(theme: Theme, lang: str) -> dict[str, str]:
    """Return the fields of `theme` in a template; see `docgen.authoring.vocabulary.THEME`."""
    colours = {name: getattr(theme, name) for name in COLOURS}
    return {"company": theme.company(lang), "verify_url": theme.verify_url} | colours


def tone_fill(theme: Theme) -> Callable[[Any], str]:
    """Return the function that maps a value to the light colour of its tone, `auto` for none."""
    tints = {tone: tint(getattr(theme, tone)) for tone in ("good", "warn", "bad", "muted")}

    def fill(value: Any) -> str:
        if isinstance(value, Value):
            return tints.get(value.tone, NO_FILL) if value.filled else NO_FILL
        return tints.get(str(value), NO_FILL)

    return fill


def tint(colour: str, share: float = TINT) -> str:
    """Mix `colour` (six hex digits) with white; `share` is the colour's part, from 0 to 1."""
    parts = (int(colour[at : at + 2], 16) for at in (0, 2, 4))
    return "".join(f"{round(255 - (255 - part) * share):02X}" for part in parts)
