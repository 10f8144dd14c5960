"""The audit trail's anchor: its newest hashes, appended to a file outside the database."""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from docgen.errors import StoreFault
from docgen.store.audit_chain import Head

NAME = "audit-anchor.log"
NEWEST, EVERY = 1000, 1000  # of the lines read: the newest ones, and those of every 1000th entry
_TAIL_BYTES = 4096  # about fifty lines, more than the changes that may be anchored out of order


class Anchor:
    """Lines of `<seq> <hash>`, the newest last. Several processes may append."""

    def __init__(self, folder: Path) -> None:
        """Use the file in the data folder; it is made with the first line."""
        self.path = folder / NAME

    def keep(self, seq: int, entry_hash: str) -> None:
        """Append a hash. StoreFault: anchor_unwritable."""
        line = f"{seq} {entry_hash}\n".encode()
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                _drop_partial_line(handle, self.path)
                if os.write(handle, line) != len(line):
                    raise OSError(28, "No space left on device")
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as wrong:
            raise StoreFault(
                "anchor_unwritable", place=str(self.path), reason=wrong.strerror
            ) from wrong

    def exists(self) -> bool:
        """Return whether there is anything in the file, be it no line of ours."""
        return self.path.exists() and self.path.stat().st_size > 0

    def newest(self) -> Head | None:
        """Return the newest of the last lines; None without a file, or without a whole line."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = file.read().decode("ascii", "replace").splitlines(keepends=True)
        except FileNotFoundError:
            return None
        except OSError as wrong:
            raise self._unreadable(wrong) from wrong
        return max(filter(None, map(_pair, lines)), key=lambda one: one.seq, default=None)

    def set_aside(self) -> None:
        """Rename the file, never over another, so that a new one begins. StoreFault."""
        free = (self.path.with_suffix(f".{number}.log") for number in count(1))
        aside = next(path for path in free if not path.exists())
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        except OSError as wrong:
            raise StoreFault(
                "anchor_unwritable", place=str(self.path), reason=wrong.strerror
            ) from wrong

    def read(self) -> dict[int, str]:
        """Return the hashes by number: the newest ones, and of those before every thousandth.

        As each covers all before it, that is enough. Of two for one number the first counts, so
        that nobody mends a chain by appending; a last line that is cut short counts for nothing.
        """
        kept: dict[int, str] = {}
        newest: deque[tuple[int, str]] = deque()
        for seq, entry_hash in self._pairs():
            newest.append((seq, entry_hash))
            if len(newest) > NEWEST:
                old, old_hash = newest.popleft()
                if old % EVERY == 0:
                    kept.setdefault(old, old_hash)
        for seq, entry_hash in newest:
            kept.setdefault(seq, entry_hash)
        return kept

    def _pairs(self) -> Iterator[Head]:
        try:
            with self.path.open("r", encoding="ascii", errors="replace") as file:
                yield from filter(None, map(_pair, file))
        except FileNotFoundError:
            return
        except OSError as wrong:
            raise self._unreadable(wrong) from wrong

    def _unreadable(self, wrong: OSError) -> StoreFault:
        return StoreFault("anchor_unreadable", place=str(self.path), reason=wrong.strerror)


def _pair(line: str) -> Head | None:
    """Read a line; None for one that is cut short or none of ours."""
    pair = line.split()
    if line.endswith("\n") and len(pair) == 2 and pair[0].isdecimal():
        return Head(int(pair[0]), pair[1])
    return None


def _drop_partial_line(handle: int, path: Path) -> None:
    """Drop the beginning of a line that a full disk or a kill has left."""
    size = os.fstat(handle).st_size
    if size == 0:
        return
    with path.open("rb") as file:
        file.seek(max(0, size - 100))
        tail = file.read()
    if not tail.endswith(b"\n"):
        os.ftruncate(handle, size - len(tail) + tail.rfind(b"\n") + 1)
