"""Chunks as jobs of procrastinate on PostgreSQL, for workers on any number of machines.

Procrastinate only wakes workers and detects dead ones; our own rows (`docgen.batches.leases`)
decide who works on a chunk and what is done. Only `docgen worker` runs this.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from docgen.access import SERVICE
from docgen.batches import leases
from docgen.batches.queue import QUEUE, TASK, URGENT_QUEUE, announce_forgotten
from docgen.batches.worker import FAULT_S, WorkerContext, claim_chunk, work_on_chunk
from docgen.errors import DocgenError

log = logging.getLogger("docgen.batches")

HEARTBEAT_S, STALLED_S, POLL_S = 2.0, 6.0, 1.0  # a worker is dead after three missed heartbeats
REAP, EVERY_10_S = "docgen.reap", "* * * * * */10"  # cron with seconds in the sixth field
# What a database raises that cannot be reached or used, through each way to it.
FAULTS = (DocgenError, SQLAlchemyError, psycopg.Error, ConnectorException)


@dataclass
class PostgresWorkers:
    """The workers of one process: one slot for any chunk, and one for urgent chunks only."""

    context: WorkerContext
    url: str
    stopping: Event = field(default_factory=Event)

    async def run(self) -> None:
        """Work until cancelled; wait for a database that cannot be reached."""
        try:
            while True:
                try:
                    await self._work()
                except FAULTS:
                    log.exception("the database cannot be used; trying again")
                await asyncio.sleep(FAULT_S)
        finally:
            self.stopping.set()

    async def _work(self) -> None:
        app = self._app()
        options: dict[str, Any] = {
            "concurrency": 1,
            "delete_jobs": "always",
            "install_signal_handlers": False,
            "fetch_job_polling_interval": POLL_S,
            "update_heartbeat_interval": HEARTBEAT_S,
            "stalled_worker_timeout": STALLED_S,
        }
        async with app.open_async(), asyncio.TaskGroup() as slots:
            for queues in ([QUEUE, URGENT_QUEUE], [URGENT_QUEUE]):
                slots.create_task(app.run_worker_async(queues=queues, **options))

    def _app(self) -> App:
        app = App(connector=PsycopgConnector(conninfo=conninfo(make_url(self.url)), max_size=6))

        @app.task(name=TASK, queue=QUEUE)
        async def chunk(seq: int) -> None:
            await asyncio.to_thread(self.work_on, seq)

        # A queueing lock and never a lock: a reaper that was killed must not keep out the next.
        @app.periodic(cron=EVERY_10_S)
        @app.task(name=REAP, queue=URGENT_QUEUE, queueing_lock=REAP)
        async def reap(timestamp: int) -> None:
            await self.reap(app)

        return app

    def work_on(self, seq: int) -> None:
        """Work on a chunk, unless it is done or another worker has it."""
        if not self.stopping.is_set() and (lease := claim_chunk(self.context, seq=seq)):
            work_on_chunk(self.context, lease, self.stopping)

    async def reap(self, app: App) -> None:
        """Release the chunks of dead workers, and make jobs for chunks that have none."""
        stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_S)
        for job in stalled:
            await asyncio.to_thread(self._release, job)
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        await asyncio.to_thread(self._announce)

    def _release(self, job: Job) -> None:
        if job.task_name == TASK:
            with self.context.store.change(SERVICE) as unit:
                leases.expire(unit.session, int(str(job.task_kwargs["seq"])), self.context.clock())

    def _announce(self) -> None:
        with self.context.store.change(SERVICE) as unit:
            count = announce_forgotten(unit.session, self.context.clock())
        if count:
            log.warning("%s chunks had no worker; they are given to others", count)


def conninfo(url: URL) -> str:
    """Return SQLAlchemy's URL of a database without its driver, as libpq wants it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
