"""The API's habits: names of requests, rates, compression, metrics, logs without secrets."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import structlog

from docgen.logs import set_up_logging
from tests.service import Team, at_work, draft


def test_every_request_has_a_name(office: Team) -> None:
    given = office.get("zhangwei", "/records", headers={"X-Request-Id": "abc.1"})
    assert given.headers["x-request-id"] == "abc.1"
    bad = office.get("zhangwei", "/records", headers={"X-Request-Id": "a b<script>"})
    assert len(bad.headers["x-request-id"]) == 32
    assert office.get("", "/records").headers["x-request-id"]
    assert office.client.get("/nowhere").headers["x-request-id"]


def test_a_caller_has_so_many_requests_a_minute(tmp_path: Path) -> None:
    with at_work(tmp_path / "data", requests_per_minute=3) as team:
        answers = [team.get("zhangwei", "/records").status_code for _ in range(4)]
        assert answers == [200, 200, 200, 429]
        refused = team.get("zhangwei", "/records")
        assert refused.json()["code"] == "too_many_requests"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert team.get("lina", "/records").status_code == 200
        assert team.client.get("/health").status_code == 200


def test_long_answers_are_compressed_and_files_are_not(office: Team) -> None:
    office.contract()
    record = office.record("XJ")
    path = f"/records/{record['id']}"
    whole = office.get("zhangwei", path, headers={"Accept-Encoding": "gzip"})
    assert whole.headers["content-encoding"] == "gzip"
    assert whole.json()["id"] == record["id"]
    plain = office.get("zhangwei", path, headers={"Accept-Encoding": "identity"})
    assert plain.json() == whole.json()
    file = office.get("zhangwei", f"{path}/versions/1/document.docx")
    assert "content-encoding" not in file.headers


def test_metrics_count_by_route_and_not_by_what_was_asked_for(office: Team) -> None:
    office.contract()
    record = office.record("ZX")
    office.get("zhangwei", f"/records/{record['id']}")
    office.get("zhangwei", "/records?q=机密词")
    text = office.client.get("/metrics").text
    assert (
        'docgen_http_requests_total{method="GET",'
        'route="/api/v1/records/{record_id}",status="200"} 1.0' in text
    )
    assert record["id"] not in text
    assert "机密词" not in text
    assert "docgen_work_places_taken 0.0" in text


def test_the_service_is_ready_when_its_database_is(office: Team) -> None:
    assert office.client.get("/ready").status_code == 200


@pytest.fixture
def restored_logging() -> Any:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers, root.level = before[0], before[1]
    structlog.reset_defaults()


def test_logs_are_json_and_hold_no_secrets(
    office: Team, restored_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging("json")
    office.contract()
    office.post("zhangwei", "/records?code=ZX", draft("ZX", description="password=Abc#1234"))
    office.get("zhangwei", "/records?q=刘洋")
    logging.getLogger("docgen.elsewhere").warning("说明 %s", "一")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {"request"} <= {line["event"] for line in lines}
    one = next(line for line in lines if line.get("route") == "/api/v1/records")
    assert {"method", "status", "ms", "request_id", "timestamp", "level"} <= one.keys()
    assert lines[-1]["event"] == "说明 一"
    told = json.dumps(lines, ensure_ascii=False)
    for secret in (*office.tokens.values(), "Abc#1234", "刘洋", "张伟"):
        assert secret not in told
