"""Proof that whatever a template's loops and conditions do, the part stays well-formed XML.

Each block must close what it opens, or close and open again the same elements; otherwise Word
would find a broken file for some records and not for others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from jinja2 import nodes

_ELEMENT = re.compile(r"<(/?)([A-Za-z_][\w:.-]*)(?:\s[^<>]*?)?(/?)>")
VALUE = "\x00"  # stands for whatever a tag prints


class Unbalanced(Exception):
    """A block that would tear elements apart; `line` is its line in the source."""

    def __init__(self, line: int, element: str) -> None:
        super().__init__(element)
        self.line, self.element = line, element


@dataclass
class Profile:
    """What a stretch of XML closes that it did not open, and leaves open."""

    closes: list[str] = field(default_factory=list)
    opens: list[str] = field(default_factory=list)

    @property
    def even(self) -> bool:
        """Whether it can stand any number of times, even never."""
        return self.closes == self.opens[::-1]

    def close(self, name: str, line: int) -> None:
        """Meet an end tag."""
        if not self.opens:
            self.closes.append(name)
        elif self.opens.pop() != name:
            raise Unbalanced(line, name)

    def add(self, other: Profile, line: int) -> None:
        """Append another stretch."""
        for name in other.closes:
            self.close(name, line)
        self.opens += other.opens


def check_balance(tree: nodes.Template) -> None:
    """Raise Unbalanced unless every rendering of a parsed source is well-formed."""
    found = _profile(tree.body)
    if found.closes or found.opens:
        raise Unbalanced(1, (found.closes + found.opens)[0])


def _profile(body: Sequence[nodes.Node]) -> Profile:
    made = Profile()
    text = ""
    for node in body:
        if isinstance(node, nodes.Output):
            for child in node.nodes:
                text += child.data if isinstance(child, nodes.TemplateData) else VALUE
            continue
        inner = _block(node)
        if text.rfind("<") > text.rfind(">"):  # inside a start tag: `w:val="{% if … %}"`
            if inner.closes or inner.opens:
                raise Unbalanced(node.lineno, (inner.closes + inner.opens)[0])
            text += VALUE
            continue
        _read(text, made, node.lineno)
        text = ""
        made.add(inner, node.lineno)
    _read(text, made, body[-1].lineno if body else 1)
    return made


def _read(text: str, made: Profile, line: int) -> None:
    for ends, name, empty in _ELEMENT.findall(text):
        if ends:
            made.close(name, line)
        elif not empty:
            made.opens.append(name)


def _block(node: nodes.Node) -> Profile:
    """Find what a statement's bodies do to the elements around it."""
    if isinstance(node, nodes.If):
        branches = [node.body, *(other.body for other in node.elif_), node.else_]
        profiles = [_profile(branch) for branch in branches]
        return _alike(profiles, node.lineno)
    if isinstance(node, nodes.For):
        return _even(node, [_profile(node.body), _profile(node.else_)])
    bodies = [getattr(node, name) for name in ("body", "else_") if hasattr(node, name)]
    profiles = [_profile(body) for body in bodies]
    if any(profile.closes or profile.opens for profile in profiles):
        raise Unbalanced(node.lineno, "")
    return Profile()


def _alike(profiles: list[Profile], line: int) -> Profile:
    """Accept branches that each change nothing, or that all change the same."""
    first = profiles[0]
    if all(other == first for other in profiles):
        return first
    for other in profiles:
        if not other.even:
            raise Unbalanced(line, (other.closes + other.opens)[0])
    return max(profiles, key=lambda profile: len(profile.closes))


def _even(node: nodes.Node, profiles: list[Profile]) -> Profile:
    for profile in profiles:
        if not profile.even:
            raise Unbalanced(node.lineno, (profile.closes + profile.opens)[0])
    return max(profiles, key=lambda profile: len(profile.closes))
