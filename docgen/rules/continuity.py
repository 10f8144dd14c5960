"""A changed parameter starts from the value that the last change left, whichever record holds it.

Within one record `schemas.param_change.continuity` compares; this compares with earlier records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docgen.rules.partial import Plain, line, raw_rows, rows
from schemas.findings import CheckItem, FoundProblem, ProblemState
from schemas.param_change import ParamChange, continuity
from schemas.problems import Problem, error, warning
from schemas.values import base_number, fold
from schemas.vocabulary import CheckState


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


# States of a check item that say nothing of the thing itself.
UNSEEN = (CheckState.not_checked, CheckState.not_applicable)


@dataclass(frozen=True)
class Previous:
    """The last inspection of an asset: its number, and the items that were abnormal."""

    doc_no: str
    abnormal: tuple[str, ...]


def abnormal_items(plain: Plain) -> tuple[str, ...]:
    """Name the items that an inspection found abnormal."""
    items = (item for _, item in rows(plain, "check_items", CheckItem))
    return tuple(item.item for item in items if item.state is CheckState.abnormal)


def reappearing(plain: Plain, previous: Sequence[Previous]) -> Iterator[Problem]:
    """Refuse an inspection that is silent about an item that was abnormal before.

    An item is spoken of by a check item of the same name that was looked at, or by an open or
    closed problem that names it and the document in which it was first found.
    """
    checked, problems = _checked(plain), _carried(plain)
    told = set()
    for last in previous:
        for item in last.abnormal:
            name = fold(item)
            spoken_of = name in checked or any(name in text for text in problems)
            if not spoken_of and name not in told:
                told.add(name)
                yield error(("check_items",), "abnormal_item_vanished", item, doc_no=last.doc_no)


def first_found_in(plain: Plain) -> dict[int, str]:
    """Return which document each problem says it was first found in: index → number."""
    found = ((index, line(row, "first_found_doc")) for index, row in raw_rows(plain, "problems"))
    return {index: number for index, number in found if number}


def first_found(plain: Plain, own_no: str, known: set[str]) -> Iterator[Problem]:
    """Refuse a problem first found in a document that does not exist (`known`: base numbers)."""
    for index, number in first_found_in(plain).items():
        if base_number(number) not in {base_number(own_no), *known}:
            yield error(("problems", index, "first_found_doc"), "first_found_unknown", number)


def _checked(plain: Plain) -> set[str]:
    """Name the items that were looked at; one that cannot be read is not called silent."""
    given = {fold(line(row, "item")) for _, row in raw_rows(plain, "check_items")}
    items = [item for _, item in rows(plain, "check_items", CheckItem)]
    unseen = {fold(item.item) for item in items if item.state in UNSEEN}
    return given - (unseen - {fold(item.item) for item in items if item.state not in UNSEEN})


def _carried(plain: Plain) -> list[str]:
    """Return the texts of problems that are carried on from an earlier document."""
    return [
        fold(found.description)
        for _, found in rows(plain, "problems", FoundProblem)
        if found.state is not ProblemState.new and found.first_found_doc
    ]
