"""A worker as a process that tests kill: `python -m tests.jobbing FOLDER URL crew`.

Without `crew` it works from the lease table alone, as the service on SQLite does; with `real` it
makes documents in children and keeps the service's own lease, unless that is to be `short`.

An item is a text; what is made of it is the text three times, after a moment, or a longer one
where it is `slow`. The item `kill` takes the whole worker with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import IO

from docgen.batches.leases import LEASE, ChunkLease, ItemResult, LeasedItem, ResultFile
from docgen.batches.worker import GroupHandler, WorkerContext, one_at_a_time, run_worker
from docgen.store.unit_of_work import Store
from tests.settings import settings_of

ROOT = Path(__file__).resolve().parent.parent
LEASE_S = 1.5
ITEM_S, SLOW_S = 0.005, 0.05
REAL_JOBS, SHORT_S = 2, 4.0


def content(payload: str) -> bytes:
    return payload.encode() * 3


def tripling(pause_s: float) -> GroupHandler:
    """Return what does an item."""

    def triple(held: ChunkLease, item: LeasedItem) -> ItemResult:
        if item.payload == '"kill"':
            os.kill(os.getpid(), signal.SIGKILL)
        if item.payload == '"bad"':
            return ItemResult(item.seq, "failed", errors=[{"code": "bad"}])
        time.sleep(pause_s)
        made = ResultFile("pdf", content(item.payload))
        return ItemResult(item.seq, "done", f"D-{item.seq}", (made,))

    return one_at_a_time(triple)


def context_of(store: Store, pause_s: float = ITEM_S) -> WorkerContext:
    return WorkerContext(
        store, {"triple": tripling(pause_s)}, lease_duration=timedelta(seconds=LEASE_S)
    )


def real_context(store: Store, kind: str) -> WorkerContext:
    """Return what makes documents, as `docgen worker` and the service do."""
    from docgen.batches.handlers import handlers
    from docgen.pipeline.children import children

    pool = children(replace(store.settings, jobs=REAL_JOBS + 1), ["docx"])
    lease = timedelta(seconds=SHORT_S) if "short" in kind else LEASE
    return WorkerContext(store, handlers(store, pool), at_once=REAL_JOBS, lease_duration=lease)


@contextmanager
def worker(
    folder: Path, url: str = "", crew: str = "", log: IO[str] = sys.stderr
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker, which is ready; it is killed at the end of the block, if it still runs."""
    from tests.commands import surroundings  # not at the top: a worker's process does without

    command = [sys.executable, "-m", "tests.jobbing", str(folder), url, crew]
    with subprocess.Popen(
        command, cwd=ROOT, env=surroundings(), stdout=subprocess.PIPE, stderr=log
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()
            process.stdout.close()


def main() -> None:
    folder, url, kind = sys.argv[1:]
    store = Store.open(settings_of(Path(folder), url))
    pause_s = SLOW_S if "slow" in kind else ITEM_S
    context = real_context(store, kind) if "real" in kind else context_of(store, pause_s)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if "crew" in kind:
        from docgen.batches.postgres import PostgresWorkers

        asyncio.run(PostgresWorkers(context, url).run())
    run_worker(context, Event())


if __name__ == "__main__":
    main()
