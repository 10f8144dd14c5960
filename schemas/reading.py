"""From plain JSON values to a typed record, or to every error there is at once.

Structure is Pydantic's; rules then run over whatever part of the record is valid, so a wrong
date in one row never hides a missing advice in another.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Annotated, Any, Generic, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from schemas.fields import Choice, Part, broken_fields, extra, labels_of, shape
from schemas.problems import Problem, Step, error, errors_of
from schemas.secrets import MASK, is_secret_name, masked, secret_problems
from schemas.setting import Setting
from schemas.values import ROW_LIMIT, fold
from schemas.wording import entries

P = TypeVar("P", bound=Part)
NAME_LIMIT = 100  # characters of a field's name that a message repeats
CONTEXT = 1000

# Pydantic's types of errors (docs, "Validation Errors") that one of our messages stands for.
PYDANTIC_CODES = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_type": "not_text",
    "string_unicode": "lone_surrogate",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "string_pattern_mismatch": "wrong_form",
    "greater_than_equal": "too_small",
    "greater_than": "not_positive",
    "less_than_equal": "too_large",
    "list_type": "not_a_list",
    "too_short": "list_too_short",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "dict_type": "not_an_object",
    "bool_type": "not_yes_no",
    "bool_parsing": "not_yes_no",
    "enum": "not_a_choice",
    "literal_error": "not_a_choice",
}


@dataclass
class Read(Generic[P]):
    """What came of reading: the value when nothing refuses it, and all problems in order."""

    value: P | None
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        """Those problems that refuse it."""
        return errors_of(self.problems)


def read(model: type[P], data: Any, setting: Setting) -> Read[P]:
    """Read `data` (plain JSON values) as `model`; all errors at once, each with its place."""
    broken_names = list(_broken_names(data, ()))
    data = _without_broken_names(data) if broken_names else data
    problems = [*broken_names, *_too_many_rows(data, ()), *secret_problems(data)]
    if any(problem.code == "too_many_rows" for problem in problems):
        return Read(None, problems)
    try:
        value = model.model_validate(data)
        broken: list[Problem] = []
    except ValidationError as refused:
        broken = [problem for item in refused.errors() for problem in _problems(model, item)]
        value = _partial(model, data, [problem.path for problem in broken])
    whole = not broken
    problems += broken
    problems += _rule_problems(value, setting)
    ordered = sorted(map(_discreet, _once(problems)), key=lambda p: _rank(model, p.path))
    return Read(value if whole and not errors_of(ordered) else None, ordered)


def _rank(model: type[Part], path: tuple[Step, ...]) -> list[int]:
    """Give a place as numbers, so that problems stand in the order of the schema and the rows."""
    owner: type[Part] | None = model
    ranks = []
    for step in path:
        if isinstance(step, int):
            ranks.append(step)
        elif owner and step in owner.model_fields:
            ranks.append(list(owner.model_fields).index(step))
            owner = shape(owner, step).part
        else:
            ranks.append(len(owner.model_fields) if owner else 0)
            owner = None
    return ranks


def _discreet(problem: Problem) -> Problem:
    """Give `problem` without the credentials that its value or its parameters may repeat."""
    named = bool(problem.path) and is_secret_name(str(problem.path[-1]))
    value = MASK if named and _is_text(problem.value) else _masked(problem.value)
    params = {name: _masked(param) for name, param in (problem.params or {}).items()}
    return replace(problem, value=value, params=params)


def _masked(value: Any) -> Any:
    return masked(value[:CONTEXT]) if _is_text(value) else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Choice)


def _once(problems: list[Problem]) -> list[Problem]:
    kept: dict[tuple[tuple[Step, ...], str], Problem] = {}
    for problem in problems:
        kept.setdefault((problem.path, problem.code), problem)
    return list(kept.values())


def _broken_names(data: Any, path: tuple[Step, ...]) -> Iterator[Problem]:
    """Refuse field names that are no text: Pydantic would look no further."""
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _broken_names(item, (*path, index))
    elif isinstance(data, dict):
        for key, item in data.items():
            if _is_unicode(key):
                yield from _broken_names(item, (*path, key))
            else:
                yield error((*path, str(key)), "lone_surrogate")


def _without_broken_names(data: Any) -> Any:
    if isinstance(data, list):
        return [_without_broken_names(item) for item in data]
    if isinstance(data, dict):
        return {k: _without_broken_names(item) for k, item in data.items() if _is_unicode(k)}
    return data


def _is_unicode(key: Any) -> bool:
    return isinstance(key, str) and not any("\ud800" <= letter <= "\udfff" for letter in key)


def _too_many_rows(data: Any, path: tuple[Step, ...]) -> Iterator[Problem]:
    if isinstance(data, list):
        if len(data) > ROW_LIMIT:
            yield error(path, "too_many_rows", len(data), limit=ROW_LIMIT)
            return
        for index, item in enumerate(data):
            yield from _too_many_rows(item, (*path, index))
    elif isinstance(data, dict):
        for key, item in data.items():
            yield from _too_many_rows(item, (*path, key))


def _problems(model: type[Part], item: Any) -> Iterator[Problem]:
    path = tuple(item["loc"])
    kind = item["type"]
    context = dict(item.get("ctx") or {})
    for name in ("error", "code"):
        context.pop(name, None)
    value = None if kind == "missing" else item["input"]
    code = PYDANTIC_CODES.get(kind, kind if kind in entries() else "wrong_value")
    owner = _owner(model, path)
    if code == "missing" and owner:
        context["label"] = labels_of(owner, str(path[-1]))
    if code == "unknown_field":
        code = owner.foreign.get(str(path[-1]), code) if owner else code
        context |= _nearest(str(path[-1]), owner)
    if code == "blank":
        context["remedy"] = _filling(path, owner)
    if code == "not_a_choice":
        context["choices"] = _choices(owner, path, item)
    if code == "wrong_value":
        context["detail"] = item["msg"]
    yield error(path, code, value, **context)


def _nearest(name: str, owner: type[Part] | None) -> dict[str, Any]:
    """Find the field whose name, label or alias is like `name`: people write 参数名称 as well."""
    known = _accepted_names(owner) if owner else {}
    near = difflib.get_close_matches(fold(name[:NAME_LIMIT]), known, n=1, cutoff=0.5)
    if near:
        found = known[near[0]]
        return {"nearest": {"zh": f"是否想写 {found}？", "en": f"Did you mean {found}?"}}
    return {"nearest": {"zh": "请删除该字段。", "en": "Remove it."}}


@cache
def _accepted_names(model: type[Part]) -> Mapping[str, str]:
    """Give what fields may be called, folded, and their names; a name goes before a label."""
    said: dict[str, str] = {}
    for name in model.model_fields:
        labels = labels_of(model, name).values()
        aliases = extra(model.model_fields[name]).get("x-aliases", ())
        for one in (*labels, *aliases):
            said.setdefault(fold(one), name)
    return said | {fold(name): name for name in model.model_fields}


def _filling(path: tuple[Step, ...], owner: type[Part] | None) -> Mapping[str, str]:
    """Say what to do about nothing: only what is optional may be left out, an item taken out."""
    if isinstance(path[-1], int):
        return {"zh": "请填写内容，或删去这一项。", "en": "Fill it in, or take this item out."}
    info = owner.model_fields.get(str(path[-1])) if owner else None
    if info is None or info.is_required():
        return {"zh": "必填，请填写内容。", "en": "It is required; fill it in."}
    return {"zh": "请填写内容；没有时请省略该字段。", "en": "Fill it in, or leave the field out."}


def _choices(owner: type[Part] | None, path: tuple[Step, ...], item: Any) -> Any:
    names = [step for step in path if isinstance(step, str)]
    members = (
        shape(owner, names[-1]).base
        if owner and names and names[-1] in owner.model_fields
        else None
    )
    if members is None or not hasattr(members, "__members__"):
        return str((item.get("ctx") or {}).get("expected", ""))
    return {
        lang: ", ".join(f"{choice.value} {choice.label(lang)}" for choice in members)
        for lang in ("zh", "en")
    }


def _owner(model: type[Part], path: tuple[Step, ...]) -> type[Part] | None:
    """Find the model that owns the last named field of `path`."""
    names = [step for step in path if isinstance(step, str)]
    owner: type[Part] | None = model
    for name in names[:-1]:
        owner = shape(owner, name).part if owner and name in owner.model_fields else None
    return owner


def _partial(model: type[P], data: Any, broken: list[tuple[Step, ...]]) -> P:
    """Make an instance of `model` with what is valid in `data`; `_broken` names the rest."""
    below = _by_head(broken)
    given: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    lost = {str(head) for head in below} if isinstance(data, Mapping) else set(model.model_fields)
    values: dict[str, Any] = {}
    for name in model.model_fields:
        if name not in given:
            values[name] = _absent(model, name)
        elif name not in lost:
            values[name] = _adapter(model, name).validate_python(given[name])
        else:
            values[name] = _partial_field(model, name, given[name], below[name])
    instance = cast(P, model.model_construct(**values))
    object.__setattr__(instance, "_broken", frozenset(lost))
    return instance


def _absent(model: type[Part], name: str) -> Any:
    info = model.model_fields[name]
    if not info.is_required():
        return info.get_default(call_default_factory=True)
    kind = shape(model, name)
    return [] if kind.is_list and kind.part else None


def _by_head(paths: list[tuple[Step, ...]]) -> dict[Step, list[tuple[Step, ...]]]:
    """Group paths by their first step, which the groups leave out."""
    groups: dict[Step, list[tuple[Step, ...]]] = {}
    for path in paths:
        if path:
            groups.setdefault(path[0], []).append(path[1:])
    return groups


def _partial_field(model: type[Part], name: str, data: Any, broken: list[tuple[Step, ...]]) -> Any:
    kind = shape(model, name)
    if kind.part is None:
        return None
    if not kind.is_list:
        return _partial(kind.part, data, broken) if isinstance(data, Mapping) else None
    if not isinstance(data, list):
        return []
    below = _by_head(broken)
    return [_partial(kind.part, item, below.get(index, [])) for index, item in enumerate(data)]


@cache
def _adapter(model: type[Part], name: str) -> TypeAdapter[Any]:
    info = model.model_fields[name]
    annotated: Any = Annotated[info.annotation, info]
    return TypeAdapter(annotated)


def _rule_problems(part: Part, setting: Setting) -> Iterator[Problem]:
    """Rules of the children first, then the part's own over its valid fields."""
    broken = broken_fields(part)
    for name in type(part).model_fields:
        child = getattr(part, name)
        if isinstance(child, Part):
            yield from (problem.under(name) for problem in _rule_problems(child, setting))
        elif isinstance(child, list):
            for index, row in enumerate(child):
                if isinstance(row, Part):
                    yield from (
                        problem.under(name, index) for problem in _rule_problems(row, setting)
                    )
    for marked in type(part).rules():
        if not broken.intersection(marked.needs):
            yield from marked.run(part, setting) if marked.with_setting else marked.run(part)
    if not broken:
        part.fill(setting)
