"""Work on claimed chunks: run their items through a handler, record results, renew the lease.

The handlers work in rendering children; a worker waits for them, and puts the files' bytes into
the blob store before any row refers to them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from time import monotonic
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from docgen.access import SERVICE
from docgen.batches import leases
from docgen.batches.leases import LEASE, ChunkLease, ItemResult, LeasedItem
from docgen.batches.queue import INTERACTIVE
from docgen.errors import DocgenError, StoreFault
from docgen.store.unit_of_work import Store

log = logging.getLogger("docgen.batches")

POLL_S, FAULT_S, STOP_S = 0.1, 3.0, 1.5
KEPT_EVERY_S = 0.5  # between two transactions that record results
GROUP_S, FEWEST_IN_GROUP, MOST_IN_GROUP = 0.2, 2, 20
KEEPERS = 4  # threads that write blobs: a disk syncs several files as quickly as one

Handler = Callable[[ChunkLease, LeasedItem], ItemResult]
"""Works on one item."""
Groups = Callable[[ChunkLease, Sequence[LeasedItem]], list[ItemResult]]
"""Works on several items in one call of a child; each has its own result."""


def singly(handler: Handler) -> Groups:
    """Return a handler of groups that works on their items one after the other."""
    return lambda held, items: [handler(held, item) for item in items]


def real_time() -> datetime:
    """Return the real time, by which leases end."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Bench:
    """The settings of workers: a handler for each kind, `at_once` groups of items at a time.

    `sizes` are the latest group sizes by kind, with which the next chunk begins.
    """

    store: Store
    handlers: Mapping[str, Groups]
    at_once: int = 2
    lease: timedelta = LEASE
    clock: Callable[[], datetime] = real_time
    sizes: dict[str, int] = field(default_factory=dict)


def take(bench: Bench, *, least: int = 0, seq: int | None = None) -> ChunkLease | None:
    """Claim a chunk, if there is one; reads first, so that an idle worker writes nothing."""
    now = bench.clock()
    with bench.store.reading() as session:
        if not leases.waiting(session, now, least=least):
            return None
    with bench.store.change(SERVICE) as unit:
        return leases.claim(unit, bench.clock(), least=least, lease=bench.lease, seq=seq)


def work(bench: Bench, held: ChunkLease, stopping: Event) -> bool:
    """Work on a chunk's items; False when the lease was lost and the work must end.

    A fault of the environment is raised and the chunk released: no item is its cause.
    """
    try:
        with Belt(bench, held, stopping) as belt:
            for results in belt.results():
                with bench.store.change(SERVICE) as unit:
                    if not leases.record(unit, held, results, bench.clock()):
                        log.warning("chunk %s of %s was lost", held.chunk_seq, held.batch_id)
                        return False
        with bench.store.change(SERVICE) as unit:
            return leases.finish(unit, held, bench.clock())
    except DocgenError:
        with bench.store.change(SERVICE) as unit:
            leases.finish(unit, held, bench.clock())
        raise


def run_worker(bench: Bench, stopping: Event, *, least: int = 0) -> None:
    """Claim and work until `stopping` is set; a chunk in work is released then."""
    while not stopping.is_set():
        try:
            held = take(bench, least=least)
            if held:
                work(bench, held, stopping)
                continue
        except (DocgenError, SQLAlchemyError):
            log.exception("no work can be done")
            stopping.wait(FAULT_S)
        _wait(bench, stopping, least)


def _wait(bench: Bench, stopping: Event, least: int) -> None:
    """Wait a moment; the worker of urgent chunks wakes as soon as one is ordered."""
    if least < INTERACTIVE:
        stopping.wait(POLL_S)
    elif bench.store.ordered.wait(POLL_S):
        bench.store.ordered.clear()


class Workers:
    """Threads of the service that work from `start` to `stop`: one for all, one for urgent work."""

    def __init__(self, bench: Bench) -> None:
        """Create the threads without starting them."""
        self._stopping, self._ordered = Event(), bench.store.ordered
        self._threads = [
            Thread(
                target=run_worker,
                args=(bench, self._stopping),
                kwargs={"least": least},
                name=name,
                daemon=True,
            )
            for name, least in (("docgen-jobs", 0), ("docgen-jobs-first", INTERACTIVE))
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Start no other item; items still in work after STOP_S are done again later."""
        self._stopping.set()
        self._ordered.set()  # wakes the one that waits for it
        for thread in self._threads:
            thread.join(STOP_S)


class Belt:
    """The pipeline of one claim: items are made in groups, their bytes stored, results yielded.

    A group is as many items as a child makes in about GROUP_S: passing them to the child costs
    little, and results come soon.
    """

    def __init__(self, bench: Bench, held: ChunkLease, stopping: Event) -> None:
        """Create the threads. Raises StoreFault: unknown_work."""
        self._bench, self._held, self._stopping = bench, held, stopping
        if held.kind not in bench.handlers:
            raise StoreFault("unknown_work", kind=held.kind)
        self._handler = bench.handlers[held.kind]
        self._rest = deque(held.items)
        self._making: set[Future[list[ItemResult]]] = set()
        self._keeping: set[Future[list[ItemResult]]] = set()
        self._makers = ThreadPoolExecutor(bench.at_once, thread_name_prefix="docgen-item")
        self._keepers = ThreadPoolExecutor(KEEPERS, thread_name_prefix="docgen-keep")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._makers.shutdown(cancel_futures=True)
        self._keepers.shutdown(cancel_futures=True)

    def results(self) -> Iterator[list[ItemResult]]:
        """Yield results as they come, and an empty list when it is time to renew the lease."""
        patience = min(KEPT_EVERY_S, self._bench.lease.total_seconds() / 3)
        results: list[ItemResult] = []
        kept_at = monotonic()
        while True:
            self._begin()
            if not self._making and not self._keeping:
                yield results
                return
            results += self._ended(patience)
            if monotonic() - kept_at >= patience:
                yield results
                results, kept_at = [], monotonic()

    def _begin(self) -> None:
        """Submit groups ahead of the makers; none while storing does not keep up."""
        at_once = self._bench.at_once
        while (
            self._rest
            and not self._stopping.is_set()
            and len(self._making) < 2 * at_once
            and len(self._keeping) < 2 * KEEPERS
        ):
            left = len(self._rest)
            size = min(self._usual, left, max(FEWEST_IN_GROUP, left // (2 * at_once)))
            group = [self._rest.popleft() for _ in range(size)]
            self._making.add(self._makers.submit(self._make, group))

    def _ended(self, patience: float) -> list[ItemResult]:
        """Wait for groups that end and pass them on; return results whose bytes are stored."""
        ended, _ = wait(self._making | self._keeping, timeout=patience, return_when=FIRST_COMPLETED)
        kept = [result for group in self._keeping & ended for result in group.result()]
        self._keeping -= ended
        # Children that are stopped with the service fail; their items are not the cause.
        left = self._stopping.is_set()
        for group in self._making & ended:
            results = [one for one in group.result() if one.state == "done" or not left]
            self._keeping.add(self._keepers.submit(self._put, results))
        self._making -= ended
        return kept

    def _make(self, group: list[LeasedItem]) -> list[ItemResult]:
        """Work on a group, and adapt the size of the next ones to the time it took."""
        began = monotonic()
        results = self._handler(self._held, group)
        took = max(monotonic() - began, 0.001)
        fitting = int(len(group) * GROUP_S / took)
        most = min(MOST_IN_GROUP, 2 * max(len(group), self._usual))  # the last groups are small
        self._bench.sizes[self._held.kind] = max(1, min(most, fitting))
        return results

    @property
    def _usual(self) -> int:
        return self._bench.sizes.get(self._held.kind, 1)

    def _put(self, results: list[ItemResult]) -> list[ItemResult]:
        for result in results:
            for file in result.files:
                self._bench.store.blobs.put(file.data)
        return results
