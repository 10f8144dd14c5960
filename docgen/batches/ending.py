"""What becomes of batches: counted for operators while they are kept, and swept after that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, and_, cast, delete, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from docgen.batches.reading_batch import READ
from docgen.store.tables import BatchFileRow, BatchItemRow, BatchRow, SheetFileRow
from docgen.store.unit_of_work import Store

AT_ONCE = 20


@dataclass(frozen=True)
class Kept:
    """Batches by their state, and items that failed by the code of their first error."""

    batches: dict[str, int]
    failures: dict[str, int]


def kept(session: Session) -> Kept:
    """Count what is kept."""
    states = (
        select(BatchRow.state, func.count()).where(BatchRow.kind != READ).group_by(BatchRow.state)
    )
    code = _first_code(session)
    failed = BatchItemRow.state.in_(("failed", "poison"))  # as the index on them says
    codes = select(code, func.count()).where(failed).group_by(code)
    return Kept(
        {str(state): count for state, count in session.execute(states)},
        {str(code or ""): count for code, count in session.execute(codes)},
    )


def sweep_batches(store: Store, now: datetime) -> int:
    """Remove batches that ended long ago, and previews that nobody confirmed; how many.

    Bytes go with the next sweep of those that nothing names. What was converted stays known.
    """
    before = now - timedelta(days=store.settings.batch_days)
    unconfirmed = and_(BatchRow.state == "preview", BatchRow.created_at < before)
    old = select(BatchRow.id).where(or_(BatchRow.ended_at < before, unconfirmed)).limit(AT_ONCE)
    gone = 0
    while True:
        with store.database.writing() as session:
            found = session.scalars(old.with_for_update()).all()
            _remove(session, found)
        gone += len(found)
        if len(found) < AT_ONCE:
            return gone


def _remove(session: Session, ids: Sequence[str]) -> None:
    for table in (BatchFileRow, BatchItemRow, SheetFileRow):
        session.execute(delete(table).where(table.batch_id.in_(ids)))
    session.execute(delete(BatchRow).where(BatchRow.id.in_(ids)))


def _first_code(session: Session) -> ColumnElement[str]:
    if session.get_bind().dialect.name == "sqlite":
        return func.json_extract(BatchItemRow.errors, "$[0].code")
    return cast(cast(BatchItemRow.errors, JSONB)[0]["code"].astext, String)
