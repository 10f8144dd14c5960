"""Locks between backup and sweep: no bytes are swept while a backup is about to read them."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from docgen.errors import OutputRefused
from docgen.store.database import Database

NAME = "sweep.lock"
_LOCK = 0x73776570  # of PostgreSQL's advisory locks, "swep" in ASCII


@contextmanager
def no_sweep(database: Database) -> Iterator[None]:
    """Let no sweep begin meanwhile; one that runs is waited for. Several may hold this."""
    with _held(database, shared=True, wait=True):
        yield


@contextmanager
def the_sweep(database: Database) -> Iterator[bool]:
    """Give whether nobody else sweeps or holds sweeps off, now and until the end of the block."""
    with _held(database, shared=False, wait=False) as got:
        yield got


@contextmanager
def _held(database: Database, *, shared: bool, wait: bool) -> Iterator[bool]:
    if database.is_sqlite:
        path = Path(database.engine.url.database or "").with_name(NAME)
        with _flocked(path, shared=shared, wait=wait) as got:
            yield got
        return
    # In a connection of its own: a snapshot begins only after the lock is held.
    call = f"pg_{'' if wait else 'try_'}advisory_xact_lock{'_shared' if shared else ''}(:lock)"
    with database.reading() as session:
        # The variants that wait return void, which arrives as "" or None: they hold the lock.
        locked = session.scalar(text(f"SELECT {call}"), {"lock": _LOCK})
        yield locked is not False


@contextmanager
def _flocked(path: Path, *, shared: bool, wait: bool) -> Iterator[bool]:
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as wrong:
        raise OutputRefused("data_folder", place=str(path.parent), reason=wrong.strerror) from wrong
    try:
        yield _locked(handle, kind if wait else kind | fcntl.LOCK_NB)
    finally:
        os.close(handle)


def _locked(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind)  # released when the file is closed, by a crash as well
    except BlockingIOError:
        return False
    return True
