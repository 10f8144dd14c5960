"""The clock of an answer (handbook 2.B.2): the same day, at latest the next day or workday.

Days are those of Asia/Shanghai. Pure functions: the time comes from the caller.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import chinese_calendar

from schemas.chronology import day_of
from schemas.contract import Calendar
from schemas.fields import Choice
from schemas.problems import SHANGHAI

# A day ends with its last whole second, since documents print no fractions.
LAST_SECOND = time(23, 59, 59, tzinfo=SHANGHAI)


class Response(Choice):
    """How an answer stands to its clock."""

    pending = "pending", "待答复", "Pending", "muted"
    same_day = "same_day", "当日答复", "Same day", "good", "当天答复"
    next_day = "next_day", "次日答复", "Next day", "good", "第二天答复"
    overdue = "overdue", "超时", "Overdue", "bad", "逾期"


class CalendarUnknown(ValueError):
    """The workdays of a year are not announced, or not yet in the calendar library."""

    def __init__(self, year: int) -> None:
        super().__init__(f"the workdays of {year} are not known")
        self.year = year


def target_of(received_at: datetime) -> datetime:
    """Tell when an answer is due at best: 23:59:59 of the day received."""
    return datetime.combine(day_of(received_at), LAST_SECOND)


def limit_of(received_at: datetime, calendar: Calendar) -> datetime:
    """Tell when an answer is due at latest: 23:59:59 of the next day, or the next workday.

    Raises CalendarUnknown where a workday has to be found in a year that is not known.
    """
    day = day_of(received_at) + timedelta(days=1)
    while calendar is Calendar.workday and not _is_workday(day):
        day += timedelta(days=1)
    return datetime.combine(day, LAST_SECOND)


def respond_state(
    received_at: datetime, answered_at: datetime | None, as_of: datetime, calendar: Calendar
) -> Response:
    """Judge an answer, or its absence as of `as_of`. Raises CalendarUnknown."""
    limit = day_of(limit_of(received_at, calendar))
    if answered_at is None:
        return Response.overdue if day_of(as_of) > limit else Response.pending
    if day_of(answered_at) <= day_of(received_at):
        return Response.same_day
    return Response.next_day if day_of(answered_at) <= limit else Response.overdue


def _is_workday(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError as unknown:
        raise CalendarUnknown(day.year) from unknown
