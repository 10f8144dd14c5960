"""Hostile samples: rare characters, markup, formulas, control characters, long logs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from making import START, Record, rows

LOG_LINES = 10_000
PARAMS = 500
HARD = "𠮷田䶮㼆 <b>&amp;</b> a<b && c </w:t> {{7*7}} {% raw %} ]]> \"双引号\" '单引号' \\n"
FORMULA = "=cmd|' /C calc'!A0"
HARD_TEXT = f"{HARD}\n\t第二行：{FORMULA}\n+1+1\n-2\n@SUM(A1)\n#N/A\n" + "不换行" * 60


def _hard_archive(record: Record) -> Record:
    first = record["objects"][0]
    first |= {"server_name": HARD[:190], "business_system": FORMULA, "vendor_model": "䶮" * 200}
    first |= {"serial_no": "00012345678901234567890", "db_version": "1e5", "instance_name": "-1+2"}
    first["ips"] = [f"2001:db8::{number:x}" for number in range(1, 41)]
    first["nodes"] = rows(
        lambda n: {"hostname": "n" * 63 + f".{n}", "ip": f"2001:db8:1::{n:x}"}, 40
    )
    first["admins"] = [
        {"name": "𠮷田䶮"},
        {"name": "㼆" * 20, "org": HARD[:100], "phone": "+86 025"},
    ]
    record["objects"] = [first, _bare(record["objects"][1])]
    record["revisions"] = [
        {"version": FORMULA, "date": "2026-04-10", "author": "𠮷田䶮", "summary": HARD_TEXT}
    ]
    return record | {"project_name": HARD[:100], "distribution": []}


def _bare(item: Record) -> Record:
    """Keep only what an object must have."""
    names = "asset_no server_name business_system db_type db_version ips cpu_cores memory_gb admins"
    return {name: item[name] for name in names.split()}


def _hard_inspection(record: Record) -> Record:
    record["params"] = [_hard_param(number) for number in range(1, PARAMS + 1)]
    for name in ("backup_policies", "backup_files"):
        record[name] = []
    record.pop("security")
    record["absences"] = [
        {"section": "backup_policies", "state": "none", "reason": f"客户使用存储快照，{HARD}"},
        {"section": "backup_files", "state": "not_collected", "reason": "备份服务器无访问权限。"},
        {"section": "security", "state": "not_collected", "reason": "客户未授权查询安全视图。"},
    ]
    record["log_events"] = [
        {"time": "2026-03-06 23:59:59", "code": "ORA-00600", "count": 1, "excerpt": _log()},
        {"code": FORMULA, "excerpt": "\x1b[31m红色\x1b[0m\x00\x07\x0b\x0c 结束 </w:t>"},
    ]
    record["check_items"][0] |= {"item": HARD[:190], "result": HARD_TEXT}
    record["summary"] = HARD_TEXT
    return record | {"problems": [], "disks": [], "replication": [], "tablespaces": []}


def _hard_param(number: int) -> Record:
    texts = (FORMULA, "", None, HARD, HARD_TEXT, "0x1F", "1e308", "2026/3/7", "#REF!", " 首尾空格 ")
    value = texts[number % len(texts)]
    return {"name": f"_hidden_param_{number:03d}", "current_value": value, "recommended": FORMULA}


def _log() -> str:
    return "\n".join(_log_line(number) for number in range(1, LOG_LINES + 1))


def _log_line(number: int) -> str:
    moment = (START + timedelta(seconds=number * 31)).strftime("%Y-%m-%dT%H:%M:%S+08:00")
    if number % 97 == 0:
        return f"{moment} \x1b[1;31mORA-00600\x1b[0m: internal error code, [kdsgrp1], [{number}]"
    return f"{moment} Thread 1 advanced to log sequence {number} (LGWR switch) a<b && c 𠮷"


def _hard_log(record: Record) -> Record:
    first = record["entries"][0] | {
        "param_name": FORMULA,
        "reason": HARD_TEXT,
        "analysis": HARD_TEXT,
    }
    pairs = [
        ("", None),
        (None, ""),
        (FORMULA, HARD),
        (HARD_TEXT, "0"),
        ("1e3", "ON"),
        ("00", "0x0"),
    ]
    record["entries"] = [
        first | {"param_name": f"{FORMULA} {n}", "value_before": before, "value_after": after}
        for n, (before, after) in enumerate(pairs)
    ]
    return record | {"problem_log": [], "revisions": [], "distribution": []}


def _hard_consultation(record: Record) -> Record:
    record |= {"raised_by": "𠮷田䶮㼆", "dept": FORMULA, "description": HARD_TEXT}
    record |= {"customer_need": HARD, "answer": f"{HARD_TEXT}\n```sql\nselect a<b && c;\n```"}
    for name in ("feedback_at", "satisfaction", "closed_at", "closed_by", "pm_delivery", "email"):
        record.pop(name, None)
    return record


def _hard_defect(record: Record) -> Record:
    for name in ("description", "root_cause", "plan", "verification", "risk", "rollback_plan"):
        record[name] = HARD_TEXT
    record["steps"] = rows(lambda n: {"seq": n, "operation": HARD_TEXT, "result": FORMULA}, 30)
    record["config_changes"] = []
    record["config_changes_reason"] = f"只改写 SQL：{HARD}"
    record["vendor_refs"] = [FORMULA, HARD[:190]]
    record.pop("pm_delivery")
    return record


def _hard_handover(record: Record) -> Record:
    titles = (FORMULA, HARD[:190], "䶮" * 200, "+86 13800010001", "@all", "-")
    for ticket, title in zip(record["tickets"], titles, strict=False):
        ticket |= {"title": title, "note": HARD_TEXT}
        ticket.pop("received_at")
    return record | {"note": HARD_TEXT}


def _hard_authorisation(record: Record) -> Record:
    for name in ("request", "purpose", "allowed_operations", "forbidden"):
        record[name] = HARD_TEXT
    record |= {
        "granted_by": "𠮷田䶮㼆",
        "requested_by": FORMULA,
        "asset_nos": [FORMULA, "䶮" * 200],
    }
    record["granted_to"] = rows(lambda n: f"{FORMULA} {n}", 40)
    accounts = (FORMULA, HARD[:190], "䶮" * 200, "00123", "@all", "-")
    first = record["sessions"][0]
    record["sessions"] = [
        first | {"person": record["granted_to"][n], "account_name": name, "actions": HARD_TEXT}
        for n, name in enumerate(accounts)
    ]
    record["sessions"][-1].pop("end")
    return record


MAKERS: dict[str, Callable[[Record], Record]] = {
    "WB": _hard_archive,
    "XJ": _hard_inspection,
    "WH": _hard_log,
    "ZX": _hard_consultation,
    "QX": _hard_defect,
    "DJ": _hard_handover,
    "SQ": _hard_authorisation,
}
