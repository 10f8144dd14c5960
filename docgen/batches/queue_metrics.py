"""Measure the queue for operators; changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, not_, select
from sqlalchemy.orm import Session

from docgen.batches.leases import free
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
