"""`docgen user`, `docgen token`, and the setup code that `docgen serve` prints."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from docgen.settings import Settings
from docgen.store.unit_of_work import Store
from tests.commands import PROGRAM, as_json, docgen, surroundings

PASSWORD = "correct horse battery\n"
CODE = re.compile(r"(?:[A-Z0-9]{5}-){5}[A-Z0-9]{5}")
PATIENCE_S = 120.0


def data_in(folder: Path) -> dict[str, Any]:
    return {"DOCGEN_DATA": folder / "data", "DOCGEN_NOW": None}


@pytest.mark.slow
def test_an_account_from_its_making_to_its_end(tmp_path: Path) -> None:
    env = data_in(tmp_path)
    add = ("user", "add", "zhangwei", "--role", "engineer", "--name", "张伟", "--password-stdin")
    assert as_json(*add, data=PASSWORD, **env)["role"] == "engineer"
    assert as_json(*add, data=PASSWORD, code=1, **env)["errors"][0]["code"] == "user_exists"
    listed = as_json("user", "list", **env)["users"]
    assert [(one["username"], one["disabled"]) for one in listed] == [("zhangwei", False)]
    token = as_json("token", "create", "zhangwei", "--name", "ci", "--scope", "read", **env)
    shown = docgen("token", "list", "zhangwei", **env).stdout
    assert token["id"] in shown
    assert token["token"] not in shown
    docgen("user", "password", "zhangwei", "--password-stdin", data="another " + PASSWORD, **env)
    as_json("token", "revoke", "zhangwei", token["id"], **env)
    again = as_json("token", "create", "zhangwei", **env)
    assert as_json("user", "disable", "zhangwei", **env)["disabled"] is True
    tokens = as_json("token", "list", "zhangwei", **env)["tokens"]
    assert {one["id"]: bool(one["revoked_at"]) for one in tokens} == {
        token["id"]: True,
        again["id"]: True,
    }


@pytest.mark.parametrize(
    ("arguments", "data", "code"),
    [
        (("user", "add", "x", "--role", "pm", "--no-password"), "", "bad_username"),
        (("user", "add", "xy", "--role", "boss", "--no-password"), "", "bad_role"),
        (("user", "add", "xy", "--role", "pm", "--password-stdin"), "short\n", "password_weak"),
        (("user", "disable", "nobody"), "", "not_found"),
        (("user", "password", "nobody", "--password-stdin"), PASSWORD, "not_found"),
        (("token", "create", "nobody"), "", "not_found"),
        (("token", "revoke", "nobody", "x"), "", "not_found"),
        (("token", "create", "root", "--days", "400"), "", "bad_lifetime"),
        (("token", "revoke", "root", "x"), "", "not_found"),
        (("user", "disable", "root"), "", "last_admin"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, tuple) else None,
)
@pytest.mark.slow
def test_what_is_refused(tmp_path: Path, arguments: tuple[str, ...], data: str, code: str) -> None:
    env = data_in(tmp_path)
    docgen("user", "add", "root", "--role", "admin", "--no-password", **env)
    assert as_json(*arguments, data=data, code=1, **env)["errors"][0]["code"] == code


# ---------------------------------------------------------------- the first start


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def served(folder: Path, port: int, *, code: bool) -> tuple[subprocess.Popen[bytes], str]:
    """Start the service; what it has printed, once it answers."""
    log = folder / f"out-{port}-{time.monotonic_ns()}"
    with log.open("wb") as out, (folder / "log").open("ab") as err:
        process = subprocess.Popen(
            [*PROGRAM, "serve", "--port", str(port)],
            stdout=out,
            stderr=err,
            env=surroundings(DOCGEN_NOW=None, DOCGEN_DATA=folder / "data"),
        )
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            break
        except OSError:
            time.sleep(0.1)
    text = log.read_text("utf-8")
    assert (CODE.search(text) is not None) == code, text
    return process, text


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE_S)


def asked(port: int, path: str, body: dict[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.enable_socket
@pytest.mark.xdist_group("server")
def test_the_first_start_prints_a_code_and_the_next_ones_none(tmp_path: Path) -> None:
    port = free_port()
    process, first = served(tmp_path, port, code=True)
    stop(process)
    process, second = served(tmp_path, port, code=True)
    codes = [str(CODE.findall(text)[0]) for text in (first, second)]
    assert codes[0] != codes[1]
    body = {"username": "chef", "name": "管理员", "password": PASSWORD.strip()}
    assert asked(port, "/setup", body | {"code": codes[0]})[0] == 403
    assert asked(port, "/setup", body | {"code": codes[1]})[0] == 201
    status, answer = asked(port, "/sessions", {"username": "chef", "password": PASSWORD.strip()})
    assert (status, json.loads(answer)["role"]) == (201, "admin")
    stop(process)
    process, _ = served(tmp_path, port, code=False)
    stop(process)
    log = (tmp_path / "log").read_text("utf-8")
    for secret in (*codes, PASSWORD.strip(), json.loads(answer)["csrf_token"]):
        assert secret not in log


def test_no_account_comes_with_the_store(tmp_path: Path) -> None:
    store = Store.open(Settings(data=tmp_path / "data"))
    store.close()
    assert as_json("user", "list", **data_in(tmp_path))["users"] == []
    assert os.listdir(tmp_path) == ["data"]
