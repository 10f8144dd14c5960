"""Parse the tags in a cell's text: the kind of cell they make, and the tags that are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from jinja2 import TemplateSyntaxError, nodes

from docgen.errors import TemplateFaulty
from docgen.templates.sandbox import Sandbox, environment

WRITER = "__w"  # a name that `check` refuses in templates
_CONTROL = re.compile(r"\{%[-+]?\s*tr\s+(.*?)%\}", re.DOTALL)
_CONTROLS = re.compile(r"\s*(?:\{%[-+]?\s*tr\s(?:(?!%\}).)*%\}\s*)+", re.DOTALL)
OPENING = frozenset({"for", "if", "filter", "with", "macro", "call"})  # statements with an end
Shape = Literal["value", "parts", "block"]


@dataclass(frozen=True)
class TaggedText:
    """The text of a cell with tags.

    `value`: one expression and nothing else; `parts`: expressions between literal texts; `block`:
    with statements inside. `parts` are (is expression, text).
    """

    shape: Shape
    text: str
    parts: tuple[tuple[bool, str], ...] = ()


def has_tags(text: str) -> bool:
    """Return whether a text contains Jinja's delimiters."""
    return "{{" in text or "{%" in text or "{#" in text


def control(text: str) -> str:
    """Return the statements of a control row's cell as Jinja; empty for other cells."""
    if not _CONTROLS.fullmatch(text):
        return ""
    return _CONTROL.sub(lambda found: "{% " + found[1].replace("\n", " ") + "%}", text).strip()


def keywords(statements: str) -> list[str]:
    """List the first word of each statement that `control` returns: for, if, else, endfor."""
    return re.findall(r"\{%\s*(\w+)", statements)


def read(text: str, place: str) -> TaggedText:
    """Parse the text of a cell. TemplateFaulty: broken, unsafe or misplaced tags."""
    check(text, place)
    if _CONTROL.search(text):
        raise TemplateFaulty("tag_misplaced.row", place=place, value=text)
    tokens = list(_jinja().lex(text))
    kinds = {kind for _, kind, _ in tokens}
    if kinds & {"block_begin", "comment_begin", "raw_begin"}:
        return TaggedText("block", text)
    parts = tuple(_parts(tokens))
    filled = [part for part in parts if part[0] or part[1].strip()]
    if len(filled) == 1 and filled[0][0]:
        return TaggedText("value", text, (filled[0],))
    return TaggedText("parts", text, parts)


def _parts(tokens: list[tuple[int, str, str]]) -> list[tuple[bool, str]]:
    parts: list[tuple[bool, str]] = []
    inside: list[str] | None = None
    for _, kind, value in tokens:
        if kind == "variable_begin":
            inside = []
        elif kind == "variable_end":
            parts.append((True, "".join(inside or ()).strip().replace("\n", " ")))
            inside = None
        elif inside is not None:
            inside.append(value)
        else:
            parts.append((False, value))
    return parts


def check(text: str, place: str) -> None:
    """Refuse tags that cannot be parsed, or use names of Python's or docgen's internals.

    TemplateFaulty: broken_tag, template_unsafe.
    """
    plain = _CONTROL.sub("", text)
    try:
        tree = _jinja().parse(plain)
        inner = [_statement_tree(found[1]) for found in _CONTROL.finditer(text)]
    except TemplateSyntaxError as wrong:
        raise TemplateFaulty(
            "broken_tag.engine", place=place, value=text, reason=str(wrong.message)
        ) from wrong
    for part in [tree, *inner]:
        if part is not None and (name := _internal(part)):
            raise TemplateFaulty("template_unsafe.name", place=place, value=text, name=name)


def _statement_tree(statement: str) -> nodes.Template | None:
    """Parse a control statement as a whole block, so that its expressions can be checked."""
    word = statement.split(maxsplit=1)[0].strip() if statement.strip() else ""
    body = statement.strip().rstrip("-+").strip()
    if word in OPENING:
        return _jinja().parse(f"{{% {body} %}}{{% end{word} %}}")
    if word == "elif":
        return _jinja().parse(f"{{% {body[2:]} %}}{{% endif %}}")
    if word == "else" or word.startswith("end"):
        return None
    return _jinja().parse(f"{{% {body} %}}")


def _internal(tree: nodes.Node) -> str:
    """Return the first name, attribute or text that begins with two underscores."""
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Const)):
        if isinstance(node, nodes.Name):
            word = node.name
        elif isinstance(node, nodes.Getattr):
            word = node.attr
        else:
            value = getattr(node, "value", "")
            word = value if isinstance(value, str) else ""
        if re.fullmatch(r"__\w*[A-Za-z]\w*", word):
            return word
    return ""


@cache
def _jinja() -> Sandbox:
    return environment()


def broken(code: str, place: str, text: str = "", **params: str) -> TemplateFaulty:
    """Return the error for a tag that Jinja cannot parse, with the cell's text."""
    return TemplateFaulty(code, place=place, value=text, **params)
