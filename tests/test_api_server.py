"""The API as a server: hanging templates, full queues, callers who leave, endless bodies, stops."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from docgen.paths import samples_dir, templates_dir
from docgen.pipeline.json_input import SIZE_LIMIT

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.slow,
    pytest.mark.xdist_group("server"),
]

HANG = "{% for a in 'x' * 99999 %}{% for b in 'x' * 99999 %}{% endfor %}{% endfor %}"
SMALL_QUEUE = (
    "import sys, uvicorn; from api.app import create_app; "
    "uvicorn.run(create_app(queue=int(sys.argv[2])), port=int(sys.argv[1]), log_level='warning')"
)
PATIENCE_S = 120.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body).get("code"))


@dataclass(frozen=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            got = connection.getresponse()
            headers = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, headers, got.read())
        finally:
            connection.close()

    def post(self, path: str, code: str) -> Answer:
        return self.ask("POST", f"/api/v1/{path}", sample(code))

    def open(self, head: str, body: bytes = b"") -> socket.socket:
        """Send the start of a request, and leave the rest to the test."""
        made = socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)
        made.sendall(head.replace("\n", "\r\n").encode() + body)
        return made


def sample(code: str) -> bytes:
    return (samples_dir() / code / "basic.json").read_bytes()


def until(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.05)
    return held


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def stat(pid: int) -> list[str]:
    """Return state, parent, … of a process; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def family(root: int) -> set[int]:
    """Return all processes below `root`."""
    parents = {int(p.name): stat(int(p.name)) for p in Path("/proc").iterdir() if p.name.isdigit()}
    found, before = {root}, 0
    while len(found) > before:
        before = len(found)
        found |= {pid for pid, its in parents.items() if its and int(its[1]) in found}
    return found - {root}


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if (its := stat(pid)) and its[0] not in "ZX"}


@contextmanager
def serving(folder: Path, queue: int = 0, **settings: str) -> Iterator[Server]:
    """Run a server with a ZX page that never ends."""
    shutil.copytree(templates_dir() / "ZX", folder / "ZX", dirs_exist_ok=True)
    (folder / "ZX/page.html").write_text(HANG, "utf-8")
    port = free_port()
    environment = os.environ | {
        "DOCGEN_TEMPLATES": str(folder),
        "DOCGEN_DATA": str(folder / "data"),
        "DOCGEN_JOBS": "2",
        **settings,
    }
    command = [sys.executable, "-m", "docgen", "serve", "--port", str(port)]
    if queue:
        command = [sys.executable, "-c", SMALL_QUEUE, str(port), str(queue)]
    with subprocess.Popen(command, env=environment) as process:
        made = Server(process, port)
        try:
            assert until(lambda: process.poll() is not None or answers(made))
            yield made
        finally:
            below = family(process.pid)
            process.kill()
            process.wait()
            for pid in alive(below):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def answers(server: Server) -> bool:
    try:
        return server.ask("GET", "/health").status == 200
    except OSError:
        return False


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def rendering(server: Server) -> bool:
    """Whether a child is burning."""
    return any(its[0] == "R" for pid in family(server.process.pid) if (its := stat(pid)))


# ---------------------------------------------------------------- hanging


def test_a_hanging_template_blocks_nobody(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    with serving(tmp_path, DOCGEN_CPU_S="600", DOCGEN_WALL_S="600") as server:
        hanging = [pool.submit(server.post, "render/ZX.pdf", "ZX") for _ in range(4)]
        assert until(lambda: rendering(server))
        for _ in range(3):
            assert server.ask("GET", "/health").status == 200
        assert server.post("validate/ZX", "ZX").status == 200
        assert server.post("render/ZX.docx", "ZX").status == 200
        assert server.post("render/DJ.pdf", "DJ").status == 200
        assert not any(one.done() for one in hanging)


def test_a_hanging_template_is_ended(tmp_path: Path) -> None:
    with serving(tmp_path, DOCGEN_CPU_S="5") as server:
        late = server.post("render/ZX.pdf", "ZX")
        assert (late.status, late.code) == (504, "render_timeout")
        assert late.headers["content-type"] == "application/problem+json"
        assert server.post("render/DJ.pdf", "DJ").status == 200


def test_a_full_queue_and_a_caller_who_leaves(tmp_path: Path) -> None:
    body = sample("ZX")
    head = (
        "POST /api/v1/render/ZX.pdf HTTP/1.1\nHost: docgen\nContent-Type: application/json\n"
        f"Content-Length: {len(body)}\n\n"
    )
    with serving(tmp_path, queue=1, DOCGEN_CPU_S="600", DOCGEN_WALL_S="600") as server:
        with server.open(head, body):
            assert until(lambda: rendering(server))
            full = server.post("render/DJ.docx", "DJ")
            assert (full.status, full.code) == (503, "busy")
            assert int(full.headers["retry-after"]) > 0
            assert server.ask("GET", "/health").status == 200
        assert until(lambda: server.post("render/DJ.docx", "DJ").status == 200)
        assert until(lambda: not rendering(server))


# ---------------------------------------------------------------- bodies


def answered(connection: socket.socket) -> bytes:
    found = b""
    while b"\r\n\r\n" not in found and (more := connection.recv(65536)):
        found += more
    return found


def test_a_length_over_the_limit_is_answered_before_the_body(tmp_path: Path) -> None:
    head = (
        "POST /api/v1/validate/ZX HTTP/1.1\nHost: docgen\nContent-Type: application/json\n"
        f"Content-Length: {SIZE_LIMIT + 1}\n\n"
    )
    with serving(tmp_path) as server, server.open(head) as connection:
        assert answered(connection).startswith(b"HTTP/1.1 413")


def test_a_chunked_body_without_end_is_cut_off(tmp_path: Path) -> None:
    head = (
        "POST /api/v1/validate/ZX HTTP/1.1\nHost: docgen\nContent-Type: application/json\n"
        "Transfer-Encoding: chunked\n\n"
    )
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with serving(tmp_path) as server, server.open(head) as connection:
        for _ in range(SIZE_LIMIT // 0x100000 + 1):
            connection.sendall(chunk)
        assert answered(connection).startswith(b"HTTP/1.1 413")
        with suppress(OSError):
            for _ in range(10 * SIZE_LIMIT // 0x100000):
                connection.sendall(chunk)
        assert server.ask("GET", "/health").status == 200
        peak = Path(f"/proc/{server.process.pid}/status").read_text("utf-8")
        high_kb = int(peak.partition("VmHWM:")[2].split()[0])
        assert high_kb < 300 * 1024


def test_a_body_that_never_comes_blocks_nobody(tmp_path: Path) -> None:
    head = (
        "POST /api/v1/validate/ZX HTTP/1.1\nHost: docgen\nContent-Type: application/json\n"
        "Content-Length: 100\n\n"
    )
    with serving(tmp_path) as server, server.open(head, b"{"):
        assert server.post("validate/ZX", "ZX").status == 200


def test_a_broken_request_is_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.open("NONSENSE\n\n") as connection:
        assert answered(connection).startswith(b"HTTP/1.1 400")
        assert server.ask("GET", "/health").status == 200


# ---------------------------------------------------------------- stopping


def test_stopping_ends_the_children_after_the_last_answer(
    tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    with serving(tmp_path, DOCGEN_CPU_S="2") as server:
        hanging: Future[Answer] = pool.submit(server.post, "render/ZX.pdf", "ZX")
        assert until(lambda: rendering(server))
        below = family(server.process.pid)
        server.process.send_signal(signal.SIGTERM)
        assert hanging.result(PATIENCE_S).status == 504
        assert server.process.wait(PATIENCE_S) in {0, -signal.SIGTERM, 128 + signal.SIGTERM}
        assert below
        assert until(lambda: not alive(below))


def test_a_killed_server_leaves_no_children(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    with serving(tmp_path, DOCGEN_CPU_S="2") as server:
        hanging: Future[Any] = pool.submit(server.post, "render/ZX.pdf", "ZX")
        assert until(lambda: rendering(server))
        below = family(server.process.pid)
        server.process.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            hanging.result(PATIENCE_S)
        assert below
        assert until(lambda: not alive(below))


def test_only_children_load_what_prints_pdf() -> None:
    """WeasyPrint takes half a second to import: the service and its workers do without."""
    code = "import sys, api.app, docgen.batches.handlers; print('weasyprint' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
