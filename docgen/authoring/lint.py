"""Check a template against the schema: unknown names, broken tags, fields that are never shown.

Every finding names its place: paragraph or table cell in Word, cell in Excel, line in a page.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from jinja2 import TemplateSyntaxError, nodes

from docgen.authoring.vocabulary import ANY, Name, printable_paths, vocabulary
from docgen.errors import DocgenError
from docgen.renderers import Piece
from docgen.templates.catalog import FORMATS, Template
from docgen.templates.sandbox import environment
from docgen.templates.theme import Theme
from schemas.catalog import record_types
from schemas.wording import Worded

# docxtpl's own syntax: prefixes of what is removed, cell tags, and merged cells.
_PREFIX = re.compile(r"\{(%|\{)(-?)(?:p|tr|tc|r) ")
_CELL = re.compile(r"\{%-?\s*(?:cellbg|colspan)\s+(.*?)-?%\}")
_MERGE = re.compile(r"\{%-?\s*(?:vm|hm)\s*-?%\}")


@dataclass(frozen=True)
class LintFinding(Worded):
    """A problem in a template that its author should fix."""

    place: str
    entry: str
    params: Mapping[str, Any] = field(default_factory=dict)
    level: Literal["error", "warning"] = "error"

    @property
    def code(self) -> str:
        """The code for programs: the entry in `messages.toml` up to its full stop."""
        return self.entry.partition(".")[0]

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return the entry in the message catalogues and its parameters."""
        return self.entry, self.params

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON values, with its message in both languages."""
        finding = {"place": self.place, "code": self.code, "level": self.level}
        return finding | {"message": self.messages()}


def lint(template: Template, theme: Theme) -> list[LintFinding]:
    """Check one template; findings come in the order of the template, unshown fields last."""
    module = import_module(FORMATS[template.format].module)
    try:
        pieces: list[Piece] = module.pieces(template.data)
    except DocgenError as fault:
        return _faults(template, fault)
    model = record_types()[template.code]
    label = f"{template.code}/{template.path.name}"
    walker = _Walker(
        vocabulary(model), lambda line: f"{label} {_place(pieces, line)}", pages=theme.pages
    )
    findings = walker.check("\n".join(_plain_jinja(piece.text) for piece in pieces))
    if not findings:
        try:
            module.compile(template.data, theme)
        except DocgenError as fault:
            findings += _faults(template, fault)
    if any(finding.code == "broken_tag" for finding in findings):
        return findings
    for path, zh in printable_paths(model).items():
        if path not in walker.used:
            shown = {"zh": f"{path}（{zh}）", "en": path}
            findings.append(LintFinding(label, "field_not_shown", {"field": shown}, "warning"))
    return findings


def _faults(template: Template, fault: DocgenError) -> list[LintFinding]:
    label = f"{template.code}/{template.path.name}"
    return [LintFinding(f"{label} {one.place}".strip(), *one.wording()) for one in fault.each()]


def _plain_jinja(text: str) -> str:
    """Return a piece as one line of plain Jinja, without docxtpl's prefixes and cell tags."""
    text = _MERGE.sub("", _CELL.sub(r"{{ \1 }}", text.replace("\n", " ")))
    return _PREFIX.sub(r"{\1\2 ", text)


def _place(pieces: list[Piece], line: int) -> str:
    return pieces[min(max(line, 1), len(pieces)) - 1].place if pieces else ""


Scope = dict[str, Name]
IN_MACRO = dict.fromkeys(("caller", "varargs", "kwargs"), ANY)
IN_BLOCK = dict.fromkeys(("super", "self"), ANY)


@dataclass
class _Walker:
    """Walks a template's syntax tree with the names in scope; collects used and unknown names."""

    roots: Scope
    place: Callable[[int], str]
    pages: Mapping[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    findings: list[LintFinding] = field(default_factory=list)
    within: list[str] = field(default_factory=list)

    def check(self, source: str) -> list[LintFinding]:
        """Walk `source`; a syntax error ends it."""
        try:
            tree = environment().parse(source)
        except TemplateSyntaxError as wrong:
            return [_broken(self.place(wrong.lineno), wrong)]
        self._visit_all(tree.body, dict(self.roots))
        return self.findings

    def _visit_all(self, body: list[nodes.Node], scope: Scope) -> None:
        for node in body:
            self._visit(node, scope)

    def _visit(self, node: nodes.Node, scope: Scope) -> None:
        if isinstance(node, nodes.For):
            self._loop(node, scope)
        elif isinstance(node, nodes.Assign | nodes.AssignBlock):
            self._assign(node, scope)
        elif isinstance(node, nodes.Macro | nodes.CallBlock):
            self._macro(node, scope)
        elif isinstance(node, nodes.With):
            self._with(node, scope)
        elif isinstance(node, nodes.Block):
            self._visit_all(node.body, scope | IN_BLOCK)
        elif isinstance(node, nodes.FromImport):
            scope |= {name if isinstance(name, str) else name[1]: ANY for name in node.names}
        elif isinstance(node, nodes.Import):
            scope[node.target] = ANY
        elif isinstance(node, nodes.Include | nodes.Extends):
            self._page(node, scope)
        elif isinstance(node, nodes.Expr):
            self._resolve(node, scope)
        else:
            self._visit_all(list(node.iter_child_nodes()), scope)

    def _page(self, node: nodes.Include | nodes.Extends, scope: Scope) -> None:
        """Walk a page of the theme in the scope where it is included or extended.

        `within` ends the walk of pages that include each other.
        """
        name = node.template.value if isinstance(node.template, nodes.Const) else ""
        if name not in self.pages:
            self._unknown(node, str(name), list(self.pages), "")
            return
        if name in self.within:
            return
        outer, self.place = self.place, lambda line: f"{name} 第 {line} 行 (line {line})"
        self.within.append(name)
        try:
            self._visit_all(environment().parse(self.pages[name]).body, dict(scope))
        except TemplateSyntaxError as wrong:
            self.findings.append(_broken(self.place(wrong.lineno), wrong))
        self.within.pop()
        self.place = outer

    def _loop(self, node: nodes.For, scope: Scope) -> None:
        rows = self._resolve(node.iter, scope)
        inner = dict(scope)
        for target in _targets(node.target):
            inner[target] = rows.item or ANY
        if node.test:
            self._resolve(node.test, inner)
        self._visit_all(node.body, inner)
        self._visit_all(node.else_, dict(scope))

    def _macro(self, node: nodes.Macro | nodes.CallBlock, scope: Scope) -> None:
        if isinstance(node, nodes.Macro):
            scope[node.name] = ANY
        else:
            self._resolve(node.call, scope)
        for default in node.defaults:
            self._resolve(default, scope)
        self._visit_all(node.body, scope | IN_MACRO | {arg.name: ANY for arg in node.args})

    def _with(self, node: nodes.With, scope: Scope) -> None:
        inner = dict(scope)
        for target, value in zip(node.targets, node.values, strict=True):
            found = self._resolve(value, inner)
            inner |= dict.fromkeys(_targets(target), found)
        self._visit_all(node.body, inner)

    def _assign(self, node: nodes.Assign | nodes.AssignBlock, scope: Scope) -> None:
        value = self._resolve(node.node, scope) if isinstance(node, nodes.Assign) else ANY
        if isinstance(node, nodes.AssignBlock):
            self._visit_all(node.body, scope)
        for target in _targets(node.target):
            scope[target] = value

    def _resolve(self, node: nodes.Node, scope: Scope) -> Name:
        """Return the name that an expression stands for; ANY for calls, filters and operators."""
        if isinstance(node, nodes.Name):
            if node.name not in scope:
                self._unknown(node, node.name, list(scope), "")
                return ANY
            return self._use(scope[node.name])
        if isinstance(node, nodes.Getattr):
            return self._child(node, self._resolve(node.node, scope), node.attr)
        if isinstance(node, nodes.Getitem):
            owner = self._resolve(node.node, scope)
            if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
                return self._child(node, owner, node.arg.value)
            self._resolve(node.arg, scope)
            return owner.item or ANY
        for child in node.iter_child_nodes():
            self._resolve(child, scope)
        return ANY

    def _child(self, node: nodes.Node, owner: Name, attribute: str) -> Name:
        if owner.children is None:
            return ANY
        if attribute not in owner.children:
            self._unknown(node, attribute, list(owner.children), owner.path)
            return ANY
        return self._use(owner.children[attribute])

    def _use(self, name: Name) -> Name:
        if name.path:
            self.used.add(name.path)
        return name

    def _unknown(self, node: nodes.Node, name: str, known: list[str], owner: str) -> None:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)  # one name to suggest
        full = f"{owner}.{name}" if owner else name
        entry = "unknown_name.near" if near else "unknown_name"
        params = {"name": full, "near": near[0] if near else ""}
        self.findings.append(LintFinding(self.place(node.lineno), entry, params))


def _broken(place: str, wrong: TemplateSyntaxError) -> LintFinding:
    return LintFinding(place, "broken_tag.engine", {"reason": str(wrong.message)})


def _targets(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Name):
        yield node.name
    elif isinstance(node, nodes.Tuple):
        for item in node.items:
            yield from _targets(item)
