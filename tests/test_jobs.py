"""Durable work on both databases' lease table: nothing lost, nothing twice, whoever is killed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import func, select

from docgen.access import SERVICE
from docgen.batches import leases, queue
from docgen.batches.leases import ChunkLease, ItemResult
from docgen.batches.queue import BACKGROUND, CHUNK, INTERACTIVE, WorkOrder
from docgen.batches.queue_metrics import gauges
from docgen.batches.worker import WorkerContext, claim_chunk, run_worker, work_on_chunk
from docgen.store.database import SQLITE_NAME
from docgen.store.tables import BatchFileRow, BatchItemRow, BatchRow, ChunkRow
from docgen.store.unit_of_work import Store
from tests.jobbing import LEASE_S, content, context_of, worker
from tests.stores import Filled, filled_at

T0 = datetime(2026, 3, 10, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@pytest.fixture
def filled(tmp_path: Path, store_url: str) -> Iterator[Filled]:
    with filled_at(tmp_path / "data", store_url) as made:
        yield made


def order(filled: Filled, rows: Sequence[str], priority: int | None = BACKGROUND) -> str:
    with filled.store.change(filled.author) as unit:
        assert filled.author.user_id
        job = WorkOrder("triple", filled.author.user_id, filled.contract_id, priority=priority)
        return queue.enqueue(unit, job, [f'"{row}"'.encode() for row in rows]).id


def claim(filled: Filled, now: datetime = T0, min_priority: int = 0) -> ChunkLease | None:
    with filled.store.change(SERVICE) as unit:
        return leases.claim(unit, now, min_priority=min_priority, duration=LEASE)


def claimed(filled: Filled, now: datetime = T0) -> ChunkLease:
    held = claim(filled, now)
    assert held
    return held


def done(filled: Filled, held: ChunkLease, now: datetime) -> bool:
    results = [ItemResult(item.seq, "done", f"D-{item.seq}") for item in held.items]
    with filled.store.change(SERVICE) as unit:
        return leases.save_results(unit, held, results, now)


def counts(store: Store, batch_id: str) -> queue.Counts:
    with store.reading() as session:
        return queue.counts(session, batch_id)


def state(store: Store, batch_id: str) -> str:
    with store.reading() as session:
        return session.get_one(BatchRow, batch_id).state


def owner(store: Store) -> str | None:
    """Return the claim on the only chunk."""
    with store.reading() as session:
        return session.scalar(select(ChunkRow.owner))


def check_whole(store: Store, batch_id: str, rows: Sequence[str]) -> None:
    """Every item is done once, and its file is there with the right bytes."""
    assert counts(store, batch_id) == queue.Counts(done=len(rows))
    with store.reading() as session:
        files = session.scalars(select(BatchFileRow).order_by(BatchFileRow.seq)).all()
        assert [file.seq for file in files] == list(range(1, len(rows) + 1))
        for file, row in zip(files, rows, strict=True):
            assert store.blobs.get(file.sha256) == content(f'"{row}"')
        assert session.scalar(select(func.count()).select_from(ChunkRow)) == 0


# ---------------------------------------------------------------- the port


def test_work_is_ordered_with_the_change_or_not_at_all(filled: Filled) -> None:
    with pytest.raises(ZeroDivisionError):
        order_and_fail(filled)
    assert claim(filled) is None
    batch = order(filled, [str(one) for one in range(2 * CHUNK + 1)])
    sizes = [len(held.items) for held in (claimed(filled), claimed(filled), claimed(filled))]
    assert sizes == [CHUNK, CHUNK, 1]
    assert claim(filled) is None
    assert counts(filled.store, batch) == queue.Counts(pending=2 * CHUNK + 1)


def test_what_fails_keeps_the_number_it_was_ordered_with(filled: Filled) -> None:
    numbers = ["QX-HDYD-20260306-001", "QX-HDYD-20260306-002", None]
    with filled.store.change(filled.author) as unit:
        assert filled.author.user_id
        job = WorkOrder("triple", filled.author.user_id, filled.contract_id, priority=BACKGROUND)
        batch = queue.enqueue(unit, job, [b"1", b"2", b"3"], numbers)
        results = [ItemResult(1, "failed"), ItemResult(2, "poison"), ItemResult(3, "done", "D-3")]
        held = leases.claim(unit, T0, duration=LEASE)
        assert held
        assert leases.save_results(unit, held, results, T0)
        batch_id = batch.id
    with filled.store.reading() as session:
        query = select(BatchItemRow.doc_no).where(BatchItemRow.batch_id == batch_id)
        kept = session.scalars(query.order_by(BatchItemRow.seq)).all()
    assert kept == [*numbers[:2], "D-3"]


def order_and_fail(filled: Filled) -> None:
    with filled.store.change(filled.author) as unit:
        assert filled.author.user_id
        queue.enqueue(
            unit, WorkOrder("triple", filled.author.user_id, filled.contract_id), [b'"a"']
        )
        raise ZeroDivisionError


def test_no_rows_are_done_at_once(filled: Filled) -> None:
    assert state(filled.store, order(filled, [])) == "done"


def test_who_waits_comes_first_one_at_a_time(filled: Filled) -> None:
    order(filled, ["1", "2", "3"])
    assert claim(filled, min_priority=INTERACTIVE) is None
    few = order(filled, ["a", "b"], None)
    held = claimed(filled)
    assert (held.batch_id, [item.payload for item in held.items]) == (few, ['"a"'])
    assert claim(filled, min_priority=INTERACTIVE) is not None
    assert claim(filled, min_priority=INTERACTIVE) is None


def test_a_lease_that_ran_out_changes_nothing(filled: Filled) -> None:
    batch = order(filled, ["a", "b"])
    late = claimed(filled)
    assert claim(filled, T0 + LEASE / 2) is None
    after = T0 + LEASE * 2
    assert not done(filled, late, after)
    other = claimed(filled, after)
    assert not done(filled, late, T0)
    with filled.store.change(SERVICE) as unit:
        assert not leases.finish(unit, late, after)
    assert counts(filled.store, batch) == queue.Counts(pending=2)
    assert done(filled, other, after)


def test_a_renewed_lease_is_not_taken(filled: Filled) -> None:
    order(filled, ["a"])
    held = claimed(filled)
    with filled.store.change(SERVICE) as unit:
        assert leases.save_results(unit, held, [], T0 + LEASE / 2)
    assert claim(filled, T0 + LEASE) is None
    assert claim(filled, T0 + LEASE * 2) is not None


def test_the_item_that_kills_is_found_by_halving(filled: Filled) -> None:
    rows = ["kill" if one == 37 else str(one) for one in range(64)]
    batch = order(filled, rows)
    now, deaths = T0, 0
    while held := claim(filled, now):
        if any(item.payload == '"kill"' for item in held.items):
            deaths += 1
            now += LEASE * 2  # the worker died, and the lease ran out
            continue
        assert done(filled, held, now)
        with filled.store.change(SERVICE) as unit:
            assert leases.finish(unit, held, now)
    assert counts(filled.store, batch) == queue.Counts(done=63, poison=1)
    assert state(filled.store, batch) == "done"
    assert deaths <= 10
    with filled.store.reading() as session:
        poison = session.scalars(select(BatchItemRow).where(BatchItemRow.state == "poison")).one()
    assert poison.payload == '"kill"'
    assert "worker_died" in (poison.errors or "")


def test_a_cancelled_batch_is_let_go_and_ordered_again(filled: Filled) -> None:
    batch = order(filled, ["a", "bad", "c"])
    held = claimed(filled)
    results = [ItemResult(1, "done"), ItemResult(2, "failed", errors=[{"code": "bad"}])]
    with filled.store.change(SERVICE) as unit:
        assert leases.save_results(unit, held, results, T0)
    with filled.store.change(filled.author) as unit:
        queue.cancel(unit, unit.session.get_one(BatchRow, batch))
    assert state(filled.store, batch) == "cancelled"
    assert not done(filled, held, T0)
    assert claim(filled, T0 + LEASE * 2) is None
    with filled.store.change(filled.author) as unit:
        assert queue.retry(unit, unit.session.get_one(BatchRow, batch)) == 2
    assert [item.seq for item in claimed(filled).items] == [2, 3]
    assert state(filled.store, batch) == "active"


def test_only_what_failed_is_ordered_again(filled: Filled) -> None:
    batch = order(filled, ["a", "bad"])
    finish(context_of(filled.store))
    assert (state(filled.store, batch), counts(filled.store, batch)) == (
        "done",
        queue.Counts(done=1, failed=1),
    )
    with filled.store.change(filled.author) as unit:
        assert queue.retry(unit, unit.session.get_one(BatchRow, batch)) == 1
    finish(context_of(filled.store))
    assert counts(filled.store, batch) == queue.Counts(done=1, failed=1)


def finish(context: WorkerContext) -> None:
    """Work until nothing is left."""
    while held := claim_chunk(context):
        assert work_on_chunk(context, held, Event())


def test_gauges_tell_what_waits(filled: Filled) -> None:
    order(filled, ["a"] * (CHUNK + 1))
    claimed(filled)
    with filled.store.reading() as session:
        found = gauges(session, T0)
    assert (found.waiting, found.running) == (1, 1)
    assert found.oldest
    assert found.oldest_running
    assert (found.items, found.failures) == ({"pending": CHUNK + 1}, {})


def test_gauges_tell_why_items_fail(filled: Filled) -> None:
    order(filled, ["a", "b", "c"])
    held = claimed(filled)
    results = [ItemResult(1, "done"), ItemResult(2, "failed", errors=[{"code": "bad"}])]
    with filled.store.change(SERVICE) as unit:
        assert leases.save_results(unit, held, results, T0)
    with filled.store.reading() as session:
        found = gauges(session, T0)
    assert found.items == {"pending": 1, "done": 1, "failed": 1}
    assert found.failures == {"bad": 1}


# ---------------------------------------------------------------- faults


def wait_for(what: Callable[[], bool], patience_s: float = 60) -> None:
    end = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_workers_killed_at_random_lose_nothing(
    filled: Filled, tmp_path: Path, store_url: str
) -> None:
    """F1, and F2: each worker that follows is another process with claims of its own."""
    rows = [str(one) for one in range(300)]
    batch = order(filled, rows)
    chance = random.Random(5)
    for _ in range(5):
        with worker(tmp_path / "data", store_url):
            time.sleep(chance.uniform(0, 0.3))
    ended = time.monotonic()
    with worker(tmp_path / "data", store_url):
        wait_for(lambda: state(filled.store, batch) == "done")
    check_whole(filled.store, batch, rows)
    assert time.monotonic() - ended < 60


def freeze(pid: int, folder: Path, url: str) -> None:
    """Stop a process; not within a transaction on SQLite, where nobody could write any more."""
    os.kill(pid, signal.SIGSTOP)
    if url:
        return
    with closing(sqlite3.connect(folder / SQLITE_NAME, timeout=0.2)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
            freeze(pid, folder, url)


@pytest.mark.slow
def test_a_worker_that_wakes_too_late_changes_nothing(
    filled: Filled, tmp_path: Path, store_url: str
) -> None:
    """F5."""
    check_waking_too_late(filled, tmp_path / "data", store_url)


def check_waking_too_late(filled: Filled, folder: Path, url: str, crew: str = "") -> None:
    """Freeze a worker of this kind amid its chunk until another has done it."""
    rows = [str(one) for one in range(200)]
    batch = order(filled, rows)
    with ExitStack() as workers:
        first = workers.enter_context(worker(folder, url, f"{crew} slow"))
        wait_for(lambda: counts(filled.store, batch).done > 0)
        freeze(first.pid, folder, url)
        late = owner(filled.store)
        assert late
        workers.enter_context(worker(folder, url, crew))
        wait_for(lambda: owner(filled.store) != late)
        wait_for(lambda: state(filled.store, batch) == "done")
        os.kill(first.pid, signal.SIGCONT)
        time.sleep(LEASE_S)
        assert first.poll() is None
        check_whole(filled.store, batch, rows)


@pytest.mark.slow
def test_an_item_that_kills_workers_ends_alone(
    filled: Filled, tmp_path: Path, store_url: str
) -> None:
    """F7, where not a child but the whole worker dies."""
    rows = ["1", "2", "kill", "4"]
    batch = order(filled, rows)
    while state(filled.store, batch) != "done":
        with worker(tmp_path / "data", store_url) as process:
            wait_for(lambda: process.poll() is not None or state(filled.store, batch) == "done")
    assert counts(filled.store, batch) == queue.Counts(done=3, poison=1)


@pytest.mark.slow
def test_two_workers_never_meet_a_locked_database(
    filled: Filled, caplog: pytest.LogCaptureFixture
) -> None:
    """F10, for a few seconds: a worker that fails logs it and waits, so that time would tell."""
    rows = [str(one) for one in range(600)]
    stopping = Event()
    batches = [order(filled, rows) for _ in range(2)]
    threads = [
        Thread(target=run_worker, args=(context_of(filled.store), stopping)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    try:
        while any(state(filled.store, batch) != "done" for batch in batches):
            order(filled, ["x"])
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert "locked" not in caplog.text
    assert "no work can be done" not in caplog.text
    assert all(counts(filled.store, one) == queue.Counts(done=600) for one in batches)


def test_cancelling_a_large_batch(filled: Filled) -> None:
    """F9: what takes long is nobody's work but the rows' own."""
    batch = order(filled, ["x"] * 5_000)
    held = claimed(filled)
    with filled.store.change(filled.author) as unit:
        queue.cancel(unit, unit.session.get_one(BatchRow, batch))
    assert claim(filled) is None
    assert not done(filled, held, T0)
