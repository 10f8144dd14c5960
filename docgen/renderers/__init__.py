"""What renderers of all formats share: a template's names, and the pieces that a lint reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docgen.document import Document, Value, View
from docgen.templates.theme import Theme

TINT = 0.16
NO_FILL = "auto"


@dataclass(frozen=True)
class Piece:
    """A stretch of a template that holds tags: its place for people, and its text."""

    place: str
    text: str


def template_context(document: Document, theme: Theme) -> dict[str, Any]:
    """Every name a template may use: the document's, `theme` and `tone_fill`."""
    return document.context() | {
        "theme": View(theme_fields(theme, document.lang)),
        "tone_fill": tone_fill(theme),
    }


def theme_fields(theme: Theme, lang: str) -> dict[str, str]:
    """List the fields of `theme` in a template."""
    return {
        "company": theme.company(lang),
        "accent": theme.accent,
        "accent_light": theme.accent_light,
        "rule": theme.rule,
        "good": theme.good,
        "warn": theme.warn,
        "bad": theme.bad,
        "muted": theme.muted,
        "verify_url": theme.verify_url,
    }


def tone_fill(theme: Theme) -> Callable[[Any], str]:
    """Make the function from a value to its tone's light colour, `auto` for none."""
    tints = {tone: tint(getattr(theme, tone)) for tone in ("good", "warn", "bad", "muted")}

    def fill(value: Any) -> str:
        if isinstance(value, Value):
            return tints.get(value.tone, NO_FILL) if value.filled else NO_FILL
        return tints.get(str(value), NO_FILL)

    return fill


def tint(colour: str, share: float = TINT) -> str:
    """`colour` thinned with white to `share`: light enough for black text on it."""
    parts = (int(colour[at : at + 2], 16) for at in (0, 2, 4))
    return "".join(f"{round(255 - (255 - part) * share):02X}" for part in parts)
