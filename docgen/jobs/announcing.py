"""Telling workers elsewhere of a chunk: a job of procrastinate's, in the chunk's transaction."""

from __future__ import annotations

from datetime import datetime
from functools import cache

from procrastinate import App, SyncPsycopgConnector
from procrastinate.tasks import configure_task
from sqlalchemy import Integer, or_, select, text
from sqlalchemy.orm import Session

from docgen.jobs.queue import INTERACTIVE
from docgen.store.tables import Chunk

CHUNK = "docgen.chunk"
QUEUE, FIRST = "docgen", "docgen-first"
PRIORITY_FIRST = INTERACTIVE
"""From this priority on, a chunk goes to the slot that is kept free for whoever waits."""

_AT_WORK = (
    text(
        "SELECT (args->>'seq')::integer AS seq FROM procrastinate_jobs"
        " WHERE task_name = :name AND status IN ('todo', 'doing')"
    )
    .bindparams(name=CHUNK)
    .columns(seq=Integer)
)


def announce(session: Session, chunk: Chunk) -> None:
    """Make a job for a chunk; it is there when the transaction commits."""
    connection = session.connection().connection.driver_connection
    configure_task(
        name=CHUNK,
        job_manager=_app().job_manager,
        queue=FIRST if chunk.priority >= PRIORITY_FIRST else QUEUE,
        priority=chunk.priority,
        connection=connection,
    ).defer(seq=chunk.seq)


def announce_forgotten(session: Session, now: datetime) -> int:
    """Make jobs for chunks that nobody works on and that have none; how many there were.

    One statement asks for both: a chunk ordered between two would seem to have no job.
    """
    free = or_(Chunk.owner.is_(None), Chunk.lease_until <= now)
    forgotten = session.scalars(select(Chunk).where(free, Chunk.seq.not_in(_AT_WORK))).all()
    for chunk in forgotten:
        announce(session, chunk)
    return len(forgotten)


@cache
def _app() -> App:
    """Return what makes jobs; it never connects, for every job comes with its connection."""
    return App(connector=SyncPsycopgConnector())
