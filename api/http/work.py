"""Scheduling of the rendering children: places in the queue, two lanes, and cancelling.

Nothing here is computed in the server's own process, so no record and no template can hold it up.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, TypeVar

from fastapi import Request

from docgen.errors import DocgenError, RenderFailed
from docgen.pipeline import RenderedFile, RenderRequest, ready, render, validate
from docgen.pipeline.children import children
from docgen.renderers.isolation import Children, outcome
from docgen.settings import Settings
from docgen.templates.catalog import FORMATS
from docgen.uploads import Purpose, Upload, inspect

T = TypeVar("T")
Pools = Callable[[Settings, Iterable[str]], Children]
"""What makes a pool of children for formats."""
QUEUE = 64  # of requests that work or wait; one more is refused at once instead of kept waiting
LEAST_RENDERING, CHECKING = 2, 2  # children; two, so that one that hangs leaves another
READY_S = 30  # orchestrators ask every few seconds, and an answer costs a whole child


class Work:
    """The children of a server, in two lanes: documents, and what is answered quickly.

    One template (a record type in one format) never holds all children of the first lane, so
    one that hangs leaves room for the others.
    """

    def __init__(self, settings: Settings, queue: int = QUEUE, *, pools: Pools = children) -> None:
        at_once = max(LEAST_RENDERING, settings.jobs)
        self._settings, self._queue, self._taken = settings, queue, 0
        self._rendering = pools(replace(settings, jobs=at_once + 1), FORMATS)
        self._checking = pools(replace(settings, jobs=CHECKING), FORMATS)
        self._templates: defaultdict[tuple[str, str], asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(at_once)
        )
        self._readiness = asyncio.Lock()
        self._ready, self._ready_until = 0, 0.0

    @property
    def taken(self) -> int:
        """How many requests work or wait."""
        return self._taken

    @property
    def children(self) -> Children:
        """Those that make documents; one more than work at once, so that a batch leaves one."""
        return self._rendering

    def stop(self) -> None:
        """End all children at once."""
        self._rendering.stop()
        self._checking.stop()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place in the queue. RenderFailed: busy, when there is none."""
        if self._taken >= self._queue:
            raise RenderFailed("busy")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def render(
        self, request: Request, order: RenderRequest, format_name: str
    ) -> RenderedFile:
        """Make a document."""
        template = self._templates[order.code, format_name]
        return await _unless_gone(request, self._rendered(template, order, format_name))

    async def validate(self, request: Request, order: RenderRequest) -> RenderedFile:
        """Check a record."""
        return await _unless_gone(
            request, _child(self._checking, validate, order, size_bytes=len(order.data))
        )

    async def inspect(self, request: Request, name: str, data: bytes, purpose: Purpose) -> Upload:
        """Find out the type of an uploaded file, and refuse harmful content."""
        looking = _child(
            self._checking, partial(inspect, name, data, purpose=purpose), size_bytes=0
        )
        return await _unless_gone(request, looking)

    async def look(self, request: Request, work: Callable[..., T], *args: Any) -> T:
        """Run short work, such as drawing a page, in a child of the quick lane."""
        return await _unless_gone(request, _child(self._checking, work, *args, size_bytes=0))

    async def ready(self) -> int:
        """Load theme and templates in a child; how many templates there are.

        Success is remembered for READY_S seconds, and all who ask meanwhile wait for one child.
        """
        folders, theme = self._settings.template_folders, self._settings.theme_folder
        async with self._readiness:
            if monotonic() > self._ready_until:
                known = (folders, theme, self._settings.verify_url)
                self._ready = await _child(self._checking, ready, *known, size_bytes=0)
                self._ready_until = monotonic() + READY_S
            return self._ready

    async def _rendered(
        self, template: asyncio.Semaphore, order: RenderRequest, format_name: str
    ) -> RenderedFile:
        async with template:
            return await _child(
                self._rendering, render, order, format_name, size_bytes=len(order.data)
            )


async def _child(pool: Children, work: Callable[..., T], *args: Any, size_bytes: int) -> T:
    """Wait for a child without holding a thread; whoever stops waiting ends its work."""
    future = pool.submit(work, *args, size_bytes=size_bytes)
    try:
        waited = asyncio.wrap_future(future)
        await asyncio.wait([waited])
        if not waited.cancelled():
            waited.exception()  # looked at here, or asyncio would log it
        return outcome(future)
    finally:
        future.cancel()


async def _unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what comes of `work`, or end it as soon as the caller hangs up."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise DocgenError("caller_gone")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
