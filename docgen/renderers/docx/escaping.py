"""How values are printed into WordprocessingML: escaped once, line breaks and tabs as elements."""

from __future__ import annotations

import re
from typing import Any

from jinja2.filters import FILTERS
from markupsafe import Markup

from docgen.document import View
from docgen.errors import RenderFailed
from docgen.renderers import NO_FILL
from docgen.templates.sandbox import Sandbox, environment

_SPECIAL = re.compile("[&<>\"'\n\r\t\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
_AGAIN = '<w:t xml:space="preserve">'
_IN_TEXT = _ENTITIES | {
    "\n": f"</w:t><w:br/>{_AGAIN}",
    "\r": "",
    "\t": f"</w:t><w:tab/>{_AGAIN}",
}
_INLINE = _ENTITIES | {"\n": "&#10;", "\r": "", "\t": "&#9;"}
_HEX = re.compile(r"^[0-9A-Fa-f]{6}$")
_GIVES_MARKUP = ("urlize", "xmlattr", "tojson")


def word_environment() -> Sandbox:
    """Make the environment of Word sources; no filter of it can print unescaped text."""
    made = environment(in_text)
    made.filters = dict(FILTERS) | {
        "inline": inline,
        "cellbg": cell_fill,
        "colspan": cell_span,
        **dict.fromkeys(("e", "escape", "forceescape", "safe"), str),
    }
    for name in _GIVES_MARKUP:
        del made.filters[name]
    return made


def in_text(value: Any) -> str:
    """Print a value inside `w:t`. What blocks and macros have printed is done already.

    TypeError: an object that is no value. RenderFailed: character_not_xml.
    """
    if type(value) is Markup:
        return value
    text = _text(value)
    return Markup(_escaped(text, _IN_TEXT)) if _SPECIAL.search(text) else text  # noqa: S704


def inline(value: Any) -> Markup:
    """Print a value inside an attribute, or in text where no element may stand."""
    return Markup(_escaped(_text(value), _INLINE))  # noqa: S704


def cell_fill(value: Any) -> Markup:
    """Print the colour of a cell; whatever is no colour is none."""
    return Markup(value if _HEX.match(str(value)) else NO_FILL)  # noqa: S704


def cell_span(value: Any) -> int:
    """Print how many columns a cell spans, at least one."""
    return max(1, int(value))


def _text(value: Any) -> str:
    if isinstance(value, View):
        raise TypeError("an object cannot be printed, only its fields")
    return "" if value is None else str(value)


def _escaped(text: str, table: dict[str, str]) -> str:
    return _SPECIAL.sub(lambda found: table.get(found[0]) or _refused(found[0]), text)


def _refused(character: str) -> str:
    if character == "\r":
        return ""
    number = f"U+{ord(character):04X}"
    raise RenderFailed("character_not_xml", value=number)
