"""What can be read of a record whose other fields may still be wrong: rows, names, moments.

Nothing is reported here: what cannot be read is told by the record's own schema, at its place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from schemas.fields import Part
from schemas.values import parse_instant

P = TypeVar("P", bound=Part)
Plain = Mapping[str, Any]


def rows(plain: Plain, name: str, model: type[P]) -> list[tuple[int, P]]:
    """Return the rows of a list that are whole, each with its index."""
    found = []
    for index, row in raw_rows(plain, name):
        try:
            found.append((index, model.model_validate(row)))
        except ValidationError:
            continue  # the schema tells it
    return found


def raw_rows(plain: Plain, name: str) -> Iterator[tuple[int, Plain]]:
    """Give the rows of a list that are objects, each with its index."""
    given = plain.get(name)
    for index, row in enumerate(given if isinstance(given, list) else ()):
        if isinstance(row, dict):
            yield index, row


def part(plain: Plain, name: str) -> Plain:
    """Return a nested object; an empty one where there is none."""
    found = plain.get(name)
    return found if isinstance(found, dict) else {}


def line(plain: Plain, name: str) -> str:
    """Return a text as given; an empty one where there is none."""
    found = plain.get(name)
    return found if isinstance(found, str) else ""


def lines(plain: Plain, name: str) -> list[str]:
    """Return the texts of a list."""
    found = plain.get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def moment(plain: Plain, name: str) -> datetime | None:
    """Return a moment (UTC), or None where there is none that can be read."""
    given = plain.get(name)
    try:
        return None if given is None else parse_instant(given)
    except ValueError:
        return None  # the schema tells it
