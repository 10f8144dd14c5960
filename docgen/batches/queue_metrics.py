"""Measure the queue and count its batches, for operators; changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, cast, func, not_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from docgen.batches.leases import free
from docgen.batches.reading_batch import KIND_READ
from docgen.store.tables import BatchItemRow, BatchRow, ChunkRow

MOST_COUNTED = 1000  # items whose errors are parsed, which bounds the time of a reading


@dataclass(frozen=True)
class Gauges:
    """Numbers of waiting and running chunks, and of items by state and by error."""

    waiting: int
    running: int
    oldest: datetime | None
    """Time of order of the oldest waiting chunk."""
    oldest_running: datetime | None
    """The same of the running chunks."""
    items: Mapping[str, int]
    """Items of active batches by state."""
    failures: Mapping[str, int]
    """Failed and poison items of active batches by their first error's code, of MOST_COUNTED."""


def gauges(session: Session, now: datetime) -> Gauges:
    """Read all numbers of the queue."""
    count_oldest = select(func.count(), func.min(ChunkRow.created_at))
    waiting, oldest = session.execute(count_oldest.where(free(now))).one()
    running, oldest_running = session.execute(count_oldest.where(not_(free(now)))).one()
    active = select(BatchRow.id).where(BatchRow.state == "active")
    states = select(BatchItemRow.state, func.count()).where(BatchItemRow.batch_id.in_(active))
    by_state = session.execute(states.group_by(BatchItemRow.state))
    items = {str(state): int(count) for state, count in by_state}
    wrong = select(BatchItemRow.errors).where(
        BatchItemRow.batch_id.in_(active), BatchItemRow.state.in_(("failed", "poison"))
    )
    codes = Counter(
        json.loads(errors)[0]["code"]
        for errors in session.scalars(wrong.limit(MOST_COUNTED))
        if errors
    )
    return Gauges(waiting, running, oldest, oldest_running, items, codes)


@dataclass(frozen=True)
class BatchTotals:
    """Numbers of batches by state, and of failed items by the code of their first error."""

    batches: dict[str, int]
    failures: dict[str, int]


def batch_totals(session: Session) -> BatchTotals:
    """Count the batches that are still stored, and their failed items."""
    states = (
        select(BatchRow.state, func.count())
        .where(BatchRow.kind != KIND_READ)
        .group_by(BatchRow.state)
    )
    if session.get_bind().dialect.name == "sqlite":
        code: ColumnElement[str] = func.json_extract(BatchItemRow.errors, "$[0].code")
    else:
        code = cast(cast(BatchItemRow.errors, JSONB)[0]["code"].astext, String)
    failed = BatchItemRow.state.in_(("failed", "poison"))  # as the index on them says
    codes = select(code, func.count()).where(failed).group_by(code)
    return BatchTotals(
        {str(state): count for state, count in session.execute(states)},
        {str(code or ""): count for code, count in session.execute(codes)},
    )
