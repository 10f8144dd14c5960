"""A changed parameter starts from the value that the last change left, whichever record holds it.

Within one record `schemas.param_change.continuity` compares; this compares with earlier records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.param_change import ParamChange, continuity
from schemas.problems import Problem, warning
from schemas.values import base_number


@dataclass(frozen=True)
class Logged:
    """A change in another record, with that record's number."""

    doc_no: str
    change: ParamChange


def continuing(
    own_no: str, list_name: str, own: Sequence[tuple[int, ParamChange]], logged: Sequence[Logged]
) -> Iterator[Problem]:
    """Warn of each change whose value before is not what the last one elsewhere left.

    The same change stands in a defect ticket and in the log: it is never compared with itself.
    """
    for index, change in own:
        last = _last_before(own_no, change, logged)
        if last is None or any(_between(last.change, other, change) for _, other in own):
            continue
        for found in continuity((last.change, change), list_name):
            told = {**(found.params or {}), "doc_no": last.doc_no}
            path = (list_name, index, "value_before")
            yield warning(path, "value_before_differs_from", found.value, **told)


def _last_before(own_no: str, change: ParamChange, logged: Sequence[Logged]) -> Logged | None:
    same = {base_number(number) for number in (own_no, change.ticket_no) if number}
    earlier = [
        one
        for one in logged
        if _key(one.change) == _key(change)
        and one.change.changed_at < change.changed_at
        and not same & {base_number(one.doc_no), base_number(one.change.ticket_no or "")}
    ]
    return max(earlier, key=lambda one: one.change.changed_at, default=None)


def _between(last: ParamChange, other: ParamChange, change: ParamChange) -> bool:
    same = _key(other) == _key(change)
    return same and last.changed_at <= other.changed_at < change.changed_at


def _key(change: ParamChange) -> tuple[str, str]:
    return change.asset_no, change.param_name.casefold()
