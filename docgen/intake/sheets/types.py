"""What `types.toml` says of a record type: keys, days, and how rows become records."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.catalog import record_types
from schemas.vocabulary import TicketClass


@dataclass(frozen=True)
class Kind:
    """How rows of one record type are told apart. `day` names the field that dates a record."""

    code: str
    a_row: bool = False
    key: tuple[str, ...] = ()
    day: str = ""
    one_a_sheet: str = ""
    record_key: tuple[str, ...] = ()
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("docgen.intake.sheets").joinpath("types.toml").read_text("utf-8"))


@cache
def kind_of(code: str) -> Kind:
    """Return what is known of a type; a form is a record a row, an archive is made of lists."""
    given = _data().get(code, {})
    return Kind(
        code,
        record_types()[code].record_type.layout == "form",
        tuple(given.get("key", ())),
        given.get("day", ""),
        given.get("one_a_sheet", ""),
        tuple(given.get("record_key", ())),
        {name: tuple(key) for name, key in given.get("keys", {}).items()},
    )


def class_headers() -> list[str]:
    """Return the headers of the column that tells a ticket's class."""
    return list(_data()["class_column"]["headers"])


def code_of_class(text: str) -> str | None:
    """Return the type of a ticket whose class is written so, None for an unknown class."""
    classes: Any = TicketClass  # reads labels too, which its constructor's type does not tell
    try:
        return str(_data()["class_column"][classes(text).value])
    except ValueError:
        return None


def class_codes() -> tuple[str, ...]:
    """Return the types among which a class column chooses."""
    return tuple(_data()["class_column"][one.value] for one in TicketClass)


def parent_keys() -> tuple[str, ...]:
    """Return the fields by which a row of a related sheet finds its main row."""
    return tuple(_data()["parents"]["keys"])
