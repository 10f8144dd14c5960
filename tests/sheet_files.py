"""Spreadsheets for tests, as people make them: titles, two levels, merges, footers, odd values."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.worksheet import Worksheet

from docgen.paths import samples_dir
from docgen.sheets.intake import take
from docgen.sheets.ledger import records
from docgen.sheets.order import Order
from docgen.sheets.taken import Taken

CONTRACT = samples_dir() / "contract" / "HT-2026-017.json"
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
SERIAL, SERIAL_1904 = 46088, 44626  # both are 2026-03-07

ASSET_HEADER = [
    "资产编号",
    "服务器名称",
    "业务系统",
    "数据库类型",
    "数据库版本",
    "IP地址",
    "CPU核数",
    "内存",
    "日常管理人员",
]
TICKET_HEADER = ["提出人", "受理方式", "受理人", "问题描述", "受理时间", "客户需求"]
CHANGE_HEADER = [
    "资产编号",
    "参数名",
    "原值",
    "新值",
    "变更原因",
    "变更时间",
    "效果分析",
    "执行人",
    "授权单号",
]


def asset(number: int, **changes: Any) -> list[Any]:
    """A good row under ASSET_HEADER."""
    row = dict(
        zip(
            ASSET_HEADER,
            [
                f"HDYD-DB-{number:03d}",
                f"db-{number:03d}",
                "CRM",
                "Oracle",
                "19.3",
                f"10.1.{number // 200}.{number % 200 + 1}",
                16,
                "64G",
                "张伟、李娜",
            ],
            strict=True,
        )
    )
    return list((row | changes).values())


def ticket(number: int, **changes: Any) -> list[Any]:
    """A good row under TICKET_HEADER."""
    row = dict(
        zip(
            TICKET_HEADER,
            ["赵敏", "电话", "张伟", f"翻页慢，第 {number} 次", "2026-03-12 09:30", "尽快解决"],
            strict=True,
        )
    )
    return list((row | changes).values())


def change(number: int, **changes: Any) -> list[Any]:
    """A good row under CHANGE_HEADER."""
    row = dict(
        zip(
            CHANGE_HEADER,
            [
                "HDYD-DB-01",
                f"param_{number}",
                "16G",
                "32G",
                "扩容",
                "2026-03-12 22:30",
                "命中率提高",
                "张伟",
                "SQ-1",
            ],
            strict=True,
        )
    )
    return list((row | changes).values())


def workbook(path: Path, *, mac: bool = False, **sheets: Iterable[Sequence[Any]]) -> Path:
    """Write a workbook of sheets by their names."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    if mac:
        book.epoch = CALENDAR_MAC_1904
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return path


def convert_all(paths: Iterable[Path], target: str, folder: Path) -> None:
    """Let LibreOffice write workbooks into a folder as another kind of file, in one start."""
    command = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/profile"]
    command += ["--convert-to", target, "--outdir", str(folder), *map(str, paths)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def taken(path: Path, folder: Path, **changes: Any) -> Taken:
    """Take a file in, with the contract of the acceptance cases."""
    order = {"contract": CONTRACT.read_bytes()} | changes
    folder.mkdir(exist_ok=True)
    return take(Order(path, path.name, order.pop("now", NOW), folder, **order))


def recorded(folder: Path, number: str) -> dict[str, Any]:
    """The record that a number has in the folder's ledger."""
    found: dict[str, Any] = json.loads(next(records(folder, [number]))[1])
    return found


def faults(result: Taken) -> list[tuple[str, str, str]]:
    """Sheet, cell and code of every error, in the order of the file."""
    found = [(one.spot.sheet, one.spot.cell, one.problem.code) for one in result.faults]
    return sorted(found)


def converted_rows(result: Taken) -> int:
    """How many rows became part of a record."""
    return sum(len(one.rows) for one in result.documents)


def mixed() -> dict[str, list[list[Any]]]:
    """Sheets of tickets and of servers, with title, lines, foot, a serial date and a formula."""
    rows = [ticket(n) for n in range(4)]
    tickets: list[list[Any]] = [
        ["咨询记录"],
        ["制表人：张伟", "", "日期：2026-03-12"],
        list(TICKET_HEADER),
        *rows,
        ticket(9, 受理时间=SERIAL + 0.5),
        ["合计", 4],
        ["以下空白"],
    ]
    assets: list[list[Any]] = [
        list(ASSET_HEADER),
        asset(1),
        asset(2, 内存=65536),
        asset(3, CPU核数="=8*2"),
    ]
    return {"咨询": tickets, "服务器": assets}


# ---------------------------------------------------------------- acceptance 11


PARENTS = [
    "资产编号",
    "服务器",
    "",
    "业务系统",
    "数据库",
    "",
    "",
    "硬件",
    "",
    "日常管理人员",
    "维保到期日",
]
CHILDREN = ["", "名称", "IP", "", "类型", "版本", "端口", "CPU核数", "内存(GB)", "", ""]
MERGED = ("C3:D3", "F3:H3", "I3:J3", "B3:B4", "E3:E4", "K3:K4", "L3:L4")
BLANKS = {(0, 10), (0, 20), (1, 5), (2, 20)}
TOTAL = (2, 39)
BAD = {(0, 15): ("L", "3月7日"), (1, 15): ("H", 70000), (2, 15): ("B", "HDYD-DB-003")}
BAD_CELLS = [
    ("应用", "L20", "day_without_year"),
    ("测试", "B20", "duplicate"),
    ("灾备", "H20", "too_large"),
]


def three_sheets(path: Path, *, mac: bool = False, mended: bool = False) -> Path:
    """Write the workbook of acceptance case 11: 120 rows, 4 blank, 1 total, 3 bad."""
    path.write_bytes(_three_sheets(mac=mac, mended=mended))
    return path


@cache
def _three_sheets(*, mac: bool, mended: bool) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    if mac:
        book.epoch = CALENDAR_MAC_1904
    number = 0
    for index, name in enumerate(("应用", "灾备", "测试")):
        sheet = book.create_sheet(name)
        _two_levels(sheet)
        for place in range(40):
            if (index, place) in BLANKS:
                continue
            row = 5 + place
            if (index, place) == TOTAL:
                sheet[f"B{row}"], sheet[f"I{row}"] = "合计", 1800
                continue
            number += 1
            _asset_row(sheet, row, number, SERIAL_1904 if mac else SERIAL)
            if not mended and (bad := BAD.get((index, place))):
                sheet[f"{bad[0]}{row}"] = bad[1]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _two_levels(sheet: Worksheet) -> None:
    sheet["B1"], sheet["B2"], sheet["G2"] = "维保对象登记表", "制表人：张伟", "日期：2026-03-07"
    sheet.merge_cells("B1:L1")
    for column, (parent, child) in enumerate(zip(PARENTS, CHILDREN, strict=True), 2):
        sheet.cell(3, column).value = parent or None
        sheet.cell(4, column).value = child or None
    for area in MERGED:
        sheet.merge_cells(area)


def _asset_row(sheet: Worksheet, row: int, number: int, serial: int) -> None:
    until = serial if number == 7 else date(2027, 3, 1)
    values = [f"HDYD-DB-{number:03d}", f"db-{number:03d}", f"10.1.1.{number}", "CRM", "Oracle"]
    for column, value in enumerate([*values, "19.3", 1521, 16, "64G", "张伟、李娜", until], 2):
        sheet.cell(row, column).value = value
