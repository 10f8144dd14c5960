"""Files that are sent while they are written."""

from __future__ import annotations

import io
from typing import Any


class ZipSink(io.RawIOBase):
    """Where a zip is written to: what has come since it was last taken, and no way back."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        """Only that."""
        return True

    def write(self, data: Any) -> int:
        """Keep it until it is taken."""
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """Return what was written since."""
        taken, self._parts = b"".join(self._parts), []
        return taken
