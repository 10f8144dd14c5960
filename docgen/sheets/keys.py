"""What a row is (its natural key) and what it says (its hash): twice the same adds nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from pydantic_core import to_json

from docgen.sheets.records import Ref


def digest(value: Any) -> bytes:
    """Return 16 bytes that stand for a plain value."""
    return blake2b(to_json(_ordered(value)), digest_size=16).digest()


def _ordered(value: Any) -> Any:
    """Return a value whose fields stand in one order, whatever the order of the columns."""
    if type(value) is not dict:
        return value
    names = sorted(value)
    return value if names == list(value) else {name: value[name] for name in names}


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
class Seen:
    """Rows of this run by their keys, to tell doubles."""

    rows: dict[bytes, tuple[bytes, Ref]] = field(default_factory=dict)

    def first(self, key: bytes, hash_: bytes, ref: Ref) -> tuple[bytes, Ref] | None:
        """Return hash and place of an earlier row with this key; None, and note it, if new."""
        earlier = self.rows.get(key)
        if earlier is None:
            self.rows[key] = (hash_, ref)
        return earlier
