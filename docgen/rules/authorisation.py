"""Work has an authorisation (SQ) that was given and signed, and lies inside its hours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from docgen.rules.partial import Plain, line, moment, raw_rows
from schemas.envelope import FINISHED, Status
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
    """A place that names an authorisation, and when the work under it was done.

    A number that is not of our numbering is the customer's own: nobody here can look it up.
    """

    path: Path
    number: str
    times: tuple[tuple[Path, datetime], ...]

    @property
    def is_ours(self) -> bool:
        """Whether the number is one that this service gives."""
        return SQ_NUMBER.fullmatch(self.number) is not None


@dataclass(frozen=True)
class Grant:
    """An authorisation: its state, and from when to when it holds.

    The state is that of the version in force; where none is, of the newest one.
    """

    state: Status
    valid_from: datetime | None
    valid_to: datetime | None


def uses(plain: Plain) -> list[Use]:
    """Find every place of a record that names an authorisation by a number."""
    return list(_uses(plain, ()))


def authorised(
    named: Sequence[Use], grants: Mapping[str, Grant], *, archiving: bool
) -> Iterator[Problem]:
    """Refuse work without an authorisation that holds (`grants` by base number), or outside it.

    One that nobody has signed yet is only warned of until the record is archived.
    """
    for use in named:
        yield from _standing(use, grants.get(base_number(use.number)), archiving=archiving)
        if grant := grants.get(base_number(use.number)):
            told = {"starts": grant.valid_from or "—", "ends": grant.valid_to or "—"}
            for path, at in use.times:
                if _outside(at, grant):
                    yield error(path, "outside_authorisation_of", at, number=use.number, **told)


def _standing(use: Use, grant: Grant | None, *, archiving: bool) -> Iterator[Problem]:
    path = (*use.path, "authorization_no")
    if not use.is_ours:
        yield warning(path, "authorisation_not_ours", use.number)
    elif grant is None:
        yield error(path, "authorisation_unknown", use.number)
    elif grant.state in (Status.returned, Status.void):
        yield error(path, "authorisation_refused", use.number, state=grant.state)
    elif grant.state not in FINISHED:
        told = error if archiving else warning
        yield told(path, "authorisation_unsigned", use.number, state=grant.state)


def _outside(at: datetime, grant: Grant) -> bool:
    starts, ends = grant.valid_from, grant.valid_to
    return (starts is not None and at < starts) or (ends is not None and at > ends)


def _uses(plain: Plain, path: Path) -> Iterator[Use]:
    number = line(plain, "authorization_no").strip()
    if number:
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
