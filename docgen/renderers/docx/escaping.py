"""Print values into WordprocessingML: escaped once, line breaks and tabs as elements.

Must stay the only way text gets into a part: `finalize` and every filter go through it.
"""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

from docgen.document import View
from docgen.errors import RenderFailed
from docgen.renderers import NO_FILL
from docgen.templates.sandbox import Sandbox, environment

# What XML needs escaped, and what it cannot hold at all (Char of XML 1.0, 2.2).
_SPECIAL = re.compile("[&<>\"'\n\r\t\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}
# Word shows neither a line break nor a tab inside w:t; w:br and w:tab stand beside it in the
# run (ECMA-376 17.3.3.1, 17.3.3.32). Without xml:space it drops blanks at either end.
_REOPEN = '<w:t xml:space="preserve">'
_IN_TEXT = _ENTITIES | {"\n": f"</w:t><w:br/>{_REOPEN}", "\t": f"</w:t><w:tab/>{_REOPEN}"}
_INLINE = _ENTITIES | {"\n": "&#10;", "\t": "&#9;"}
_HEX = re.compile(r"^[0-9A-Fa-f]{6}$")  # ST_HexColorRGB (ECMA-376 17.18)


def word_environment() -> Sandbox:
    """Return the environment of Word sources; none of its filters prints unescaped text."""
    return environment(
        in_text, filters={"inline": inline, "cellbg": cell_fill, "colspan": cell_span}
    )


def in_text(value: Any) -> str:
    """Print a value inside `w:t`; Markup of blocks and macros has been escaped before.

    TypeError: an object that is no value. RenderFailed: character_not_xml.
    """
    if type(value) is Markup:
        return value
    text = _text(value)
    return Markup(_escape(text, _IN_TEXT)) if _SPECIAL.search(text) else text  # noqa: S704


def inline(value: Any) -> Markup:
    """Print a value inside an attribute, or in text where no element may stand."""
    return Markup(_escape(_text(value), _INLINE))  # noqa: S704


def cell_fill(value: Any) -> Markup:
    """Print the colour of a cell; anything else than six hex digits prints as no colour."""
    return Markup(value if _HEX.match(str(value)) else NO_FILL)  # noqa: S704


def cell_span(value: Any) -> int:
    """Print how many columns a cell spans, at least one (ECMA-376 17.4.17)."""
    return max(1, int(value))


def _text(value: Any) -> str:
    if isinstance(value, View):
        raise TypeError("an object cannot be printed, only its fields")
    return "" if value is None else str(value)


def _escape(text: str, table: dict[str, str]) -> str:
    def replacement(found: re.Match[str]) -> str:
        if found[0] == "\r":  # of Windows' line breaks; the \n after it is printed
            return ""
        if found[0] not in table:
            raise RenderFailed("character_not_xml", value=f"U+{ord(found[0]):04X}")
        return table[found[0]]

    return _SPECIAL.sub(replacement, text)
