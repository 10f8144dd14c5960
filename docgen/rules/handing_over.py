"""The hand-over list (DJ): closed tickets of the contract, each handed over and counted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docgen.rules.partial import Plain, line, moment, raw_rows, rows
from schemas.chronology import day_of
from schemas.envelope import FINISHED, Status
from schemas.handover_list import HandedTicket
from schemas.problems import Problem, Step, error, warning
from schemas.values import base_number
from schemas.vocabulary import TicketClass

TITLE_LENGTH = 60
CLOSED = {"ZX": "closed_at", "QX": "resolved_at"}
CLASSES = {"ZX": TicketClass.consultation, "QX": TicketClass.defect}


@dataclass(frozen=True)
class Listed:
    """A version of a ticket that a list names: its state, and the defect that it became."""

    state: str
    converted_to: str


@dataclass(frozen=True)
class Row:
    """A ticket to be listed: when it was closed, and its row."""

    closed_at: datetime
    content: dict[str, Any]


def numbers_in(plain: Plain) -> list[str]:
    """Return the numbers of the tickets on a list, as they stand there."""
    return [number for _, row in raw_rows(plain, "tickets") if (number := line(row, "doc_no"))]


def handing_over(
    plain: Plain, known: Mapping[str, Listed], handed: Mapping[str, str]
) -> Iterator[Problem]:
    """Check each row against its ticket.

    `known` holds the named versions by number, `handed` tells on which other list a number stands.
    """
    listed = {base_number(number) for number in numbers_in(plain)}
    for index, row in rows(plain, "tickets", HandedTicket):
        path: tuple[Step, ...] = ("tickets", index)
        ticket = known.get(row.doc_no)
        if ticket is None:
            yield error((*path, "doc_no"), "no_such_ticket", row.doc_no)
            continue
        if Status[ticket.state] not in FINISHED:
            state = Status[ticket.state]
            yield error((*path, "doc_no"), "ticket_not_closed", row.doc_no, state=state)
        if row.doc_no in handed:
            other = handed[row.doc_no]
            yield error((*path, "doc_no"), "already_handed_over", row.doc_no, other=other)
        yield from _conversion(path, row, ticket, listed)


def rows_for(tickets: Sequence[tuple[str, Plain]]) -> list[Row]:
    """Return the rows for tickets (code, content), in the order in which they were closed.

    A converted consultation waits for its defect ticket, so that both stand on one list and
    count once.
    """
    there = {base_number(line(plain, "doc_no")) for _, plain in tickets}
    ready = [
        _row(code, plain)
        for code, plain in tickets
        if not line(plain, "converted_to") or base_number(line(plain, "converted_to")) in there
    ]
    return sorted(ready, key=lambda row: (row.closed_at, str(row.content["doc_no"])))


def draft_of(contract_no: str, phase: str, rows: Sequence[Row]) -> dict[str, Any]:
    """Return a list as a draft, with the days from the first closing to the last."""
    return {
        "contract_no": contract_no,
        "phase": phase,
        "confidentiality": "internal",
        "period_from": day_of(rows[0].closed_at).isoformat(),
        "period_to": day_of(rows[-1].closed_at).isoformat(),
        "tickets": [row.content for row in rows],
    }


def _conversion(
    path: tuple[Step, ...], row: HandedTicket, ticket: Listed, listed: set[str]
) -> Iterator[Problem]:
    given, real = row.converted_to or "", ticket.converted_to
    if base_number(given) != base_number(real):
        expected = real or {"zh": "（空）", "en": "empty"}
        yield error((*path, "converted_to"), "ticket_differs", given or "—", expected=expected)
    elif real and base_number(real) not in listed:
        yield warning((*path, "converted_to"), "converted_apart", row.doc_no, other=real)


def _row(code: str, plain: Plain) -> Row:
    closed = moment(plain, CLOSED[code])
    assert closed is not None  # archiving demands it
    content = {
        "doc_no": line(plain, "doc_no"),
        "ticket_class": CLASSES[code].value,
        "title": title_of(line(plain, "description")),
        "closed_at": closed.isoformat(),
        "converted_to": line(plain, "converted_to"),
    }
    return Row(closed, {name: value for name, value in content.items() if value})


def title_of(description: str, length: int = TITLE_LENGTH) -> str:
    """Return the first line of a description, shortened, as a title."""
    first = description.strip().splitlines()[0].replace("\t", " ")
    return first if len(first) <= length else first[: length - 1] + "…"
