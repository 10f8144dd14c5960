"""What the rows of a sheet can be: records, rows of a record's list, rows of a list's list.

Everything is derived from the schemas: a new record type brings its own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

from docgen.intake.sheets.headers import folded
from docgen.intake.sheets.types import kind_of, parent_keys
from schemas.catalog import record_types
from schemas.envelope import Record
from schemas.fields import Part, extra, label_of, shape, unit_of

Tier = Literal["own", "nested", "parent", "record"]
WEIGHTS: dict[Tier, float] = {"own": 1.0, "nested": 0.8, "parent": 0.5, "record": 0.3}
ENVELOPE = (
    "doc_no",
    "contract_no",
    "phase",
    "customer_name",
    "customer_code",
    "project_name",
    "provider_name",
    "doc_date",
    "prepared_by",
    "prepared_at",
    "confidentiality",
)
GROUPING = ("doc_no", "contract_no")
"""Fields of the record that a column of a list may hold."""


@dataclass(frozen=True)
class Slot:
    """A field that a column may hold. `tier` says whose field it is, `path` where it lies there."""

    tier: Tier
    path: tuple[str, ...]
    owner: type[Part]

    @property
    def name(self) -> str:
        """The field's own name."""
        return self.path[-1]

    @property
    def id(self) -> str:
        """How mappings name it: `server_name`, `location.room`, `record:doc_no`."""
        prefix = f"{self.tier}:" if self.tier in ("parent", "record") else ""
        return prefix + ".".join(self.path)

    @property
    def unit(self) -> str:
        """The field's unit."""
        return unit_of(self.owner, self.name)

    @property
    def required(self) -> bool:
        """Whether its owner must have it."""
        return self.owner.model_fields[self.name].is_required()

    @property
    def is_list(self) -> bool:
        """Whether several columns may hold it together."""
        return shape(self.owner, self.name).is_list

    def label(self, lang: str) -> str:
        """Give the field's label in `lang`."""
        return label_of(self.owner, self.name, lang)


@dataclass(frozen=True)
class SheetTarget:
    """One thing that rows can be; `path` leads to the list that they fill, () to the record."""

    code: str
    path: tuple[str, ...]
    model: type[Part]

    @cached_property
    def is_record(self) -> bool:
        """Whether each row is a record."""
        return not self.path

    @cached_property
    def needs_parent(self) -> bool:
        """Whether each row belongs to a row of another sheet."""
        return len(self.path) > (0 if kind_of(self.code).a_row else 1)

    @property
    def label(self) -> str:
        """How people call it: WB objects."""
        return " ".join((self.code, *self.path))

    @cached_property
    def slots(self) -> Mapping[str, Slot]:
        """Every field that a column may hold, by its id."""
        return {slot.id: slot for slot in _slots(self)}

    @cached_property
    def names(self) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """Folded header → ids it may mean, the nearest tier first."""
        found: dict[str, dict[Tier, list[str]]] = {}
        for slot in self.slots.values():
            for name in dict.fromkeys(_names(slot)):
                ids = found.setdefault(name, {}).setdefault(slot.tier, [])
                if slot.id not in ids:
                    ids.append(slot.id)
        return {
            name: tuple(tuple(tiers[tier]) for tier in WEIGHTS if tier in tiers)
            for name, tiers in found.items()
        }

    @cached_property
    def required(self) -> frozenset[str]:
        """Ids of the own fields that a row must have, but those of the envelope."""
        return frozenset(
            slot.id for slot in self.slots.values() if slot.required and slot.tier == "own"
        )


@cache
def targets() -> tuple[SheetTarget, ...]:
    """Return everything that rows can be, over all record types."""
    return tuple(one for model in record_types().values() for one in _of_type(model))


@cache
def every_name() -> frozenset[str]:
    """Return every folded header that means something anywhere."""
    return frozenset(name for one in targets() for name in one.names)


@cache
def root(code: str) -> SheetTarget:
    """Return the record itself as a target: the fields of forms, and of the lines over a table."""
    return SheetTarget(code, (), record_types()[code])


def _of_type(model: type[Record]) -> Iterator[SheetTarget]:
    code = model.record_type.code
    yield root(code)
    for name, part in _lists(model):
        yield SheetTarget(code, (name,), part)
        for inner, below in _lists(part):
            yield SheetTarget(code, (name, inner), below)


def _lists(model: type[Part]) -> Iterator[tuple[str, type[Part]]]:
    for name in model.model_fields:
        kind = shape(model, name)
        if name not in Record.model_fields and kind.is_list and kind.part:
            yield name, kind.part


def _slots(target: SheetTarget) -> Iterator[Slot]:
    seen = set()
    for slot in _candidates(target):
        if slot.id not in seen:
            seen.add(slot.id)
            yield slot


def _candidates(target: SheetTarget) -> Iterator[Slot]:
    model = record_types()[target.code]
    for slot in _fields(target.model, "own", ()):
        of_parts = slot.is_list and shape(slot.owner, slot.name).part
        if not (of_parts and target.is_record and not kind_of(target.code).a_row):
            yield slot
    if target.needs_parent:
        owner = model if len(target.path) == 1 else _part_of(model, target.path[0])
        for name in parent_keys():
            if name in owner.model_fields:
                yield Slot("parent", (name,), owner)
    elif target.path:
        yield from (Slot("record", (name,), model) for name in GROUPING)


def _part_of(model: type[Part], name: str) -> type[Part]:
    part = shape(model, name).part
    assert part is not None
    return part


def _fields(model: type[Part], tier: Tier, prefix: tuple[str, ...]) -> Iterator[Slot]:
    for name, info in model.model_fields.items():
        if name in Record.model_fields and issubclass(model, Record):
            if name in ENVELOPE:
                yield Slot("record", (*prefix, name), model)
            continue
        if extra(info).get("x-widget") == "hidden":
            continue
        kind = shape(model, name)
        if kind.part and not kind.is_list:
            yield from _fields(kind.part, "nested", (*prefix, name))
        else:
            yield Slot(tier, (*prefix, name), model)


def _names(slot: Slot) -> Iterator[str]:
    """Return what a slot may be called, folded; a nested one also with its parent before it."""
    info = slot.owner.model_fields[slot.name]
    own = [slot.label("zh"), slot.label("en"), slot.name, *extra(info).get("x-aliases", ())]
    for name in own:
        yield folded(name)
    yield folded(slot.id)
    yield folded(".".join(slot.path))
