"""What sheets look like: headers found or refused, mappings kept, workbooks to fill in."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgen.errors import InputUnreadable
from docgen.intake.sheets.book import Sheet
from docgen.intake.sheets.facts import SheetFacts
from docgen.intake.sheets.intake_book import intake_workbook
from docgen.intake.sheets.layout import Layout
from docgen.intake.sheets.mapping import load, load_all, mapping_of, save
from docgen.intake.sheets.understanding import understand
from schemas.catalog import record_types
from tests.commands import as_json, docgen
from tests.records import contract
from tests.sheet_files import (
    ASSET_HEADER,
    CHANGE_HEADER,
    TICKET_HEADER,
    asset,
    change,
    converted_rows,
    faults,
    taken,
    ticket,
    workbook,
)


def understood(rows: list[list[Any]], name: str = "Sheet1", code: str = "") -> Layout:
    """Read a sheet of these rows."""
    return understand(Sheet(name, SheetFacts(), source=lambda: iter(rows)), code)


def fields(layout: Layout) -> dict[str, str]:
    """Header → field of a layout's columns."""
    return {column.header: column.slot.id for column in layout.columns}


# ---------------------------------------------------------------- headers


@given(
    st.permutations(TICKET_HEADER),
    st.integers(0, 5),
    st.integers(0, 3),
)
def test_a_header_is_found_wherever_it_stands(header: list[str], above: int, before: int) -> None:
    row = dict(zip(TICKET_HEADER, ticket(1), strict=True))
    title = [["", "某某公司咨询记录"], *([[""]] * above)]
    lead = [""] * before
    rows = [*title, [*lead, *header], [*lead, *(row[name] for name in header)]]
    layout = understood(rows)
    assert layout.target is not None
    assert layout.target.code == "ZX"
    assert layout.header_rows == (above + 2,)
    assert [column.index for column in layout.columns] == [before + n for n in range(len(header))]


@given(st.lists(st.lists(st.text(max_size=12), max_size=8), max_size=20))
def test_any_sheet_is_understood_or_not(rows: list[list[str]]) -> None:
    layout = understood([list(row) for row in rows])
    assert layout.kind in {"table", "form", "none"}


def test_an_ambiguous_header_fails_its_sheet_only(tmp_path: Path) -> None:
    space: list[list[Any]] = [["名称", "大小", "Used"], ["USERS", 30, 29]]
    path = workbook(tmp_path / "a.xlsx", 表空间=space, 咨询=[TICKET_HEADER, ticket(1)])
    result = taken(path, tmp_path / "out")
    assert faults(result) == [("表空间", "C1", "ambiguous_header")]
    assert (result.read, result.failed, converted_rows(result)) == (2, 1, 1)


def test_a_column_twice(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        咨询=[[*TICKET_HEADER, "报障人"], [*ticket(1), "刘洋"], [*ticket(2), "刘洋"]],
    )
    result = taken(path, tmp_path / "out")
    assert faults(result) == [("咨询", "G1", "column_twice")]
    assert (result.read, result.failed) == (2, 2)


def test_columns_of_one_list_are_taken_together(tmp_path: Path) -> None:
    header = [*ASSET_HEADER, "管理IP"]
    path = workbook(tmp_path / "a.xlsx", 服务器=[header, [*asset(1), "10.9.9.9"]])
    result = taken(path, tmp_path / "out", dry=True)
    assert converted_rows(result) == 1
    assert [c["field"] for c in result.sheets[0]["columns"]].count("ips") == 2


def test_sheets_alike_are_told_apart_by_their_name(tmp_path: Path) -> None:
    rows: list[list[Any]] = [["名称", "大小(GB)", "已用(GB)"], ["USERS", 30, 29]]
    assert understood(rows, "数据文件").target.path == ("data_files",)  # type: ignore[union-attr]
    assert understood(rows, "表空间").target.path == ("tablespaces",)  # type: ignore[union-attr]
    (fault,) = understood(rows, "Sheet1").faults
    assert fault[1].code == "ambiguous_sheet"


def test_headers_again_titles_again_and_feet_are_skipped(tmp_path: Path) -> None:
    rows = [
        ["维护记录"],
        ["序号", *CHANGE_HEADER],
        [1, *change(1)],
        ["维护记录"],
        ["序号", *CHANGE_HEADER],
        [2, *change(2)],
        [3],
        ["示例", *change(3)],
        ["小计：", 2],
        ["合 计", 2],
        ["", "以下空白"],
        ["注：数值以现场为准"],
        ["客户签字：", "", "", "日期："],
        ["制表人：张伟", "", "审核：李娜"],
    ]
    result = taken(workbook(tmp_path / "a.xlsx", 变更=rows), tmp_path / "out")
    assert [one.reason for one in result.skips] == [
        "repeated_title",
        "repeated_header",
        "only_a_number",
        "example",
        "total",
        "total",
        "end_of_table",
        "note",
        "signature",
        "signature",
    ]
    assert (converted_rows(result), result.failed) == (2, 0)


def test_units_of_the_header_count(tmp_path: Path) -> None:
    header = [name if name != "内存" else "内存（TB）" for name in ASSET_HEADER]
    layout = understood([header, asset(1)])
    assert next(c for c in layout.columns if c.slot.id == "memory_gb").unit == "TB"


def test_a_type_that_is_named_decides(tmp_path: Path) -> None:
    rows = [["资产编号", "参数名", "当前值", "备注"], ["A-1", "sga", "1G", "x"]]
    assert understood(rows).target.code == "XJ"  # type: ignore[union-attr]
    assert understood(rows, code="ZX").kind == "none"


# ---------------------------------------------------------------- mappings


STRANGE = ["机器", "叫法", "归谁", "库", "版", "地址", "几核", "多大内存", "找谁"]


def strange(path: Path) -> Path:
    return workbook(path, 台账=[STRANGE, asset(1), asset(2)])


def changes() -> list[str]:
    names = ["asset_no", "server_name", "business_system", "db_type", "db_version", "ips"]
    return [*names, "cpu_cores", "memory_gb", "admins"]


def test_a_mapping_by_hand_is_kept_for_files_of_that_shape(tmp_path: Path) -> None:
    header = ["资产编号", "服务器名称", "业务系统", *STRANGE[3:]]
    first = workbook(tmp_path / "a.xlsx", 台账=[header, asset(1)])
    options: list[str] = []
    for text, field in zip(STRANGE[3:], changes()[3:], strict=True):
        options += ["--column", f"{text}={field}"]
    env: dict[str, Any] = {"DOCGEN_MAPPINGS": tmp_path / "mappings"}
    run = docgen("mapping", "save", first, "--name", "台账", *options, **env)
    assert run.returncode == 0, run.stderr
    (told,) = as_json("mapping", "show", **env)["mappings"]
    assert [one["field"] for one in told["sheets"][0]["columns"]] == changes()
    assert "几核" in docgen("mapping", "show", "台账", **env).stdout

    other = workbook(tmp_path / "b.xlsx", 另一张=[["二月"], header, asset(3), asset(4)])
    mappings = tuple(load_all(tmp_path / "mappings"))
    result = taken(other, tmp_path / "out", mappings=mappings)
    assert (result.sheets[0]["mapping"], converted_rows(result)) == ("台账", 2)
    with pytest.raises(InputUnreadable):
        taken(strange(tmp_path / "c.xlsx"), tmp_path / "out", mappings=mappings)


def test_a_column_may_be_ignored(tmp_path: Path) -> None:
    rows = [[*TICKET_HEADER, "报障人"], [*ticket(1), "刘洋"]]
    layout = understood(rows)
    mapping = mapping_of("一", [layout], {"报障人": ""})
    path = save(mapping, tmp_path)
    assert load(path) == mapping
    result = taken(workbook(tmp_path / "a.xlsx", 咨询=rows), tmp_path / "out", mappings=(mapping,))
    assert (faults(result), converted_rows(result)) == ([], 1)


def test_a_mapping_of_nothing_is_refused(tmp_path: Path) -> None:
    layout = understood([TICKET_HEADER, ticket(1)])
    for wrong in ({"ZZ": "answer"}, {"A": "no_such_field"}):
        with pytest.raises(InputUnreadable):
            mapping_of("x", [layout], wrong)
    for text in ("", "version = 2", "version = 1\nname='x'\nsheets = 3"):
        (tmp_path / "bad.toml").write_text(text, "utf-8")
        with pytest.raises(InputUnreadable) as caught:
            load(tmp_path / "bad.toml")
        assert caught.value.code == "mapping_unreadable"


# ---------------------------------------------------------------- workbooks to fill in


@pytest.mark.parametrize("code", list(record_types()))
def test_an_empty_workbook_is_understood_whole(tmp_path: Path, code: str) -> None:
    path = tmp_path / "empty.xlsx"
    path.write_bytes(intake_workbook(code))
    with zipfile.ZipFile(path) as package:  # equal bytes whenever it is made
        assert b"<dcterms:modified" in package.read("docProps/core.xml")
        assert package.read("docProps/core.xml").count(b">1980-01-01T00:00:00Z<") == 2
    result = taken(path, tmp_path / "out")
    assert not result.faults
    assert not result.documents
    for sheet in result.sheets:
        unread = {one["header"] for one in sheet["unmapped"]}
        assert unread <= {"#"}, sheet["sheet"]
        assert sheet["type"] in {None, code}


def test_a_filled_in_workbook_is_read_without_a_mapping(tmp_path: Path) -> None:
    path = tmp_path / "wb.xlsx"
    run = docgen("intake-template", "WB", "--out", path)
    assert run.returncode == 0
    book = openpyxl.load_workbook(path)
    sheet = book["维保对象"]
    heads: dict[str, Any] = {str(cell.value).rstrip("*"): cell for cell in sheet[1]}
    assert sheet.protection.sheet
    assert heads["资产编号"].protection.locked
    assert not sheet["C3"].protection.locked
    assert heads["内存(GB)"].comment is not None
    assert any("生产" in str(one.formula1) for one in sheet.data_validations.dataValidation)
    values = dict(zip(ASSET_HEADER, asset(1), strict=True))
    values |= {"IP 地址": values.pop("IP地址"), "CPU 核数": values.pop("CPU核数")}
    values["内存(GB)"] = values.pop("内存")
    for label, value in values.items():
        sheet[f"{heads[label].column_letter}3"] = value
    book["基本信息"]["B1"] = "2026-03-09"
    book.save(path)
    result = taken(path, tmp_path / "out")
    assert not result.faults
    assert [one.doc_no for one in result.documents] == ["WB-HDYD-20260309-001"]
    assert result.read == result.skipped + converted_rows(result)


def test_the_contracts_objects_are_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "wb.xlsx"
    path.write_bytes(intake_workbook("WB", contract()))
    sheet = openpyxl.load_workbook(path)["维保对象"]
    assert [sheet.cell(row, 2).value for row in range(3, 8)] == contract().asset_nos


def test_a_workbook_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zx.xlsx"
    path.write_bytes(intake_workbook("ZX"))
    book = openpyxl.load_workbook(path)
    book["docgen 说明"]["C1"] = "0.9"
    book.save(path)
    with pytest.raises(InputUnreadable) as caught:
        taken(path, tmp_path / "out")
    assert caught.value.code == "intake_version"
