"""A pool of child processes that render, with limits on memory, CPU, time and files, no network.

A document that hangs or crashes ends only its own child, and another child is started. Knows
nothing of documents: it runs any function whose arguments can be pickled.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import InvalidStateError
from concurrent.futures import TimeoutError as TimedOut
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.context import ForkServerContext
from multiprocessing.synchronize import RLock
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from docgen.errors import DocgenError, RenderFailed, SettingWrong
from docgen.files.output import write_aside

T = TypeVar("T")
RECYCLED_AFTER = 200  # tasks; bounds the memory that C libraries of a long-lived child leak
MESSAGE_LENGTH = 500
FILE_BYTES = 256 * 1024 * 1024  # RLIMIT_FSIZE: the largest file a child may write
OPEN_FILES = 256
NICENESS = 10  # requests of people at a page get the processor before documents do
WALL_S_PER_MB, CPU_S_PER_MB = 300, 280  # per MB of record; a PDF of one long table needs most
# Names of CPython's audit events (PEP 578) that start a process or use the network.
_REFUSED = (
    "os.exec os.fork os.forkpty os.posix_spawn os.system socket.bind socket.connect "
    "socket.getaddrinfo socket.gethostbyaddr socket.gethostbyname socket.getnameinfo "
    "socket.sendmsg socket.sendto subprocess.Popen urllib.Request"
)
REFUSED_EVENTS = frozenset(_REFUSED.split())


@dataclass(frozen=True)
class ChildLimits:
    """Limits of one document; the times grow with the size of its record."""

    memory_mb: int = 2048
    wall_s: float = 30
    cpu_s: int = 10

    def wall_for(self, size_bytes: int) -> float:
        """Return the wall-clock seconds for a record of `size_bytes`."""
        return self.wall_s + WALL_S_PER_MB * size_bytes / 2**20

    def cpu_for(self, size_bytes: int) -> int:
        """Return the CPU seconds for a record of `size_bytes`."""
        return self.cpu_s + int(CPU_S_PER_MB * size_bytes / 2**20)


class _Context(ForkServerContext):
    """Keeps a reference to its locks.

    Pebble drops them before it ends children that are only starting; these then fail to unpickle
    a lock that is gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self._locks: list[RLock] = []

    def RLock(self) -> RLock:  # noqa: N802 (the name is the standard library's)
        """Make a lock and keep it."""
        self._locks.append(super().RLock())
        return self._locks[-1]


class Children:
    """A pool of rendering children; use as a context manager."""

    def __init__(
        self, workers: int, limits: ChildLimits | None = None, preload: Sequence[str] = ()
    ) -> None:
        """Start nothing yet; `preload` names modules that every child will need."""
        self.limits = limits or ChildLimits()
        self._workers = workers
        self._context = _Context()
        self._context.set_forkserver_preload(["docgen.pipeline.preloaded", *preload])
        self._changing = threading.RLock()
        self._pool = self._new_pool()
        self._stopped = False
        self._unfinished: set[ProcessFuture[Any]] = set()

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=self._workers,
            max_tasks=RECYCLED_AFTER,
            context=self._context,
            initializer=_set_up_child,
            initargs=(self.limits.memory_mb,),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.stop()
            return
        with self._changing:  # no work comes in between the look at the pool and its end
            self._stopped = True
            self._pool.close()
        self._pool.join()
        self._give_up("render_stopped")

    def stop(self) -> None:
        """End all children at once, whatever they are doing; who waits for them is told so."""
        with self._changing:
            self._stopped = True
            self._pool.stop()
        self._pool.join()
        self._give_up("render_stopped")

    def submit(self, work: Callable[..., T], *args: Any, size_bytes: int) -> ProcessFuture[T]:
        """Start `work(*args)` in a child; take its result with `outcome`.

        RenderFailed: render_stopped, once `stop` was called.
        """
        limits = self.limits
        with self._changing:
            try:
                future: ProcessFuture[T] = self._working_pool().schedule(
                    _run_limited,
                    args=(limits.cpu_for(size_bytes), work, *args),
                    timeout=limits.wall_for(size_bytes),
                )
            except RuntimeError as wrong:  # raised by Pebble for a pool that was closed or stopped
                if not self._stopped:
                    raise
                raise RenderFailed("render_stopped") from wrong
            self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return future

    def _working_pool(self) -> ProcessPool:
        """Return the pool, or a new one: Pebble's stays broken once an idle child was killed."""
        if not self._pool.active and not self._stopped:
            self._pool.stop()
            self._pool.join()
            self._give_up("render_died.cut_off", reason="the pool of children broke")
            self._pool = self._new_pool()
        return self._pool

    def _give_up(self, code: str, **values: str) -> None:
        """Fail what the pool that has ended did not: Pebble drops it, and who waits waits for ever.

        pebble.ProcessPool.stop ends its threads with tasks in their queue or under way.
        """
        for future in tuple(self._unfinished):
            with suppress(InvalidStateError):  # it ended, or was cancelled, in this moment
                future.set_exception(RenderFailed(code, **values))

    def run(self, work: Callable[..., T], *args: Any, size_bytes: int) -> T:
        """Start `work` and wait for it; every failure is a DocgenError."""
        return outcome(self.submit(work, *args, size_bytes=size_bytes))


def outcome(future: ProcessFuture[T]) -> T:
    """Return the result of a child's work.

    Raises RenderFailed: render_timeout, render_memory, render_died, render_bug.
    """
    try:
        return future.result()
    except DocgenError:
        raise
    except TimedOut as late:
        raise RenderFailed("render_timeout") from late
    except MemoryError as large:
        raise RenderFailed("render_memory") from large
    except ProcessExpired as died:
        if died.exitcode == -signal.SIGXCPU:  # RLIMIT_CPU was reached (setrlimit(2))
            raise RenderFailed("render_timeout.processor") from died
        raise RenderFailed("render_died", exitcode=died.exitcode) from died
    except Exception as broken:  # the pool's own failures, results that cannot be sent
        raise RenderFailed("render_died.cut_off", reason=repr(broken)) from broken


def _set_up_child(memory_mb: int) -> None:
    """Set the limits of the child's whole life; runs once in each child."""
    os.nice(NICENESS)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    _set_limit(resource.RLIMIT_AS, memory_mb * 2**20)
    _set_limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _set_limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _set_limit(resource.RLIMIT_CORE, 0)  # a core file would hold the record's text
    sys.addaudithook(_refuse_event)


def _die_with_parent() -> None:
    """Wait for the end of the parent process, then end this child at once, even in mid-work."""
    if parent := parent_process():
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)  # sys.exit in a thread would end the thread only


def _set_limit(kind: int, value: int) -> None:
    """Lower a soft limit; the hard one stays, for only root may raise it again (setrlimit(2))."""
    _, hard = resource.getrlimit(kind)
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))


def _refuse_event(event: str, args: tuple[Any, ...]) -> None:
    """Refuse network and processes (audit hook); the pool's own pipes are open already."""
    if event in REFUSED_EVENTS:
        raise PermissionError(f"a rendering process may not use {event}")


def _run_limited(cpu_s: int, work: Callable[..., T], *args: Any) -> T:
    """Run `work` under a CPU limit; every failure becomes a DocgenError or a MemoryError."""
    # RLIMIT_CPU counts from the start of the process, which has done other work before.
    used = resource.getrusage(resource.RUSAGE_SELF)
    _set_limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_s + 1)
    try:
        return work(*args)
    except (DocgenError, MemoryError):
        raise
    except BaseException as bug:  # C extensions may raise anything; only this document fails
        text = f"{type(bug).__name__}: {bug}"[:MESSAGE_LENGTH]
        raise RenderFailed("render_bug", text=text) from bug


def private_fontconfig(fonts: Path, cache: Path) -> None:
    """Let this process and its children see only the project's fonts.

    Must run before WeasyPrint is imported: fontconfig reads FONTCONFIG_FILE once.
    """
    from docgen.renderers.fonts import fontconfig_file

    try:
        text = fontconfig_file(fonts, cache).encode()
    except (OSError, LookupError, TypeError, ValueError) as wrong:
        raise SettingWrong(
            "fonts_unreadable", place=str(fonts / "fonts.toml"), reason=str(wrong)
        ) from wrong
    # Named by its content: runs with other fonts share the folder, and none sees half a file.
    path = cache / f"{hashlib.sha256(text).hexdigest()[:16]}.conf"
    if not path.is_file():
        write_aside(path, text)
    os.environ["FONTCONFIG_FILE"] = str(path)
