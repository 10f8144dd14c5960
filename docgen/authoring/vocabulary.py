"""The names that a template may use, as a tree: fields, labels, wording, sign-offs, theme.

Must list what `docgen.renderers.template_context` and `docgen.document` provide, and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from docgen.document import words
from docgen.templates.theme import COLOURS
from schemas.envelope import Record
from schemas.fields import Part, extra, shape

# Fields of `doc`, see `docgen.document._meta`.
META = frozenset({"title", "code", "lang", "mark", "sha256", "short_code"})
# Fields of a sign-off block (`docgen.document._signoff_block`) and the record field each prints.
BLOCK = {
    "anchor": "",
    "role": "signoffs.role",
    "title": "signoffs.role",
    "gives_opinion": "",
    "opinion": "signoffs.opinion",
    "opinions": "signoffs.opinion",
    "comment": "signoffs.comment",
    "name": "signoffs.name",
    "org": "signoffs.org",
    "signed_on": "signoffs.signed_on",
    "method": "signoffs.method",
    "seal": "signoffs.seal_required",
    "signed": "",
}
THEME = frozenset({"company", "verify_url", *COLOURS})  # as `docgen.renderers.theme_fields`
FUNCTIONS = frozenset({"numeral", "widths", "range", "tone_fill", "loop"})


@dataclass(frozen=True)
class Name:
    """A name that a template may use; `children` is None where any attribute is accepted.

    `path` is the schema path (`params.name`) of a record's field, empty for other names; `item`
    is the type of a loop's variable.
    """

    path: str = ""
    children: dict[str, Name] | None = None
    item: Name | None = None


ANY = Name()


def vocabulary(model: type[Record]) -> dict[str, Name]:
    """Return every root name of the templates for `model`."""
    block = Name("", {name: Name(path) for name, path in BLOCK.items()})
    names = dict(_part(model, "").children or {})
    names |= {
        "doc": _flat(META),
        "label": Name("", _labels(model)),
        "section": _flat({key for key, _, _ in model.record_type.sections}),
        "t": _flat(words("zh").keys()),
        "theme": _flat(THEME),
        "signoff_blocks": Name("", {"empty": ANY}, block),
    }
    return names | dict.fromkeys(FUNCTIONS, ANY)


def printable_paths(model: type[Part], prefix: str = "") -> dict[str, str]:
    """Return the path and zh label of every field that a template should show."""
    found: dict[str, str] = {}
    for name, info in model.model_fields.items():
        attributes = extra(info)
        if attributes.get("x-widget") == "hidden":
            continue
        path = f"{prefix}.{name}" if prefix else name
        kind = shape(model, name)
        if kind.part:
            found |= printable_paths(kind.part, path)
        else:
            found[path] = str(attributes.get("x-label", {}).get("zh", name))
    return found


def _flat(names: Iterable[str]) -> Name:
    return Name("", dict.fromkeys(names, ANY))


def _part(model: type[Part], path: str) -> Name:
    fields = {
        name: _field(model, name, f"{path}.{name}" if path else name) for name in model.model_fields
    }
    return Name(path, {"empty": ANY} | fields)


def _field(model: type[Part], name: str, path: str) -> Name:
    kind = shape(model, name)
    if kind.part and kind.is_list:
        return Name(path, {"empty": ANY}, _part(kind.part, path))
    if kind.part:
        return _part(kind.part, path)
    leaf = Name(path, {"code": ANY, "tone": ANY})
    return Name(path, {"empty": ANY}, leaf) if kind.is_list else leaf


def _labels(model: type[Part]) -> dict[str, Name]:
    parts = {name: shape(model, name).part for name in model.model_fields}
    return {name: Name("", _labels(part) if part else {}) for name, part in parts.items()}
