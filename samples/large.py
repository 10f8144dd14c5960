"""Long samples: 120 rows in every table."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from making import PEOPLE, Record, at, day, rows


def _large_archive(record: Record) -> Record:
    record["objects"] = rows(lambda n: _object(record["objects"], n))
    return record


def _object(objects: list[Record], number: int) -> Record:
    made = deepcopy(objects[number % len(objects)])
    made["asset_no"] = f"JNDW-DB-{number:03d}"
    made["server_name"] = f"db-{number:03d}"
    made["ips"] = [f"172.20.{number // 100}.{number % 100 + 1}"]
    made.pop("vip", None)
    return made


def _large_inspection(record: Record) -> Record:
    checks = record["check_items"]
    record["params"] = rows(lambda n: _param(n))
    record["backup_files"] = rows(_backup_file)
    record["data_files"] = rows(_data_file)
    record["tablespaces"] = rows(lambda n: _data_file(n) | {"name": f"TS_{n:03d}"})
    record["check_items"] = rows(lambda n: checks[n % len(checks)] | {"seq": n})
    record["problems"] = rows(_problem)
    record["top_sql"] = rows(_sql)
    return record


def _param(number: int) -> Record:
    value = (str(number * 64), f"{number}G", "TRUE", "", None)[number % 5]
    state = ("normal", "normal", "attention")[number % 3]
    return {"name": f"param_{number:03d}", "current_value": value, "status": state}


def _backup_file(number: int) -> Record:
    failed = number % 40 == 0
    return {
        "file": f"crm_{day(number)}_{number:03d}.bkp",
        "type": "full" if number % 7 == 1 else "incremental",
        "path": "/backup/rman",
        "size_gb": None if failed else round(40 + number * 1.37, 2),
        "started_at": f"{day(number)} 01:00",
        "finished_at": f"{day(number)} 0{1 + number % 5}:{number % 60:02d}",
        "result": "failed" if failed else "success",
        "verified": number % 2 == 0,
    }


def _data_file(number: int) -> Record:
    return {
        "name": f"CRM_DATA{number:03d}.dbf",
        "path": "/oradata/crmdb",
        "size_gb": 30,
        "used_gb": round(30 * (number % 100) / 101, 2),
        "autoextend": number % 2 == 0,
        "max_gb": 32,
        "status": "normal",
    }


def _problem(number: int) -> Record:
    return {
        "no": f"P-{number:03d}",
        "asset_no": "HDYD-DB-01",
        "description": f"第 {number} 个问题：表空间增长快于预期，预计 {number} 天后达到阈值。",
        "level": ("high", "medium", "low")[number % 3],
        "advice": "按容量计划扩容，并清理历史分区。",
        "owner": PEOPLE[number % 4],
        "state": ("new", "open", "closed")[number % 3],
    }


def _sql(number: int) -> Record:
    text = f"begin pkg_report.refresh_{number:03d}(:b1, :b2); end; -- amount <> 0 and a < b"
    return {"sql_id": f"sql{number:010d}", "sql_text": text, "elapsed_s": round(600 / number, 1)}


def _large_log(record: Record) -> Record:
    entries = record["entries"]
    record["entries"] = rows(lambda n: entries[n % 3] | _changed(n))
    record["problem_log"] = rows(_logged)
    return record


def _changed(number: int) -> Record:
    changed = {
        "param_name": f"param_{number:03d}",
        "value_before": f"{number}G",
        "value_after": f"{number * 2}G",
        "changed_at": at(number * 1440 + 1350),
        "effective_at": at(number * 1440 + 1355),
    }
    return changed | {"authorised_from": None, "authorised_to": None, "rollback_value": None}


def _logged(number: int) -> Record:
    kind = "QX" if number % 4 == 0 else "ZX"
    return {
        "occurred_on": day(number),
        "mode": ("phone", "email", "other")[number % 3],
        "ticket_no": f"{kind}-HDYD-{day(number).replace('-', '')}-7{number % 100:02d}",
        "raised_by": PEOPLE[number % 4],
        "summary": f"第 {number} 个问题的摘要：查询变慢，定位到缺少索引。",
        "answer": "建立组合索引并更新统计信息，耗时恢复正常。",
        "engineer": "张伟",
        "result": "满意",
    }


def _large_consultation(record: Record) -> Record:
    step = "建议先在测试库执行 explain analyze，确认走索引 (cust_id, id) 后再上线。"
    record["answer"] = "\n".join(f"{number}. {step}" for number in range(1, 321))
    record["description"] = "\n".join(
        f"现象 {n}：翻到第 {n * 100} 页时变慢。" for n in range(1, 121)
    )
    return record


def _large_defect(record: Record) -> Record:
    change = record["config_changes"][0]
    record["submit_chain"] = rows(_level, 20)
    record["steps"] = rows(_step)
    record["config_changes"] = rows(
        lambda n: change | {"param_name": f"param_{n:03d}", "value_before": str(n), "unit": "MB"}
    )
    return record


def _level(number: int) -> Record:
    at = f"2026-03-11 10:{number:02d}"
    return {"level": number, "person": PEOPLE[number % 4], "title": f"第 {number} 级", "at": at}


def _step(number: int) -> Record:
    return {
        "seq": number,
        "at": f"2026-03-11 15:{10 + number // 3:02d}",
        "operation": f"alter index crm.idx_{number:03d} rebuild online parallel 8;",
        "operator": "张伟",
        "result": "成功",
    }


def _large_handover(record: Record) -> Record:
    record["tickets"] = rows(_ticket)
    period = {"period_from": "2026-03-01", "period_to": "2026-06-30", "note": None}
    return record | period | _dated("2026-07-01")


def _dated(day: str) -> Record:
    return {"doc_date": day, "prepared_at": f"{day} 09:00"}


def _ticket(number: int) -> Record:
    logged = _logged(number)
    return {
        "doc_no": logged["ticket_no"],
        "ticket_class": "defect" if logged["ticket_no"].startswith("QX") else "consultation",
        "title": f"第 {number} 单：查询变慢，缺少索引",
        "closed_at": at(number * 1440 + 900),
        "received_by": "王强",
        "received_at": at(number * 1440 + 1000),
    }


def _large_authorisation(record: Record) -> Record:
    record["asset_nos"] = [f"HDYD-DB-0{number}" for number in range(1, 6)]
    record["sessions"] = rows(_session)
    record |= {"valid_from": "2026-04-01 00:00", "valid_to": "2026-04-30 24:00"}
    record |= {"requested_at": "2026-03-31 09:00", "granted_at": "2026-03-31 15:00"}
    return record | {"granted_method": "written", "written_at": None} | _dated("2026-05-01")


def _session(number: int) -> Record:
    start = 31 * 1440 + number * 300
    return {
        "start": at(start),
        "end": at(start + 20 + number % 7 * 15),
        "person": PEOPLE[number % 2],
        "account_name": ("nms_dba", "nms_dba_ro")[number % 2],
        "actions": f"第 {number} 次登录：查询等待事件与执行计划，重建索引 idx_alarm_{number:03d}。",
    }


MAKERS: dict[str, Callable[[Record], Record]] = {
    "WB": _large_archive,
    "XJ": _large_inspection,
    "WH": _large_log,
    "ZX": _large_consultation,
    "QX": _large_defect,
    "DJ": _large_handover,
    "SQ": _large_authorisation,
}
