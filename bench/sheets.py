"""Intake of large sheets: time against calamine's bare read and openpyxl, memory by rows.

Usage: python -m bench.sheets [--quick]. Each measurement runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from bench.cpu import peak_kb

ROUNDS = 3
NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
GIVEN = {
    "contract_no": "HT-1",
    "customer_name": "某客户",
    "customer_code": "HDYD",
    "provider_name": "某公司",
    "prepared_by": "张伟",
    "phase": "service",
}
HEADER = [
    "资产编号",
    "服务器名称",
    "业务系统",
    "环境",
    "重要程度",
    "使用状态",
    "数据库类型",
    "数据库版本",
    "补丁级别",
    "部署方式",
    "实例名",
    "端口",
    "字符集",
    "数据量(GB)",
    "IP地址",
    "操作系统",
    "CPU核数",
    "内存",
    "日常管理人员",
    "维保到期日",
]


def row(number: int) -> list[Any]:
    """Return one row of twenty columns."""
    address = f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}"
    return [
        f"HDYD-DB-{number:06d}",
        f"crm-db-{number:06d}",
        f"业务系统{number % 40}",
        ("生产", "测试", "灾备")[number % 3],
        ("核心", "重要", "一般")[number % 3],
        "在用",
        ("Oracle", "MySQL", "达梦")[number % 3],
        f"19.{number % 20}",
        f"19.{number % 9}",
        "单机",
        f"inst{number}",
        1521 + number % 10,
        "AL32UTF8",
        number % 900 + 1,
        address,
        "RHEL 8.6",
        (8, 16, 32)[number % 3],
        f"{(32, 64, 128)[number % 3]}G",
        "张伟 13800010001",
        date(2027, 3, 1),
    ]


def workbook(path: Path, rows: int) -> Path:
    """Write the workbook to be read."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("服务器")
    sheet.append(HEADER)
    for number in range(rows):
        sheet.append(row(number))
    book.save(path)
    return path


# ---------------------------------------------------------------- what is measured


def bare(path: Path) -> int:
    """Read with calamine and nothing else."""
    from python_calamine import CalamineWorkbook

    sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    return sum(1 for _ in sheet.iter_rows()) - 1


def ours(path: Path) -> int:
    """Take the file in, every row judged and reported."""
    from docgen.intake.sheets.intake import take
    from docgen.intake.sheets.order import ConversionRequest

    with tempfile.TemporaryDirectory() as folder:
        result = take(ConversionRequest(path, path.name, NOW, Path(folder), given=GIVEN, dry=True))
    assert not result.faults, result.faults[:3]
    return sum(len(one.rows) for one in result.documents)


def openpyxl_read_only(path: Path) -> int:
    """Read with openpyxl, then judge as `ours` does."""
    from docgen.intake.sheets import intake
    from docgen.intake.sheets.book import Sheet, SourceWorkbook

    def opened(file: Path, name: str) -> SourceWorkbook:
        from openpyxl import load_workbook

        source = load_workbook(file, read_only=True).worksheets[0]

        def rows() -> Iterator[list[Any]]:
            for cells in source.iter_rows(values_only=True):
                yield ["" if cell is None else cell for cell in cells]

        return SourceWorkbook(name, "xlsx", sheets=[Sheet(source.title, source=rows)])

    vars(intake)["open_book"] = opened
    return ours(path)


WAYS: dict[str, Callable[[Path], int]] = {
    "bare": bare,
    "ours": ours,
    "openpyxl": openpyxl_read_only,
}


def measured(way: str, path: Path) -> dict[str, float]:
    """Measure one way in a process of its own: processor seconds, wall seconds, peak MB."""
    command = [sys.executable, "-m", "bench.sheets", "--way", way, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _measure(way: str, path: Path, warm: Path) -> None:
    work = WAYS[way]
    work(warm)  # imports, and what is compiled once
    start, cpu = time.perf_counter(), time.process_time()
    rows = work(path)
    told = {
        "rows": rows,
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - start,
        "peak_mb": peak_kb() / 1024,
    }
    print(json.dumps(told))


# ---------------------------------------------------------------- the run


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.sheets", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 rows instead of 100,000")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("path", nargs="?", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        _measure(given.way, given.path, given.path.with_name("warm.xlsx"))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workbook(folder / "warm.xlsx", 20)
        rows = 20_000 if given.quick else 100_000
        reached = _race(workbook(folder / "race.xlsx", rows), rows)
        for number in (10_000,) if given.quick else (10_000, 100_000, 300_000):
            reached &= _memory(workbook(folder / "grow.xlsx", number), number)
    return 0 if reached else 1


def _race(path: Path, rows: int) -> bool:
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            times[way].append(measured(way, path)["cpu_s"])
    best = {way: sorted(found)[len(found) // 2] for way, found in times.items()}
    for way, seconds in best.items():
        print(f"{rows:>7} x {len(HEADER)}  {way:<9} {seconds:6.2f} s CPU")
    against_bare, against_openpyxl = best["ours"] / best["bare"], best["openpyxl"] / best["ours"]
    print(f"  {against_bare:.2f} x the bare read (target 3)")
    print(f"  {against_openpyxl:.2f} x faster than openpyxl (target 2)")
    return against_bare <= 3 and against_openpyxl >= 2


def _memory(path: Path, rows: int) -> bool:
    plain, full = measured("bare", path)["peak_mb"], measured("ours", path)["peak_mb"]
    more = full - plain
    print(f"{rows:>7} rows  {plain:6.0f} MB bare, {full:6.0f} MB ours: {more:+.0f} (target +150)")
    return more <= 150


if __name__ == "__main__":
    sys.exit(main())
