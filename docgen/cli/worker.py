"""`docgen worker`: works on batches beside a service on PostgreSQL."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import replace
from functools import partial

from docgen.audit import trail
from docgen.batches.handlers import handlers
from docgen.batches.postgres import PostgresWorkers
from docgen.batches.worker import WorkerContext
from docgen.cli.console import errors_told
from docgen.errors import SettingWrong
from docgen.logs import set_up_logging
from docgen.pipeline.children import children
from docgen.settings import load_settings
from docgen.store.unit_of_work import Store
from docgen.templates.catalog import FORMATS


def worker_command() -> None:
    """处理批量任务，可在多台机器上各起若干。Work on batches, on any number of machines.

    退出码: 0 被 SIGTERM 停止; 3 设置、数据目录或数据库不可用，或审计链缺了什么。
    """
    with errors_told():
        settings = load_settings()
        if not settings.database.startswith("postgresql"):  # beside SQLite the service works itself
            raise SettingWrong("worker_needs_postgresql", place="DOCGEN_DATABASE")
        store = Store.open(settings)
        trail.begin(store)
    set_up_logging(settings.log)
    # One child more than work on batches at once, for whoever waits.
    pool = children(replace(settings, jobs=settings.jobs + 1), FORMATS)
    context = WorkerContext(store, handlers(store, pool), at_once=settings.jobs)
    try:
        asyncio.run(_until_stopped(PostgresWorkers(context, settings.database)))
    finally:
        pool.stop()
        store.close()


async def _until_stopped(workers: PostgresWorkers) -> None:
    task = asyncio.create_task(workers.run())
    loop = asyncio.get_running_loop()
    for kind in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(kind, partial(_stop, workers, task))
    with suppress(asyncio.CancelledError):
        await task


def _stop(workers: PostgresWorkers, task: asyncio.Task[None]) -> None:
    """Let what is under way end, and begin nothing else."""
    workers.stopping.set()
    task.cancel()
