"""Work on claimed chunks: run their items through a handler, save results, renew the lease.

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

POLL_S = 0.1  # between two looks for a chunk
FAULT_S = 3.0  # after a fault of the store, before the next try
STOP_S = 1.5  # that `stop` waits for a thread; an item that takes longer is done again
SAVE_EVERY_S = 0.5  # between two transactions that save results
GROUP_S = 0.2  # that a group should take: see ChunkPipeline
FEWEST_IN_GROUP, MOST_IN_GROUP = 2, 20  # items; if the child ends, all of a group are made again
BLOB_WRITERS = 4  # threads that write blobs: a disk syncs several files as quickly as one

ItemHandler = Callable[[ChunkLease, LeasedItem], ItemResult]
"""Works on one item."""
GroupHandler = Callable[[ChunkLease, Sequence[LeasedItem]], list[ItemResult]]
"""Works on several items in one call of a child; each has its own result."""


def one_at_a_time(handler: ItemHandler) -> GroupHandler:
    """Return a handler of groups that works on their items one after the other."""
    return lambda lease, items: [handler(lease, item) for item in items]


def real_time() -> datetime:
    """Return the real time, by which leases end."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class WorkerContext:
    """The settings of workers: a handler for each kind, `at_once` groups of items at a time.

    `sizes` are the latest group sizes by kind, with which the next chunk begins.
    """

    store: Store
    handlers: Mapping[str, GroupHandler]
    at_once: int = 2
    lease_duration: timedelta = LEASE
    clock: Callable[[], datetime] = real_time
    sizes: dict[str, int] = field(default_factory=dict)


def claim_chunk(
    context: WorkerContext, *, min_priority: int = 0, seq: int | None = None
) -> ChunkLease | None:
    """Claim a chunk, if there is one; reads first, so that an idle worker writes nothing."""
    now = context.clock()
    with context.store.reading() as session:
        if not leases.waiting(session, now, min_priority=min_priority):
            return None
    with context.store.change(SERVICE) as unit:
        return leases.claim(
            unit,
            context.clock(),
            min_priority=min_priority,
            duration=context.lease_duration,
            seq=seq,
        )


def work_on_chunk(context: WorkerContext, lease: ChunkLease, stopping: Event) -> bool:
    """Work on a chunk's items; False when the lease was lost and the work must end.

    A fault of the environment is raised and the chunk released: no item is its cause.
    """
    try:
        with ChunkPipeline(context, lease, stopping) as pipeline:
            for results in pipeline.results():
                with context.store.change(SERVICE) as unit:
                    if not leases.save_results(unit, lease, results, context.clock()):
                        log.warning("chunk %s of %s was lost", lease.chunk_seq, lease.batch_id)
                        return False
        with context.store.change(SERVICE) as unit:
            return leases.finish(unit, lease, context.clock())
    except DocgenError:
        with context.store.change(SERVICE) as unit:
            leases.finish(unit, lease, context.clock())
        raise


def run_worker(context: WorkerContext, stopping: Event, *, min_priority: int = 0) -> None:
    """Claim and work until `stopping` is set; a chunk in work is released then."""
    while not stopping.is_set():
        try:
            lease = claim_chunk(context, min_priority=min_priority)
            if lease:
                work_on_chunk(context, lease, stopping)
                continue
        except (DocgenError, SQLAlchemyError):
            log.exception("no work can be done")
            stopping.wait(FAULT_S)
        _wait(context, stopping, min_priority)


def _wait(context: WorkerContext, stopping: Event, min_priority: int) -> None:
    """Wait a moment; the worker of urgent chunks wakes as soon as one is ordered."""
    if min_priority < INTERACTIVE:
        stopping.wait(POLL_S)
    elif context.store.ordered.wait(POLL_S):
        context.store.ordered.clear()


class Workers:
    """Threads of the service that work from `start` to `stop`: one for all, one for urgent work."""

    def __init__(self, context: WorkerContext) -> None:
        """Create the threads without starting them."""
        self._stopping, self._ordered = Event(), context.store.ordered
        self._threads = [
            Thread(
                target=run_worker,
                args=(context, self._stopping),
                kwargs={"min_priority": min_priority},
                name=name,
                daemon=True,
            )
            for name, min_priority in (("docgen-jobs", 0), ("docgen-jobs-first", INTERACTIVE))
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


class ChunkPipeline:
    """The pipeline of one chunk: items are worked on in groups, files stored, results yielded.

    A group is as many items as a child makes in about GROUP_S: passing them to the child costs
    little, and results come soon.
    """

    def __init__(self, context: WorkerContext, lease: ChunkLease, stopping: Event) -> None:
        """Create the threads. Raises StoreFault: unknown_work."""
        self._context, self._lease, self._stopping = context, lease, stopping
        if lease.kind not in context.handlers:
            raise StoreFault("unknown_work", kind=lease.kind)
        self._handler = context.handlers[lease.kind]
        self._waiting = deque(lease.items)
        self._in_work: set[Future[list[ItemResult]]] = set()
        self._storing: set[Future[list[ItemResult]]] = set()
        self._renderers = ThreadPoolExecutor(context.at_once, thread_name_prefix="docgen-item")
        self._writers = ThreadPoolExecutor(BLOB_WRITERS, thread_name_prefix="docgen-keep")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._renderers.shutdown(cancel_futures=True)
        self._writers.shutdown(cancel_futures=True)

    def results(self) -> Iterator[list[ItemResult]]:
        """Yield results as they come, and an empty list when it is time to renew the lease."""
        patience = min(SAVE_EVERY_S, self._context.lease_duration.total_seconds() / 3)
        results: list[ItemResult] = []
        saved_at = monotonic()
        while True:
            self._submit_groups()
            if not self._in_work and not self._storing:
                yield results
                return
            results += self._collect(patience)
            if monotonic() - saved_at >= patience:
                yield results
                results, saved_at = [], monotonic()

    def _submit_groups(self) -> None:
        """Submit groups ahead of the renderers; none while storing does not keep up."""
        at_once = self._context.at_once
        while (
            self._waiting
            and not self._stopping.is_set()
            and len(self._in_work) < 2 * at_once
            and len(self._storing) < 2 * BLOB_WRITERS
        ):
            left = len(self._waiting)
            size = min(self._group_size, left, max(FEWEST_IN_GROUP, left // (2 * at_once)))
            group = [self._waiting.popleft() for _ in range(size)]
            self._in_work.add(self._renderers.submit(self._work_on_group, group))

    def _collect(self, patience: float) -> list[ItemResult]:
        """Wait for groups that end and pass them on; return results whose bytes are stored."""
        ended, _ = wait(
            self._in_work | self._storing, timeout=patience, return_when=FIRST_COMPLETED
        )
        stored = [result for group in self._storing & ended for result in group.result()]
        self._storing -= ended
        # Children that are stopped with the service fail; their items are not the cause.
        is_stopping = self._stopping.is_set()
        for group in self._in_work & ended:
            results = [one for one in group.result() if one.state == "done" or not is_stopping]
            self._storing.add(self._writers.submit(self._store_files, results))
        self._in_work -= ended
        return stored

    def _work_on_group(self, group: list[LeasedItem]) -> list[ItemResult]:
        """Work on a group, and adapt the size of the next ones to the time it took."""
        began = monotonic()
        results = self._handler(self._lease, group)
        took = max(monotonic() - began, 0.001)
        fitting = int(len(group) * GROUP_S / took)
        latest = max(len(group), self._group_size)  # the last groups of a chunk are small
        most = min(MOST_IN_GROUP, 2 * latest)
        self._context.sizes[self._lease.kind] = max(1, min(most, fitting))
        return results

    @property
    def _group_size(self) -> int:
        return self._context.sizes.get(self._lease.kind, 1)

    def _store_files(self, results: list[ItemResult]) -> list[ItemResult]:
        for result in results:
            for file in result.files:
                self._context.store.blobs.put(file.data)
        return results
