"""Spreadsheets that were accepted outlive every process that is killed, and are made once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from docgen.batches import batches, sheets
from docgen.batches.sheets import SheetOptions, UploadedSheet
from docgen.store.tables import BatchItemRow
from tests.commands import PROGRAM, surroundings
from tests.serving import Served, served
from tests.sizes import FULL
from tests.stores import Filled, environment, filled_at, store_at, token, whole
from tests.test_batches_cli import many
from tests.test_jobs import wait_for

COUNT = 30 if FULL else 12
LATER = {"DOCGEN_NOW": "2026-03-20T10:00:00+08:00"}


def ask(service: Served, method: str, path: str, text: str, **more: Any) -> Any:
    url = f"http://127.0.0.1:{service.port}/api/v1{path}"
    headers = {"Authorization": f"Bearer {text}"}
    answer = requests.request(method, url, headers=headers, timeout=120, **more)
    assert answer.ok, answer.text
    return answer.json()


@pytest.mark.slow
@pytest.mark.enable_socket
def test_what_the_service_accepted_outlives_it(tmp_path: Path) -> None:
    """Killed right after each answer: the next process goes on, and no row is made twice."""
    folder = tmp_path / "data"
    with filled_at(folder) as filled:
        contract_id, text = filled.contract_id, token(filled.store, "zhangwei")
    env = environment(folder) | LATER
    sheet = many(tmp_path / "many.csv", COUNT)
    path = f"/batches?contract_id={contract_id}&keep=drafts"
    with served(tmp_path, env) as service:
        files = {"file": ("many.csv", sheet.read_bytes())}
        path = f"/batches/{ask(service, 'POST', path, text, files=files)['id']}"
        os.kill(service.process.pid, signal.SIGKILL)
    with served(tmp_path, env) as service:
        wait_for(lambda: ask(service, "GET", path, text)["state"] == "preview", 90)
        assert ask(service, "GET", f"{path}/preview", text)["rows"]["converted"] == COUNT
        ask(service, "POST", f"{path}/confirm", text)
        os.kill(service.process.pid, signal.SIGKILL)
    with served(tmp_path, env) as service:
        wait_for(lambda: ask(service, "GET", path, text)["done"] >= 3, 90)
        os.kill(service.process.pid, signal.SIGKILL)
    with served(tmp_path, env) as service:
        wait_for(lambda: ask(service, "GET", path, text)["state"] == "done", 120)
        told = ask(service, "GET", path, text)
        assert (told["done"], told["failed"], told["poison"]) == (COUNT, 0, 0)
        items = ask(service, "GET", f"{path}/items?limit=200", text)["items"]
        numbers = [one["doc_no"] for one in items]
        found = ask(service, "GET", f"/records?contract_id={contract_id}&limit=200", text)
    assert len(set(numbers)) == COUNT
    assert sorted(one["doc_no"] for one in found["items"]) == sorted(numbers)
    with store_at(folder) as store:
        whole(store)


@pytest.mark.slow
@pytest.mark.enable_socket
def test_workers_elsewhere_read_and_make_them(tmp_path: Path, database: str) -> None:
    """Two `docgen worker` beside PostgreSQL, one of them killed on the way."""
    env = surroundings(**environment(tmp_path / "data", database) | LATER)
    sheet = many(tmp_path / "many.csv", COUNT).read_bytes()
    with filled_at(tmp_path / "data", database) as filled:
        batch_id = ordered(filled, sheet)
        workers = [
            subprocess.Popen([*PROGRAM, "worker"], env=env, stdout=-3, stderr=-3) for _ in "12"
        ]
        try:
            wait_for(lambda: told(filled, batch_id).state == "preview", 90)
            with filled.store.change(filled.author) as unit:
                sheets.confirm(unit, batch_id)
            wait_for(lambda: told(filled, batch_id).counts.done >= 3, 90)
            workers[0].kill()
            wait_for(lambda: told(filled, batch_id).state == "done", 120)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        assert told(filled, batch_id).counts.done == COUNT
        with filled.store.reading() as session:
            rows = session.query(BatchItemRow).filter_by(batch_id=batch_id).all()
        assert len({row.doc_no for row in rows}) == COUNT
        assert {json.loads(row.payload)["doc_no"] for row in rows} == {row.doc_no for row in rows}
        whole(filled.store)


def ordered(filled: Filled, sheet: bytes) -> str:
    kept = UploadedSheet("many.csv", filled.store.blobs.put(sheet), len(sheet))
    with filled.store.change(filled.author) as unit:
        unit.now = unit.now.replace(day=20)
        wishes = SheetOptions(("docx",), "zh")
        return sheets.order(unit, filled.contract_id, wishes, [kept]).batch.id


def told(filled: Filled, batch_id: str) -> Any:
    with filled.store.reading() as session:
        return batches.progress_of(session, filled.author, batch_id)
