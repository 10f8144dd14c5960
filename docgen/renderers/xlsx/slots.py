"""Texts with tags outside cells: sheet names, headers and footers, drawings, properties.

All of a workbook's slots are one Jinja source, printed once a document before its sheets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template

from docgen.errors import RenderFailed
from docgen.renderers.xlsx import tags
from docgen.renderers.xlsx.measure import utf16
from docgen.templates.sandbox import Sandbox

HEADER_LIMIT = 255  # UTF-16 units; Excel's specification, and it reports a damaged file beyond
_CODE = "\ue010"  # a private use character for the & of the template's own codes


@dataclass
class Slots:
    """The texts of a workbook by number, as (place, text, is header)."""

    texts: list[tuple[str, str, bool]] = field(default_factory=list)

    @staticmethod
    def wants(text: str) -> bool:
        """Return whether a text contains tags."""
        return tags.has_tags(text)

    def add(self, place: str, text: str, *, header: bool = False) -> int:
        """Add a text and return its number. TemplateFaulty names a broken or unsafe tag."""
        tags.check(text, place)
        if tags.control(text):
            raise tags.broken("broken_tag.no_rows", place, text)
        self.texts.append((place, text, header))
        return len(self.texts) - 1

    def compile(self, engine: Sandbox) -> Template:
        """Compile the source: one line for each text."""
        lines = [
            f"{{% set __t %}}{_source(text, header)}{{% endset %}}"
            f"{{% do __t|slot({tags.WRITER}, {at}) %}}"
            for at, (_, text, header) in enumerate(self.texts)
        ]
        return engine.from_string(
            "{% autoescape false %}" + "\n".join(lines) + "{% endautoescape %}"
        )

    def where(self, line: int) -> tuple[str, str]:
        """Return the place and the text of a line (from 1) of the source."""
        at = 0
        for place, text, _ in self.texts:
            at += text.count("\n") + 1
            if line <= at:
                return place, text
        return "", ""

    def finish(self, values: Mapping[int, str]) -> list[str]:
        """Return the printed texts in order. RenderFailed: header_too_long."""
        texts = []
        for at, (place, _, header) in enumerate(self.texts):
            text = values[at]
            if header:
                text = text.replace("&", "&&").replace(_CODE, "&")
                if utf16(text) > HEADER_LIMIT:
                    raise RenderFailed(
                        "header_too_long", place=place, value=text, limit=HEADER_LIMIT
                    )
            texts.append(text)
        return texts


def call_slot(value: Any, values: dict[int, str], at: int) -> None:
    """`text|slot(__w, at)`: store a printed text."""
    values[at] = str(value)


def _source(text: str, header: bool) -> str:
    """Return a text's Jinja source.

    In headers & begins a code (ECMA-376 18.3.1.46): the template's own become _CODE, and those
    of values are doubled afterwards.
    """
    if not header:
        return text
    # A font size (&12) would take the digits of a value that follows it.
    text = re.sub(r"(&\d+)(?=\{[{%])", r"\1 ", text)
    outside = re.split(r"(\{\{.*?\}\}|\{%.*?%\})", text)
    return "".join(part if at % 2 else part.replace("&", _CODE) for at, part in enumerate(outside))


def sheet_names(texts: list[str]) -> list[str]:
    r"""Return names that Excel accepts: at most 31 UTF-16 units, none of []:*?/\, all different.

    "History" is reserved by Excel, and an apostrophe may stand at neither end.
    """
    found: list[str] = []
    for text in texts:
        base = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", text)
        base = re.sub(r"\s+", " ", base).strip(" '") or f"Sheet{len(found) + 1}"
        base = base + "_" if base.lower() == "history" else base
        name, count = _short(base, 31), 1
        while name.casefold() in {other.casefold() for other in found}:
            count += 1
            mark = f" ({count})"
            name = _short(base, 31 - len(mark)) + mark
        found.append(name)
    return found


def _short(text: str, units: int) -> str:
    while utf16(text) > units:
        text = text[:-1]
    return text.rstrip(" '")
