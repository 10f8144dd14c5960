"""Logs: one line an event, in either form, and nothing that is no event."""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog
from sqlalchemy import text

from docgen.errors import SettingWrong
from docgen.logs import CHATTY, set_up_logging
from docgen.settings import load_settings
from tests.commands import PROGRAM, surroundings
from tests.service import draft
from tests.serving import Served, served
from tests.stores import Filled, environment, filled_at
from tests.stores import token as token_of
from tests.test_jobs import state, wait_for
from tests.test_jobs_rendering import order_records

FORMS = ["text", "json"]
TEXT = re.compile(r"\d\d-\d\d \d\d:\d\d:\d\d \[(info|warning|error) *\] (?P<event>\S.*)")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    levels = {name: logging.getLogger(name).level for name in CHATTY}
    yield
    root.handlers, root.level = before
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    structlog.reset_defaults()


def events(log: str, form: str) -> list[str]:
    """The events of a log, each of whose lines must be one."""
    return [_event(line, form) for line in log.splitlines()]


def _event(line: str, form: str) -> str:
    assert len(line) < 400, line
    if form == "json":
        said = json.loads(line)
        assert said.keys() >= {"event", "level", "timestamp"}, line
        return str(said["event"])
    found = TEXT.fullmatch(line)
    assert found, line
    return found["event"]


def post(service: Served, token: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
    url = f"http://127.0.0.1:{service.port}/api/v1{path}"
    content = {} if body is None else body
    answer = requests.post(url, headers=headers, json=content, timeout=120)
    assert answer.ok, answer.text
    return answer.json()


# ---------------------------------------------------------------- processes


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.parametrize("form", FORMS)
def test_a_service_writes_a_line_for_a_request_and_none_for_its_libraries(
    tmp_path: Path, form: str
) -> None:
    """A hand-in and a sign-off: two PDFs are laid out and sealed by the trial key."""
    with filled_at(tmp_path / "data") as filled:
        names = ("zhangwei", "wangqiang", "chenjianguo")
        tokens = {name: token_of(filled.store, name) for name in names}
        contract_id = filled.contract_id
    env = environment(tmp_path / "data") | {"DOCGEN_LOG": form, "DOCGEN_WALL_S": 120}
    with served(tmp_path, env) as service:
        members = f"/contracts/{contract_id}/members"
        post(service, tokens["wangqiang"], members, {"username": "chenjianguo"})
        made = post(service, tokens["zhangwei"], "/records?code=XJ", draft("XJ"))
        post(service, tokens["zhangwei"], f"/records/{made['id']}/submit")
        signing = f"/records/{made['id']}/versions/1/signoffs"
        post(service, tokens["chenjianguo"], signing, {"opinion": "agree"})
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == 0
        log = service.log.read_text("utf-8")
    told = events(log, form)
    of_requests = [one for one in told if one.startswith("request") and "health" not in one]
    assert len(of_requests) >= 4
    for route in ("/submit", "/signoffs"):
        assert len([line for line in log.splitlines() if route in line]) == 1
    own = re.compile(r"request|Started|Waiting|Application|Uvicorn|Shutting|Finished")
    assert [one for one in told if not own.match(one)] == []


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.parametrize("form", FORMS)
def test_a_worker_that_waits_or_makes_documents_writes_nothing(
    tmp_path: Path, database: str, form: str
) -> None:
    with filled_at(tmp_path / "data", database) as filled:
        env = surroundings(**environment(tmp_path / "data", database) | {"DOCGEN_LOG": form})
        with subprocess.Popen([*PROGRAM, "worker"], env=env, stdout=-1, stderr=-2) as process:
            try:
                wait_for(lambda: _reaped(filled), 90)  # its own task of every ten seconds
                batch = order_records(filled, 2)
                wait_for(lambda: state(filled.store, batch) == "done", 90)
                process.send_signal(signal.SIGTERM)
                said, _ = process.communicate(timeout=60)
            finally:
                process.kill()
    assert said == b""


def _reaped(filled: Filled) -> bool:
    with filled.store.reading() as session:
        return bool(session.scalar(text("SELECT count(*) FROM procrastinate_periodic_defers")))


# ---------------------------------------------------------------- lines


@pytest.mark.parametrize("form", FORMS)
def test_an_event_is_one_line_whatever_it_says(
    form: str, restored_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(form)
    log = logging.getLogger("docgen.elsewhere")
    log.warning("说明 %s", "a\nTraceback\x1b[31m\u2028")
    structlog.get_logger().info("request", route="/a\nb", status=200)
    try:
        raise ValueError("no\nnumber")
    except ValueError:
        log.exception("failed")
        structlog.get_logger().exception("failed")
    for name in CHATTY:
        logging.getLogger(f"{name}.inside").info("step 2")
    said = capsys.readouterr().err
    lines = said.removesuffix("\n").split("\n")
    assert len(lines) == 4
    assert "\x1b" not in said
    assert all("ValueError" in line and "test_logs.py" in line for line in lines[2:])
    if form == "json":
        assert all("Traceback" in json.loads(line)["exception"] for line in lines[2:])
    else:
        assert all(TEXT.fullmatch(line) for line in lines)
        assert lines[1].endswith(r"request route=/a\nb status=200")


def test_the_form_is_text_unless_told_otherwise() -> None:
    assert load_settings({}).log == "text"
    assert load_settings({"DOCGEN_LOG": "json"}).log == "json"
    with pytest.raises(SettingWrong) as caught:
        load_settings({"DOCGEN_LOG": "xml"})
    assert caught.value.code == "bad_setting"
