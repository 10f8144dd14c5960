"""Count batches for operators while they are kept, and delete old ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, and_, cast, delete, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from docgen.batches.reading_batch import READ
from docgen.store.tables import BatchFileRow, BatchItemRow, BatchRow, SheetFileRow
from docgen.store.unit_of_work import Store

AT_ONCE = 20  # batches a transaction, each with up to thousands of items


@dataclass(frozen=True)
class Kept:
    """Numbers of batches by state, and of failed items by the code of their first error."""

    batches: dict[str, int]
    failures: dict[str, int]


def kept(session: Session) -> Kept:
    """Count the batches and failures in the database."""
    states = (
        select(BatchRow.state, func.count()).where(BatchRow.kind != READ).group_by(BatchRow.state)
    )
    if session.get_bind().dialect.name == "sqlite":
        code: ColumnElement[str] = func.json_extract(BatchItemRow.errors, "$[0].code")
    else:
        code = cast(cast(BatchItemRow.errors, JSONB)[0]["code"].astext, String)
    failed = BatchItemRow.state.in_(("failed", "poison"))  # as the index on them says
    codes = select(code, func.count()).where(failed).group_by(code)
    return Kept(
        {str(state): count for state, count in session.execute(states)},
        {str(code or ""): count for code, count in session.execute(codes)},
    )


def sweep_batches(store: Store, now: datetime) -> int:
    """Delete batches that ended long ago and previews that nobody confirmed; return how many.

    Their bytes are deleted by the next sweep of blobs; the ledger of converted rows stays.
    """
    before = now - timedelta(days=store.settings.batch_days)
    unconfirmed = and_(BatchRow.state == "preview", BatchRow.created_at < before)
    old = select(BatchRow.id).where(or_(BatchRow.ended_at < before, unconfirmed)).limit(AT_ONCE)
    deleted = 0
    while True:
        with store.database.writing() as session:
            ids = session.scalars(old.with_for_update()).all()
            for table in (BatchFileRow, BatchItemRow, SheetFileRow):
                session.execute(delete(table).where(table.batch_id.in_(ids)))
            session.execute(delete(BatchRow).where(BatchRow.id.in_(ids)))
        deleted += len(ids)
        if len(ids) < AT_ONCE:
            return deleted
