"""What a row is (its natural key) and what it says (its hash): twice the same adds nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any

from pydantic_core import to_json

from docgen.intake.sheets.records import Ref


def digest(value: Any) -> bytes:
    """Return 16 bytes that stand for a plain value."""
    if type(value) is not dict or not value:
        return blake2b(to_json(value), digest_size=16).digest()
    head, values_of = _ordered(tuple(value))
    return blake2b(head + to_json(values_of(value)), digest_size=16).digest()


@lru_cache(maxsize=1024)
def _ordered(names: tuple[str, ...]) -> tuple[bytes, Callable[[Any], Any]]:
    """Return fields in one order, whatever that of the columns, and what takes their values so."""
    ordered = sorted(names)
    return to_json(ordered), itemgetter(*ordered)


def natural_key(scope: Sequence[str], names: Sequence[str], values: Mapping[str, Any]) -> bytes:
    """Return the key of a row: its naming fields where it has all of them, else all it says."""
    found = [values.get(name) for name in names]
    said = found if found and None not in found else dict(values)
    whole = b"[%b,%b]" % (_scope(tuple(scope)), to_json(said))
    return blake2b(whole, digest_size=16).digest()


@lru_cache(maxsize=64)
def _scope(scope: tuple[str, ...]) -> bytes:
    return to_json(scope)


@dataclass
class SeenRows:
    """Rows of this run by their keys, to tell doubles."""

    rows: dict[bytes, tuple[bytes, Ref]] = field(default_factory=dict)

    def first(self, key: bytes, hash_: bytes, ref: Ref) -> tuple[bytes, Ref] | None:
        """Return hash and place of an earlier row with this key; None, and note it, if new."""
        earlier = self.rows.get(key)
        if earlier is None:
            self.rows[key] = (hash_, ref)
        return earlier
