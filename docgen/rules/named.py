"""Who works on a record, by name: an expert may edit and submit a record that names them."""

from __future__ import annotations

from typing import Any

from docgen.rules.partial import lines

WORKERS = frozenset({"handler", "operator", "engineer"})
LISTS = frozenset({"inspectors"})
STEPS = "stages"  # `person` is one of ours there; in the chain of submission it is a customer


def named_in(plain: Any, *, above: str = "") -> set[str]:
    """Return the names of everybody whom a record names as one who works on it."""
    if isinstance(plain, list):
        return {name for child in plain for name in named_in(child, above=above)}
    if not isinstance(plain, dict):
        return set()
    own = WORKERS | ({"person"} if above == STEPS else set())
    found = {value for key, value in plain.items() if key in own and isinstance(value, str)}
    for key in LISTS & plain.keys():
        found |= set(lines(plain, key))
    for key, child in plain.items():
        found |= named_in(child, above=key)
    return {name.strip() for name in found if name.strip()}
