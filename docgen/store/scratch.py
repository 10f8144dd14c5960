"""Temporary folders for one piece of work; a full disk is reported as StoreFault."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

from docgen.errors import StoreFault

# No space left, and the user's quota used up.
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Make a folder that is removed at the end. StoreFault: no_space, scratch_unusable."""
    try:
        with TemporaryDirectory(prefix=f"docgen-{name}-") as folder:
            yield Path(folder)
    except (OSError, sqlite3.Error) as wrong:
        raise _fault(wrong) from wrong


def _fault(wrong: Exception) -> StoreFault:
    if isinstance(wrong, OSError) and wrong.errno in FULL:
        return StoreFault("no_space.scratch", place=gettempdir())
    return StoreFault("scratch_unusable", place=gettempdir(), reason=str(wrong))
