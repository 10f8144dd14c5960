"""Rendering children that outlive a test, and what they have rendered: for tests of other things.

An application starts children of its own and ends them with itself. Where they are not the
subject, tests lend theirs from one pool of the pytest process, and a document that any test of the
run has had made is not made again: equal skip keys make equal bytes.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pebble import ProcessFuture

import docgen
from docgen.files.output import write_aside
from docgen.pipeline import RenderRequest, render, skip_key
from docgen.pipeline.children import children
from docgen.renderers.isolation import Children
from docgen.settings import Settings
from docgen.templates.catalog import FORMATS

T = TypeVar("T")
PATIENT: dict[str, Any] = {"wall_s": 150, "cpu_s": 60}
"""Limits of rendering for machines that do much else; what limits do has tests of its own."""
AT_ONCE = 2
_pool: list[Children] = []
_folders: list[Path] = []


class LentChildren(Children):
    """Children of the process's pool, as an application has them until it ends."""

    def submit(self, work: Callable[..., T], *args: Any, size_bytes: int) -> ProcessFuture[T]:
        """Start `work(*args)` in a child, unless its result is known."""
        if self._stopped:
            return super().submit(work, *args, size_bytes=size_bytes)  # which refuses
        if work is not render:
            return _warm().submit(work, *args, size_bytes=size_bytes)
        kept = _folders[0] / _name(*args)
        if kept.is_file():
            known: ProcessFuture[T] = ProcessFuture()
            known.set_result(pickle.loads(kept.read_bytes()))  # noqa: S301 - our own
            return known
        made: ProcessFuture[T] = _warm().submit(work, *args, size_bytes=size_bytes)
        made.add_done_callback(partial(_keep, kept))
        return made


def lent(settings: Settings, formats: Iterable[str]) -> Children:
    """Lend children to an application whose settings have the limits of `PATIENT`."""
    return LentChildren(settings.jobs)


def _warm() -> Children:
    if not _pool:
        _pool.append(children(Settings(jobs=AT_ONCE, **PATIENT), FORMATS))
    return _pool[0]


def _name(order: RenderRequest, format_name: str) -> str:
    """Return the name of an outcome; besides the file it has warnings, which go by the clock."""
    key = f"{skip_key(order, format_name, docgen.__version__)} {order.now.isoformat()}"
    return hashlib.sha256(key.encode()).hexdigest()


def _keep(path: Path, made: Future[Any]) -> None:
    if not made.cancelled() and made.exception() is None:
        write_aside(path, pickle.dumps(made.result()))


@pytest.fixture(autouse=True, scope="session")
def rendered_once(tmp_path_factory: pytest.TempPathFactory, own_fonts: None) -> Iterator[None]:
    """Keep what is rendered, in one folder for all processes of a run; end the pool in order."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "rendered"
    folder.mkdir(exist_ok=True)
    _folders.append(folder)
    yield
    _folders.clear()
    for pool in _pool:
        with pool:
            pass
    _pool.clear()
