"""What ends a rendering child, by its name; anything else is done at once, as documents are."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Sequence

from docgen.batches.rendering import Answer, RenderedRecord


def act(rows: Sequence[bytes]) -> list[Answer]:
    """Do what the JSON texts say."""
    return [_acted(data) for data in rows]


def _acted(data: bytes) -> RenderedRecord:
    match data:
        case b'"hang"':
            time.sleep(1000)
        case b'"crash"':
            ctypes.string_at(0)
        case b'"memory"':
            bytearray(10**12)
        case b'"slow"':
            time.sleep(0.01)
        case b'"exit"':
            os._exit(3)
        case b'"moment"':
            return RenderedRecord("D", {"docx": f"{time.time():.6f}".encode()})
    return RenderedRecord(f"D-{data.decode()}", {"docx": data * 3})
