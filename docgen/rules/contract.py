"""The phase of a contract on a day: what the service writes into drafts that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from docgen.rules.partial import Plain, line, lines, raw_rows
from schemas.contract import Contract
from schemas.problems import Problem, error


def phase_on(contract: Contract, day: date) -> str:
    """Return the phase that a day falls into; outside all, the last one begun, or the first."""
    ordered = sorted(contract.phases, key=lambda one: one.starts_on)
    within = [one for one in ordered if one.starts_on <= day <= one.ends_on]
    begun = [one for one in ordered if one.starts_on <= day]
    return str((within or begun[-1:] or ordered)[0].phase.value)


def covering(
    contract: Contract, plain: Plain, elsewhere: Mapping[str, str], begun: set[str]
) -> Iterator[Problem]:
    """Refuse an archive that leaves an object without a form, or makes a second form of one.

    `elsewhere` tells in which archive in force an asset has its form; `begun` names the assets
    of other archives that are still drafts: those forms are on their way.
    """
    own = {line(row, "asset_no") for _, row in raw_rows(plain, "objects")}
    for item in contract.objects:
        if item.asset_no not in own | elsewhere.keys() | begun:
            yield error(("objects",), "object_without_form", item.asset_no)
    for index, row in raw_rows(plain, "objects"):
        number = line(row, "asset_no")
        if number in elsewhere:
            path = ("objects", index, "asset_no")
            yield error(path, "duplicate", number, first=elsewhere[number])


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
