"""What a field is: labels, unit, section, header aliases; and what a record is made of.

Every model derives from `Part`; a rule is a method marked with `@rule`, which runs as soon as
the fields it needs are valid, whatever else is wrong with the record.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as data_field
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from schemas.problems import Problem
from schemas.values import fold

REQUIRED: Any = ...
P = TypeVar("P", bound="Part")
Rule = Callable[..., Iterator[Problem]]


def field(
    zh: str,
    en: str,
    default: Any = REQUIRED,
    *,
    unit: str = "",
    section: str = "",
    aliases: tuple[str, ...] = (),
    widget: str = "",
    secret: bool = False,
    **limits: Any,
) -> Any:
    """Declare a field with its labels; without `default` it is mandatory.

    `unit` is printed with the value (GB, s, %), `section` groups fields on paper, `aliases` are
    column headers seen in spreadsheets, `widget` tells a form or template how to show it
    (`wide`: a whole line of a form, `log`: monospaced, may hold control characters,
    `hidden`: never printed by itself). `limits` are Pydantic's (ge, le, min_length, …).
    """
    extra: dict[str, Any] = {"x-label": {"zh": zh, "en": en}}
    known = {"x-unit": unit, "x-section": section, "x-aliases": list(aliases), "x-widget": widget}
    extra |= {key: value for key, value in known.items() if value}
    if isinstance(default, list):
        limits["default_factory"] = default.copy
    elif default is not REQUIRED:
        limits["default"] = default
    return Field(title=zh, json_schema_extra=extra, **limits)


class Choice(StrEnum):
    """An enumeration that accepts its code, its labels and its aliases, and prints labels.

    Members are written `code, zh, en[, tone[, alias…]]`; tone is good, warn, bad, muted or "".
    """

    zh: str
    en: str
    tone: str
    aliases: tuple[str, ...]

    def __new__(cls, code: str, zh: str, en: str, tone: str = "", *aliases: str) -> Choice:
        """Make a member whose value is its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.zh, member.en, member.tone, member.aliases = zh, en, tone, aliases
        return member

    @classmethod
    def _missing_(cls, value: object) -> Choice | None:
        if not isinstance(value, str):
            return None
        wanted = fold(value)
        for member in cls:
            if wanted in {
                fold(name) for name in (member.value, member.zh, member.en, *member.aliases)
            }:
                return member
        return None

    def label(self, lang: str) -> str:
        """Give the printed word in `lang`."""
        return self.zh if lang == "zh" else self.en


@dataclass(frozen=True)
class _Marked:
    run: Rule
    needs: tuple[str, ...]
    with_setting: bool = data_field(default=False)


def rule(*needs: str) -> Callable[[Rule], Rule]:
    """Mark a method as a rule over the fields `needs`, all of which are then valid.

    The method yields problems with paths from its own model; it takes `self`, and a second
    parameter (`setting: Setting`) where it needs the time or the contract. A rule over the rows
    of a list that does not name the list in `needs` also sees a list with bad rows: what could
    not be read there is None.
    """

    def mark(function: Rule) -> Rule:
        takes_setting = len(inspect.signature(function).parameters) > 1
        function.__rule__ = _Marked(function, needs, takes_setting)  # type: ignore[attr-defined]
        return function

    return mark


class Part(BaseModel):
    """A record or a part of one: unknown fields are refused, rules are methods.

    `fill` computes what is derived (percentages, overall state) once all fields are valid.
    `foreign` names fields that people look for here but that belong elsewhere, each with the code
    that tells them where.
    """

    model_config = ConfigDict(extra="forbid", validate_default=False, ser_json_inf_nan="null")

    foreign: ClassVar[Mapping[str, str]] = {}

    def fill(self, setting: Any) -> None:
        """Set derived fields that were not given; runs after the children's."""

    @classmethod
    def rules(cls) -> list[_Marked]:
        """List every rule of the model, base classes first."""
        return _rules(cls)


@cache
def _rules(cls: type[Part]) -> list[_Marked]:
    found: dict[str, _Marked] = {}
    for owner in reversed(cls.__mro__):
        for name, member in vars(owner).items():
            if isinstance(mark := getattr(member, "__rule__", None), _Marked):
                found[name] = mark
    return list(found.values())


def extra(info: FieldInfo) -> Mapping[str, Any]:
    """Give the labels and hints of a field."""
    given = info.json_schema_extra
    return given if isinstance(given, dict) else {}


def label_of(model: type[Part], name: str, lang: str) -> str:
    """Give a field's label in `lang`; the name itself when it has none."""
    return str(extra(model.model_fields[name]).get("x-label", {}).get(lang, name))


@cache
def labels_of(model: type[Part], name: str) -> Mapping[str, str]:
    """Give a field's label in every language, as a problem's parameter."""
    return {lang: label_of(model, name, lang) for lang in ("zh", "en")}


def unit_of(model: type[Part], name: str) -> str:
    """Give a field's unit, or an empty text."""
    return str(extra(model.model_fields[name]).get("x-unit", ""))


def broken_fields(part: Part) -> frozenset[str]:
    """Name the fields of `part` that could not be read; none in a valid record."""
    found: frozenset[str] = getattr(part, "_broken", frozenset())
    return found


@dataclass(frozen=True)
class Shape:
    """A field's type without Optional: `base`, whether it is a list, and the Part inside if any."""

    base: Any
    is_list: bool = False
    optional: bool = False

    @property
    def part(self) -> type[Part] | None:
        """The model of a nested object or of a list's rows."""
        return self.base if isinstance(self.base, type) and issubclass(self.base, Part) else None


@cache
def shape(model: type[Part], name: str) -> Shape:
    """Tell the shape of a field's annotation: value, list of values, part, list of parts."""
    annotation: Any = model.model_fields[name].annotation
    arms = get_args(annotation)
    optional = type(None) in arms
    if optional and get_origin(annotation) is not list:
        annotation = next(arm for arm in arms if arm is not type(None))
    if get_origin(annotation) is list:
        return Shape(_bare(get_args(annotation)[0]), True, optional)
    return Shape(_bare(annotation), False, optional)


def _bare(annotation: Any) -> Any:
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
