"""How far a sheet's values reach, told before it is read: readers make room for every cell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docgen.errors import InputUnreadable
from docgen.intake.sheets.limits import WorkbookLimits
from docgen.intake.sheets.places import column_of

THOROUGH_BYTES = 2**19
"""Up to here every cell is looked at; beyond, only the last one of each row."""
TAIL_BYTES = 64
"""What is kept of a piece without an end of a row: a mark may lie across two pieces."""
_FILLED = re.compile(rb"<(?:\w+:)?c ([^>]*[^>/])>")
_DIGITS = range(48, 58)
_NAME = re.compile(rb'\br="([A-Z]{1,3})(\d{1,10})"')


@dataclass
class Extent:
    """The last row and column of a worksheet part that hold a value, counted from 1."""

    limits: WorkbookLimits
    rows: int = 0
    columns: int = 0
    _seen: int = 0
    _rest: bytes = b""

    def see(self, piece: bytes) -> bytes:
        """Look at the next piece of the part; return it after the row that it goes on with."""
        xml = self._rest + piece
        if self._seen < THOROUGH_BYTES:
            for cell in _FILLED.finditer(xml):
                self._reach(cell[1])
        ends = self._row_ends(xml)
        self._seen += len(piece)
        self._rest = xml[ends:] if len(xml) - ends < THOROUGH_BYTES else xml[-TAIL_BYTES:]
        return xml

    def _row_ends(self, xml: bytes) -> int:
        """Look at the last filled cell of each row; return where the last row ends."""
        start, end, alike, opened = 0, xml.find(b"row>"), b"c ", 0
        while end >= 0:
            closed = xml.rfind(b"c>", start, end)
            if closed >= 0:
                opened = xml.rfind(b"c ", start, closed)
                if not xml.startswith(alike, opened) or xml[opened + len(alike)] not in _DIGITS:
                    alike = self._reach(xml[opened : opened + 200])
            start = end + 4
            end = xml.find(b"row>", start)
        self._reach(xml[opened : opened + 200])  # rows count up: the last is enough
        return start

    def _reach(self, cell: bytes) -> bytes:
        """Note a cell; return what the next row's cell of this column begins with."""
        name = _NAME.search(cell)
        if name is None:
            return b"c "
        self.rows = max(self.rows, int(name[2]))
        self.columns = max(self.columns, column_of(name[1].decode()) + 1)
        return cell[: name.end(1)]

    def check(self, sheet: str) -> None:
        """Refuse a sheet for which there would be no room. Raises InputUnreadable."""
        if self.rows > self.limits.rows:
            raise InputUnreadable(
                "too_many_sheet_rows", place=sheet, value=self.rows, limit=WorkbookLimits.rows
            )
        if self.columns > self.limits.columns:
            raise InputUnreadable(
                "too_many_columns", place=sheet, value=self.columns, limit=WorkbookLimits.columns
            )
        if self.rows * self.columns > self.limits.cells:
            raise InputUnreadable(
                "too_many_cells",
                place=sheet,
                value=self.rows * self.columns,
                limit=WorkbookLimits.cells,
            )
