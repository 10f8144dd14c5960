"""How fast the service answers: reads, deep pages, search, and reads while documents are made."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.load import Result, load
from bench.report import Line, Verdict, show_lines
from bench.store import Full, filled
from docgen.paths import samples_dir

CONNECTIONS, QUIET = 50, 4
TARGETS = {"read": 0.5, "page": 1.5, "search": 10.0, "p99": 5.0, "memory": 20.0}
WARMING = 300
Told = Callable[[str], None]


@dataclass(frozen=True)
class Load:
    """How much is asked for."""

    records: int = 100_000
    seconds: float = 5
    rounds: int = 3
    inspections: int = 200
    requests: int = 10_000
    renders: int = 500


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def rss_mb(self) -> float:
        """Memory of the server's own process, MB."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


def service(chosen: Load, tell: Told, console: Console) -> list[Verdict]:
    """Measure the service on the embedded store; print a table, return the verdicts."""
    with tempfile.TemporaryDirectory(prefix="docgen-bench-") as folder:
        tell(f"filling a store with {chosen.records:,} records")
        full = filled(Path(folder) / "data", chosen.records)
        bare = {"BARE_DATABASE": str(full.folder / "docgen.sqlite")}
        ours = {"DOCGEN_DATA": str(full.folder), "DOCGEN_REQUESTS_PER_MINUTE": "0"}
        with (
            _serving(["docgen", "serve"], ours) as server,
            _serving(["uvicorn", "bench.bare:app", "--no-access-log"], bare) as plain,
        ):
            found = [
                *_reads((server, plain), full, chosen, tell),
                *_lists(server, full, tell),
                *_beside_renders(server, full, chosen, tell),
                _memory(server, full, chosen, tell),
            ]
    return show_lines("The service, one process, SQLite", found, console)


def _reads(servers: tuple[Server, Server], full: Full, chosen: Load, tell: Told) -> Iterator[Line]:
    tell(f"reads over {CONNECTIONS} connections")
    server, plain = servers
    order = random.Random(2).choices(full.ids, k=20_000)

    def at(prefix: str) -> Callable[[int], str]:
        return lambda index: prefix + order[index % len(order)]

    seconds = chosen.seconds
    ratios, errors, rates = [], 0, []
    for _ in range(chosen.rounds):
        mine = _load(server, at("/api/v1/records/"), full, connections=CONNECTIONS, seconds=seconds)
        theirs = _load(plain, at("/rows/"), full, connections=CONNECTIONS, seconds=seconds)
        ratios.append(mine.rate / theirs.rate)
        rates.append((mine.rate, theirs.rate))
        errors += mine.errors
    ratio = median(ratios)
    both = " / ".join(f"{median(column):,.0f}" for column in zip(*rates, strict=True))
    target = TARGETS["read"]
    yield (
        f"reads a second against a bare endpoint ({both})",
        f"{ratio:.2f}",
        f"≥ {target}",
        (ratio >= target),
    )
    yield "errors among them", str(errors), "0", errors == 0


def _lists(server: Server, full: Full, tell: Told) -> Iterator[Line]:
    tell("pages and search")
    pages = min(1000, len(full.ids) // 50 - 1)
    cursor = _cursor(server, full, pages - 1)
    first = "/api/v1/records?limit=50"
    read = f"/api/v1/records/{full.ids[7]}"
    ratio, most = _ratio(server, full, f"{first}&cursor={cursor}", first), TARGETS["page"]
    yield f"page {pages:,} of a list against page 1", f"{ratio:.2f}", f"≤ {most}", ratio <= most
    # one ticket; an eighth of all; all of them
    for name, words in (("T000123", "T000123"), ("归档日志", "归档日志"), ("张伟", "张伟")):
        path = f"/api/v1/records?q={urllib.parse.quote(words)}"
        ratio = _ratio(server, full, path, read)
        most = TARGETS["search"]
        yield (
            f"search for {name} against a read by id",
            f"{ratio:.1f}",
            f"≤ {most:.0f}",
            (ratio <= most),
        )


def _beside_renders(server: Server, full: Full, chosen: Load, tell: Told) -> Iterator[Line]:
    tell(f"reads while {chosen.inspections} inspections are made")

    def path(index: int) -> str:
        return f"/api/v1/records/{full.ids[index % len(full.ids)]}"

    idle = _load(server, path, full, connections=QUIET, seconds=chosen.seconds)
    with ThreadPoolExecutor(4) as pool:
        renders = [pool.submit(_render, server, "XJ", "pdf") for _ in range(chosen.inspections)]
        busy = Result(0)
        while not all(one.done() for one in renders):
            more = _load(server, path, full, connections=QUIET, seconds=2)
            busy.latencies += more.latencies
        failed = sum(one.result() != 200 for one in renders)
    ratio, most = busy.percentile(0.99) / idle.percentile(0.99), TARGETS["p99"]
    both = f"{busy.percentile(0.99) * 1000:.0f} / {idle.percentile(0.99) * 1000:.0f} ms"
    yield (
        f"p99 of reads beside renders against idle ({both})",
        f"{ratio:.1f}",
        f"≤ {most}",
        (ratio <= most),
    )
    yield "renders that failed", str(failed), "0", failed == 0


def _memory(server: Server, full: Full, chosen: Load, tell: Told) -> Line:
    tell(f"memory over {chosen.requests:,} requests and {chosen.renders} renders")
    _ask(server, full, WARMING)
    before = server.rss_mb
    _ask(server, full, chosen.requests)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: _render(server, "ZX", "docx"), range(chosen.renders)))
    grown, most = server.rss_mb - before, TARGETS["memory"]
    return "growth of the server's memory, MB", f"{grown:.1f}", f"≤ {most:.0f}", grown <= most


def _load(
    server: Server, paths: Callable[[int], str], full: Full, *, connections: int, seconds: float
) -> Result:
    return load(server.port, paths, token=full.token, connections=connections, seconds=seconds)


def _ask(server: Server, full: Full, count: int) -> None:
    left = count
    while left > 0:
        result = _load(
            server, lambda i: f"/api/v1/records/{full.ids[i]}", full, connections=8, seconds=2
        )
        left -= sum(result.statuses.values())


def _ms(server: Server, full: Full, path: str) -> float:
    """Median milliseconds of one caller's requests."""
    result = _load(server, lambda _: path, full, connections=1, seconds=1)
    assert not result.errors, f"{path}: {result.statuses}"
    return median(result.latencies) * 1000


def _ratio(server: Server, full: Full, path: str, other: str) -> float:
    """How much longer one path takes than another: the median of rounds taken in turn."""
    rounds = range(3)
    return median(_ms(server, full, path) / _ms(server, full, other) for _ in rounds)


def _cursor(server: Server, full: Full, pages: int) -> str:
    cursor = ""
    for _ in range(pages):
        path = f"/api/v1/records?limit=50&cursor={cursor}"
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}{path}",
            headers={"Authorization": f"Bearer {full.token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            cursor = json.load(answer)["next_cursor"]
    return cursor


def _render(server: Server, code: str, format_name: str) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/v1/render/{code}.{format_name}",
        (samples_dir() / code / "basic.json").read_bytes(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        answer.read()
        return int(answer.status)


@contextmanager
def _serving(command: list[str], environ: dict[str, str]) -> Iterator[Server]:
    """Run a server until it answers, and end it afterwards."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = made.getsockname()[1]
    module = [sys.executable, "-m", *command, "--port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(module, env=os.environ | environ, stdout=quiet, stderr=quiet) as process:
        try:
            _wait(port, process)
            yield Server(process, port)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=1).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server does not answer")
