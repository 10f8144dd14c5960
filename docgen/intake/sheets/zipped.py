"""Office packages measured before they are read: sizes, ratio, encryption, no DTD."""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Iterator
from pathlib import Path

from docgen.errors import InputUnreadable
from docgen.files.unzip import BROKEN, ENCRYPTED, FREE_RATIO_BYTES, RATIO
from docgen.intake.sheets.limits import WorkbookLimits

ENTRIES = 4_000
CHUNK = 2**18


class ZippedWorkbook:
    """A zip whose entries are inflated in pieces, within one budget; use as a context manager."""

    def __init__(self, path: Path, limits: WorkbookLimits) -> None:
        """Open it and check what needs no inflating. Raises InputUnreadable."""
        self.limits, self._spent = limits, 0
        try:
            self._zip = zipfile.ZipFile(path)
        except BROKEN as wrong:
            raise InputUnreadable("workbook_broken", value=str(wrong)) from wrong
        self.entries = {info.filename: info for info in self._zip.infolist()}
        for info in self.entries.values():
            if info.header_offset < 0:
                raise InputUnreadable("workbook_broken", place=info.filename)
        if len(self.entries) > ENTRIES:
            raise InputUnreadable("sheet_zip_bomb", value=len(self.entries))

    def __enter__(self) -> ZippedWorkbook:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def pieces(self, name: str) -> Iterator[bytes]:
        """Inflate an entry to its true end, whatever size was declared."""
        info = self.entries[name]
        if info.flag_bits & ENCRYPTED:
            raise InputUnreadable("workbook_encrypted", place=name)
        measured = copy.copy(info)
        measured.file_size = self.limits.unpacked_bytes + 1
        size = 0
        try:
            with self._zip.open(measured) as entry:
                while piece := entry.read(CHUNK):
                    size += len(piece)
                    self._spend(len(piece), size, info)
                    yield piece
        except BROKEN as wrong:
            raise InputUnreadable("workbook_broken", place=name, value=str(wrong)) from wrong
        if size != info.file_size:
            raise InputUnreadable("sheet_zip_bomb", place=name, value=size)

    def read(self, name: str) -> bytes:
        """Return a small entry whole; one with a DTD is refused."""
        whole = b"".join(self.pieces(name))
        check_head(whole, name)
        return whole

    def _spend(self, piece: int, size: int, info: zipfile.ZipInfo) -> None:
        self._spent += piece
        if self._spent > self.limits.unpacked_bytes:
            raise InputUnreadable(
                "sheet_unpacked_too_large",
                place=info.filename,
                limit=WorkbookLimits.unpacked_bytes // 2**20,
            )
        if size > FREE_RATIO_BYTES and size > RATIO * info.compress_size:
            raise InputUnreadable("sheet_zip_bomb", place=info.filename, value=size)


def check_head(first: bytes, name: str) -> None:
    """Refuse a document type: no spreadsheet has one, and entities hide in it."""
    if b"<!DOCTYPE" in first[:CHUNK] or b"<!ENTITY" in first[:CHUNK]:
        raise InputUnreadable("workbook_xml", place=name)
