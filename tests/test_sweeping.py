"""Sweeping takes only what nothing names and what has had its time, also while others write."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Lock
from typing import Any

import pytest
from sqlalchemy import select

from docgen.audit import trail
from docgen.operations.sweeping import Sweeper, SweepReport, sweep
from docgen.records import documents
from docgen.records.documents import StoredDocument
from docgen.store.blobs import FolderBlobs
from docgen.store.content_address import shard
from docgen.store.locks import no_sweep
from docgen.store.tables import BlobRow, DocumentRow, IdempotencyKeyRow, RenderingRow, SessionRow
from docgen.store.unit_of_work import Store
from docgen.workflow import attachments
from tests.commands import as_json
from tests.settings import NOW
from tests.stores import Filled, environment, filled_at, token, whole

HOUR = timedelta(hours=1)


def real_now() -> datetime:
    return datetime.now(UTC)


def age(store: Store, by: timedelta = 25 * HOUR, only: str = "") -> None:
    """Let time pass over the bytes: all of them, or one."""
    assert isinstance(store.blobs, FolderBlobs)
    for sha256, moment in list(store.blobs.names()):
        if sha256 == only or not only:
            then = (moment - by).timestamp()
            os.utime(store.blobs.root / shard(sha256), (then, then))


def names(store: Store) -> set[str]:
    return {sha256 for sha256, _ in store.blobs.names()}


def preview(filled: Filled, text: bytes, days: float = 0) -> str:
    """Keep a preview, made so many days ago; returns its bytes' hash."""
    sha256 = filled.store.blobs.put(text)
    made = StoredDocument("pdf", "zh", sha256, len(text), sha256)
    with filled.store.change(filled.author) as unit:
        unit.now -= timedelta(days=days)
        documents.keep_rendering(unit, made)
    return sha256


def test_only_what_nothing_names_goes_after_a_day(tmp_path: Path, store_url: str) -> None:
    with filled_at(tmp_path, store_url) as filled:
        store = filled.store
        filled.submitted()
        draft = filled.record()
        filled.attach(draft, b"kept")
        file = filled.attach(draft, b"taken away")
        with store.change(filled.author) as unit:
            attachments.remove(unit, (draft, 1), file)
        orphan = store.blobs.put(b"never named")
        assert sweep(store, real_now()) == SweepReport()
        age(store)
        young = store.blobs.put(b"named soon")
        assert sweep(store, real_now()) == SweepReport(blobs=2)
        assert orphan not in names(store)
        assert young in names(store)
        assert whole(store) == 5  # with the templates
        assert len(names(store)) == 6
        assert trail.verified(store).broken == 0


def test_bytes_age_by_the_real_clock(tmp_path: Path) -> None:
    """A store whose time stands still, or runs ahead, loses nothing that is new."""
    with filled_at(tmp_path) as filled:
        filled.store.clock = lambda: NOW + timedelta(days=3650)
        filled.store.blobs.put(b"new")
        assert sweep(filled.store, real_now()).blobs == 0


def test_previews_go_after_thirty_days(tmp_path: Path, store_url: str) -> None:
    with filled_at(tmp_path, store_url) as filled:
        filled.submitted()
        old, new = preview(filled, b"old", days=31), preview(filled, b"new", days=29)
        age(filled.store)
        swept = sweep(filled.store, real_now())
        assert (swept.previews, swept.blobs) == (1, 1)
        assert names(filled.store) >= {new}
        assert old not in names(filled.store)
        with filled.store.reading() as session:
            kept = set(session.scalars(select(RenderingRow.sha256)))
            files = set(session.scalars(select(DocumentRow.sha256)))
        assert kept == files | {new}
        filled.store.clock = lambda: NOW + timedelta(days=400)
        assert sweep(filled.store, real_now()).previews == 1
        assert whole(filled.store) == 4


def test_answers_and_sessions_have_their_time(tmp_path: Path, store_url: str) -> None:
    with filled_at(tmp_path, store_url) as filled:
        user_id = str(filled.author.user_id)
        with filled.store.change(filled.author) as unit:
            for name, past in (("old", timedelta(days=8)), ("new", timedelta(days=6))):
                unit.session.add(
                    IdempotencyKeyRow(
                        user_id=user_id,
                        key=name,
                        fingerprint="",
                        status=200,
                        headers="{}",
                        body="",
                        created_at=NOW - past,
                    )
                )
                unit.session.add(
                    SessionRow(
                        id_hash=name,
                        user_id=user_id,
                        created_at=NOW - past,
                        seen_at=NOW,
                        expires_at=NOW + timedelta(days=7) - past,
                    )
                )
        assert sweep(filled.store, real_now()) == SweepReport(keys=1, sessions=1)
        with filled.store.reading() as session:
            assert session.scalars(select(IdempotencyKeyRow.key)).all() == ["new"]
            assert session.scalars(select(SessionRow.id_hash)).all() == ["new"]


@pytest.mark.slow
def test_sweeping_during_writes_takes_nothing_that_is_named(tmp_path: Path, store_url: str) -> None:
    """Old bytes are named anew, given up and swept at once, by several threads (F12).

    No bytes grow old between their put and the commit of their row, which never takes a day.
    """
    contents = [f"preview {number}".encode() for number in range(6)]
    under_way, alone, stop = Counter[str](), Lock(), Event()
    with filled_at(tmp_path, store_url) as filled:
        store = filled.store

        def write() -> int:
            for text in contents * 15:
                sha256 = hashlib.sha256(text).hexdigest()
                with alone:
                    under_way[sha256] += 1
                assert preview(filled, text) == sha256
                with alone:
                    under_way[sha256] -= 1
            return 0

        def give_up() -> int:
            while not stop.is_set():
                with store.change(filled.author) as unit:
                    for row in unit.session.scalars(select(RenderingRow).with_for_update()):
                        unit.session.delete(row)
            return 0

        def sweep_on() -> int:
            count = 0
            while not stop.is_set():
                with alone:
                    for sha256 in names(store) - set(+under_way):
                        age(store, only=sha256)
                count += sweep(store, real_now()).blobs
            return count

        with ThreadPoolExecutor(5) as pool:
            writing = [pool.submit(write) for _ in range(3)]
            others = [pool.submit(give_up), pool.submit(sweep_on)]
            try:
                for one in writing:
                    one.result()
            finally:
                stop.set()
            assert [one.result() for one in others][1] > 0
        check_named(store)


def check_named(store: Store) -> None:
    """Every row has its bytes, and bytes without a row are of no harm."""
    with store.reading() as session:
        named = set(session.scalars(select(RenderingRow.sha256)))
        rows = set(session.scalars(select(BlobRow.sha256)))
    assert named <= rows
    whole(store)


def test_a_backup_holds_off_the_sweep(tmp_path: Path, store_url: str) -> None:
    with filled_at(tmp_path, store_url) as filled:
        filled.store.blobs.put(b"never named")
        age(filled.store)
        with no_sweep(filled.store.database), no_sweep(filled.store.database):
            assert sweep(filled.store, real_now()) == SweepReport(busy=True)
        assert sweep(filled.store, real_now()) == SweepReport(blobs=1)


def test_the_command(tmp_path: Path, store_url: str) -> None:
    with filled_at(tmp_path, store_url) as filled:
        filled.store.blobs.put(b"never named")
        age(filled.store)
        surroundings: Any = environment(tmp_path, store_url)
        assert as_json("sweep", **surroundings) == SweepReport(blobs=1).as_json()
        assert token(filled.store, "zhangwei")


def test_the_service_sweeps_by_itself(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with filled_at(tmp_path) as filled:
        filled.store.blobs.put(b"never named")
        age(filled.store)
        sweeper = Sweeper(filled.store, every_s=0.01)
        sweeper.start()
        while names(filled.store):
            pass
        sweeper.stop()
        (tmp_path / "sweep.lock").unlink()
        (tmp_path / "sweep.lock").mkdir()
        again = Sweeper(filled.store, every_s=0.01)
        again.start()
        while caplog.text.count("sweeping failed") < 2:
            pass
        again.stop()
