"""Kills at every step, a full disk, a folder that cannot be written: nothing is torn or lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from docgen.audit import trail
from docgen.errors import DocgenError, StoreFault
from docgen.store.tables import AuditEntryRow, DocumentRow, RecordRow
from docgen.store.unit_of_work import Store
from tests.commands import as_json
from tests.service import at_work, draft
from tests.serving import Served, served
from tests.sizes import FULL
from tests.stores import environment, filled_at, record_ids, store_at, token, whole

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).resolve().parent.parent
POSTS, CLIENTS = 300 if FULL else 100, 8


# ---------------------------------------------------------------- killed at every step (F11)


@pytest.mark.slow
def test_killed_at_every_step_of_submitting(tmp_path: Path, store_url: str) -> None:
    taken: set[str] = set()
    with filled_at(tmp_path, store_url) as filled, killed(tmp_path, store_url) as submit:
        for step in count(1, 1 if FULL else 3):
            taken.add(submit(str(step)))
            check_nothing_torn(filled.store)
            if "done" in taken:
                break
        # Folders that are there already are steps less, so that a number may jump over a step.
        named = {"begin", "commit", "open", "os.mkdir", "tempfile.mkstemp", "os.rename"}
        for name in sorted(named - taken):
            taken.add(submit(name))
            check_nothing_torn(filled.store)
        assert taken >= named
        assert submit("anchor") == "anchor"
        check_nothing_torn(filled.store)
        assert trail.verified(filled.store).seq > max(filled.store.anchor.read())
        trail.anchor_newest(filled.store)
        assert trail.verified(filled.store).seq == max(filled.store.anchor.read())
        filled.submitted()
        check_nothing_torn(filled.store)


@contextmanager
def killed(folder: Path, url: str) -> Iterator[Callable[[str], str]]:
    """Give what submits a record in a process that is killed at a step; the step's name."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.killed", folder, url],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked
        assert answers

        def submit(step: str) -> str:
            asked.write(f"{step}\n")
            asked.flush()
            name = answers.readline().strip()
            assert name, "the process ended by itself"
            return name

        yield submit
        asked.close()


def check_nothing_torn(store: Store) -> None:
    """Each record is a draft, or submitted with its files, its bytes and its audit entry."""
    whole(store)
    assert {one.code for one in trail.verified(store).breaks} <= {"tail_not_anchored"}
    with store.reading() as session:
        files = list(session.scalars(select(DocumentRow.record_id)))
        noted = set(
            session.scalars(
                select(AuditEntryRow.subject_id).where(AuditEntryRow.action == "record.submitted")
            )
        )
        for record in session.scalars(select(RecordRow)):
            is_submitted = record.state == "submitted"
            assert files.count(record.id) == 3 * is_submitted
            assert (record.id in noted) == is_submitted


# ---------------------------------------------------------------- the service killed (F3)


@pytest.mark.slow
@pytest.mark.enable_socket
def test_what_a_killed_service_acknowledged_is_there(tmp_path: Path, store_url: str) -> None:
    folder = tmp_path / "data"
    with filled_at(folder, store_url) as filled:
        secret = token(filled.store, "zhangwei")
    env = environment(folder, store_url) | {"DOCGEN_REQUESTS_PER_MINUTE": 100_000}
    acknowledged: list[str] = []
    with served(tmp_path, env) as service, ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(POSTS):
            pool.submit(post, service, secret, acknowledged)
        while len(acknowledged) < POSTS // 2:
            assert service.process.poll() is None
        service.process.kill()
    assert POSTS // 2 <= len(acknowledged) < POSTS
    with store_at(folder, store_url) as store:
        with store.reading() as session:
            created = select(AuditEntryRow.subject_id).where(
                AuditEntryRow.action == "record.created"
            )
            noted = list(session.scalars(created))
        assert set(acknowledged) <= record_ids(store) == set(noted)
        assert len(noted) == len(set(noted))
        check_nothing_torn(store)
    with served(tmp_path, env) as service:
        for record_id in acknowledged[::10]:
            assert service.ask("GET", f"/api/v1/records/{record_id}", token=secret)[0] == 200
        post(service, secret, acknowledged)
    assert as_json("audit", "verify", **env_of(folder, store_url))["broken"] == 0


def post(service: Served, secret: str, acknowledged: list[str]) -> None:
    body = json.dumps(draft("XJ")).encode()
    try:
        status, answer = service.ask("POST", "/api/v1/records?code=XJ", body, secret)
    except (OSError, HTTPException):
        return  # it was killed
    assert status == 201, answer
    acknowledged.append(answer["id"])


def env_of(folder: Path, url: str) -> Any:
    return environment(folder, url)


# ---------------------------------------------------------------- a full disk (F13)


@contextmanager
def mounted(disk: Path, *options: str) -> Iterator[Path]:
    disk.mkdir(exist_ok=True)
    mounting = subprocess.run(["mount", *options, str(disk)], capture_output=True, check=False)
    if mounting.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=8m", "none") as disk:
        yield disk


def fill(disk: Path) -> Path:
    """Leave no byte free; returns the file that takes the room."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def test_a_full_disk_tears_nothing_and_work_goes_on(small_disk: Path) -> None:
    with filled_at(small_disk / "data") as filled:
        store = filled.store
        filled.submitted()
        before = record_ids(store)
        ballast = fill(small_disk)
        codes = set()
        for _ in range(200):  # what the database has set aside for itself is used up first
            try:
                filled.record()
            except StoreFault as full:
                codes.add(full.code)
        assert "no_space" in codes
        assert codes <= {"no_space", "anchor_unwritable"}
        with pytest.raises(StoreFault) as caught:
            store.blobs.put(b"x" * 100_000)
        assert caught.value.code == "no_space"
        assert before <= record_ids(store)
        check_nothing_torn(store)
        ballast.unlink()
        filled.submitted()
        trail.anchor_newest(store)
        check_nothing_torn(store)


@pytest.mark.slow
def test_a_full_disk_is_answered_507(small_disk: Path) -> None:
    with at_work(small_disk / "data") as team:
        team.contract()
        record = team.record()
        ballast = fill(small_disk)
        told = [team.post("zhangwei", "/records?code=XJ", draft("XJ")) for _ in range(100)]
        full = [answer for answer in told if answer.status_code == 507]
        assert full
        assert {answer.json()["code"] for answer in full} == {"no_space"}
        assert full[0].headers["content-type"] == "application/problem+json"
        path = f"/records/{record['id']}/versions/1/files"
        files = {"file": ("日志.txt", b"log\n" * 20_000, "text/plain")}
        upload = {"files": files, "data": {"purpose": "attachment"}}
        answer = team.ask("zhangwei", "POST", path, **upload)
        assert (answer.status_code, answer.json()["code"]) == (507, "no_space")
        ballast.unlink()
        team.made(team.ask("zhangwei", "POST", path, **upload))
        team.record()
        check_nothing_torn(team.store)


@pytest.mark.slow
def test_commands_say_that_the_disk_is_full(small_disk: Path) -> None:
    data = small_disk / "data"
    with filled_at(data) as filled:
        filled.submitted()
    ballast = fill(small_disk)
    told = as_json("backup", small_disk / "b.tar", code=3, DOCGEN_DATA=data)
    assert told["errors"][0]["code"] == "no_space"
    assert not list(small_disk.glob(".docgen-*"))
    ballast.unlink()
    assert as_json("backup", small_disk / "b.tar", DOCGEN_DATA=data)["files"] == 4


# ---------------------------------------------------------------- read only (F13)


def test_a_folder_that_turns_read_only_is_told(tmp_path: Path) -> None:
    with at_work(tmp_path / "data") as team:
        team.contract()
        record = team.record()
        path = f"/records/{record['id']}/versions/1/files"
        upload = {
            "files": {"file": ("日志.txt", b"log\n", "text/plain")},
            "data": {"purpose": "attachment"},
        }
        blobs = tmp_path / "data/blobs"
        blobs.mkdir(exist_ok=True)
        with mounted(blobs, "-t", "tmpfs", "-o", "ro", "none"):
            answer = team.ask("zhangwei", "POST", path, **upload)
            assert (answer.status_code, answer.json()["code"]) == (503, "store_unusable")
        team.made(team.ask("zhangwei", "POST", path, **upload))
        whole(team.store)


def test_a_read_only_disk_is_told_at_the_start(small_disk: Path) -> None:
    data = small_disk / "data"
    with filled_at(data) as filled:
        filled.submitted()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        with pytest.raises(DocgenError) as caught, store_at(data):
            pass
        assert caught.value.code == "store_unusable"
        found = as_json("doctor", code=3, DOCGEN_DATA=data)["findings"]
        bad = {one["subject"].split()[-1]: one["detail"] for one in found if not one["good"]}
        assert "不可写" in bad["folder"]
        assert "store_unusable" in bad["blobs"]
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    with store_at(data) as store:
        check_nothing_torn(store)
