"""The handbook's sentences as cases, end to end through the service: people, clock, documents.

The numbers are those of the acceptance list; what needs no service stands in test_acceptance.py.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.paperless import change, problems
from tests.readers import docx_text, pdf_text, squeezed, xlsx_text
from tests.service import Team, draft
from tests.sizes import one_database

pytestmark = [pytest.mark.slow, one_database("team"), pytest.mark.no_cover]

PAPER = {"role": "cust_owner", "name": "刘洋", "opinion": "agree"}


def path_of(record: Any) -> str:
    return f"/records/{record['id']}"


def codes(answer: Any) -> set[str]:
    return {one["code"] for one in answer.json()["errors"]}


def signed(team: Team, who: str, record: Any) -> Any:
    newest = team.get(who, path_of(record)).json()["version"]
    return team.post(who, f"{path_of(record)}/versions/{newest}/signoffs", {"opinion": "agree"})


def signed_on_paper(team: Team, record: Any, day: str) -> Any:
    given = PAPER | {"signed_on": day, "scan_id": team.scan(record)}
    newest = team.get("zhangwei", path_of(record)).json()["version"]
    return team.post("zhangwei", f"{path_of(record)}/versions/{newest}/paper-signatures", given)


def archived(team: Team, record: Any) -> Any:
    return team.post("zhangwei", f"{path_of(record)}/archive")


def texts(team: Team, record: Any, folder: Path, stage: str) -> dict[str, str]:
    """Return what the three documents of the newest version say."""
    newest = team.get("zhangwei", path_of(record)).json()["version"]
    made = {}
    for name in ("docx", "xlsx", "pdf"):
        answer = team.get(
            "zhangwei", f"{path_of(record)}/versions/{newest}/document.{name}?stage={stage}"
        )
        assert answer.status_code == 200, answer.text
        made[name] = answer.content
    (folder / "made.pdf").write_bytes(made["pdf"])
    return {
        "docx": squeezed(docx_text(made["docx"])),
        "xlsx": squeezed(xlsx_text(made["xlsx"])),
        "pdf": squeezed(pdf_text(folder / "made.pdf")),
    }


def test_case_2_an_inspection_is_signed_by_both_and_then_final(team: Team, tmp_path: Path) -> None:
    team.clock.at("03-07 18:40")
    team.contract()
    record = team.record("XJ")
    team.made(team.submit(record), 200)
    team.clock.at("03-10 09:00")
    team.made(signed(team, "chenjianguo", record))
    refused = archived(team, record)
    assert (refused.status_code, codes(refused)) == (409, {"signature_missing"})
    assert "客户负责人（刘洋）" in refused.json()["errors"][0]["message"]["zh"]
    team.clock.at("03-12 15:00")
    team.made(signed_on_paper(team, record, "2026-03-12"))
    final = team.made(archived(team, record), 200)
    assert final["state"] == "archived"
    for text in texts(team, record, tmp_path, "archived").values():
        assert "98.33%" in text
        assert "92.19%" in text
        assert "陈建国" in text
        assert "刘洋" in text
    edit = team.ask(
        "zhangwei",
        "PUT",
        path_of(record),
        json=draft("XJ", summary="改"),
        headers={"If-Match": "*"},
    )
    assert (edit.status_code, codes(edit)) == (409, {"wrong_state"})
    assert "R1" in edit.json()["errors"][0]["hint"]["zh"]
    revised = team.made(team.post("zhangwei", f"{path_of(record)}/revisions", {"reason": "更正"}))
    assert revised["doc_no"] == f"{record['doc_no']}-R1"


def test_case_4_changes_of_parameters_are_logged(team: Team, tmp_path: Path) -> None:
    team.clock.at("03-31 18:00")
    team.contract()
    record = team.record("WH")
    entries = record["current"]["content"]["entries"]

    def judged(**values: Any) -> list[tuple[str, str]]:
        change(team, record, entries=[entries[0] | values])
        return [one for one in problems(team, record) if one[1] != "authorisation_not_ours"]

    assert judged() == []
    assert judged(value_before="16G", value_after=" 16G ") == [
        ("/entries/0/value_after", "unchanged")
    ]
    assert judged(value_before="8G", value_after="8192M") == [
        ("/entries/0/value_after", "same_quantity")
    ]
    assert ("/entries/0/changed_at", "in_future") in judged(changed_at="2099-03-05 22:30")
    assert judged(changed_at="2026-03-05 21:59") == [
        ("/entries/0/changed_at", "outside_authorisation")
    ]
    change(team, record, entries=entries)
    submitted = team.made(team.submit(record), 200)
    assert all(one["level"] == "warning" for one in submitted["problems"])
    for text in texts(team, record, tmp_path, "submitted").values():
        assert "(空)" in text
        assert "sql_mode" in text


def test_case_6_a_consultation_closes_when_the_customer_is_content(
    team: Team, tmp_path: Path
) -> None:
    team.clock.at("03-09 09:00")
    contract = team.contract()
    record = team.record(
        "ZX", mode="phone", satisfaction="不满意", pm_delivery=None, prepared_at=None
    )
    refused = team.submit(record)
    assert (refused.status_code, codes(refused)) == (422, {"closing_needs_satisfaction"})
    change(team, record, satisfaction="满意")
    team.made(team.submit(record), 200)
    team.made(signed(team, "wangqiang", record))
    final = team.made(archived(team, record), 200)["current"]["content"]
    assert final["pm_delivery"]["received_by"] == "王强"

    (log,) = team.get("zhangwei", "/records?code=WH").json()["items"]
    rows = team.get("zhangwei", path_of(log)).json()["current"]["content"]["problem_log"]
    assert [(row["ticket_no"], row["mode"], row["result"]) for row in rows] == [
        (record["doc_no"], "phone", "满意")
    ]

    listed = team.made(team.post("zhangwei", f"/contracts/{contract}/handover"))
    team.made(team.submit(listed), 200)
    team.clock.at("03-09 10:30")
    team.made(signed(team, "wangqiang", listed))
    team.made(archived(team, listed), 200)
    for text in texts(team, listed, tmp_path, "archived").values():
        assert record["doc_no"] in text
        assert "王强" in text
        assert "10:30" in text


def test_cases_7_and_8_a_consultation_becomes_a_defect_that_the_customer_signs(
    team: Team, tmp_path: Path
) -> None:
    team.clock.at("03-11 10:00")
    contract = team.contract()
    changing = "已将 processes 由 1500 调整为 2000。"
    given = draft("ZX", "converted", converted_to=None, pm_delivery=None, prepared_at=None)
    zx = team.made(team.post("zhangwei", "/records?code=ZX", given | {"answer": changing}))
    assert ("/answer", "config_change_in_consultation") in problems(team, zx)
    foreign = team.record("ZX", config_changes=[], pm_delivery=None)
    refused = team.submit(foreign)
    assert (refused.status_code, codes(refused)) == (422, {"config_changes_in_consultation"})
    team.made(team.post("zhangwei", f"{path_of(foreign)}/void", {"reason": "误建"}), 200)

    made = team.made(team.post("zhangwei", f"{path_of(zx)}/conversion"))
    qx = made["defect"]
    assert qx["current"]["content"]["converted_from"] == zx["doc_no"]
    assert made["consultation"]["current"]["content"]["converted_to"] == qx["doc_no"]

    team.clock.at("03-11 16:45")
    sample = draft("QX")
    for name in ("converted_from", "pm_delivery", "doc_date", "prepared_at"):
        sample.pop(name)
    for row in sample["config_changes"]:
        row["ticket_no"] = qx["doc_no"]
    change(team, qx, **sample | {"work_started_at": "2026-03-11 14:30"})
    assert ("/work_started_at", "out_of_order") in problems(team, qx)
    early = team.submit(qx)
    assert (early.status_code, "out_of_order" in codes(early)) == (422, True)
    change(team, qx, work_started_at="2026-03-11 15:10")
    team.made(team.submit(qx), 200)

    unsigned = archived(team, qx)
    assert unsigned.status_code == 409
    missing = unsigned.json()["errors"][0]
    assert missing["code"] == "signature_missing"
    assert "刘洋" in missing["message"]["zh"]
    assert "王强" in missing["message"]["zh"]
    team.made(signed_on_paper(team, qx, "2026-03-11"))
    team.clock.at("03-11 17:00")
    team.made(signed(team, "wangqiang", qx))
    final = team.made(archived(team, qx), 200)["current"]["content"]
    assert final["pm_delivery"]["received_at"] == "2026-03-11T09:00:00Z"
    for text in texts(team, qx, tmp_path, "archived").values():
        assert zx["doc_no"] in text

    counted_once_and_logged(team, contract, qx["doc_no"])


def counted_once_and_logged(team: Team, contract: str, doc_no: str) -> None:
    counts = team.get("wangqiang", f"/contracts/{contract}/tickets").json()
    assert (counts["total"], counts["converted"]) == (1, 1)
    assert (counts["defect"]["closed"], counts["consultation"]["total"]) == (1, 0)
    (log,) = team.get("zhangwei", "/records?code=WH").json()["items"]
    content = team.get("zhangwei", path_of(log)).json()["current"]["content"]
    assert [row["ticket_no"] for row in content["problem_log"]] == [doc_no]
    assert [(row["param_name"], row["value_after"]) for row in content["entries"]] == [
        ("processes", "2000")
    ]


def test_case_13_a_contract_is_closed_when_every_asset_is_inspected_or_excused(team: Team) -> None:
    team.clock.at("03-07 18:40")
    contract = team.contract()
    path = f"/contracts/{contract}"
    record = team.record("XJ", asset_nos=[f"HDYD-DB-0{number}" for number in range(1, 5)])
    team.made(team.submit(record), 200)
    team.clock.at("03-12 15:00")
    team.made(signed(team, "chenjianguo", record))
    team.made(signed_on_paper(team, record, "2026-03-12"))
    assert indexed(team, contract)["inspection"]["inspected"] == 0  # not archived yet
    team.made(archived(team, record), 200)

    told = indexed(team, contract)
    assert told["inspection"] == {
        "assets": 5,
        "inspected": 4,
        "excused": [],
        "missing": ["HDYD-DB-05"],
    }
    refused = team.get("wangqiang", f"{path}/export.zip?closing=true")
    assert (refused.status_code, codes(refused)) == (409, {"asset_not_inspected"})
    [one] = refused.json()["errors"]
    assert (one["pointer"], one["value"]) == ("/objects/4/not_inspected_reason", "HDYD-DB-05")

    content = team.get("wangqiang", path).json()["content"]
    content["objects"][4]["not_inspected_reason"] = "客户 3 月停用该库，双方确认不巡检"
    team.made(team.ask("wangqiang", "PUT", path, json=content, headers={"If-Match": "*"}), 200)
    closed = indexed(team, contract, "?closing=true")
    assert closed["closing"] is True
    assert closed["inspection"]["missing"] == []
    assert closed["inspection"]["excused"] == [
        {"asset_no": "HDYD-DB-05", "reason": "客户 3 月停用该库，双方确认不巡检"}
    ]


def indexed(team: Team, contract: str, asked: str = "") -> Any:
    """Export a contract; what its index says."""
    answer = team.get("wangqiang", f"/contracts/{contract}/export.zip{asked}")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
        page = opened.read("HT-2026-017/index.html").decode()
        index = json.loads(opened.read("HT-2026-017/index.json"))
    told = index["inspection"]
    assert f"巡检 Inspected {told['inspected']}/{told['assets']}" in page
    assert all(one["reason"] in page for one in told["excused"])
    return index
