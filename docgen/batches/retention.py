"""Delete batches that are older than the operator wants to keep them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, select

from docgen.store.tables import BatchFileRow, BatchItemRow, BatchRow, SheetFileRow
from docgen.store.unit_of_work import Store

AT_ONCE = 20  # batches a transaction, each with up to thousands of items


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
