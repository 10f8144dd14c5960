"""Document numbers: the next serial of a type, a customer and a day, without gaps or doubles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.orm import Session

from docgen.errors import Conflict, RecordRefused
from docgen.store.database import insert_into
from docgen.store.tables import RecordRow, SerialRow
from schemas.problems import error
from schemas.values import base_number

LAST_SERIAL = 999  # a document number has three digits for it (schemas.values.DOC_NO_PATTERN)
Series = tuple[str, str, date]
"""A type, a customer and a day."""


def next_number(session: Session, code: str, customer_code: str, day: date) -> str:
    """Take the next number; it is given back when the transaction fails.

    The row of the series is locked until the commit, so that parallel writers queue.
    Raises Conflict: numbers_used_up.
    """
    serial = _next_serial(session, (code, customer_code, day))
    if serial > LAST_SERIAL:
        raise Conflict(
            "numbers_used_up",
            place="/doc_date",
            value=str(day),
            customer_code=customer_code,
            day=day,
            code=code,
        )
    return f"{code}-{customer_code}-{day:%Y%m%d}-{serial:03}"


def claim_number(session: Session, doc_no: str, day: date) -> None:
    """Take a number that was given from outside. RecordRefused: number_taken."""
    code, customer_code, _, serial = base_number(doc_no).split("-")
    _advance_to(session, (code, customer_code, day), int(serial))
    if session.scalar(select(RecordRow.id).where(RecordRow.base_no == base_number(doc_no))):
        raise RecordRefused([error("doc_no", "number_taken", doc_no)])


def last_serials(session: Session, customer_code: str) -> dict[Series, int]:
    """Return the last serial of every series of a customer."""
    query = select(SerialRow).where(SerialRow.customer_code == customer_code)
    return {(one.code, one.customer_code, one.day): one.last for one in session.scalars(query)}


def reserve(session: Session, doc_nos: Iterable[str], seen: Mapping[Series, int]) -> bool:
    """Take numbers that were chosen after `last_serials`; False when others took some since.

    The rows of all their series are locked, in one order, until the commit.
    """
    wanted: dict[Series, int] = {}
    for doc_no in doc_nos:
        code, customer, day, serial = base_number(doc_no).split("-")
        series = (code, customer, date.fromisoformat(day))
        wanted[series] = max(wanted.get(series, 0), int(serial))
    return all(
        _reserve_series(session, series, seen.get(series, 0), wanted[series])
        for series in sorted(wanted)
    )


def _reserve_series(session: Session, series: Series, seen: int, upto: int) -> bool:
    """Advance a series from `seen` to `upto`; False when it is no longer at `seen`."""
    code, customer, day = series
    one = (SerialRow.code == code, SerialRow.customer_code == customer, SerialRow.day == day)
    row = insert_into(session, SerialRow).values(
        code=code, customer_code=customer, day=day, last=seen
    )
    session.execute(row.on_conflict_do_nothing())
    last = session.scalar(select(SerialRow.last).where(*one).with_for_update())
    if last != seen:
        return False
    session.execute(update(SerialRow).where(*one).values(last=max(seen, upto)))
    return True


def _next_serial(session: Session, series: Series) -> int:
    """Advance a series by one; return its last serial."""
    return _advance(session, series, first=1, last=SerialRow.last + 1)


def _advance_to(session: Session, series: Series, serial: int) -> None:
    """Advance a series to `serial`, unless it is further already."""
    furthest = case((SerialRow.last > serial, SerialRow.last), else_=serial)
    _advance(session, series, first=serial, last=furthest)


def _advance(session: Session, series: Series, *, first: int, last: ColumnElement[int]) -> int:
    """Begin a series at `first`, or move the one that there is to `last`; return where it is.

    One statement, so that two writers at once cannot both read the same last serial.
    """
    code, customer_code, day = series
    begun = insert_into(session, SerialRow).values(
        code=code, customer_code=customer_code, day=day, last=first
    )
    query = begun.on_conflict_do_update(
        index_elements=["code", "customer_code", "day"], set_={"last": last}
    )
    return session.execute(query.returning(SerialRow.last)).scalar_one()
