"""A tar file written and read entry by entry; any tar can list it, or take a blob out of it."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

from docgen.errors import InputUnreadable

BLOCK = 512
MOST_BYTES = 1 << 30  # one entry is held in memory
MODE = 0o600


class TarWriter:
    """Puts entries into a file, one after the other."""

    def __init__(self, file: BinaryIO, moment: int) -> None:
        """Write to `file`; `moment` is the time of every entry, in seconds since 1970."""
        self._file, self._moment = file, moment

    def add(self, name: str, data: bytes) -> None:
        """Add an entry."""
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(data), self._moment, MODE
        self._file.write(info.tobuf(tarfile.USTAR_FORMAT))
        self._file.write(data)
        self._file.write(bytes(-len(data) % BLOCK))

    def end(self) -> None:
        """Mark the end."""
        self._file.write(bytes(2 * BLOCK))


def entries(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Give names and contents, to the end mark. InputUnreadable: backup_damaged."""
    while (block := _exactly(file, BLOCK)) != bytes(BLOCK):
        try:
            info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as wrong:
            raise InputUnreadable("backup_damaged", place="tar") from wrong
        if not info.isreg() or not 0 <= info.size <= MOST_BYTES:
            raise InputUnreadable("backup_damaged", place=info.name)
        data = _exactly(file, info.size)
        _exactly(file, -info.size % BLOCK)
        yield info.name, data
    while rest := file.read(BLOCK):  # tar fills up with more of the end mark
        if rest.strip(b"\0"):
            raise InputUnreadable("backup_damaged", place="tar")


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise InputUnreadable("backup_damaged", place="tar")
    return data
