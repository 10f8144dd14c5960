"""Write the sample spreadsheets, as engineers keep them. Usage: python samples/sheets/make.py."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

HERE = Path(__file__).resolve().parent
PARENTS = ["资产编号", "服务器", "", "业务系统", "数据库", "", "", "硬件", "", "维保到期日"]
CHILDREN = ["", "名称", "IP", "", "类型", "版本", "端口", "CPU核数", "内存(GB)", ""]
MERGED = ("C3:D3", "F3:H3", "I3:J3", "B3:B4", "E3:E4", "K3:K4", "B1:K1")
SERVERS: list[list[Any]] = [
    [
        "HDYD-DB-01",
        "crm-db-01",
        "10.20.1.11、10.20.1.12",
        "CRM",
        "Oracle",
        "19.21",
        1521,
        32,
        "256G",
    ],
    ["HDYD-DB-02", "jf-db-01", "10.20.2.11", "积分商城", "MySQL", "8.0.36", 3306, "16核", 64],
    ["HDYD-DB-03", "jyfx-db-01", "10.20.3.11", "经营分析", "达梦", "V8", 5236, 32, "131072MB"],
    ["HDYD-DB-04", "wg-db-01", "10.20.4.11", "网管", "PostgreSQL", "15.6", 70000, 16, 64],
]
PEOPLE = [
    ["资产编号", "姓名", "单位", "职责", "主备", "电话"],
    ["HDYD-DB-01", "张伟", "华信数据库服务有限公司", "数据库", "主", "13800010001"],
    ["HDYD-DB-01", "赵敏", "华东移动信息技术部", "系统", "备", "13900020002"],
    ["HDYD-DB-02", "张伟", "华信数据库服务有限公司", "数据库", "主", "13800010001"],
    ["HDYD-DB-03", "李娜", "华信数据库服务有限公司", "数据库", "主", "13800010002"],
    ["HDYD-DB-04", "张伟", "华信数据库服务有限公司", "数据库", "主", "13800010001"],
]
TICKETS = [
    [
        "序号",
        "问题类别",
        "提出人",
        "受理方式",
        "受理人",
        "受理时间",
        "资产编号",
        "问题描述",
        "客户需求",
    ],
    [
        "1",
        "咨询类",
        "赵敏",
        "电话",
        "张伟",
        "2026年3月12日 上午9:30",
        "HDYD-DB-02",
        "翻页超过 8 秒",
        "一秒内返回",
    ],
    [
        "2",
        "资讯类",
        "𠮷田䶮",
        "邮件",
        "张伟",
        "2026/3/12 14:05",
        "HDYD-DB-01",
        "a<b && c 如何写",
        "给出写法",
    ],
    [
        "3",
        "咨询类",
        "刘洋",
        "电话",
        "李娜",
        "3月13日",
        "HDYD-DB-03",
        "统计信息多久收集",
        "给出建议",
    ],
    ["合计", "3", "", "", "", "", "", "", ""],
]
CHANGE_PARENTS = ["资产编号", "参数", "", "", "变更", "", "", "执行人", "授权单号"]
CHANGE_CHILDREN = ["", "名称", "原值", "新值", "时间", "原因", "效果分析", "", ""]
CHANGE_MERGED = ("A1:I1", "B3:D3", "E3:G3", "A3:A4", "H3:H4", "I3:I4", "A5:A7", "I5:I7")
NIGHT = datetime.fromisoformat("2026-03-05T22:30")
CHANGES: list[list[Any]] = [
    ["HDYD-DB-01", "sga_target", "32G", "48G", NIGHT, "缓存命中率偏低", "命中率 91% 升至 97%"],
    ["", "processes", 1500, 2000, "2026/3/5 22:40", "连接数接近上限", "峰值 1620，未再告警"],
    ["", "open_cursors", 300, 300, "2026.3.5 22:50", "游标不足", "未见变化"],
    ["HDYD-DB-02", "sql_mode", "STRICT_TRANS_TABLES", "(空)", "2026年3月6日 下午10:15"],
    ["HDYD-DB-03", "MAX_SESSIONS", "500", "800", "2099-03-06 22:20", "扩容", "待观察"],
    ["HDYD-DB-04", "work_mem", "4MB", "16MB", 46088.9375, "排序落盘", "落盘次数降为 0"],
]
CHANGES[3] += ["旧程序写入零日期", "批处理恢复正常"]
DOERS = ["张伟", "同上", "同上", "李娜", "同上", "张伟"]
SAVED = "2026-03-09T09:00:00Z"


def main() -> None:
    """Write every file."""
    _saved(_service(), HERE / "service.xlsx")
    book = Workbook()
    _servers(book.worksheets[0])
    people = book.create_sheet("日常管理人员")
    for row in PEOPLE:
        people.append(row)
    _saved(book, HERE / "assets.xlsx")
    with (HERE / "tickets.csv").open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(TICKETS)


def _servers(sheet: Worksheet) -> None:
    sheet.title = "服务器"
    sheet["B1"], sheet["B2"], sheet["G2"] = "维保对象登记表", "制表人：张伟", "日期：2026-03-09"
    sheet["B1"].font, sheet["B1"].alignment = Font(size=14, bold=True), Alignment("center")
    _heads(sheet, PARENTS, CHILDREN, 2)
    for area in MERGED:
        sheet.merge_cells(area)
    for row, values in enumerate(SERVERS, 5):
        for column, value in enumerate([*values, date(2027, 3, 31)], 2):
            sheet.cell(row, column).value = value
    last = 5 + len(SERVERS)
    sheet.cell(last, 2).value, sheet.cell(last + 1, 2).value = "以下空白", "审核人签字："


def _service() -> Workbook:
    """Make what a customer hands over: servers, their people, questions, changes of parameters."""
    book = Workbook()
    _servers(book.worksheets[0])
    people = book.create_sheet("日常管理人员")
    for row in [
        *PEOPLE,
        ["HDYD-DB-09", "王强", "华信数据库服务有限公司", "系统", "主", "13800010009"],
    ]:
        people.append(row)
    tickets = book.create_sheet("问题记录")
    _titled(tickets, "问题受理记录", "A1:I1")
    for row in TICKETS:
        tickets.append(row)
    _changes(book.create_sheet("参数修改记录"))
    return book


def _changes(sheet: Worksheet) -> None:
    _titled(sheet, "参数修改记录表", "A1:I1")
    sheet["A2"], sheet["E2"] = "制表人：张伟", "日期：2026-03-09"
    _heads(sheet, CHANGE_PARENTS, CHANGE_CHILDREN, 1)
    for row, (values, doer) in enumerate(zip(CHANGES, DOERS, strict=True), 5):
        for column, value in enumerate([*values, doer, "SQ-HDYD-20260301-001"], 1):
            sheet.cell(row, column).value = value
        if isinstance(values[4], datetime):
            sheet.cell(row, 5).number_format = "yyyy-mm-dd hh:mm"
    for area in CHANGE_MERGED[1:]:
        sheet.merge_cells(area)
    sheet.cell(11, 1).value, sheet.cell(12, 1).value = "合计：6 项", "审核人签字："


def _titled(sheet: Worksheet, title: str, area: str) -> None:
    sheet.append([title])
    sheet["A1"].font, sheet["A1"].alignment = Font(size=14, bold=True), Alignment("center")
    sheet.merge_cells(area)


def _heads(sheet: Worksheet, parents: list[str], children: list[str], first: int) -> None:
    """Write a header of two levels in rows 3 and 4."""
    for column, (parent, child) in enumerate(zip(parents, children, strict=True), first):
        for row, text in ((3, parent), (4, child)):
            sheet.cell(row, column).value = text or None
            sheet.cell(row, column).fill = PatternFill("solid", fgColor="DDEBF7")


def _saved(book: Workbook, path: Path) -> None:
    """Write a workbook in the same bytes every time: its own times, and those of its parts."""
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb">[\d-]{10}T[\d:]{8}Z<", f">{SAVED}<".encode(), data)
            new.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
