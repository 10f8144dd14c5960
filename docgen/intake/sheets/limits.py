"""How large a spreadsheet may be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkbookLimits:
    """Bounds of one file: its bytes packed and unpacked, its sheets, their rows, columns and cells.

    Cells are rows times columns up to the last value, empty ones too: each takes 32 bytes.
    """

    file_bytes: int = 100 * 2**20
    unpacked_bytes: int = 768 * 2**20
    sheets: int = 200
    rows: int = 1_048_576
    columns: int = 1_000
    cells: int = 30_000_000
