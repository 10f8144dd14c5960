"""`docgen serve` as a process of its own, asked over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.commands import PROGRAM, surroundings

PATIENCE_S = 120.0


@dataclass(frozen=True)
class Served:
    """A running service; what it writes goes to `log`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ask(
        self, method: str, path: str, body: bytes | None = None, token: str = ""
    ) -> tuple[int, Any]:
        """Send a request on a connection of its own; the status, and what was answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body, headers)
            got = connection.getresponse()
            data = got.read()
            is_json = "json" in (got.getheader("content-type") or "")
            return got.status, json.loads(data) if is_json else data
        finally:
            connection.close()

    def answers(self) -> bool:
        try:
            return self.ask("GET", "/health")[0] == 200
        except OSError:
            return False


@contextmanager
def served(folder: Path, env: Mapping[str, object], *, cwd: Path | None = None) -> Iterator[Served]:
    """Serve until the end of the block, which may have ended it already."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = int(made.getsockname()[1])
    log = folder / f"serve-{port}.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [*PROGRAM, "serve", "--port", str(port)],
            env=surroundings(**env),
            cwd=cwd,
            stdout=out,
            stderr=out,
        ) as process,
    ):
        service = Served(process, port, log)
        try:
            end = time.monotonic() + PATIENCE_S
            while not service.answers():
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < end, log.read_text("utf-8")
                time.sleep(0.05)
            yield service
        finally:
            if process.poll() is None:
                os.kill(process.pid, 9)
