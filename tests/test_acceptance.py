"""The handbook's sentences as cases, end to end: files in, commands, files out, reopened."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docgen.paths import samples_dir
from tests.commands import docgen
from tests.readers import docx_text, pdf_text, squeezed, xlsx_cells, xlsx_text

pytestmark = pytest.mark.no_cover

CONTRACT = samples_dir() / "contract" / "HT-2026-017.json"
Change = Callable[[dict[str, Any]], object]


def changed(tmp_path: Path, sample: str, change: Change) -> Path:
    """Write a changed copy of a sample."""
    record = json.loads((samples_dir() / sample).read_text("utf-8"))
    change(record)
    path = tmp_path / "record.json"
    path.write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    return path


def checked(path: Path, *options: object) -> tuple[list[str], list[str]]:
    """Validate: `place code` of errors and of warnings."""
    run = docgen("validate", path, "--json", *options)
    (found,) = json.loads(run.stdout)["files"]
    assert run.returncode == (0 if found["valid"] else 1), run.stderr
    errors = [f"{item['pointer']} {item['code']}" for item in found["errors"]]
    return errors, [f"{item['pointer']} {item['code']}" for item in found["warnings"]]


def rendered(path: Path, folder: Path, *options: object) -> dict[str, Path]:
    """Render in three formats: format → file."""
    run = docgen("render", path, "--out", folder, "--json", *options)
    report = json.loads(run.stdout)
    assert run.returncode == 0, report["errors"]
    return {item["format"]: Path(item["path"]) for item in report["documents"]}


def all_texts(files: dict[str, Path]) -> dict[str, str]:
    return {
        "docx": squeezed(docx_text(files["docx"].read_bytes())),
        "xlsx": squeezed(xlsx_text(files["xlsx"].read_bytes())),
        "pdf": squeezed(pdf_text(files["pdf"])),
    }


def test_case_1_an_object_without_form_is_named_and_five_forms_pass(tmp_path: Path) -> None:
    five = samples_dir() / "contract" / "WB-five-objects.json"
    four = changed(tmp_path, "contract/WB-five-objects.json", lambda r: r["objects"].pop())
    run = docgen("check-coverage", CONTRACT, four, "--json")
    report = json.loads(run.stdout)
    assert run.returncode == 1
    assert [item["value"] for item in report["problems"]] == ["HDYD-DB-05"]
    assert docgen("check-coverage", CONTRACT, five).returncode == 0
    found = all_texts(rendered(five, tmp_path / "out", "--contract", CONTRACT))
    for text in found.values():
        assert "HDYD-DB-05" in text
        assert "512" in text
        assert "𠮷田䶮" in text


def test_case_2_percentages_are_computed_and_archiving_needs_signatures(tmp_path: Path) -> None:
    found = all_texts(rendered(samples_dir() / "XJ" / "basic.json", tmp_path / "out"))
    for text in found.values():
        assert "USERS01.dbf" in text
        assert "98.33%" in text
        assert "92.19%" in text

    def unsigned(record: dict[str, Any]) -> None:
        record["signoffs"] = [s for s in record["signoffs"] if s["role"] != "cust_owner"]

    path = changed(tmp_path, "XJ/basic.json", unsigned)
    run = docgen("validate", path, "--json", "--contract", CONTRACT)
    (found_file,) = json.loads(run.stdout)["files"]
    (error,) = found_file["errors"]
    assert error["code"] == "signature_missing"
    assert "刘洋" in error["message"]["zh"]


def test_case_3_an_abnormal_item_needs_advice_and_forbids_healthy(tmp_path: Path) -> None:
    def spoil(record: dict[str, Any]) -> None:
        item = record["check_items"][7]
        item.update(state="abnormal", item="备份")
        item.pop("advice", None)
        record["overall"] = "健康"

    errors, _ = checked(changed(tmp_path, "XJ/basic.json", spoil))
    assert errors == ["/overall overall_too_good", "/check_items/7/advice advice_required"]


@pytest.mark.parametrize(
    ("values", "errors", "warnings"),
    [
        ({}, [], []),
        ({"value_before": "16G", "value_after": " 16G "}, ["/entries/0/value_after unchanged"], []),
        ({"changed_at": "2099-03-05 22:30"}, ["/entries/0/changed_at in_future"], None),
        ({"changed_at": "2026-03-05 21:59"}, ["/entries/0/changed_at outside_authorisation"], None),
    ],
)
def test_case_4_parameter_changes(
    tmp_path: Path, values: dict[str, str], errors: list[str], warnings: list[str] | None
) -> None:
    def change(record: dict[str, Any]) -> None:
        record["entries"] = [record["entries"][0] | values]

    found, warned = checked(changed(tmp_path, "WH/basic.json", change), "--contract", CONTRACT)
    assert set(errors) <= set(found)
    assert bool(errors) == bool(found)
    assert warnings is None or warned == warnings


def test_case_4_equal_sizes_in_other_units_warn_and_empty_values_print(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        same = {"value_before": "8G", "value_after": "8192M"}
        record["entries"] = [record["entries"][0] | same, record["entries"][1]]

    path = changed(tmp_path, "WH/basic.json", change)
    errors, warnings = checked(path)
    assert not errors
    assert [item for item in warnings if item.startswith("/entries/0/value_after")]
    for text in all_texts(rendered(path, tmp_path / "out")).values():
        assert "(空)" in text


@pytest.mark.parametrize(
    ("answered", "printed"),
    [("2026-03-06 23:50", "当日"), ("2026-03-07 10:00", "次日"), ("2026-03-08 00:00", "超")],
)
def test_case_5_the_clock_of_an_answer_is_printed(
    tmp_path: Path, answered: str, printed: str
) -> None:
    def change(record: dict[str, Any]) -> None:
        record.update(answered_at=answered, feedback_at="2026-03-08 10:30")
        record.update(closed_at="2026-03-08 11:00")

    path = changed(tmp_path, "ZX/basic.json", change)
    files = rendered(path, tmp_path / "out", "--contract", CONTRACT)
    for text in all_texts(files).values():
        assert f"答复时效{printed}" in text or printed in text


def test_case_7_a_consultation_never_changes_configuration(tmp_path: Path) -> None:
    def change(record: dict[str, Any]) -> None:
        record["answer"] = "已执行 alter system set processes=2000 scope=spfile; 并重启。"

    def change_rows(record: dict[str, Any]) -> None:
        record["config_changes"] = [{"param_name": "processes", "value_after": "2000"}]

    errors, warned = checked(changed(tmp_path, "ZX/basic.json", change))
    assert (errors, warned) == ([], ["/answer config_change_in_consultation"])
    errors, _ = checked(changed(tmp_path, "ZX/basic.json", change_rows))
    assert errors == ["/config_changes config_changes_in_consultation"]
    converted = json.loads((samples_dir() / "ZX" / "converted.json").read_text("utf-8"))
    defect = json.loads((samples_dir() / "QX" / "basic.json").read_text("utf-8"))
    assert converted["converted_to"] == defect["doc_no"]
    assert defect["converted_from"] == converted["doc_no"]
    handed = json.loads((samples_dir() / "DJ" / "basic.json").read_text("utf-8"))
    listed = [ticket["doc_no"] for ticket in handed["tickets"]]
    assert {converted["doc_no"], defect["doc_no"]} <= set(listed)
    path = rendered(samples_dir() / "DJ" / "basic.json", tmp_path / "out")["docx"]
    shown = squeezed(docx_text(path.read_bytes()))
    assert f"合计件数{len(listed) - 1}" in shown


def test_case_8_work_waits_for_consent_and_archiving_for_the_signature(tmp_path: Path) -> None:
    def early(record: dict[str, Any]) -> None:
        record["work_started_at"] = "2026-03-11 14:30"
        record["stages"][2]["at"] = "2026-03-11 14:30"

    errors, _ = checked(changed(tmp_path, "QX/basic.json", early))
    assert any(item.startswith("/work_started_at") for item in errors)
    assert checked(samples_dir() / "QX" / "basic.json", "--contract", CONTRACT)[0] == []

    def unsigned(record: dict[str, Any]) -> None:
        record["signoffs"] = [s for s in record["signoffs"] if s["role"] != "cust_owner"]

    errors, _ = checked(changed(tmp_path, "QX/basic.json", unsigned))
    assert [item.split()[1] for item in errors] == ["signature_missing"]


def test_case_12_hostile_text_is_stopped_for_its_secret_and_printed_after_masking(
    tmp_path: Path,
) -> None:
    def add(record: dict[str, Any]) -> None:
        record["top_sql"][0]["sql_text"] = "create user app identified by Abc#123"

    path = changed(tmp_path, "XJ/hard.json", add)
    errors, _ = checked(path)
    assert errors == ["/top_sql/0/sql_text secret"]
    files = rendered(path, tmp_path / "out", "--mask-secrets")
    texts = all_texts(files)
    for text in texts.values():
        assert "Abc#123" not in text
        assert "identifiedby******" in text
        assert "𠮷田䶮" in text
        assert "=cmd|'/Ccalc'!A0" in text
        assert "a<b&&c" in text
        assert "共10" in text
    assert all(cell.data_type not in "fe" for cell in xlsx_cells(files["xlsx"].read_bytes()))
    back = docgen("extract", files["pdf"], "--attachments", tmp_path / "logs", "--json")
    record = json.loads(back.stdout)
    assert record["record_intact"]
    assert record["file_intact"]
    assert len(record["record"]["params"]) == 500
    logs = list((tmp_path / "logs").iterdir())
    assert any(len(log.read_text("utf-8").splitlines()) >= 10_000 for log in logs)


HOSTILE = ("𠮷田䶮", "select 1 from dual where a<b && c", "=cmd|' /C calc'!A0", "16G", "")
SAID = {
    "type": "月度巡检",
    "asset_nos": '["HDYD-DB-01"]',
    "started_at": "2026-03-10 09:00",
    "ended_at": "2026-03-10 11:30",
    "inspectors": '["张伟"]',
    "authorization_no": "SQ-HDYD-20260301-001",
    "summary": "总体健康",
    "check_items": json.dumps(
        [{"seq": 1, "item": "备份", "standard": "每日", "result": "成功", "state": "正常"}]
    ),
}
SECTIONS = ("params", "backup_policies", "backup_files", "data_files", "security")


def hostile_csv(path: Path, rows: list[list[str]]) -> Path:
    """Write a CSV as Chinese Excel does."""
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def converting(path: Path, folder: Path, filled: str, *options: str) -> tuple[int, dict[str, Any]]:
    """Convert the rows of an inspection's section; exit code and report."""
    absences = [
        {"section": s, "state": "未采集", "reason": "未授权"} for s in SECTIONS if s != filled
    ]
    said = SAID | {"absences": json.dumps(absences, ensure_ascii=False)}
    sets = [text for name, value in said.items() for text in ("--set", f"{name}={value}")]
    run = docgen(
        *("convert", path, "--contract", CONTRACT, "--out", folder, "--type", "XJ", "--json"),
        *(*sets, *options),
    )
    found: dict[str, Any] = json.loads(run.stdout)
    return run.returncode, found


def case_12_files(folder: Path) -> dict[str, Path]:
    """500 parameters, and a log of 10,000 lines, each with a password somewhere."""
    secret = "create user app identified by Abc#123"
    params = [["参数名", "当前值", "建议值", "备注"]]
    params += [[f"_param_{n:03d}", HOSTILE[n % 5], HOSTILE[(n + 1) % 5], "𠮷"] for n in range(500)]
    params[250][3] = secret
    log = [f"2026-03-06 {n:05d} LGWR switch a<b && c 𠮷田䶮 {HOSTILE[2]}" for n in range(10_000)]
    log[5000] = secret
    events = [["错误码", "次数", "日志摘录"], ["ORA-00600", "3", "\n".join(log)]]
    return {
        "params": hostile_csv(folder / "params.csv", params),
        "log_events": hostile_csv(folder / "log.csv", events),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["params", "log_events"])
def test_case_12_from_a_gb18030_csv(tmp_path: Path, name: str) -> None:
    path = case_12_files(tmp_path)[name]
    place = {"params": "D251", "log_events": "C2"}[name]
    code, report = converting(path, tmp_path / "dry", name, "--dry-run")
    assert code == 1
    assert [(one["cell"], one["code"]) for one in report["errors"]] == [(place, "secret")]
    assert "Abc#123" not in json.dumps(report)

    code, report = converting(path, tmp_path / "out", name, "--mask-secrets")
    assert (code, report["errors"], report["rows"]["failed"]) == (0, [], 0)
    assert report["rows"]["converted"] == {"params": 500, "log_events": 1}[name]
    files = {one["format"]: Path(one["path"]) for one in report["documents"]}
    for format_name, text in all_texts(files).items():
        assert "Abc#123" not in text, format_name
        for hostile in ("𠮷田䶮", "a<b&&c", "=cmd|'/Ccalc'!A0"):
            assert hostile in text, format_name
        assert name != "params" or all(f"_param_{n:03d}" in text for n in (0, 250, 499))
    assert all(cell.data_type not in "fe" for cell in xlsx_cells(files["xlsx"].read_bytes()))
    fonts = subprocess.run(["pdffonts", files["pdf"]], capture_output=True, text=True, check=True)
    assert all(line.split()[-5] == "yes" for line in fonts.stdout.splitlines()[2:])
    record = json.loads(docgen("extract", files["pdf"], "--json").stdout)["record"]
    assert len(record[name]) == report["rows"]["converted"]
    excerpt = record[name][0].get("excerpt", "\n" * 9999)
    assert excerpt.count("\n") == 9999
