"""Workers on PostgreSQL, woken by procrastinate: killed, frozen, and without their database."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from docgen.cli.console import SURROUNDINGS
from docgen.errors import StoreFault
from tests.commands import docgen
from tests.jobbing import worker
from tests.postgres import Server
from tests.stores import Filled, filled_at
from tests.test_jobs import (
    check_waking_too_late,
    check_whole,
    counts,
    order,
    order_and_fail,
    state,
    wait_for,
)

pytestmark = pytest.mark.enable_socket
DEAD = text(
    "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat)"
    " VALUES (now() - interval '1 hour') RETURNING id)"
    " INSERT INTO procrastinate_jobs "
    "(task_name, queue_name, status, args, queueing_lock, worker_id)"
    " SELECT 'docgen.reap', 'docgen-first', 'doing', '{\"timestamp\": 1}', 'docgen.reap', id"
    " FROM dead"
)


@pytest.fixture
def filled(tmp_path: Path, database: str) -> Iterator[Filled]:
    with filled_at(tmp_path / "data", database) as made:
        yield made


def jobs(filled: Filled) -> int:
    with filled.store.reading() as session:
        return int(session.scalar(text("SELECT count(*) FROM procrastinate_jobs")) or 0)


def test_a_job_comes_with_the_change_or_not_at_all(filled: Filled) -> None:
    with pytest.raises(ZeroDivisionError):
        order_and_fail(filled)
    assert jobs(filled) == 0
    order(filled, ["a"])
    assert jobs(filled) == 1


def test_a_worker_wants_postgresql(tmp_path: Path) -> None:
    told = docgen("worker", DOCGEN_DATA=tmp_path)
    assert told.returncode == SURROUNDINGS
    assert "worker_needs_postgresql" in told.stderr


@pytest.mark.slow
def test_killed_workers_lose_nothing(filled: Filled, tmp_path: Path, database: str) -> None:
    """F1, F2."""
    rows = [str(one) for one in range(300)]
    batch = order(filled, rows)
    chance = random.Random(7)
    for _ in range(5):
        with worker(tmp_path / "data", database, "crew"):
            time.sleep(chance.uniform(0.2, 1))
    with worker(tmp_path / "data", database, "crew"):
        wait_for(lambda: state(filled.store, batch) == "done")
    check_whole(filled.store, batch, rows)


@pytest.mark.slow
def test_a_frozen_worker_wakes_too_late(filled: Filled, tmp_path: Path, database: str) -> None:
    """F5."""
    check_waking_too_late(filled, tmp_path / "data", database, "crew")


@pytest.mark.slow
def test_a_killed_reaper_is_followed_by_another(
    filled: Filled, tmp_path: Path, database: str
) -> None:
    """F6: one is at work for ever, as the table has it, and a chunk has no job."""
    batch = order(filled, ["a"])
    with filled.store.database.begun() as connection:
        connection.execute(text("DELETE FROM procrastinate_jobs"))
        connection.execute(DEAD)
    with worker(tmp_path / "data", database, "crew"):
        wait_for(lambda: state(filled.store, batch) == "done", 20)


@pytest.mark.slow
def test_a_database_that_stops_in_the_middle(tmp_path: Path) -> None:
    """F4."""
    with Server(fsync=True) as server:
        url = server.new_database()
        with filled_at(tmp_path / "data", url) as filled:
            rows = [str(one) for one in range(300)]
            batch = order(filled, rows)
            with worker(tmp_path / "data", url, "crew") as process:
                wait_for(lambda: counts(filled.store, batch).done > 0)
                server.stop(immediate=True)
                time.sleep(2)
                server.start()
                wait_for(lambda: done_after_all(filled, batch))
                assert process.poll() is None
            check_whole(filled.store, batch, rows)


def done_after_all(filled: Filled, batch: str) -> bool:
    try:
        return state(filled.store, batch) == "done"
    except StoreFault:  # it has only just come back
        return False
