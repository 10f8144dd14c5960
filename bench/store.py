"""A store with many records, made by rows: the service's own way would take hours."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from docgen.access import SERVICE, Actor
from docgen.accounts import tokens, users
from docgen.contracts import contracts
from docgen.paths import samples_dir
from docgen.records import search
from docgen.settings import Settings
from docgen.store import tables
from docgen.store.unit_of_work import Store

BATCH = 2000
A_DAY = 900
WORDS = ("表空间", "归档日志", "慢查询", "主备切换", "参数调整", "备份失败", "连接数", "补丁升级")


@dataclass(frozen=True)
class Full:
    """Where the store lies, its records' ids, and a token that may read them."""

    folder: Path
    ids: list[str]
    token: str


def filled(folder: Path, count: int) -> Full:
    """Make a store with `count` tickets of one contract."""
    store = Store.open(Settings(data=folder))
    try:
        with store.change(SERVICE) as unit:
            user = users.add(unit, users.NewUser("bench", "张伟", "pm"))
            _, token = tokens.create(unit, user, "bench")
            user_id = user.id
        with store.change(Actor(user_id, "张伟", "pm")) as unit:
            data = (samples_dir() / "contract/HT-2026-017.json").read_bytes()
            contract_id = contracts.create(unit, data).id
        for first in range(0, count, BATCH):
            rows = list(_tickets(range(first, min(count, first + BATCH))))
            _insert(store, contract_id, user_id, rows)
    finally:
        store.close()
    return Full(folder, [f"{number:032x}" for number in range(count)], token)


def _tickets(numbers: range) -> Iterator[tuple[int, str, date, dict[str, Any]]]:
    sample = json.loads((samples_dir() / "ZX/basic.json").read_bytes())
    for number in numbers:
        day = date(2020, 1, 1) + timedelta(days=number // A_DAY)
        doc_no = f"ZX-HDYD-{day:%Y%m%d}-{number % A_DAY + 1:03}"
        word = random.Random(number).choice(WORDS)
        told = f"{word}，编号 {number}，工单 T{number:06}"
        yield number, doc_no, day, sample | {"doc_no": doc_no, "description": told}


def _insert(
    store: Store, contract_id: str, user_id: str, rows: list[tuple[int, str, date, dict[str, Any]]]
) -> None:
    now = datetime.now(UTC)
    lines, versions, index = [], [], []
    for number, doc_no, day, body in rows:
        same = {"number": 1, "doc_no": doc_no, "state": "submitted", "created_at": now}
        lines.append(
            same
            | {
                "seq": number + 1,
                "id": f"{number:032x}",
                "contract_id": contract_id,
                "code": "ZX",
                "base_no": doc_no,
                "doc_date": day,
                "prepared_by": "张伟",
                "etag": 1,
                "created_by": user_id,
                "updated_at": now,
            }
        )
        versions.append(
            same
            | {
                "record_id": f"{number:032x}",
                "body": json.dumps(body, ensure_ascii=False),
                "submitted_at": now,
            }
        )
        words = dict.fromkeys(search.tokens(search.record_text(body)))
        index.append({"seq": number + 1, "tokens": " ".join(words)})
    with store.database.writing() as session:
        session.execute(insert(tables.RecordRow), lines)
        session.execute(insert(tables.VersionRow), versions)
        into = text("INSERT INTO record_search (rowid, tokens) VALUES (:seq, :tokens)")
        session.execute(into, index)
