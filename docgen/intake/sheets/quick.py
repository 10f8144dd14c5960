"""Say quickly that a record, or a part of one, has nothing wrong; all else is for `reading.read`.

The same model, the same rules, the same search for credentials, only without finding out where:
a sheet has many rows and few faults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Annotated, Any, TypeVar, cast, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from schemas.fields import Part, shape
from schemas.problems import Problem
from schemas.secrets import first_secret, is_secret_name
from schemas.setting import Setting
from schemas.values import PRINTABLE, are_printable

P = TypeVar("P", bound=Part)
Rule = Callable[..., Iterator[Problem]]
_put = object.__setattr__
_TEXTS = [(FieldInfo.from_annotation(kind), limit) for kind, limit in PRINTABLE.items()]


@dataclass(frozen=True)
class _Plan:
    """A model's parts, and its rules with and without setting."""

    parts: tuple[tuple[str, bool], ...]
    rules: tuple[tuple[Rule, bool], ...]
    fills: bool
    has_secret_names: bool
    required: frozenset[str]
    defaults: dict[str, Any]
    makers: tuple[tuple[str, Callable[[], Any]], ...]
    """What a field is by default, and what makes that anew each time."""


@cache
def _plan(model: type[Part]) -> _Plan:
    shapes = {name: shape(model, name) for name in model.model_fields}
    return _Plan(
        tuple(
            (name, kind.is_list)
            for name, kind in shapes.items()
            if kind.part and (kind.part is model or not _is_silent(kind.part))
        ),
        tuple((marked.run, marked.with_setting) for marked in model.rules()),
        model.fill is not Part.fill,
        any(is_secret_name(name) for name in shapes),
        frozenset(name for name, info in model.model_fields.items() if info.is_required()),
        {name: info.default for name, info in model.model_fields.items()},
        tuple(
            (name, cast(Callable[[], Any], info.default_factory))
            for name, info in model.model_fields.items()
            if info.default_factory is not None
        ),
    )


@cache
def _is_silent(model: type[Part]) -> bool:
    """Tell whether no rule can ever say anything of a model."""
    plan = _plan(model)
    parts = [shape(model, name).part for name, _ in plan.parts]
    return not (plan.rules or plan.fills or plan.has_secret_names) and all(
        part is not None and _is_silent(part) for part in parts
    )


def accepted(model: type[Part], values: dict[str, Any], setting: Setting) -> Part | None:
    """Return `values` as an instance when nothing at all is to be said of them, else None."""
    made = shaped(model, values)
    return None if made is None or _is_blamed(made, setting) else made


def shaped(model: type[P], values: dict[str, Any]) -> P | None:
    """Return `values` as an instance when each is readable and holds no credential, else None."""
    if first_secret("\n".join(_texts(values))) is not None:
        return None
    try:
        return model.model_validate(values)
    except ValidationError:
        return None


def typed_values(model: type[Part], name: str, plain: list[Any]) -> list[Any]:
    """Return values of a field as the model holds them; None for each that cannot be read."""
    limit = _text_limit(model, name)
    if limit and are_printable(plain, limit):
        return plain
    try:
        return _many(model, name).validate_python(plain)
    except ValidationError:
        return [_typed_value(model, name, value) for value in plain]


@lru_cache(maxsize=4096)
def typed_text(model: type[Part], name: str, text: str) -> Any:
    """Return what a text means in a field; None when it cannot be read or holds a credential."""
    return None if first_secret(text) is not None else _typed_value(model, name, text)


def _typed_value(model: type[Part], name: str, plain: Any) -> Any:
    try:
        return adapter(model, name).validate_python(plain)
    except ValidationError:
        return None


@cache
def _many(model: type[Part], name: str) -> TypeAdapter[list[Any]]:
    info = model.model_fields[name]
    annotated: Any = Annotated[info.annotation, info]
    return TypeAdapter(list[annotated])


@cache
def _text_limit(model: type[Part], name: str) -> int:
    """Return how long a field's text may be; 0 where it is no text, or has a form of its own."""
    kind, info = shape(model, name), model.model_fields[name]
    if kind.is_list or kind.base is not str:
        return 0
    if kind.optional:
        (arm,) = (one for one in get_args(info.annotation) if one is not type(None))
        info = FieldInfo.from_annotation(arm)
    return next((limit for text, limit in _TEXTS if text.metadata == info.metadata), 0)


@cache
def adapter(model: type[Part], name: str) -> TypeAdapter[Any]:
    """Return a field's own reader."""
    info = model.model_fields[name]
    annotated: Any = Annotated[info.annotation, info]
    return TypeAdapter(annotated)


def defaults(model: type[Part]) -> Mapping[str, Any]:
    """Return what fields are by default; a list that is to be made anew is missing."""
    return _plan(model).defaults


def assembled(
    model: type[P], typed: dict[str, Any], given: frozenset[str], setting: Setting
) -> P | None:
    """Return an instance of values that were read one by one; None when there is a doubt.

    `typed` holds the defaults where nothing was `given`, and becomes the instance's own. There is
    no credential in it: who read it has looked.
    """
    ready = _ready(model, given)
    if ready is None:
        return None
    fields_set, makers = ready
    for name, make in makers:
        typed[name] = make()
    made = model.__new__(model)
    _put(made, "__dict__", typed)
    _put(made, "__pydantic_fields_set__", fields_set)
    _put(made, "__pydantic_extra__", None)
    _put(made, "__pydantic_private__", None)
    return None if _is_blamed(made, setting) else made


@lru_cache(maxsize=256)
def _ready(
    model: type[Part], given: frozenset[str]
) -> tuple[set[str], list[tuple[str, Callable[[], Any]]]] | None:
    """Return one set for all instances that were given the same, and what makes the rest.

    None where something required is not given.
    """
    plan = _plan(model)
    if not plan.required <= given:
        return None
    return set(given), [(name, make) for name, make in plan.makers if name not in given]


def rule_problems(record: Part, setting: Setting) -> list[Problem]:
    """Return what the record's own rules say; its parts have been accepted before."""
    problems: list[Problem] = []
    for run, with_setting in _plan(type(record)).rules:
        problems.extend(run(record, setting) if with_setting else run(record))
    return problems


def _texts(values: Any) -> Iterator[str]:
    for value in values.values() if type(values) is dict else values:
        kind = type(value)
        if kind is str:
            yield value
        elif kind is list or kind is dict:
            yield from _texts(value)


def _is_blamed(part: Part, setting: Setting) -> bool:
    """Tell whether any rule of a part, or of a part of it, has something to say."""
    plan, values = _plan(type(part)), part.__dict__
    if plan.has_secret_names:
        return True
    for name, is_list in plan.parts:
        value = values[name]
        if value and any(_is_blamed(one, setting) for one in (value if is_list else (value,))):
            return True
    for run, with_setting in plan.rules:
        for _ in run(part, setting) if with_setting else run(part):
            return True
    if plan.fills:
        part.fill(setting)
    return False
