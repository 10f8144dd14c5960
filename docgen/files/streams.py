"""Zip files that are sent while they are written."""

from __future__ import annotations

import io
from typing import Any


class ZipSink(io.RawIOBase):
    """An output for ZipFile that cannot seek, and gives the bytes written since the last take."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """Return True; it cannot seek, so ZipFile writes sizes behind members (APPNOTE 4.3.9)."""
        return True

    def write(self, data: Any) -> int:
        """Keep the bytes until they are taken."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        taken, self._parts = b"".join(self._parts), []
        return taken
