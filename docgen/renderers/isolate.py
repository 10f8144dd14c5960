"""Children that render and may die: limits on memory, CPU, wall time, files, and no network.

A hanging or crashing document costs its own child only; the pool starts another.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as TimedOut
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from docgen.errors import DocgenError, RenderFailed

T = TypeVar("T")
RECYCLED_AFTER = 200
FILE_BYTES = 256 * 1024 * 1024
OPEN_FILES = 256
WALL_S_PER_MB, CPU_S_PER_MB = 300, 280
REFUSED_EVENTS = frozenset(
    "socket.connect socket.bind socket.getaddrinfo socket.gethostbyname socket.sendto "
    "subprocess.Popen os.system os.exec os.posix_spawn os.fork urllib.Request".split()
)


@dataclass(frozen=True)
class Limits:
    """What one document may take. Times grow with its size: a long table honestly takes longer."""

    memory_mb: int = 2048
    wall_s: float = 30
    cpu_s: int = 10

    def wall_for(self, size_bytes: int) -> float:
        """Wall seconds for a record of `size_bytes`."""
        return self.wall_s + WALL_S_PER_MB * size_bytes / 2**20

    def cpu_for(self, size_bytes: int) -> int:
        """CPU seconds for a record of `size_bytes`."""
        return self.cpu_s + int(CPU_S_PER_MB * size_bytes / 2**20)


class Children:
    """A pool of rendering children; use as a context manager."""

    def __init__(
        self, workers: int, limits: Limits | None = None, preload: Sequence[str] = ()
    ) -> None:
        """Start nothing yet; `preload` names modules that every child will need."""
        self.limits = limits or Limits()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["docgen.pipeline", *preload])
        self._pool = ProcessPool(
            max_workers=workers,
            max_tasks=RECYCLED_AFTER,
            context=context,
            initializer=_enclose,
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
        self._pool.close()
        self._pool.join()

    def stop(self) -> None:
        """End all children at once, whatever they are doing."""
        self._pool.stop()
        self._pool.join()

    def submit(self, work: Callable[..., T], *args: Any, size_bytes: int) -> ProcessFuture[T]:
        """Start `work(*args)` in a child; take its result with `outcome`."""
        limits = self.limits
        return self._pool.schedule(
            _limited,
            args=(limits.cpu_for(size_bytes), work, *args),
            timeout=limits.wall_for(size_bytes),
        )

    def run(self, work: Callable[..., T], *args: Any, size_bytes: int) -> T:
        """Start `work` and wait for it; every failure is a DocgenError."""
        return outcome(self.submit(work, *args, size_bytes=size_bytes))


def outcome(future: ProcessFuture[T]) -> T:
    """Return the result of a child's work. RenderFailed: render_timeout, render_died, render_memory."""
    try:
        return future.result()
    except DocgenError:
        raise
    except TimedOut as late:
        raise _failed(
            "render_timeout", "处理超时，已终止", "It took too long and was ended"
        ) from late
    except MemoryError as large:
        raise _failed(
            "render_memory", "内存超限，已终止", "It needed too much memory and was ended"
        ) from large
    except ProcessExpired as died:
        if died.exitcode == -signal.SIGXCPU:
            raise _failed(
                "render_timeout",
                "处理耗尽 CPU 时限，已终止",
                "It used up its CPU time and was ended",
            ) from died
        raise _failed(
            "render_died",
            f"处理进程意外结束（退出码 {died.exitcode}）",
            f"The rendering process died (exit code {died.exitcode})",
        ) from died


def _failed(code: str, zh: str, en: str) -> RenderFailed:
    return RenderFailed(
        code,
        zh,
        en,
        hint_zh="请检查模板是否有无尽循环，或拆分过大的单据。",
        hint_en="Look for endless loops in the template, or split a very large record.",
    )


def _enclose(memory_mb: int) -> None:
    """Limits of the child's whole life; runs once in each child."""
    _limit(resource.RLIMIT_AS, memory_mb * 2**20)
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    sys.addaudithook(_refuse)


def _limit(kind: int, wanted: int) -> None:
    _, hard = resource.getrlimit(kind)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (most, hard))


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    """Audit hook: a renderer talks to nobody and starts nothing (AF_UNIX pipes are the pool's)."""
    if event in REFUSED_EVENTS:
        raise PermissionError(f"a rendering process may not use {event}")


def _limited(cpu_s: int, work: Callable[..., T], *args: Any) -> T:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + cpu_s + 1)
    return work(*args)


def private_fontconfig(fonts: Path, cache: Path) -> None:
    """Make this process and its children see the project's fonts only; before WeasyPrint loads."""
    from docgen.renderers.fonts import fontconfig_file

    cache.mkdir(parents=True, exist_ok=True)
    path = cache / "fonts.conf"
    path.write_text(fontconfig_file(fonts, cache), "utf-8")
    os.environ["FONTCONFIG_FILE"] = str(path)
