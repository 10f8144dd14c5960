"""The faults of durable work at a size that a suite can bear; with FAULTS_FULL=1 at their full one.

Each tells its counts: `FAULTS_FULL=1 pytest -n0 --log-cli-level=INFO tests/test_jobs_faults.py`.
At full size a killed worker's lease is the real one of 30 seconds, and times are judged as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import func, select

from docgen.batches import queue
from docgen.batches.leases import LEASE
from docgen.batches.postgres import PostgresWorkers
from docgen.batches.queue import WorkOrder
from docgen.batches.rendering import KIND_RENDER, rendering_handler
from docgen.batches.worker import WorkerContext, Workers
from docgen.errors import StoreFault
from docgen.paths import samples_dir
from docgen.pipeline import render
from docgen.records.documents import order_for
from docgen.renderers.isolation import ChildLimits, Children
from docgen.store.tables import BatchFileRow, BatchItemRow, BatchRow, ChunkRow, ContractRow
from docgen.store.unit_of_work import Store
from tests.jobbing import worker
from tests.postgres import Server
from tests.stores import Filled, filled_at
from tests.test_jobs import counts, order, state, wait_for
from tests.test_jobs_rendering import Deadly

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.no_cover]
log = logging.getLogger("faults")
WHOLE = bool(os.environ.get("FAULTS_FULL"))
REAL = "real" if WHOLE else "real short"
PATIENCE_S = 1200 if WHOLE else 120


def size(usual: int, full: int) -> int:
    return full if WHOLE else usual


@pytest.fixture
def filled(tmp_path: Path, store_url: str) -> Iterator[Filled]:
    with filled_at(tmp_path / "data", store_url) as made:
        yield made


@dataclass(frozen=True)
class Found:
    """What became of a batch."""

    items: int
    lost: int
    wrong: int
    doubled: int


def texts(count: int) -> list[bytes]:
    """Records to make documents of, no two alike."""
    sample = json.loads((samples_dir() / "ZX/basic.json").read_bytes())
    made = (
        sample | {"doc_no": f"ZX-HDYD-20260306-{at % 999 + 1:03}", "description": f"第 {at} 份"}
        for at in range(count)
    )
    return [json.dumps(one, ensure_ascii=False).encode() for one in made]


def ordered(filled: Filled, rows: list[bytes], priority: int | None = 0) -> str:
    with filled.store.change(filled.author) as unit:
        assert filled.author.user_id
        options = {"formats": ["docx"], "lang": "zh"}
        job = WorkOrder(
            KIND_RENDER, filled.author.user_id, filled.contract_id, options, priority=priority
        )
        return queue.enqueue(unit, job, rows).id


def looked_at(filled: Filled, batch_id: str, rows: list[bytes]) -> Found:
    """Compare every file with what is made of its record here; a file stands for one `done`."""
    store, wrong = filled.store, 0
    with store.reading() as session:
        contract = session.get_one(ContractRow, filled.contract_id)
        now = session.get_one(BatchRow, batch_id).created_at
        files = session.scalars(select(BatchFileRow).where(BatchFileRow.batch_id == batch_id)).all()
        items = session.scalars(select(BatchItemRow).where(BatchItemRow.batch_id == batch_id)).all()
        assert session.scalar(select(func.count()).select_from(ChunkRow)) == 0
    for file in files:
        made = render(order_for(store, rows[file.seq - 1], contract, code="", now=now), "docx")
        same = hashlib.sha256(made.data).hexdigest() == file.sha256
        wrong += not same or store.blobs.get(file.sha256) != made.data
    lost = len(rows) - len({file.seq for file in files})
    doubled = sum(item.attempts > 1 for item in items)
    return Found(len(rows), lost, wrong, doubled)


def done_of(filled: Filled, batch_id: str) -> int:
    return counts(filled.store, batch_id).done


def is_done(filled: Filled, batch_id: str) -> bool:
    try:
        return state(filled.store, batch_id) == "done"
    except StoreFault:  # its database has only just come back
        return False


def wait_made(filled: Filled, batch_id: str, least: int) -> None:
    wait_for(lambda: done_of(filled, batch_id) >= least, PATIENCE_S)


def wait_done(filled: Filled, batch_id: str) -> None:
    wait_for(lambda: is_done(filled, batch_id), PATIENCE_S)


# ---------------------------------------------------------------- F1, F2, F4


@pytest.mark.parametrize("at_once", [1, 2] if WHOLE else [2])
def test_killed_at_random_while_documents_are_made(
    filled: Filled, tmp_path: Path, store_url: str, at_once: int
) -> None:
    """F1, and F2: one of two is killed, and another takes its place under a name of its own."""
    rows, kills = texts(size(60, 2000)), size(3, 20)
    batch, chance = ordered(filled, rows), random.Random(at_once)
    kind = ("crew " if store_url else "") + REAL
    killed = 0.0
    with ExitStack() as stack:
        crew = [
            stack.enter_context(worker(tmp_path / "data", store_url, kind)) for _ in range(at_once)
        ]
        for number in range(1, kills + 1):
            least = min(len(rows) * number // (kills + 2), len(rows) - 1)
            wait_made(filled, batch, least)
            time.sleep(chance.uniform(0, 0.4))
            crew.pop(chance.randrange(len(crew))).kill()
            killed = time.monotonic()
            crew.append(stack.enter_context(worker(tmp_path / "data", store_url, kind)))
        wait_done(filled, batch)
        after = time.monotonic() - killed
    found = looked_at(filled, batch, rows)
    log.info("F%d %s: %s, %.0f s after the last of %d kills", at_once, kind, found, after, kills)
    assert (found.lost, found.wrong, found.doubled) == (0, 0, 0)
    if WHOLE:
        assert after <= 2 * LEASE.total_seconds()


def test_the_database_stops_at_once_while_documents_are_made(tmp_path: Path) -> None:
    """F4."""
    rows = texts(size(60, 2000))
    with Server(fsync=True) as server:
        url = server.new_database()
        with filled_at(tmp_path / "data", url) as filled:
            batch = ordered(filled, rows)
            with worker(tmp_path / "data", url, f"crew {REAL}") as process:
                for number in range(1, size(1, 5) + 1):
                    least = len(rows) * number // (size(1, 5) + 2)
                    wait_made(filled, batch, least)
                    server.stop(immediate=True)
                    time.sleep(2)
                    server.start()
                    wait_for(lambda: answers(filled, batch))
                wait_done(filled, batch)
                assert process.poll() is None
            found = looked_at(filled, batch, rows)
    log.info("F4: %s", found)
    assert (found.lost, found.wrong, found.doubled) == (0, 0, 0)


def answers(filled: Filled, batch_id: str) -> bool:
    try:
        return bool(state(filled.store, batch_id))
    except StoreFault:
        return False


# ---------------------------------------------------------------- F7, F8, F9


@contextmanager
def working(filled: Filled, store_url: str, memory_mb: int = 600) -> Iterator[WorkerContext]:
    """Work as the service on SQLite does, or `docgen worker`, with items that say what they do."""
    at_once = 2
    limits = ChildLimits(memory_mb=memory_mb, wall_s=3, cpu_s=2)
    with Children(at_once + 1, limits) as pool, ExitStack() as stack:
        make = rendering_handler(filled.store, Deadly(pool))  # type: ignore[arg-type]
        context = WorkerContext(filled.store, {KIND_RENDER: make}, at_once=at_once)
        stack.enter_context(_crew(context, store_url) if store_url else _threads(context))
        yield context


@contextmanager
def _threads(context: WorkerContext) -> Iterator[None]:
    workers = Workers(context)
    workers.start()
    try:
        yield
    finally:
        workers.stop()


@contextmanager
def _crew(context: WorkerContext, url: str) -> Iterator[None]:
    crew, begun = PostgresWorkers(context, url), Event()
    running: list[Callable[[], Any]] = []

    async def run() -> None:
        task = asyncio.create_task(crew.run())
        loop = asyncio.get_running_loop()
        running.append(lambda: loop.call_soon_threadsafe(task.cancel))
        begun.set()
        await asyncio.wait([task])

    thread = Thread(target=asyncio.run, args=(run(),))
    thread.start()
    begun.wait()
    try:
        yield
    finally:
        crew.stopping.set()
        running[0]()
        thread.join()


def test_four_that_end_their_children_among_many(filled: Filled, store_url: str) -> None:
    """F7."""
    total = size(200, 1000)
    rows = [json.dumps(at).encode() for at in range(total)]
    deadly = {total // 5: "hang", total // 3: "crash", total // 2: "memory", total - 7: "exit"}
    for at, name in deadly.items():
        rows[at] = json.dumps(name).encode()
    batch = ordered(filled, rows)
    with working(filled, store_url):
        wait_done(filled, batch)
        other = ordered(filled, [b'"after"'])  # they are alive
        wait_done(filled, other)
    assert counts(filled.store, batch) == queue.Counts(done=total - 4, poison=4)
    with filled.store.reading() as session:
        query = (
            select(BatchItemRow).where(BatchItemRow.state == "poison").order_by(BatchItemRow.seq)
        )
        poison = session.scalars(query).all()
    codes = {one.seq - 1: json.loads(one.errors or "")[0]["code"] for one in poison}
    log.info("F7 %s: %d done, poison %s", store_url[:10], total - 4, codes)
    ended = ("render_timeout", "render_died", "render_memory", "render_died")
    assert codes == dict(zip(deadly, ended, strict=True))


def test_who_waits_is_served_before_many(filled: Filled, store_url: str) -> None:
    """F8: the moment at which a child begins, against that of the order."""
    batch = ordered(filled, [b'"slow"'] * size(2000, 100_000))
    delays = []
    with working(filled, store_url):
        wait_made(filled, batch, 1)
        for _ in range(size(5, 40)):
            began = time.time()
            one = ordered(filled, [b'"moment"'], None)
            wait_done(filled, one)
            delays.append(moment(filled.store, one) - began)
        assert counts(filled.store, batch).pending > 0
        cancel(filled, batch)
    p95 = sorted(delays)[int(0.95 * len(delays))]
    middle = sorted(delays)[len(delays) // 2]
    log.info("F8 %s: p95 %.0f ms, median %.0f ms", store_url[:10], p95 * 1000, middle * 1000)
    if WHOLE:
        assert p95 <= 0.2


def moment(store: Store, batch_id: str) -> float:
    with store.reading() as session:
        file = session.scalars(select(BatchFileRow).where(BatchFileRow.batch_id == batch_id)).one()
    return float(store.blobs.get(file.sha256))


def cancel(filled: Filled, batch_id: str) -> None:
    with filled.store.change(filled.author) as unit:
        queue.cancel(unit, unit.session.get_one(BatchRow, batch_id))


def test_a_large_batch_is_cancelled_at_once(filled: Filled, store_url: str) -> None:
    """F9."""
    total = size(2000, 100_000)
    batch = ordered(filled, [b'"slow"'] * total)
    with working(filled, store_url):
        wait_made(filled, batch, 1)
        began = time.monotonic()
        cancel(filled, batch)
        took = time.monotonic() - began
        assert state(filled.store, batch) == "cancelled"
        time.sleep(5 if WHOLE else 1)
        done = done_of(filled, batch)
        time.sleep(5 if WHOLE else 1)
        assert done_of(filled, batch) == done < total
    with filled.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(ChunkRow)) == 0
    log.info("F9 %s: cancelled in %.0f ms, %d done", store_url[:10], took * 1000, done)
    if WHOLE:
        assert took <= 1


# ---------------------------------------------------------------- F10


def test_two_processes_on_sqlite_never_meet_a_locked_database(tmp_path: Path) -> None:
    """F10, while this process orders and looks."""
    end = time.monotonic() + size(4, 60)
    path, rows, batches = tmp_path / "log", [str(at) for at in range(150)], []
    with filled_at(tmp_path / "data") as filled, path.open("w", encoding="utf-8") as told:
        with worker(tmp_path / "data", log=told), worker(tmp_path / "data", log=told):
            while time.monotonic() < end:
                batches.append(order(filled, rows))
                wait_done(filled, batches[-1])
        assert path.read_text("utf-8") == ""
        assert all(counts(filled.store, one) == queue.Counts(done=150) for one in batches)
    log.info("F10: %d items of two processes, nothing logged", 150 * len(batches))
