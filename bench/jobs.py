"""What the durable queue costs: tickets to Word through it, against a bare loop of the same.

`python -m bench.jobs` measures it alone, `--database URL` with `docgen worker` on an empty
PostgreSQL. Rounds are taken in turn, and the bare loop is as patient with the machine's other work
as rendering children are.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from rich.console import Console

from bench.cpu import tree_seconds
from bench.measure import exponent
from bench.report import GREATEST_EXPONENT, Line, Verdict, show_lines, show_verdicts
from bench.workers import NOW, order
from bench.workloads import workloads
from docgen.access import SERVICE, Actor
from docgen.accounts import users
from docgen.batches import queue
from docgen.batches.rendering import KIND_RENDER
from docgen.contracts import contracts
from docgen.paths import samples_dir
from docgen.pipeline import render
from docgen.renderers.isolation import NICENESS
from docgen.settings import Settings
from docgen.store import migrations
from docgen.store.database import Database
from docgen.store.tables import BatchRow
from docgen.store.unit_of_work import Store

BOTH = 2  # processes of the bare loop, and children of the queue
LEAST_SHARE, LEAST_GAIN = 0.7, 1.7
WARMING = 60
SECRET = "0123456789abcdef" * 4
Told = Callable[[str], None]


@dataclass(frozen=True)
class Amount:
    """How many tickets a round has, how many rounds, and batches of how many are compared."""

    tickets: int = 5000
    rounds: int = 3
    growth: tuple[int, ...] = (500, 5000, 20_000)


FULL, USUAL = Amount(), Amount(2000, 3, (500, 1000, 3000))
QUICK = Amount(800, 2, (200, 400, 800))
"""Whole chunks for two workers: the rest of an odd number would be one's alone."""


@dataclass(frozen=True)
class Taken:
    """Seconds on the wall, and of processors, for so many documents."""

    count: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Documents a second."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor milliseconds a document."""
        return 1000 * self.cpu_s / self.count


def jobs(chosen: Amount, tell: Told, console: Console, url: str = "") -> list[Verdict]:
    """Measure the queue; print a table, return the verdicts."""
    with tempfile.TemporaryDirectory(prefix="docgen-bench-") as folder:
        place = Place(Path(folder) / "data", url)
        with place.opened() as orders:
            found = [
                *_against_bare(orders, chosen, tell),
                *_two(orders, chosen, tell),
                *_growth(orders, chosen, tell),
            ]
    title = "PostgreSQL, docgen worker" if url else "SQLite"
    return show_lines(f"The durable queue: tickets to Word, {title}", found, console)


def _against_bare(orders: Orders, chosen: Amount, tell: Told) -> Iterator[Line]:
    bare, ours = [], []
    with Bare() as loop, orders.workers(1, BOTH) as running:
        for number in range(chosen.rounds):
            tell(f"round {number + 1}: {chosen.tickets:,} tickets in a bare loop, then queued")
            bare.append(loop.make(tickets(chosen.tickets)))
            ours.append(orders.done(chosen.tickets, running))
    share = median(mine.rate / its.rate for mine, its in zip(ours, bare, strict=True))
    rates = " / ".join(f"{median(one.rate for one in both):,.0f}" for both in (ours, bare))
    cpu = " / ".join(f"{median(one.cpu_ms for one in both):.1f}" for both in (ours, bare))
    yield (
        f"{chosen.tickets:,} a batch, documents a second against a bare loop ({rates})",
        f"{share:.2f}",
        f"≥ {LEAST_SHARE}",
        share >= LEAST_SHARE,
    )
    yield "processor ms a document, queued / bare", cpu, "–", True


def _two(orders: Orders, chosen: Amount, tell: Told) -> Iterator[Line]:
    rates: dict[int, list[float]] = {1: [], 2: []}
    for number in range(chosen.rounds):
        for count in rates if number % 2 else reversed(rates):
            tell(f"round {number + 1}: workers of one child and one core each: {count}")
            with orders.workers(count, 1, own_core=True) as running:
                rates[count].append(orders.done(chosen.tickets, running).rate)
    gain = median(two / one for one, two in zip(*rates.values(), strict=True))
    shown = " / ".join(f"{median(rates[count]):,.0f}" for count in (2, 1))
    yield (
        f"two workers of a core each against one ({shown} a second)",
        f"{gain:.2f}",
        f"≥ {LEAST_GAIN}",
        gain >= LEAST_GAIN,
    )


def _growth(orders: Orders, chosen: Amount, tell: Told) -> Iterator[Line]:
    taken: dict[int, list[Taken]] = {count: [] for count in chosen.growth}
    with orders.workers(1, BOTH) as running:
        for number in range(chosen.rounds):
            for count in chosen.growth:
                tell(f"round {number + 1}: a batch of {count:,}")
                taken[count].append(orders.done(count, running))
    ms = [median(1000 / one.rate for one in several) for several in taken.values()]
    cpu_ms = [median(one.cpu_ms for one in several) for several in taken.values()]
    counts = " / ".join(f"{count:,}" for count in taken)
    for what, each in (("ms", ms), ("processor ms", cpu_ms)):
        shown = " / ".join(f"{one:.1f}" for one in each)
        yield f"{what} a document, batches of {counts}", shown, "–", True
    slope = exponent(list(taken), [count * each for count, each in zip(taken, cpu_ms, strict=True)])
    yield (
        "exponent of processor time over documents",
        f"{slope:.2f}",
        f"≤ {GREATEST_EXPONENT}",
        slope <= GREATEST_EXPONENT,
    )


def tickets(count: int, batch: int = 0) -> list[bytes]:
    """Return records of tickets, each with a text of its own: equal ones make the same file."""
    record = json.loads(workloads()["T"])
    numbered = (
        record
        | {
            "doc_no": f"QX-HDYD-20260311-{at % 999 + 1:03}",
            "data_loss": f"无（第 {batch} 批第 {at} 份）",
        }
        for at in range(count)
    )
    return [json.dumps(one, ensure_ascii=False).encode() for one in numbered]


# ---------------------------------------------------------------- the bare loop


class Bare:
    """Two processes that render one record after the other, and keep nothing."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        for _ in range(BOTH):
            mine, theirs = context.Pipe()
            context.Process(target=_loop, args=(theirs,), daemon=True).start()
            theirs.close()
            self._pipes.append(mine)

    def __enter__(self) -> Bare:
        self.make(tickets(WARMING))
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()

    def make(self, rows: Sequence[bytes]) -> Taken:
        """Let each make half of the records."""
        start = time.perf_counter()
        for at, pipe in enumerate(self._pipes):
            pipe.send(rows[at::BOTH])
        cpu_s = sum(pipe.recv() for pipe in self._pipes)
        return Taken(len(rows), time.perf_counter() - start, cpu_s)


def _loop(pipe: Connection) -> None:
    os.nice(NICENESS)
    contract = _contract()
    while True:
        try:
            rows = pipe.recv()
        except EOFError:
            return
        start = time.process_time()
        for data in rows:
            render(replace(order(data), contract=contract), "docx")
        pipe.send(time.process_time() - start)


def _contract() -> bytes:
    return (samples_dir() / "contract/HT-2026-017.json").read_bytes()


# ---------------------------------------------------------------- the queue


@dataclass(frozen=True)
class Place:
    """Where the store lies: a data folder, and PostgreSQL by its URL."""

    folder: Path
    url: str

    @property
    def settings(self) -> Settings:
        """As the workers have them, too."""
        secret = SECRET if self.url else ""
        return Settings(data=self.folder, database=self.url, secret_key=secret, now=NOW)

    @contextmanager
    def opened(self) -> Iterator[Orders]:
        """Make a store with a contract, whose orders can be given."""
        if self.url:
            database = Database(self.url)
            migrations.migrate(database)
            database.close()
        store = Store.open(self.settings)
        try:
            with store.change(SERVICE) as unit:
                user_id = users.add(unit, users.NewUser("bench", "张伟", "pm")).id
            with store.change(Actor(user_id, "张伟", "pm")) as unit:
                contract_id = contracts.create(unit, _contract()).id
            yield Orders(self, store, user_id, contract_id)
        finally:
            store.close()


@dataclass(frozen=True)
class Orders:
    """Gives orders to workers, and waits for what comes of them."""

    place: Place
    store: Store
    user_id: str
    contract_id: str
    batches: Iterator[int] = field(default_factory=itertools.count)

    def done(self, count: int, workers: Sequence[int]) -> Taken:
        """Order documents of so many tickets and wait for the last."""
        rows = tickets(count, next(self.batches))
        cpu_s = sum(map(tree_seconds, workers))
        start = time.perf_counter()
        options = {"formats": ["docx"], "lang": "zh"}
        work = queue.WorkOrder(
            KIND_RENDER, self.user_id, self.contract_id, options, queue.BACKGROUND
        )
        with self.store.change(SERVICE) as unit:
            batch_id = queue.enqueue(unit, work, rows).id
        while self._state(batch_id) == "active":
            time.sleep(0.1)  # asking takes processor from the workers
        seconds = time.perf_counter() - start
        with self.store.reading() as session:
            found = queue.counts(session, batch_id)
        if found.done != count:
            raise RuntimeError(f"not all was made: {found}")
        return Taken(count, seconds, sum(map(tree_seconds, workers)) - cpu_s)

    def _state(self, batch_id: str) -> str:
        with self.store.reading() as session:
            return session.get_one(BatchRow, batch_id).state

    @contextmanager
    def workers(self, count: int, at_once: int, *, own_core: bool = False) -> Iterator[list[int]]:
        """Start workers of so many children each, and warm them; their process numbers.

        `own_core`: each is kept to a core, as if on a machine of its own; one alone would else
        use more than one, and two no more than there are.
        """
        with ExitStack() as stack:
            cores = sorted(os.sched_getaffinity(0))
            pids = [
                stack.enter_context(
                    _worker(self.place, at_once, cores[at % len(cores)] if own_core else None)
                )
                for at in range(count)
            ]
            for _ in range(2):
                self.done(count * WARMING, pids)
            yield pids


@contextmanager
def _worker(place: Place, at_once: int, core: int | None) -> Iterator[int]:
    module = ["docgen", "worker"] if place.url else ["bench.queue_worker", str(place.folder)]
    environ = {"DOCGEN_JOBS": str(at_once), "DOCGEN_NOW": NOW.isoformat()}
    environ |= {"DOCGEN_DATA": str(place.folder)}
    if place.url:
        environ |= {"DOCGEN_DATABASE": place.url, "DOCGEN_SECRET_KEY": SECRET}
    kept = [] if core is None else ["taskset", "-c", str(core)]
    command = [*kept, sys.executable, "-m", *module]
    with subprocess.Popen(command, env=os.environ | environ, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m bench.jobs", description=main.__doc__)
    parser.add_argument("--database", default="", help="URL of an empty PostgreSQL")
    parser.add_argument("--full", action="store_true", help="5,000 a round, batches to 20,000")
    parser.add_argument("--quick", action="store_true", help="a minute")
    given = parser.parse_args()
    console, progress = Console(), Console(stderr=True)
    chosen = FULL if given.full else QUICK if given.quick else USUAL
    verdicts = jobs(chosen, lambda text: progress.print(text, style="dim"), console, given.database)
    return 0 if show_verdicts(verdicts, console) else 1


if __name__ == "__main__":
    sys.exit(main())
