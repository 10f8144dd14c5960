"""The clock of an answer: every case of the workflow, both calendars, and years nobody knows."""

from datetime import datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.clocks import CalendarUnknown, Response, limit_of, respond_state, target_of
from schemas.contract import Calendar
from schemas.problems import SHANGHAI

NATURAL, WORKDAY = Calendar.natural, Calendar.workday
FRIDAY = "2026-03-06 16:40"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        ("2026-03-06 16:41", Response.same_day),
        ("2026-03-06 23:50", Response.same_day),
        ("2026-03-06 23:59:59", Response.same_day),
        ("2026-03-07 00:00", Response.next_day),
        ("2026-03-07 10:00", Response.next_day),
        ("2026-03-07 23:59:59", Response.next_day),
        ("2026-03-07 23:59:59.999999", Response.next_day),
        ("2026-03-08 00:00", Response.overdue),
    ],
)
def test_natural_days(answered: str, expected: Response) -> None:
    assert respond_state(at(FRIDAY), at(answered), at("2026-04-01"), NATURAL) is expected


@pytest.mark.parametrize(
    ("received", "limit"),
    [
        (FRIDAY, "2026-03-09 23:59:59"),
        ("2026-02-13 20:10", "2026-02-14 23:59:59"),  # a Saturday worked for the Spring Festival
        ("2026-02-14 09:00", "2026-02-24 23:59:59"),  # then the holidays
        ("2026-03-07 10:00", "2026-03-09 23:59:59"),  # received on a Saturday
        ("2026-09-30 18:00", "2026-10-08 23:59:59"),  # National Day
    ],
)
def test_the_limit_in_workdays(received: str, limit: str) -> None:
    assert limit_of(at(received), WORKDAY) == at(limit)


def test_the_limit_and_the_target_in_natural_days() -> None:
    assert limit_of(at(FRIDAY), NATURAL) == at("2026-03-07 23:59:59")
    assert target_of(at(FRIDAY)) == at("2026-03-06 23:59:59")


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        ("2026-03-06 17:00", Response.pending),
        ("2026-03-07 23:59:59", Response.pending),
        ("2026-03-08 00:00", Response.overdue),
    ],
)
def test_without_an_answer_the_day_of_the_sheet_decides(as_of: str, expected: Response) -> None:
    assert respond_state(at(FRIDAY), None, at(as_of), NATURAL) is expected


def test_the_days_are_those_of_shanghai() -> None:
    received = datetime.fromisoformat("2026-03-06T16:30:00Z")  # 00:30 of the 7th in Shanghai
    assert target_of(received) == at("2026-03-07 23:59:59")
    answered = datetime.fromisoformat("2026-03-07T15:59:59Z")
    assert respond_state(received, answered, answered, NATURAL) is Response.same_day


def test_an_unknown_year_is_told_not_guessed() -> None:
    year = max(chinese_calendar.holidays).year + 1
    received = datetime(year - 1, 12, 31, 18, tzinfo=SHANGHAI)
    with pytest.raises(CalendarUnknown) as raised:
        limit_of(received, WORKDAY)
    assert raised.value.year == year
    assert limit_of(received, NATURAL).year == year


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 20)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=SHANGHAI)
)


@given(moments, st.sampled_from(Calendar), st.timedeltas(timedelta(0), timedelta(days=20)))
def test_the_state_follows_from_limit_and_target(
    received: datetime, calendar: Calendar, later: timedelta
) -> None:
    answered = received + later
    state = respond_state(received, answered, answered, calendar)
    limit = limit_of(received, calendar) + timedelta(seconds=1)
    assert (state is Response.overdue) == (answered >= limit)
    assert (state is Response.same_day) == (answered < target_of(received) + timedelta(seconds=1))


@given(moments)
def test_a_workday_limit_is_a_workday_and_never_sooner(received: datetime) -> None:
    limit = limit_of(received, WORKDAY)
    assert chinese_calendar.is_workday(limit.astimezone(SHANGHAI).date())
    assert limit >= limit_of(received, NATURAL)
