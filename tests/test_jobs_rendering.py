"""Batches of records, from the request to the zip; and items that end whoever makes them."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import subprocess
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import select

from docgen.batches import batches, queue
from docgen.batches.queue import WorkOrder
from docgen.batches.rendering import KIND_RENDER, rendering_handler
from docgen.batches.worker import WorkerContext
from docgen.errors import InputUnreadable
from docgen.paths import samples_dir
from docgen.renderers.isolation import ChildLimits, Children
from docgen.store.tables import BatchItemRow
from tests.commands import PROGRAM, surroundings
from tests.service import Team
from tests.stores import Filled, environment, filled_at
from tests.test_jobs import counts, finish, state, wait_for


def record(number: int) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads((samples_dir() / "ZX/basic.json").read_bytes())
    return sample | {"doc_no": f"ZX-HDYD-20260306-{number:03}"}


def posted(team: Team, rows: list[Any], query: str = "&format=docx", **more: Any) -> Any:
    contract = more.pop("contract_id")
    return team.post("zhangwei", f"/batches?contract_id={contract}{query}", rows, **more)


def ended(team: Team, batch_id: str) -> Any:
    found: dict[str, Any] = {}

    def is_done() -> bool:
        found.update(team.made(team.get("zhangwei", f"/batches/{batch_id}"), 200))
        return bool(found["state"] != "active")

    wait_for(is_done, 90)
    return found


# ---------------------------------------------------------------- the API


@pytest.mark.slow
def test_a_batch_from_the_request_to_the_zip(office: Team) -> None:
    contract_id = office.contract()
    rows = [record(1), {"doc_no": "ZX-HDYD-20260306-002"}, record(3), record(3)]
    made = office.made(posted(office, rows, contract_id=contract_id), 202)
    assert (made["total"], made["pending"], made["formats"]) == (4, 4, ["docx"])
    found = ended(office, made["id"])
    assert (found["done"], found["failed"], found["poison"]) == (3, 1, 0)
    path = f"/batches/{made['id']}"
    [failed] = office.get("zhangwei", f"{path}/items?state=failed").json()["items"]
    assert (failed["seq"], failed["doc_no"], failed["files"]) == (2, "ZX-HDYD-20260306-002", [])
    assert failed["errors"][0]["message"]["zh"]
    page = office.get("zhangwei", f"{path}/items?limit=3").json()
    rest = office.get("zhangwei", f"{path}/items?cursor={page['next_cursor']}").json()
    assert [one["seq"] for one in page["items"] + rest["items"]] == [1, 2, 3, 4]
    events = office.get("zhangwei", f"{path}/events")
    assert events.headers["content-type"].startswith("text/event-stream")
    assert json.loads(events.text.partition("data: ")[2])["done"] == 3
    check_zip(office.get("zhangwei", f"{path}/result.zip").content)
    again = office.made(office.post("zhangwei", f"{path}/retry"), 200)
    assert (again["state"], again["pending"]) == ("active", 1)
    assert ended(office, made["id"])["failed"] == 1
    assert office.get("zhangwei", "/contracts/" + contract_id + "/audit").text.count("batch.") >= 3
    assert "docgen_job_oldest_seconds" in office.client.get("/metrics").text


def check_zip(data: bytes) -> None:
    with ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        told = json.loads(found.read("manifest.json"))["items"]
        files = [file for item in told for file in item["files"]]
        assert {file["name"] for file in files} | {"manifest.json"} == set(found.namelist())
        assert [item["state"] for item in told] == ["done", "failed", "done", "done"]
        assert told[1]["doc_no"] == "ZX-HDYD-20260306-002"
        assert files[-1]["name"] == "ZX-HDYD-20260306-003-4.docx"
        for file in files:
            assert hashlib.sha256(found.read(file["name"])).hexdigest() == file["sha256"]


def test_a_batch_asked_for_twice_is_one(team: Team) -> None:
    contract_id = team.contract()
    key = {"Idempotency-Key": "one"}
    first, second = (posted(team, [record(1)], contract_id=contract_id, headers=key) for _ in "12")
    assert team.made(first, 202) == team.made(second, 202)
    other = posted(team, [record(2)], contract_id=contract_id, headers=key)
    assert other.status_code == 422


def test_a_batch_is_cancelled_and_others_never_see_it(team: Team) -> None:
    contract_id = team.contract()
    rows = [record(one) for one in range(1, 300)]
    made = team.made(posted(team, rows, contract_id=contract_id), 202)
    assert team.get("other", f"/batches/{made['id']}").status_code == 404
    assert posted(team, [], contract_id="0" * 32).status_code == 404
    told = team.made(team.post("zhangwei", f"/batches/{made['id']}/cancel"), 200)
    assert told["state"] == "cancelled"
    assert told["pending"] > 0
    assert team.made(team.post("zhangwei", f"/batches/{made['id']}/cancel"), 200)["ended_at"]


def test_json_lines_are_read_as_an_array_is() -> None:
    lines = b'{"a": 1}\n\n{"b": "\xe7\x94\xb2"}\n'
    assert batches.read_rows(lines) == batches.read_rows(b'[{"a": 1}, {"b": "\xe7\x94\xb2"}]')
    numbers = ("QX-HDYD-20260306-001", "QX-1", 7)  # only what can be one is kept as a number
    rows = batches.read_rows(json.dumps([{"doc_no": one} for one in numbers]).encode())
    assert [doc_no for _, doc_no in rows] == ["QX-HDYD-20260306-001", None, None]
    with pytest.raises(InputUnreadable) as caught:
        batches.read_rows(b'{"a": 1}\n2\n')
    assert (caught.value.code, caught.value.place) == ("not_records", "2")


# ---------------------------------------------------------------- the worker's side


def order_records(filled: Filled, count: int) -> str:
    rows = [json.dumps(record(one)).encode() for one in range(1, count + 1)]
    return order_rows(filled, rows)


def order_rows(filled: Filled, rows: list[bytes]) -> str:
    with filled.store.change(filled.author) as unit:
        assert filled.author.user_id
        options = {"formats": ["docx"], "lang": "zh"}
        job = WorkOrder(KIND_RENDER, filled.author.user_id, filled.contract_id, options, priority=0)
        return queue.enqueue(unit, job, rows).id


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_command_works_until_it_is_stopped(tmp_path: Path, database: str) -> None:
    with filled_at(tmp_path / "data", database) as filled:
        batch = order_records(filled, 2)
        env = surroundings(**environment(tmp_path / "data", database))
        with subprocess.Popen([*PROGRAM, "worker"], env=env, stdout=-3, stderr=-3) as process:
            try:
                wait_for(lambda: state(filled.store, batch) == "done", 90)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
            finally:
                process.kill()
        assert counts(filled.store, batch) == queue.Counts(done=2)


@pytest.mark.slow
def test_what_ends_children_is_poison_and_the_rest_is_done(tmp_path: Path) -> None:
    """F7: a hang, a crash, too much memory and an exit among others."""
    with (
        filled_at(tmp_path / "data") as filled,
        Children(2, ChildLimits(memory_mb=600, wall_s=3, cpu_s=2)) as children,
    ):
        kinds = ("hang", "crash", "memory", "exit")
        rows = [json.dumps(kinds[one] if one < 4 else one).encode() for one in range(40)]
        batch = order_rows(filled, rows)
        make = rendering_handler(filled.store, Deadly(children))  # type: ignore[arg-type]
        finish(WorkerContext(filled.store, {KIND_RENDER: make}, at_once=2))
        assert counts(filled.store, batch) == queue.Counts(done=36, poison=4)
        with filled.store.reading() as session:
            poison = session.scalars(
                select(BatchItemRow).where(BatchItemRow.state == "poison")
            ).all()
        codes = [json.loads(one.errors or "")[0]["code"] for one in poison]
        assert codes == ["render_timeout", "render_died", "render_memory", "render_died"]


class Deadly:
    """Children that do what an item says instead of rendering it."""

    def __init__(self, children: Children) -> None:
        self.children = children

    def run(self, work: Any, orders: Any, formats: Any, *, size_bytes: int) -> Any:
        from tests.deadly import act

        return self.children.run(act, [order.data for order in orders], size_bytes=size_bytes)
