"""Spreadsheets handed in: previewed, corrected, confirmed, made; twice the same adds nothing."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from pikepdf import Pdf

from docgen.paths import samples_dir
from tests.service import Team
from tests.test_jobs import wait_for

SHEETS = samples_dir() / "sheets"
WORKING = ("reading", "taking", "active")


def handed_in(team: Team, *files: Path | tuple[str, bytes], query: str = "", **more: Any) -> Any:
    """Hand files in; returns the answer."""
    contract = more.pop("contract_id")
    parts = [(one.name, one.read_bytes()) if isinstance(one, Path) else one for one in files]
    return team.ask(
        more.pop("who", "zhangwei"),
        "POST",
        f"/batches?contract_id={contract}{query}",
        files=[("file", (name, data, "application/octet-stream")) for name, data in parts],
        **more,
    )


def settled(team: Team, batch_id: str) -> Any:
    """Wait until a batch is done, or waits for somebody's word."""
    found: dict[str, Any] = {}

    def rests() -> bool:
        found.update(team.made(team.get("zhangwei", f"/batches/{batch_id}"), 200))
        return found["state"] not in WORKING

    wait_for(rests, 120)
    return found


def previewed(team: Team, *files: Any, **more: Any) -> tuple[str, Any]:
    """Hand files in and wait for the preview; returns the path and the report."""
    made = team.made(handed_in(team, *files, **more), 202)
    path = f"/batches/{made['id']}"
    assert settled(team, made["id"])["state"] == "preview"
    return path, team.made(team.get("zhangwei", f"{path}/preview"), 200)


def opened(team: Team) -> str:
    """Make the contract, on a day after those in the samples; returns its id."""
    team.clock.at("03-20 10:00")
    return team.contract()


def confirmed(team: Team, path: str) -> Any:
    team.made(team.post("zhangwei", f"{path}/confirm"), 202)
    return settled(team, path.rpartition("/")[2])


@pytest.mark.slow
def test_sheets_from_the_form_to_the_zip(office: Team) -> None:
    contract_id = opened(office)
    path, report = previewed(
        office,
        SHEETS / "tickets.csv",
        contract_id=contract_id,
        query="&format=pdf&combined=true",
    )
    rows = report["rows"]
    assert rows["read"] == rows["converted"] + rows["failed"] + rows["skipped"]
    assert (rows["converted"], report["summary"]["errors"]) == (2, {"day_without_year": 1})
    numbers = [one["doc_no"] for one in report["documents"]]
    assert {one["state"] for one in report["documents"]} == {"planned"}
    assert office.get("zhangwei", f"{path}/items").json()["items"] == []
    found = confirmed(office, path)
    assert (found["state"], found["done"], found["total"]) == ("done", len(numbers), len(numbers))
    check_zip(office.get("zhangwei", f"{path}/result.zip").content, numbers)

    events = office.get("zhangwei", f"{path}/events").text
    assert json.loads(events.partition("data: ")[2])["state"] == "done"

    again, told = previewed(office, SHEETS / "tickets.csv", contract_id=contract_id)
    assert told["rows"]["converted"] == 0
    assert {one["reason"] for one in told["skipped"]} >= {"already_converted"}
    assert confirmed(office, again)["total"] == 0


def check_zip(data: bytes, numbers: list[str]) -> None:
    with ZipFile(io.BytesIO(data)) as found:
        told = json.loads(found.read("manifest.json"))
        files = [file for item in told["items"] for file in item["files"]] + told["files"]
        assert {file["name"] for file in files} | {"manifest.json"} == set(found.namelist())
        for file in files:
            assert hashlib.sha256(found.read(file["name"])).hexdigest() == file["sha256"]
        with Pdf.open(io.BytesIO(found.read("combined-001.pdf"))) as pdf:
            assert [item.title for item in pdf.open_outline().root] == numbers
        assert json.loads(found.read("report.json"))["rows"]["converted"] == 2
        assert "errors/tickets.csv.errors.xlsx" in found.namelist()


@pytest.mark.slow
def test_a_row_is_looked_at_before_anything_is_made(office: Team) -> None:
    contract_id = opened(office)
    path, report = previewed(
        office, SHEETS / "assets.xlsx", SHEETS / "tickets.csv", contract_id=contract_id
    )
    found = office.get("zhangwei", f"{path}/rows/2/document.pdf?file=tickets.csv")
    assert found.status_code == 200, found.text
    with Pdf.open(io.BytesIO(found.content)) as pdf:
        assert len(pdf.pages) >= 1
    assert "ZX-HDYD-20260312-001.pdf" in found.headers["content-disposition"]
    good = next(one for one in report["errors"] if one["file"] == "tickets.csv")
    gone = office.get("zhangwei", f"{path}/rows/{good['row']}/document.pdf?file=tickets.csv")
    assert (gone.status_code, gone.json()["code"]) == (404, "row_unknown")
    marked = office.get("zhangwei", f"{path}/errors/2.xlsx")
    assert marked.content[:2] == b"PK"
    assert "tickets.csv.errors.xlsx" in marked.headers["content-disposition"]
    assert office.get("other", f"{path}/preview").status_code == 404
    assert office.get("other", f"{path}/errors/2.xlsx").status_code == 404


@pytest.mark.slow
def test_what_was_misread_is_corrected(office: Team) -> None:
    contract_id = opened(office)
    path, report = previewed(office, SHEETS / "tickets.csv", contract_id=contract_id)
    sheets = report["sheets"]
    [at] = [one for one in sheets[0]["columns"] if one["field"] == "description"]
    at["field"] = ""
    wrong = [{**sheets[0], "columns": [{"column": "A", "field": "no_such_field"}]}]
    for body, code in ((wrong, 400), (sheets, 202)):
        answer = office.ask("zhangwei", "PUT", f"{path}/mapping", json={"sheets": body})
        assert answer.status_code == code, answer.text
    assert settled(office, path.rpartition("/")[2])["state"] == "preview"
    again = office.get("zhangwei", f"{path}/preview").json()
    assert [one["mapping"] for one in again["sheets"]] == ["corrected"]
    assert "description" not in {one["field"] for one in again["sheets"][0]["columns"]}
    assert again["rows"]["converted"] == 0


@pytest.mark.slow
def test_drafts_are_kept_and_never_number_twice(office: Team) -> None:
    """Numbers of drafts made meanwhile are passed over; the rows become drafts of whoever asked."""
    contract_id = opened(office)
    path, report = previewed(
        office, SHEETS / "tickets.csv", contract_id=contract_id, query="&format=docx&keep=drafts"
    )
    first = office.record("ZX", doc_date="2026-03-12", received_at="2026-03-12T09:00:00+08:00")
    assert first["doc_no"] == "ZX-HDYD-20260312-001" == report["documents"][0]["doc_no"]
    found = confirmed(office, path)
    assert (found["done"], found["failed"]) == (2, 0)
    items = office.get("zhangwei", f"{path}/items").json()["items"]
    assert [one["doc_no"] for one in items] == ["ZX-HDYD-20260312-002", "ZX-HDYD-20260312-003"]
    for one in items:
        draft = office.made(office.get("zhangwei", f"/records/{one['doc_no']}"), 200)
        assert draft["state"] == "draft"
    listed = office.get("zhangwei", f"/records?contract_id={contract_id}").json()["items"]
    assert len(listed) == 3


def test_what_cannot_be_read_is_said_and_never_made(office: Team) -> None:
    contract_id = opened(office)
    path, report = previewed(office, ("a.xlsx", b"no workbook"), contract_id=contract_id)
    assert [one["code"] for one in report["errors"]] == ["sheet_kind_unknown"]
    assert confirmed(office, path)["total"] == 0
    empty = handed_in(office, contract_id=contract_id, data={"set": "{}"})
    assert empty.status_code in (400, 415), empty.text
    nobody = handed_in(office, ("a.csv", b"a"), contract_id="0" * 32)
    assert nobody.status_code == 404
    leader = handed_in(office, ("a.csv", b"a"), contract_id=contract_id, who="chenjianguo")
    assert leader.status_code == 403


def test_a_preview_that_is_cancelled_is_not_confirmed(office: Team) -> None:
    contract_id = opened(office)
    path, _ = previewed(office, SHEETS / "tickets.csv", contract_id=contract_id)
    told = office.made(office.post("zhangwei", f"{path}/cancel"), 200)
    assert told["state"] == "cancelled"
    refused = office.post("zhangwei", f"{path}/confirm")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_preview")


@pytest.mark.slow
def test_rows_of_a_batch_that_was_given_up_are_made_by_the_next(office: Team) -> None:
    contract_id = opened(office)
    rows = [f"赵敏,电话,张伟,第 {n} 次,2026-03-12 09:30,尽快" for n in range(60)]
    text = "\n".join(["提出人,受理方式,受理人,问题描述,受理时间,客户需求", *rows])
    file = ("many.csv", text.encode())
    path, _ = previewed(office, file, contract_id=contract_id)
    office.made(office.post("zhangwei", f"{path}/confirm"), 202)
    batch = path.rpartition("/")[2]
    wait_for(lambda: office.get("zhangwei", path).json()["state"] == "active", 60)
    office.made(office.post("zhangwei", f"{path}/cancel"), 200)
    made = settled(office, batch)["done"]
    again, report = previewed(office, file, contract_id=contract_id)
    assert report["rows"]["converted"] == 60 - made
    assert confirmed(office, again)["done"] == 60 - made


def test_a_full_disk_is_waited_for(office: Team, tmp_path: Path) -> None:
    """F13: nothing can be written while a file is read; once it can, the reading goes on."""
    contract_id = opened(office)
    blocked = tmp_path / "no-such-folder"
    before, tempfile.tempdir = tempfile.tempdir, str(blocked)
    try:
        made = office.made(handed_in(office, SHEETS / "tickets.csv", contract_id=contract_id), 202)
        path = f"/batches/{made['id']}"
        time.sleep(1)
        assert office.get("zhangwei", path).json()["state"] == "reading"
    finally:
        tempfile.tempdir = before
    assert settled(office, made["id"])["state"] == "preview"


def test_whoever_sees_nothing_of_a_contract_sees_nothing_of_its_sheets(office: Team) -> None:
    contract_id = opened(office)
    path, _ = previewed(office, SHEETS / "tickets.csv", contract_id=contract_id)
    for method, rest in (
        ("GET", ""),
        ("GET", "/preview"),
        ("GET", "/errors/1.xlsx"),
        ("GET", "/rows/2/document.pdf"),
        ("GET", "/result.zip"),
        ("PUT", "/mapping"),
        ("POST", "/confirm"),
        ("POST", "/cancel"),
    ):
        body: dict[str, Any] = {"json": {"sheets": []}} if method != "GET" else {}
        answer = office.ask("other", method, path + rest, **body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), rest
        seen = office.ask("chenjianguo", method, path + rest, **body)
        assert seen.status_code == (200 if method == "GET" else 403), rest


def test_the_same_form_again_with_its_key_is_one_batch(office: Team) -> None:
    contract_id = opened(office)
    key = {"Idempotency-Key": "sheet-1"}
    first, again = (
        handed_in(office, SHEETS / "tickets.csv", contract_id=contract_id, headers=key)
        for _ in "12"
    )
    assert first.json()["id"] == again.json()["id"]
    other = handed_in(office, SHEETS / "assets.xlsx", contract_id=contract_id, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
