"""Running the service: what doctor says of the store, and how the service starts and stops."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from docgen.audit import trail
from docgen.paths import samples_dir
from docgen.store.blobs import FolderBlobs
from docgen.store.folder import KEY_NAME
from tests.commands import as_json, docgen
from tests.serving import PATIENCE_S, served
from tests.settings import SECRET
from tests.stores import environment, filled_at, store_at


def findings(code: int = 0, **env: object) -> dict[str, dict[str, Any]]:
    """What doctor says, by the last word of the subject."""
    found = as_json("doctor", code=code, **env)["findings"]
    return {finding["subject"].rpartition(" ")[2]: finding for finding in found}


# ---------------------------------------------------------------- doctor


def test_doctor_makes_no_store(tmp_path: Path) -> None:
    found = findings(DOCGEN_DATA=tmp_path / "data")
    assert found["folder"]["good"]
    assert "not made yet" in found["folder"]["detail"]
    assert not (tmp_path / "data").exists()


def test_doctor_says_that_no_mail_is_sent(tmp_path: Path) -> None:
    told = findings(DOCGEN_DATA=tmp_path / "data")["mail"]
    assert (told["good"], "remind_days" in told["detail"]) == (True, True)
    env: Any = {"DOCGEN_SMTP": "smtp://mail.example", "DOCGEN_MAIL_FROM": "a@b.cn"}
    told = findings(code=3, **env)["mail"]
    assert (told["good"], told["detail"].split()[0]) == (False, "DOCGEN_PUBLIC_URL")
    told = findings(**env, DOCGEN_PUBLIC_URL="https://docgen.example")["mail"]
    assert (told["good"], told["detail"]) == (True, "mail.example:25")


def test_doctor_looks_at_the_store(tmp_path: Path, store_url: str) -> None:
    env: Any = environment(tmp_path / "data", store_url)
    with store_at(tmp_path / "data", store_url):
        found = findings(**env)
    assert {"folder", "space", "key", "database", "blobs", "clock"} <= found.keys()
    assert all(finding["good"] for finding in found.values())
    assert "tables 0001" in found["database"]["detail"]
    assert "DOCGEN_NOW" in found["clock"]["detail"]
    assert ("PostgreSQL 1" if store_url else "SQLite 3") in found["database"]["detail"]


def test_doctor_names_what_is_wrong(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with store_at(data):
        pass
    data.chmod(0o755)
    (data / KEY_NAME).write_text("changeme", "ascii")
    (data / "blobs").write_bytes(b"a file")
    (data / "docgen.sqlite").write_bytes(b"no database" * 1000)
    found = findings(code=3, DOCGEN_DATA=data)
    assert "open to others" in found["folder"]["detail"]
    assert "chmod 700" in found["folder"]["remedy"]
    assert "secret_weak" in found["key"]["detail"]
    assert "store_unusable" in found["blobs"]["detail"]
    assert "store_damaged" in found["database"]["detail"]
    assert "changeme" not in str(found)


def test_doctor_needs_a_database_that_answers(tmp_path: Path) -> None:
    env: dict[str, object] = {"DOCGEN_DATABASE": "postgresql://u:hidden@127.0.0.1:1/d"}
    found = findings(code=3, DOCGEN_DATA=tmp_path, **env)
    assert "store_unreachable" in found["database"]["detail"]
    assert "secret_missing" in found["key"]["detail"]
    assert "hidden" not in str(found)


# ---------------------------------------------------------------- start and stop


@pytest.mark.slow
@pytest.mark.enable_socket
def test_sigterm_lets_requests_finish_and_ends_with_0(tmp_path: Path) -> None:
    body = (samples_dir() / "ZX/basic.json").read_bytes()
    with (
        served(tmp_path, environment(tmp_path / "data") | {"DOCGEN_LOG": "json"}) as service,
        ThreadPoolExecutor(1) as pool,
    ):
        before = service.log.read_text("utf-8")
        waiting = pool.submit(service.ask, "POST", "/api/v1/render/ZX.pdf", body)
        while not busy(service.port) and not waiting.done():
            pass
        service.process.send_signal(signal.SIGTERM)
        status, data = waiting.result(PATIENCE_S)
        assert status == 200
        assert data.startswith(b"%PDF")
        assert service.process.wait(PATIENCE_S) == 0
        told = service.log.read_text("utf-8")[len(before) :]
    assert "Traceback" not in told
    assert "error" not in {json.loads(line)["level"] for line in told.splitlines()}


def busy(port: int) -> int:
    """How many connections to a port are open."""
    rows = Path("/proc/net/tcp").read_text("utf-8").splitlines()[1:]
    return sum(row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "01" for row in rows)


@pytest.mark.slow
@pytest.mark.enable_socket
def test_the_service_anchors_at_its_start(tmp_path: Path) -> None:
    with filled_at(tmp_path / "data") as filled:
        filled.record()
        lines = filled.store.anchor.path.read_text("ascii").splitlines(keepends=True)
        filled.store.anchor.path.write_text("".join(lines[:-1]), "ascii")
        with served(tmp_path, environment(tmp_path / "data")):
            pass
        verdict = trail.verified(filled.store)
        assert filled.store.anchor.newest() == verdict.head
        assert verdict.broken == 0


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"DOCGEN_SECRET_KEY": "changeme"}, "secret_weak"),
        ({"DOCGEN_DATABASE": "postgresql://u@127.0.0.1:1/d"}, "secret_missing"),
        (
            {"DOCGEN_DATABASE": "postgresql://u@127.0.0.1:1/d", "DOCGEN_SECRET_KEY": SECRET},
            "store_unreachable",
        ),
        ({"DOCGEN_DATABASE": "mysql://u@127.0.0.1/d"}, "bad_database_url"),
        ({"DOCGEN_DATA": "/dev/null/data"}, "data_folder"),
    ],
    ids=["weak key", "no key", "no database", "another database", "no folder"],
)
def test_a_start_that_is_refused_is_told(tmp_path: Path, env: dict[str, Any], code: str) -> None:
    told = docgen("serve", "--port", 1, **({"DOCGEN_DATA": tmp_path} | env))
    assert told.returncode == 3
    assert code in told.stderr
    assert list(FolderBlobs(tmp_path / "blobs").names()) == []
