"""Records to measure with: real ones of existing types, the same bytes every time.

T is a ticket with six rows, I an inspection with tables of 120, 60 and 40 rows, B one table of
2,000 rows in 8 columns; `grown` is B with as many rows as asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from docgen.paths import samples_dir

B_ROWS = 2000
TABLES = (
    "params",
    "backup_policies",
    "backup_files",
    "data_files",
    "tablespaces",
    "disks",
    "performance",
    "top_sql",
    "replication",
    "check_items",
    "problems",
    "log_events",
    "distribution",
)


def workloads() -> dict[str, bytes]:
    """Return the three records by name."""
    return {"T": _ticket(), "I": _inspection(), "B": grown(B_ROWS)}


def grown(rows: int) -> bytes:
    """Return an inspection with one table of `rows` rows in 8 columns, and little beside it."""
    record = _short()
    record["backup_files"] = [_backup_file(number) for number in range(rows)]
    return _bytes(record)


def _ticket() -> bytes:
    record = _sample("QX")
    steps = record["steps"]
    record["steps"] = [*steps, *(steps[-1] | {"seq": number} for number in (5, 6))]
    return _bytes(record)


def _inspection() -> bytes:
    record = _short()
    record["params"] = _rows(120, _param)
    record["data_files"] = _rows(60, _data_file)
    record["performance"] = _rows(40, _metric)
    return _bytes(record)


def _short() -> dict[str, Any]:
    """Return the inspection sample with one row in each table: the rest of the document."""
    record = _sample("XJ")
    record |= {name: record[name][:1] for name in TABLES}
    record["security"]["accounts"] = record["security"]["accounts"][:1]
    return record


def _param(number: int) -> dict[str, Any]:
    return {
        "asset_no": "HDYD-DB-01",
        "name": f"parameter_{number:03d}",
        "current_value": f"{number * 64}M",
        "recommended": f"{number * 96}M",
        "status": ("normal", "normal", "attention")[number % 3],
        "note": ("与基线一致", "已按授权于停机窗口调整", "建议在下一停机窗口扩大")[number % 3],
    }


def _data_file(number: int) -> dict[str, Any]:
    return {
        "name": f"CRM_DATA{number:03d}.dbf",
        "path": "/oradata/crmdb",
        "size_gb": 30,
        "used_gb": round(30 * (number % 100) / 101, 2),
        "autoextend": number % 2 == 0,
        "max_gb": 32,
        "status": "normal",
    }


def _metric(number: int) -> dict[str, Any]:
    return {
        "metric": f"第 {number} 项指标的平均等待时间",
        "value": round(number * 1.7, 1),
        "unit": "ms",
        "threshold": "80/90",
        "status": ("normal", "attention")[number % 2],
    }


def _backup_file(number: int) -> dict[str, Any]:
    day = f"2026-03-{1 + number % 28:02d}"
    return {
        "file": f"crm_{number:05d}.bkp",
        "type": ("full", "incremental")[number % 2],
        "path": ("/backup/rman", "/backup/归档")[number % 2],
        "size_gb": round(40 + number * 1.37, 2),
        "started_at": f"{day} 01:00",
        "finished_at": f"{day} 0{2 + number % 5}:{number % 60:02d}",
        "result": "success",
        "verified": number % 2 == 0,
    }


def _rows(count: int, make: Callable[[int], dict[str, Any]]) -> list[dict[str, Any]]:
    return [make(number) for number in range(1, count + 1)]


def _sample(code: str) -> dict[str, Any]:
    text = (samples_dir() / code / "basic.json").read_text("utf-8")
    record: dict[str, Any] = json.loads(text)
    return record


def _bytes(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode()
