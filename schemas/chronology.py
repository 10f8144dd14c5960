"""Order of the moments of a record: what must not come before what, and nothing in the future."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schemas.fields import Part, labels_of, shape
from schemas.problems import SHANGHAI, Problem, Step, error


@dataclass(frozen=True)
class Moment:
    """A moment of a record: where it stands, what it is called, and when (None: not yet)."""

    path: tuple[Step, ...]
    label: Mapping[str, str]
    at: date | datetime | None


def moments(part: Part, *names: str) -> list[Moment]:
    """Collect moments of `part` by name; `pm_delivery.submitted_at` names one of a child."""
    return [_moment(part, name.split(".")) for name in names]


def out_of_order(chain: Sequence[Moment]) -> Iterator[Problem]:
    """Refuse each moment that comes before an earlier one of the chain; a day has no time."""
    passed: list[Moment] = []
    for later in chain:
        if later.at is None:
            continue
        for earlier in reversed(passed):
            if _before(later.at, earlier.at):
                told = {"what": later.label, "before": earlier.label, "earlier": earlier.at}
                yield error(later.path, "out_of_order", later.at, **told)
                break
        passed.append(later)


def in_future(chain: Sequence[Moment], now: datetime) -> Iterator[Problem]:
    """Refuse each moment after `now`."""
    for moment in chain:
        if moment.at is not None and _before(now, moment.at):
            yield error(moment.path, "in_future", moment.at, now=now)


def day_of(moment: date | datetime) -> date:
    """Give the day of a moment in Asia/Shanghai."""
    return moment.astimezone(SHANGHAI).date() if isinstance(moment, datetime) else moment


def _before(one: date | datetime, other: Any) -> bool:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one < other
    return day_of(one) < day_of(other)


def _moment(part: Part, names: list[str]) -> Moment:
    owner: Part | None = part
    model: type[Part] = type(part)
    for name in names[:-1]:
        owner = getattr(owner, name, None)
        model = shape(model, name).part or model
    at = getattr(owner, names[-1], None)
    return Moment(tuple(names), labels_of(model, names[-1]), at)
