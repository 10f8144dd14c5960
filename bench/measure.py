"""The measurements: interleaved rounds against the contenders, growth with the rows, isolation."""

from __future__ import annotations

import math
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from bench.workers import Worker, order
from bench.workloads import grown, workloads

FORMATS = ("docx", "xlsx", "pdf")
VARIANTS = ("pdf-lean", "pdf-light")  # of the contender
ISOLATED_RENDERS = 20
QUICK_ONES = 3  # documents a turn
Told = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much to measure. `huge_pdf` includes B as PDF: a minute for the contender alone."""

    rounds: int
    variant_rounds: int
    rows: tuple[int, ...]
    huge_pdf: bool


@dataclass(frozen=True)
class Race:
    """Median processor seconds of one workload in one format, on both sides."""

    format: str
    workload: str
    ours_s: float
    plain_s: float
    rounds: int

    @property
    def ratio(self) -> float:
        """How many times longer the contender takes."""
        return self.plain_s / self.ours_s


@dataclass(frozen=True)
class Growth:
    """Processor seconds and peak memory of one format for each number of rows."""

    format: str
    rows: tuple[int, ...]
    seconds: tuple[float, ...]
    memory_mb: tuple[float, ...]

    @property
    def time_exponent(self) -> float:
        """Exponent of time over rows: 1 is linear."""
        return exponent(self.rows, self.seconds)

    @property
    def memory_exponent(self) -> float:
        """Exponent of memory over rows."""
        return exponent(self.rows, self.memory_mb)

    @property
    def last_exponents(self) -> tuple[float, float]:
        """Exponents of time and memory over the last step alone, where fixed costs count least."""
        rows = self.rows[-2:]
        return exponent(rows, self.seconds[-2:]), exponent(rows, self.memory_mb[-2:])


@dataclass(frozen=True)
class Isolation:
    """Seconds of a small document in this process, in a waiting child, and in the first child."""

    inside_s: float
    child_s: float
    first_s: float


def race(plan: Plan, tell: Told) -> list[Race]:
    """Let both sides make every workload in turns; a first one, of tickets, warms up."""
    records = workloads()
    lanes = list(_lanes(plan))
    times: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    with Worker("ours") as ours, Worker("plain") as plain:
        for format_name in FORMATS:
            ours.load(format_name)
        for number in range(plan.rounds + 1):
            tell(f"round {number} of {plan.rounds}" if number else "warming up")
            for format_name, name, rounds in lanes:
                if number > rounds or (number == 0 and name != "T"):
                    continue
                for side in (ours, plain) if number % 2 else (plain, ours):
                    made = _turn(side, format_name, name, records[name])
                    if number:
                        times[side.kind, format_name, name] += made
    return [_race(format_name, name, rounds, times) for format_name, name, rounds in lanes]


def _lanes(plan: Plan) -> Iterator[tuple[str, str, int]]:
    for format_name in FORMATS:
        for name in "TIB":
            if (format_name, name) != ("pdf", "B"):
                yield format_name, name, plan.rounds
            elif plan.huge_pdf:
                yield format_name, name, 1
    for variant in VARIANTS:
        for name in "TI":
            yield variant, name, plan.variant_rounds


def _turn(side: Worker, format_name: str, name: str, data: bytes) -> list[float]:
    """Return the seconds of one document, of several where they are quick."""
    if side.kind == "ours" and format_name in VARIANTS:
        return []  # other files than ours
    count = QUICK_ONES if format_name in ("docx", "xlsx") and name != "B" else 1
    return [side.make(format_name, name, data).seconds for _ in range(count)]


def _race(
    format_name: str, name: str, rounds: int, times: dict[tuple[str, str, str], list[float]]
) -> Race:
    ours = times["ours", format_name.partition("-")[0], name]
    plain = times["plain", format_name, name]
    return Race(format_name, name, statistics.median(ours), statistics.median(plain), rounds)


def growth(plan: Plan, tell: Told) -> list[Growth]:
    """Make one table of ever more rows, each in a new process: its peak is this document's."""
    found = []
    for format_name in FORMATS:
        points = []
        for rows in plan.rows:
            tell(f"{format_name}: {rows} rows")
            points.append(_point(format_name, rows))
        seconds, memory_mb = zip(*points, strict=True)
        found.append(Growth(format_name, plan.rows, seconds, memory_mb))
    return found


def _point(format_name: str, rows: int) -> tuple[float, float]:
    with Worker("ours") as worker:
        baseline = worker.load(format_name)
        worker.make(format_name, "T", workloads()["T"])
        made = worker.make(format_name, "grown", grown(rows))
    return made.seconds, (made.peak_kb - baseline) / 1024


def isolation() -> Isolation:
    """Make a ticket in Word here and in children; call it last: it sets this process's fonts."""
    from docgen.pipeline import render
    from docgen.pipeline.children import children
    from docgen.settings import Settings

    own = order(workloads()["T"])
    start = time.perf_counter()
    with children(replace(Settings(), jobs=1), ["docx"]) as pool:
        pool.run(render, own, "docx", size_bytes=len(own.data))
        first = time.perf_counter() - start
        render(own, "docx")
        inside, child = [], []
        for _ in range(ISOLATED_RENDERS):
            start = time.perf_counter()
            render(own, "docx")
            inside.append(time.perf_counter() - start)
            start = time.perf_counter()
            pool.run(render, own, "docx", size_bytes=len(own.data))
            child.append(time.perf_counter() - start)
    return Isolation(statistics.median(inside), statistics.median(child), first)


def exponent(rows: Sequence[int], values: Sequence[float]) -> float:
    """Return the slope of `values` over `rows`, both logarithmic, by least squares."""
    return statistics.linear_regression(
        [math.log(count) for count in rows], [math.log(value) for value in values]
    ).slope
