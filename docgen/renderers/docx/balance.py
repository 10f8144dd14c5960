"""Check that a part stays well-formed XML whatever its loops and conditions do.

Each block must close what it opens, or close and reopen the same elements; otherwise some
records would give broken files and others would not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from jinja2 import nodes

_ELEMENT = re.compile(r"<(/?)([A-Za-z_][\w:.-]*)(?:\s[^<>]*?)?(/?)>")
VALUE = "\x00"  # placeholder for what a tag prints; no XML contains it (XML 1.0, 2.2)


class Unbalanced(Exception):
    """A block that would leave elements open or close others; `line` is its source line."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


@dataclass
class Profile:
    """The elements that a piece of XML closes without opening them, and those it leaves open."""

    closes: list[str] = field(default_factory=list)
    opens: list[str] = field(default_factory=list)

    @property
    def repeatable(self) -> bool:
        """Whether the piece may be printed any number of times, also never."""
        return self.closes == self.opens[::-1]

    def close(self, name: str, line: int) -> None:
        """Append an end tag."""
        if not self.opens:
            self.closes.append(name)
        elif self.opens.pop() != name:
            raise Unbalanced(line)

    def add(self, other: Profile, line: int) -> None:
        """Append another piece."""
        for name in other.closes:
            self.close(name, line)
        self.opens += other.opens


def check_balance(tree: nodes.Template) -> None:
    """Raise Unbalanced unless every rendering of a parsed source is well-formed."""
    whole = _profile(tree.body)
    if whole.closes or whole.opens:
        raise Unbalanced(1)


def _profile(body: Sequence[nodes.Node]) -> Profile:
    profile = Profile()
    text = ""
    for node in body:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                text += child.data if isinstance(child, nodes.TemplateData) else VALUE
            continue
        inner = _block(node)
        if text.rfind("<") > text.rfind(">"):  # inside a start tag: `w:val="{% if … %}"`
            if inner.closes or inner.opens:
                raise Unbalanced(node.lineno)
            text += VALUE
            continue
        _read(text, profile, node.lineno)
        text = ""
        profile.add(inner, node.lineno)
    _read(text, profile, body[-1].lineno if body else 1)
    return profile


def _read(text: str, profile: Profile, line: int) -> None:
    for ends, name, empty in _ELEMENT.findall(text):
        if ends:
            profile.close(name, line)
        elif not empty:
            profile.opens.append(name)


def _block(node: nodes.Node) -> Profile:
    """Return the profile of a statement, whichever of its bodies is printed, and how often.

    The branches of `if` may also all change the same; other bodies must each be repeatable.
    """
    if isinstance(node, nodes.If):
        branches = [node.body, *(other.body for other in node.elif_), node.else_]
        profiles = [_profile(branch) for branch in branches]
        if all(other == profiles[0] for other in profiles):
            return profiles[0]
    elif isinstance(node, nodes.For):
        profiles = [_profile(node.body), _profile(node.else_)]
    else:
        bodies = [getattr(node, name) for name in ("body", "else_") if hasattr(node, name)]
        if any(inner.closes or inner.opens for inner in map(_profile, bodies)):
            raise Unbalanced(node.lineno)
        return Profile()
    if not all(profile.repeatable for profile in profiles):
        raise Unbalanced(node.lineno)
    return max(profiles, key=lambda profile: len(profile.closes))
