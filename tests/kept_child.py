"""Rendering children that outlive the command that asked for them: one, for a whole process.

A command starts children of its own; called in the tests' process, it finds this one, which has
compiled templates already. Each piece of work in it begins as in a new child: in the command's
folder, with nothing remembered under a folder's name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pytest
from pebble import ProcessFuture

import docgen.pipeline.children
from docgen.pipeline import _theme
from docgen.renderers.isolation import ChildLimits, Children
from docgen.templates.catalog import FORMATS
from tests.warm import PATIENT

T = TypeVar("T")
LIMITS = replace(ChildLimits(), **PATIENT)


class KeptChild(Children):
    """Children that leaving the `with` block does not end, unless work was left undone."""

    def __init__(self) -> None:
        """Get ready for every format: whoever comes later finds the modules loaded."""
        super().__init__(1, LIMITS, [made.module for made in FORMATS.values()])
        self._given: list[ProcessFuture[Any]] = []

    def submit(self, work: Callable[..., T], *args: Any, size_bytes: int) -> ProcessFuture[T]:
        """Start work in the folder where the command stands."""
        made = super().submit(_anew, Path.cwd(), work, *args, size_bytes=size_bytes)
        self._given = [one for one in self._given if not one.done()] + [made]
        return made

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            wait(self._given)
        elif not all(one.done() for one in self._given):
            self.stop()

    def end(self) -> None:
        """Let the child end in good order, so that what it covered is counted."""
        super().__exit__(None, None, None)

    @property
    def stopped(self) -> bool:
        """Whether a command ended these children."""
        return self._stopped


def _anew(folder: Path, work: Callable[..., T], *args: Any) -> T:
    os.chdir(folder)
    _theme.cache_clear()
    return work(*args)


_kept: list[KeptChild] = []


def _children(workers: int, limits: ChildLimits, preload: Sequence[str]) -> Children:
    """Stand in for the class: only those with limits of their own, or several, are new."""
    if workers != 1 or limits != LIMITS:
        return Children(workers, limits, preload)
    if not _kept or _kept[-1].stopped:
        _kept[:] = [KeptChild()]
    return _kept[-1]


@contextmanager
def child_kept() -> Iterator[None]:
    """Give every command inside the block the warm child of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(docgen.pipeline.children, "Children", _children)
        yield


@pytest.fixture(autouse=True, scope="session")
def kept_child_ends() -> Iterator[None]:
    """End the child with the tests, if a command asked for one."""
    yield
    for made in _kept:
        made.end()
