"""A consultation that became a defect ticket: both name each other, and it counts once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docgen.rules.partial import Plain, line, moment, part, raw_rows, rows
from schemas.chronology import day_of
from schemas.consultation import Satisfaction
from schemas.envelope import FINISHED, Status
from schemas.handover_list import HandedTicket
from schemas.problems import Problem, Step, error, warning
from schemas.values import base_number
from schemas.vocabulary import TicketClass

LINKS = {"ZX": "converted_to", "QX": "converted_from"}
BACK = {"ZX": "converted_from", "QX": "converted_to"}
COPIED = ("raised_by", "dept", "phone", "email", "mode", "handler", "asset_no", "description")


@dataclass(frozen=True)
class Other:
    """The ticket at the other end: its number, and the ticket that it names in turn."""

    doc_no: str
    names: str


def link_of(code: str, plain: Plain) -> str:
    """Return the number of the ticket at the other end, or nothing."""
    return line(plain, LINKS[code]) if code in LINKS else ""


def converting(code: str, own_no: str, plain: Plain, other: Other | None) -> Iterator[Problem]:
    """Refuse a reference to a ticket that is not there, or that names another one or none."""
    number = link_of(code, plain)
    if not number:
        return
    if other is None:
        yield error(LINKS[code], "no_such_ticket", number)
    elif not other.names:
        yield error(LINKS[code], "conversion_one_sided", number, field=BACK[code], own=own_no)
    elif base_number(other.names) != base_number(own_no):
        yield error(LINKS[code], "converted_otherwise", number, other=other.names)


def defect_of(consultation: Plain) -> dict[str, object]:
    """Return what a defect ticket takes over from the consultation that it comes from."""
    shared = ("contract_no", "confidentiality", *COPIED)
    taken = {name: consultation[name] for name in shared if consultation.get(name) is not None}
    return taken | {"converted_from": base_number(line(consultation, "doc_no"))}


TITLE_LENGTH = 60
CLOSED = {"ZX": "closed_at", "QX": "resolved_at"}
CLASSES = {"ZX": TicketClass.consultation, "QX": TicketClass.defect}


@dataclass(frozen=True)
class Listed:
    """A version of a ticket that a list names: its state, and the defect that it became."""

    state: str
    converted_to: str


@dataclass(frozen=True)
class ProblemRow:
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


def rows_for(tickets: Sequence[tuple[str, Plain]]) -> list[ProblemRow]:
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


def draft_of(contract_no: str, phase: str, rows: Sequence[ProblemRow]) -> dict[str, Any]:
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


def _row(code: str, plain: Plain) -> ProblemRow:
    closed = moment(plain, CLOSED[code])
    assert closed is not None  # archiving demands it
    content = {
        "doc_no": line(plain, "doc_no"),
        "ticket_class": CLASSES[code].value,
        "title": title_of(line(plain, "description")),
        "closed_at": closed.isoformat(),
        "converted_to": line(plain, "converted_to"),
    }
    return ProblemRow(closed, {name: value for name, value in content.items() if value})


def title_of(description: str, length: int = TITLE_LENGTH) -> str:
    """Return the first line of a description, shortened, as a title."""
    first = description.strip().splitlines()[0].replace("\t", " ")
    return first if len(first) <= length else first[: length - 1] + "…"


SUMMARY_LENGTH, ANSWER_LENGTH = 200, 500


def problem_row(code: str, ticket: Plain) -> dict[str, Any]:
    """Return the row of the problem log for an archived ticket."""
    answer = line(ticket, "answer") if code == "ZX" else line(ticket, "plan")
    asked = moment(ticket, "received_at" if code == "ZX" else "reported_at")
    assert asked is not None  # both are mandatory
    row = {
        "occurred_on": day_of(asked).isoformat(),
        "mode": line(ticket, "mode"),
        "ticket_no": line(ticket, "doc_no"),
        "raised_by": line(ticket, "raised_by"),
        "summary": title_of(line(ticket, "description"), SUMMARY_LENGTH),
        "answer": _shortened(answer, ANSWER_LENGTH),
        "engineer": line(ticket, "handler"),
        "result": _result(code, ticket),
    }
    return {name: value for name, value in row.items() if value}


def entry_rows(ticket: Plain) -> list[dict[str, Any]]:
    """Return a defect ticket's changes of configuration as entries of the log.

    A change without a permission of its own was made on the customer's consent to the plan.
    """
    consent = line(part(ticket, "consent"), "by")
    made = []
    for _, change in raw_rows(ticket, "config_changes"):
        row = dict(change) | {"ticket_no": line(ticket, "doc_no")}
        if not row.get("authorised_by") and not row.get("authorization_no"):
            row["authorised_by"] = consent
        made.append(row)
    return made


def replaced(
    rows: Sequence[dict[str, Any]], ticket_no: str, new: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Put a ticket's rows in place of those that it (or an earlier revision) left before."""
    of_it = [base_number(line(row, "ticket_no")) == base_number(ticket_no) for row in rows]
    at = of_it.index(True) if True in of_it else len(rows)
    kept = [row for row, its in zip(rows, of_it, strict=True) if not its]
    before = at - sum(of_it[:at])
    return [*kept[:before], *new, *kept[before:]]


def _result(code: str, ticket: Plain) -> str:
    if code == "QX":
        return "已解决"
    if converted := line(ticket, "converted_to"):
        return f"已转 {converted}"
    if satisfaction := line(ticket, "satisfaction"):
        return Satisfaction[satisfaction].label("zh")
    return "已关闭"


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
