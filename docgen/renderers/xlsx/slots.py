"""Texts with tags outside cells: sheet names, headers and footers, drawings, properties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Template

from docgen.errors import RenderFailed
from docgen.renderers.xlsx import tags
from docgen.templates.sandbox import Sandbox

HEADER_LIMIT = 255
_CODE = "\ue010"


@dataclass
class Slots:
    """The texts of a workbook, numbered; one Jinja source works them all out."""

    texts: list[tuple[str, str, bool]] = field(default_factory=list)

    @staticmethod
    def wants(text: str) -> bool:
        """Whether a text holds tags."""
        return tags.has_tags(text)

    def add(self, place: str, text: str, *, header: bool = False) -> int:
        """Take in a text; its number. TemplateFaulty names a broken or unsafe tag."""
        tags.checked(text, place)
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
        """Place and text of what stands in a line of the source."""
        at = 0
        for place, text, _ in self.texts:
            at += text.count("\n") + 1
            if line <= at:
                return place, text
        return "", ""

    def finish(self, values: Mapping[int, str]) -> list[str]:
        """Put the texts in order; RenderFailed names a header that is too long for Excel."""
        return [
            _header(values[at], place) if header else values[at]
            for at, (place, _, header) in enumerate(self.texts)
        ]


def call_slot(value: Any, values: dict[int, str], at: int) -> None:
    """`text|slot(__w, at)`: keep a text."""
    values[at] = str(value)


def _source(text: str, header: bool) -> str:
    """In headers & begins a code: the template's own are put aside; a value's are doubled."""
    if not header:
        return text
    text = re.sub(r"(&\d+)(?=\{[{%])", r"\1 ", text)
    outside = re.split(r"(\{\{.*?\}\}|\{%.*?%\})", text)
    return "".join(part if at % 2 else part.replace("&", _CODE) for at, part in enumerate(outside))


def _header(text: str, place: str) -> str:
    made = text.replace("&", "&&").replace(_CODE, "&")
    if len(made.encode("utf-16-le")) // 2 > HEADER_LIMIT:
        raise RenderFailed("header_too_long", place=place, value=made, limit=HEADER_LIMIT)
    return made


def sheet_names(wanted: list[str]) -> list[str]:
    r"""Make names that Excel takes: at most 31 units, none of []:*?/\ and no two alike."""
    found: list[str] = []
    for text in wanted:
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
    while len(text.encode("utf-16-le")) // 2 > units:
        text = text[:-1]
    return text.rstrip(" '")
