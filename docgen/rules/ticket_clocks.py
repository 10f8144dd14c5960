"""Tickets of a contract by the clock and in numbers; a converted consultation counts once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from docgen.rules.partial import Plain, line, moment
from docgen.rules.tickets import CLOSED
from schemas.clocks import CalendarUnknown, Response, limit_of, respond_state, target_of
from schemas.contract import Calendar
from schemas.values import base_number
from schemas.vocabulary import TicketClass

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Deadline:
    """When an answer is due; `limit` and `state` are None where workdays are not known."""

    received_at: datetime
    target: datetime
    limit: datetime | None
    state: Response | None


@dataclass(frozen=True)
class Count:
    """How many tickets there are, and how many of them are closed."""

    total: int = 0
    closed: int = 0

    @property
    def open(self) -> int:
        """How many are not closed."""
        return self.total - self.closed


@dataclass(frozen=True)
class Summary:
    """Tickets by class, and consultations by their clock; `converted` count with the defects."""

    classes: dict[TicketClass, Count]
    converted: int
    responses: dict[str, int]


def deadline(plain: Plain, now: datetime, calendar: Calendar) -> Deadline | None:
    """Return when the answer to a consultation is due; None when nothing is due any more."""
    received = moment(plain, "received_at")
    if received is None or moment(plain, "answered_at") or moment(plain, "closed_at"):
        return None
    try:
        limit = limit_of(received, calendar)
        state = respond_state(received, None, now, calendar)
    except CalendarUnknown:
        return Deadline(received, target_of(received), None, None)
    return Deadline(received, target_of(received), limit, state)


def summary(tickets: Iterable[tuple[str, Plain]], now: datetime, calendar: Calendar) -> Summary:
    """Count tickets (code, content) by class and closing, and consultations by their clock."""
    known = list(tickets)
    defects = {base_number(line(plain, "doc_no")) for code, plain in known if code == "QX"}
    counted: dict[str, list[bool]] = {"ZX": [], "QX": []}
    converted = 0
    for code, plain in known:
        if code == "ZX" and base_number(line(plain, "converted_to")) in defects:
            converted += 1
        else:
            counted[code].append(moment(plain, CLOSED[code]) is not None)
    asked = [plain for code, plain in known if code == "ZX"]
    return Summary(
        {
            TicketClass.consultation: Count(len(counted["ZX"]), sum(counted["ZX"])),
            TicketClass.defect: Count(len(counted["QX"]), sum(counted["QX"])),
        },
        converted,
        _responses(asked, now, calendar),
    )


def _responses(asked: Iterable[Plain], now: datetime, calendar: Calendar) -> dict[str, int]:
    found = Counter(_response(plain, now, calendar) for plain in asked)
    return {name: found[name] for name in (*Response.__members__, UNKNOWN)}


def _response(plain: Plain, now: datetime, calendar: Calendar) -> str:
    received = moment(plain, "received_at")
    if received is None:
        return UNKNOWN
    try:
        return str(respond_state(received, moment(plain, "answered_at"), now, calendar).value)
    except CalendarUnknown:
        return UNKNOWN
