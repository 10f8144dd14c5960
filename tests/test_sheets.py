"""Acceptance case 11, and what becomes of every row: by the function, and by the command."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl

from docgen.paths import samples_dir
from docgen.sheets.ledger import NAME
from tests.commands import CONTRACT, as_json, codes, docgen
from tests.sheet_files import (
    ASSET_HEADER,
    BAD_CELLS,
    CHANGE_HEADER,
    TICKET_HEADER,
    asset,
    change,
    converted_rows,
    faults,
    recorded,
    taken,
    three_sheets,
    ticket,
    workbook,
)


def convert(*files: Path, to: Path, code: int = 0, formats: str = "docx", **more: Any) -> Any:
    """Convert by the command, which must end in `code`; the report, whose rows add up."""
    options: list[object] = ["--contract", CONTRACT, "--out", to, "--format", formats]
    for name, value in more.items():
        options += [f"--{name.replace('_', '-')}", *([] if value is True else [value])]
    report = as_json("convert", *files, *options, code=code)
    rows = report["rows"]
    assert rows["read"] == rows["converted"] + rows["failed"] + rows["skipped"]
    return report


# ---------------------------------------------------------------- acceptance 11


def test_three_sheets_of_120_rows(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = convert(three_sheets(tmp_path / "assets.xlsx"), to=out, code=1)
    assert report["rows"] == {"read": 120, "converted": 112, "failed": 3, "skipped": 5}
    told = [(one["sheet"], one["cell"], one["code"]) for one in report["errors"]]
    assert sorted(told) == BAD_CELLS
    reasons = [one["reason"] for one in report["skipped"]]
    assert sorted(reasons) == ["blank"] * 4 + ["total"]
    (made,) = report["documents"]
    assert (out / "WB" / f"{made['doc_no']}.docx").is_file()
    assert made["doc_no"] == "WB-HDYD-20260307-001"
    objects = recorded(out, made["doc_no"])["objects"]
    assert len(objects) == 112
    assert objects[6]["warranty_to"] == "2026-03-07"
    assert objects[0]["memory_gb"] == 64
    assert [one["name"] for one in objects[0]["admins"]] == ["张伟", "李娜"]


def test_a_second_run_adds_nothing(tmp_path: Path) -> None:
    out, path = tmp_path / "out", three_sheets(tmp_path / "assets.xlsx")
    first = convert(path, to=out, code=1)
    before = {one: one.read_bytes() for one in out.rglob("*.docx")}
    second = convert(path, to=out, code=1)
    assert second["rows"] == {"read": 120, "converted": 0, "failed": 3, "skipped": 117}
    assert [one["state"] for one in second["documents"]] == ["unchanged"]
    assert {one: one.read_bytes() for one in out.rglob("*.docx")} == before
    assert len(second["errors"]) == len(first["errors"])


def test_both_date_systems_mean_the_same_day(tmp_path: Path) -> None:
    for name, mac in (("pc", False), ("mac", True)):
        path = three_sheets(tmp_path / f"{name}.xlsx", mac=mac)
        result = taken(path, tmp_path / name)
        objects = recorded(tmp_path / name, result.documents[0].doc_no)["objects"]
        assert objects[6]["warranty_to"] == "2026-03-07", name


def test_corrected_and_given_again_only_what_was_missing_is_added(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = convert(three_sheets(tmp_path / "assets.xlsx"), to=out, code=1)
    mended = three_sheets(tmp_path / "renamed.xlsx", mended=True)
    second = convert(mended, to=out)
    assert second["rows"] == {"read": 120, "converted": 3, "failed": 0, "skipped": 117}
    assert second["documents"][0]["doc_no"] == first["documents"][0]["doc_no"]
    assert len(recorded(out, first["documents"][0]["doc_no"])["objects"]) == 115


def test_the_workbook_comes_back_marked_and_is_read_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = convert(three_sheets(tmp_path / "assets.xlsx"), to=out, code=1)
    (path,) = map(Path, report["error_workbooks"])
    book = openpyxl.load_workbook(path)
    assert book["应用"]["L20"].fill.fgColor.rgb == "00FFC7CE"
    comment = book["灾备"]["H20"].comment
    assert comment is not None
    assert "65535" in comment.text
    assert book["应用"]["C3"].value == "服务器"
    assert "B1:L1" in {str(area) for area in book["应用"].merged_cells.ranges}
    listed = [[cell.value for cell in row][:2] for row in book["docgen 错误"].iter_rows(min_row=2)]
    assert sorted(map(tuple, listed)) == [(sheet, cell) for sheet, cell, _ in BAD_CELLS]

    book["应用"]["L20"], book["灾备"]["H20"], book["测试"]["B20"] = (
        "2027-03-07",
        1521,
        "HDYD-DB-999",
    )
    book.save(path)
    again = convert(path, to=out)
    assert again["rows"]["converted"] == 3
    assert again["rows"]["failed"] == 0


def test_a_dry_run_says_all_of_it_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    report = convert(three_sheets(tmp_path / "assets.xlsx"), to=out, code=1, dry_run=True)
    assert report["rows"] == {"read": 120, "converted": 112, "failed": 3, "skipped": 5}
    assert [one["state"] for one in report["documents"]] == ["planned"]
    assert not out.exists()


# ---------------------------------------------------------------- rows and records


def test_a_ticket_is_a_row_numbered_by_its_day(tmp_path: Path) -> None:
    rows = [
        ticket(1),
        ticket(2),
        ticket(3, 受理时间="2026-03-13 10:00"),
        ticket(4, 受理方式="传真"),
    ]
    path = workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, *rows])
    result = taken(path, tmp_path / "out")
    assert [one.doc_no for one in result.documents] == [
        "ZX-HDYD-20260312-001",
        "ZX-HDYD-20260312-002",
        "ZX-HDYD-20260313-001",
    ]
    assert faults(result) == [("咨询", "B5", "not_a_choice")]
    record = recorded(tmp_path / "out", "ZX-HDYD-20260313-001")
    assert record["prepared_by"] == "张伟"
    assert record["phase"] == "service"
    assert record["doc_date"] == "2026-03-13"


def test_a_mended_row_takes_the_next_number_and_moves_no_other(tmp_path: Path) -> None:
    rows = [ticket(1), ticket(2, 受理方式="传真"), ticket(3)]
    out = tmp_path / "out"
    taken(workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, *rows]), out)
    rows[1] = ticket(2)
    result = taken(workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, *rows]), out)
    assert [(one.doc_no[-3:], len(one.rows)) for one in result.documents] == [
        ("001", 0),
        ("003", 1),
        ("002", 0),
    ]


def test_a_row_that_says_something_else_now_keeps_its_number(tmp_path: Path) -> None:
    out = tmp_path / "out"
    taken(workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, ticket(1)]), out)
    changed = ticket(1, 客户需求="一周内解决")
    result = taken(workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, changed]), out)
    assert [(one.doc_no, len(one.rows)) for one in result.documents] == [
        ("ZX-HDYD-20260312-001", 1)
    ]
    assert recorded(out, "ZX-HDYD-20260312-001")["customer_need"] == "一周内解决"


def test_the_same_row_twice_is_skipped_and_a_contradiction_refused(tmp_path: Path) -> None:
    rows = [ticket(1), ticket(1), ticket(1, 客户需求="不急")]
    result = taken(workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, *rows]), tmp_path / "out")
    assert [(one.row, one.reason) for one in result.skips] == [(3, "same_row")]
    assert [one.problem.code for one in result.faults] == ["row_differs"]
    assert "咨询!" in result.faults[0].problem.message("zh")
    assert (result.read, result.failed, result.skipped, converted_rows(result)) == (3, 1, 1, 1)


def test_a_column_of_classes_parts_tickets(tmp_path: Path) -> None:
    header = [
        *TICKET_HEADER,
        "问题类别",
        "上报时间",
        "处理方式",
        "到场时间",
        "问题原因",
        "影响程度",
    ]
    rows = [
        [*ticket(1), "资讯类", "", "", "", "", ""],
        [*ticket(2), "BUG", "2026-03-12 09:00", "现场", "2026-03-12 10:00", "参数过小", "中"],
        [*ticket(3), "投诉", "", "", "", "", ""],
    ]
    result = taken(workbook(tmp_path / "all.xlsx", 问题=[header, *rows]), tmp_path / "out")
    assert [one.code for one in result.documents] == ["ZX"]
    assert result.sheets[0]["types"] == ["QX", "ZX"]
    assert ("问题", "G4", "class_unknown") in faults(result)
    asked = {one.field for one in result.faults if one.problem.code == "ask_for"}
    assert {"plan", "stages", "submit_chain"} <= asked


def test_changes_of_a_file_are_one_log_or_one_for_each_asset(tmp_path: Path) -> None:
    rows = [change(1), change(2), change(3, 资产编号="HDYD-DB-02"), change(4, 新值="16G")]
    path = workbook(tmp_path / "wh.xlsx", 变更=[CHANGE_HEADER, *rows])
    one = taken(path, tmp_path / "one")
    assert [len(found.rows) for found in one.documents] == [3]
    assert faults(one) == [("变更", "D5", "unchanged")]
    apart = taken(path, tmp_path / "apart", group_by="asset")
    assert [(found.doc_no, len(found.rows)) for found in apart.documents] == [
        ("WH-HDYD-20261124-001", 2),
        ("WH-HDYD-20261124-002", 1),
    ]


def test_related_sheets_join_by_their_key(tmp_path: Path) -> None:
    servers = [ASSET_HEADER[:-1], *(asset(number)[:-1] for number in (1, 2, 3))]
    people: list[list[Any]] = [
        ["资产编号", "姓名", "电话", "职责"],
        ["HDYD-DB-001", "张伟", "13800010001", "数据库"],
        ["HDYD-DB-001", "李娜", "13800010002", "系统"],
        ["HDYD-DB-002", "王强", 13800010003, "数据库"],
        ["HDYD-DB-009", "赵敏", "13800010004", "数据库"],
    ]
    path = workbook(tmp_path / "wb.xlsx", 服务器=servers, 管理人员=people)
    result = taken(path, tmp_path / "out")
    assert faults(result) == [
        ("服务器", "A3", "missing"),
        ("服务器", "A4", "missing"),
        ("管理人员", "A5", "row_without_parent"),
        ("管理人员", "C4", "digits_lost"),
    ]
    (document,) = result.documents
    (found,) = recorded(tmp_path / "out", document.doc_no)["objects"]
    assert [one["name"] for one in found["admins"]] == ["张伟", "李娜"]
    assert (result.read, result.failed, converted_rows(result)) == (7, 4, 3)


def test_other_sheets_may_name_a_server_often(tmp_path: Path) -> None:
    servers = [ASSET_HEADER[:-1], asset(1)[:-1]]
    people = [["资产编号", "姓名", "电话"], ["HDYD-DB-001", "张伟", "13800010001"]]
    changes = [CHANGE_HEADER, *(change(n, 资产编号="HDYD-DB-001") for n in range(3))]
    path = workbook(tmp_path / "all.xlsx", 服务器=servers, 管理人员=people, 变更=changes)
    result = taken(path, tmp_path / "out")
    assert (faults(result), converted_rows(result)) == ([], 5)


def test_the_sample_of_four_sheets(tmp_path: Path) -> None:
    path = samples_dir() / "sheets" / "service.xlsx"
    before = datetime(2026, 3, 31, 10, tzinfo=UTC)
    result = taken(path, tmp_path / "out", now=before)
    assert faults(result) == [
        ("参数修改记录", "D7", "unchanged"),
        ("参数修改记录", "E9", "in_future"),
        ("参数修改记录", "E9", "outside_contract_dates"),
        ("日常管理人员", "A7", "row_without_parent"),
        ("服务器", "H8", "too_large"),
        ("问题记录", "F5", "day_without_year"),
    ]
    assert sorted(one.code for one in result.documents) == ["WB", "WH", "ZX", "ZX"]
    assert (result.read, converted_rows(result), result.failed, result.skipped) == (24, 13, 6, 5)


def test_samples_of_sheets_are_made_by_their_script(tmp_path: Path) -> None:
    folder = samples_dir() / "sheets"
    shutil.copy(folder / "make.py", tmp_path)
    subprocess.run([sys.executable, tmp_path / "make.py"], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.suffix != ".py"}
    assert made == {name: (folder / name).read_bytes() for name in made}
    assert len(made) == 3


def test_a_name_of_several_servers_is_no_key(tmp_path: Path) -> None:
    servers = [ASSET_HEADER, asset(1), asset(2, 服务器名称="db-001")]
    disks = [["服务器名称", "磁盘类型", "容量"], ["db-001", "SSD", "500G"]]
    path = workbook(tmp_path / "wb.xlsx", 服务器=servers, 磁盘=disks)
    result = taken(path, tmp_path / "out")
    assert faults(result) == [("磁盘", "A2", "several_parents")]


def test_what_no_sheet_says_is_asked_for_by_name(tmp_path: Path) -> None:
    header = [name for name in ASSET_HEADER if name != "业务系统"]
    rows = [[v for n, v in zip(ASSET_HEADER, asset(i), strict=True) if n in header] for i in (1, 2)]
    path = workbook(tmp_path / "wb.xlsx", 服务器=[header, *rows])
    result = taken(path, tmp_path / "out")
    assert [(one.problem.code, one.field) for one in result.faults] == [
        ("ask_for", "business_system")
    ]
    assert "--set business_system=" in result.faults[0].problem.hint("zh")
    again = taken(path, tmp_path / "out", given={"business_system": "CRM"})
    assert converted_rows(again) == 2

    nobody = taken(path, tmp_path / "none", contract=b"", given={"business_system": "CRM"})
    asked = {one.field for one in nobody.faults}
    assert {"contract_no", "customer_code", "prepared_by", "phase"} <= asked


def test_check_items_with_lines_above_are_one_inspection(tmp_path: Path) -> None:
    absences = [
        {"section": name, "state": "not_collected", "reason": "未授权"}
        for name in ("params", "backup_policies", "backup_files", "data_files", "security")
    ]
    rows: list[list[Any]] = [
        ["数据库巡检表"],
        ["巡检类型：月度巡检", "", "巡检对象：HDYD-DB-01"],
        ["开始时间", "2026-03-10 09:00", "结束时间", datetime.fromisoformat("2026-03-10 11:30")],
        ["巡检人：张伟", "", "授权编号：SQ-1", "", "结论：总体健康"],
        ["序号", "检查项", "标准", "结果", "状态", "建议"],
        [1, "表空间使用率", "<85%", "72%", "正常", ""],
        [2, "备份", "每日成功", "失败 1 次", "异常", "检查介质"],
        ["以下空白"],
        ["巡检人签字：", "", "客户签字："],
    ]
    path = workbook(tmp_path / "xj.xlsx", 巡检=rows)
    result = taken(path, tmp_path / "out", given={"absences": absences})
    assert not result.faults
    assert [one.reason for one in result.skips] == ["end_of_table", "signature"]
    (document,) = result.documents
    record = recorded(tmp_path / "out", document.doc_no)
    assert document.doc_no == "XJ-HDYD-20260310-001"
    assert record["asset_nos"] == ["HDYD-DB-01"]
    assert record["ended_at"] == "2026-03-10 11:30"
    assert [item["state"] for item in record["check_items"]] == ["normal", "abnormal"]


def test_one_form_for_each_asset(tmp_path: Path) -> None:
    sheets: dict[str, Any] = {}
    for number in (1, 2):
        pairs = zip(ASSET_HEADER, asset(number), strict=True)
        rows: list[list[Any]] = [["服务器档案表"], *([label, "", value] for label, value in pairs)]
        sheets[f"db-{number}"] = rows
    result = taken(workbook(tmp_path / "forms.xlsx", **sheets), tmp_path / "out")
    assert not result.faults
    assert [one["kind"] for one in result.sheets] == ["form", "form"]
    (document,) = result.documents
    assert len(recorded(tmp_path / "out", document.doc_no)["objects"]) == 2
    assert result.read == 2


def test_a_bad_value_of_a_form_is_named_by_its_cell(tmp_path: Path) -> None:
    pairs = zip(ASSET_HEADER, asset(1, IP地址="10.1.1"), strict=True)
    path = workbook(tmp_path / "form.xlsx", 档案=[[label, value] for label, value in pairs])
    assert faults(taken(path, tmp_path / "out")) == [("档案", "B6", "not_an_ip")]


def test_more_rows_than_a_record_may_have_become_several(tmp_path: Path) -> None:
    path = tmp_path / "wh.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([CHANGE_HEADER, *(change(number) for number in range(5200))])
    result = taken(path, tmp_path / "out", dry=True)
    assert [len(one.rows) for one in result.documents] == [5000, 200]
    assert len({one.doc_no for one in result.documents}) == 2


# ---------------------------------------------------------------- the command


def test_two_files_and_a_broken_one(tmp_path: Path) -> None:
    good = workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, ticket(1)])
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(good.read_bytes()[:2000])
    report = convert(broken, good, tmp_path / "none.csv", to=tmp_path / "out", code=1)
    assert report["rows"]["converted"] == 1
    assert codes(report["errors"]) == ["workbook_broken", "sheet_file_unreadable"]
    assert all(one["file"] for one in report["errors"])


def test_people_are_told_what_was_understood(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "zx.xlsx", 咨询=[[*TICKET_HEADER, "心情"], [*ticket(1), "好"], ["合计"]]
    )
    run = docgen("convert", path, "--contract", CONTRACT, "--out", tmp_path / "out", "-f", "docx")
    assert run.returncode == 0
    assert "customer_need" in run.stdout
    assert "心情" in run.stdout
    assert "read 2 = 转换 converted 1 + 出错 failed 0 + 跳过 skipped 1" in run.stdout


def test_resume_goes_on_where_there_is_something_to_go_on_with(tmp_path: Path) -> None:
    path = workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, ticket(1)])
    assert docgen("convert", path, "--resume", "--out", tmp_path / "out").returncode == 2
    convert(path, to=tmp_path / "out")
    (tmp_path / "out" / "ZX" / "ZX-HDYD-20260312-001.docx").unlink()
    report = convert(path, to=tmp_path / "out", resume=True)
    assert [one["state"] for one in report["documents"]] == ["made"]
    assert report["rows"]["converted"] == 1


def test_options_are_checked(tmp_path: Path) -> None:
    path = workbook(tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, ticket(1)])
    for option in (["--set", "prepared_by"], ["--group-by", "moon"], ["--type", "QQ"]):
        assert docgen("convert", path, "--out", tmp_path / "out", *option).returncode == 2
    assert not (tmp_path / "out" / NAME).exists()


def test_a_record_in_the_future_is_refused_as_json_is(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "zx.xlsx", 咨询=[TICKET_HEADER, ticket(1, 受理时间="2099-01-01 08:00")]
    )
    result = taken(path, tmp_path / "out", now=datetime(2026, 11, 24, tzinfo=UTC))
    assert ("咨询", "E2", "in_future") in faults(result)


# ---------------------------------------------------------------- acceptance 12


HARD = "𠮷田䶮"
FORMULA = "=cmd|' /C calc'!A0"


def hard_csv(path: Path, *, secret: str) -> Path:
    """Write tickets with everything that hurts, in gb18030."""
    log = "\n".join(f"2026-03-12 09:{n % 60:02d} ORA-01555 第 {n} 行 a<b && c" for n in range(400))
    rows = [
        TICKET_HEADER,
        ticket(1, 提出人=HARD, 问题描述="select * from t where a<b && c", 客户需求=FORMULA),
        ticket(2, 问题描述=log),
        ticket(3, 客户需求=f"alter user scott identified by {secret}"),
    ]
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_gb18030_csv_stopped_for_a_secret_and_masked(tmp_path: Path) -> None:
    path = hard_csv(tmp_path / "zx.csv", secret="Abc#123")
    report = convert(path, to=tmp_path / "out", code=1)
    assert codes(report["errors"]) == ["secret"]
    assert report["errors"][0]["cell"] == "F4"
    assert "Abc#123" not in json.dumps(report)
    assert report["rows"]["converted"] == 2

    report = convert(path, to=tmp_path / "out", formats="docx,xlsx,pdf", mask_secrets=True)
    assert report["rows"]["failed"] == 0
    made = sorted((tmp_path / "out" / "ZX").iterdir())
    assert len(made) == 9
    for one in made:
        if one.suffix == ".xlsx":
            cells = [c for s in openpyxl.load_workbook(one) for row in s for c in row]
            assert not [cell for cell in cells if cell.data_type == "f"]
    record = recorded(tmp_path / "out", "ZX-HDYD-20260312-001")
    assert record["raised_by"] == HARD
    assert record["customer_need"] == FORMULA
