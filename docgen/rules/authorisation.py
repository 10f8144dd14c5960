"""Work lies inside the hours of the authorisation (SQ) that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from docgen.rules.partial import Plain, line, moment, raw_rows
from schemas.problems import Problem, Step, error, warning
from schemas.values import base_number

# As schemas.values.DOC_NO_PATTERN has it, for this one type.
SQ_NUMBER = re.compile(r"SQ-[A-Z0-9]{2,12}-\d{8}-\d{3}(-R\d{1,2})?")
# Fields that say when work was done, whichever record type they stand in.
TIMES = ("changed_at", "started_at", "ended_at", "work_started_at", "start", "end")
# Lists whose rows are work under the authorisation of the record around them.
INHERITING = ("config_changes", "sessions")

Path = tuple[Step, ...]


@dataclass(frozen=True)
class Use:
    """A place that names an authorisation, and when the work under it was done."""

    path: Path
    number: str
    times: tuple[tuple[Path, datetime], ...]


@dataclass(frozen=True)
class Window:
    """From when to when an authorisation holds."""

    valid_from: datetime | None
    valid_to: datetime | None


def uses(plain: Plain) -> list[Use]:
    """Find every place of a record that names an authorisation by its number."""
    return list(_uses(plain, ()))


def authorised(named: Sequence[Use], windows: Mapping[str, Window]) -> Iterator[Problem]:
    """Refuse work outside its window (by base number); warn of a number that does not exist."""
    for use in named:
        window = windows.get(base_number(use.number))
        if window is None:
            yield warning((*use.path, "authorization_no"), "authorisation_unknown", use.number)
            continue
        for path, at in use.times:
            if _outside(at, window):
                told = {"starts": window.valid_from or "—", "ends": window.valid_to or "—"}
                yield error(path, "outside_authorisation_of", at, number=use.number, **told)


def _outside(at: datetime, window: Window) -> bool:
    starts, ends = window.valid_from, window.valid_to
    return (starts is not None and at < starts) or (ends is not None and at > ends)


def _uses(plain: Plain, path: Path) -> Iterator[Use]:
    number = line(plain, "authorization_no").strip()
    if SQ_NUMBER.fullmatch(number):
        yield Use(path, number, (*_times(plain, path), *_inherited(plain, path)))
    for name, value in plain.items():
        if isinstance(value, list):
            for index, row in raw_rows(plain, name):
                yield from _uses(row, (*path, name, index))
        elif isinstance(value, dict):
            yield from _uses(value, (*path, name))


def _inherited(plain: Plain, path: Path) -> Iterator[tuple[Path, datetime]]:
    """Give the times of rows that name no authorisation of their own."""
    for name in INHERITING:
        for index, row in raw_rows(plain, name):
            if not line(row, "authorization_no"):
                yield from _times(row, (*path, name, index))


def _times(plain: Plain, path: Path) -> Iterator[tuple[Path, datetime]]:
    for name in TIMES:
        at = moment(plain, name)
        if at is not None:
            yield (*path, name), at
