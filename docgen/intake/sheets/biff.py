""".xls: date system, error cells and encryption, from the records of the workbook stream."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from docgen.errors import InputUnreadable
from docgen.intake.sheets.facts import Facts

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SPECIAL = 0xFFFFFFFA  # numbers from here on are no sectors
_ROOT = 5
_COUNTS = (40, 44, 64, 72)
"""Where the head says how many sectors directory, FAT, small FAT and the FAT's FAT have."""
_BOF, _EOF, _FORMULA, _DATEMODE, _FILEPASS, _SHEET, _ERROR = (
    0x0809,
    0x000A,
    0x0006,
    0x0022,
    0x002F,
    0x0085,
    0x0205,
)
_DIMENSIONS, _DIMENSIONS_LENGTH = 0x0200, 14
_CELLS = frozenset({_FORMULA, _ERROR, 0x00BD, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x027E})
_ROWS, _COLUMNS = 65_536, 256
_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
# SupBook, ExternName, Qsi, DConn ([MS-XLS] 2.4.271, 2.4.105, 2.4.208, 2.4.83).
_SUPBOOK, _EXTERNNAME, _QUERY, _DATABASE = 0x01AE, 0x0023, 0x01AD, 0x0876
_OWN_BOOKS = (b"\x01\x04", b"\x01\x3a")  # this workbook, add-in functions (2.5.277)
_DDE = "\x03"  # parts server and topic in a virtual path (2.5.277)
_FETCHING = re.compile(r"WEBSERVICE|FILTERXML|RTD|REGISTER\.ID|SQL\.REQUEST", re.IGNORECASE)
_MACROS = frozenset({"_VBA_PROJECT_CUR", "VBA"})
_OBJECT = re.compile(r"MBD[0-9A-F]{8}$")  # storages of embedded objects (2.1.7.17)
WHOLE = "工作簿 (workbook)"
Record = tuple[int, int, bytes]


def facts(path: Path) -> Facts:
    """Read the records of a workbook. Raises InputUnreadable."""
    data = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise InputUnreadable("workbook_encrypted")
    try:
        stream, beside = _workbook(data)
        found = _facts(stream)
    except (struct.error, IndexError, KeyError, UnicodeError) as wrong:
        raise InputUnreadable("workbook_broken", value=str(wrong)) from wrong
    if beside & _MACROS:
        found.notes.append("macros_ignored")
        found.ignore("macros", WHOLE, "VBA")
    if objects := sorted(name for name in beside if _OBJECT.match(name)):
        found.ignore("macros", WHOLE, ", ".join(objects))
    return found


def _facts(stream: bytes) -> Facts:
    names: dict[int, str] = {}
    found, sheet = Facts(), ""
    for at, kind, body in _records(stream):
        if kind == _BOF:
            sheet = names.get(at, sheet)
        elif kind == _FILEPASS:
            raise InputUnreadable("workbook_encrypted")
        elif kind == _DATEMODE:
            found.date1904 = body[:2] == b"\1\0"
        elif kind == _SHEET:
            names[struct.unpack_from("<I", body)[0]] = _text(body[6:])
        elif kind in (_ERROR, _FORMULA):
            _note_error(found, sheet, kind, body)
        elif kind in (_SUPBOOK, _EXTERNNAME, _QUERY, _DATABASE):
            _note_outside(found, sheet or WHOLE, kind, body)
        if kind == _DIMENSIONS or kind in _CELLS:
            _check_reach(kind, body)
    return found


def _note_outside(found: Facts, place: str, kind: int, body: bytes) -> None:
    """Note other workbooks, DDE, functions that fetch, and queries; their records name no cell."""
    if kind == _SUPBOOK:
        path = body[4:].decode("latin-1").replace("\0", "")
        if body[2:4] not in _OWN_BOOKS:
            dde = _DDE in path
            readable = "".join(one if one.isprintable() else "|" for one in path).strip("|")
            found.ignore("macros" if dde else "data_connection", WHOLE, readable)
    elif kind == _EXTERNNAME:
        name = body[6:].replace(b"\0", b"").decode("latin-1")
        if fetching := _FETCHING.search(name):
            found.ignore("active_formula", WHOLE, fetching[0])
    else:
        found.ignore("data_connection", place, "QUERY")


def _check_reach(kind: int, body: bytes) -> None:
    """Refuse cells where this kind of file has none: readers make room for all up to them."""
    if kind == _DIMENSIONS and len(body) >= _DIMENSIONS_LENGTH:
        first_row, rows, first_column, columns = struct.unpack_from("<IIHH", body)
    else:
        rows, columns = struct.unpack_from("<HH", body)
        first_row, first_column = rows, columns
    if first_row > rows or first_column > columns or rows > _ROWS or columns > _COLUMNS:
        raise InputUnreadable("workbook_broken", value=f"{rows} x {columns}")


def _note_error(found: Facts, sheet: str, kind: int, body: bytes) -> None:
    row, column = struct.unpack_from("<HH", body)
    if kind == _ERROR and body[7]:
        found.sheet(sheet).odd[row, column] = _ERRORS.get(body[6], "#ERROR")
    if kind == _FORMULA and body[12:14] == b"\xff\xff" and body[6] == 2:
        found.sheet(sheet).odd[row, column] = _ERRORS.get(body[8], "#ERROR")


def _records(stream: bytes) -> Iterator[Record]:
    at = 0
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        yield at, kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def _text(body: bytes) -> str:
    """Read a short string: its length, whether it is wide, its letters."""
    length, wide = body[0], body[1] & 1
    letters = body[2 : 2 + length * (2 if wide else 1)]
    return letters.decode("utf-16-le" if wide else "latin-1")


def _workbook(data: bytes) -> tuple[bytes, set[str]]:
    """Return the workbook stream of a compound file, and the names of what is beside it."""
    compound = _Compound(data)
    streams = compound.streams()
    stream = streams.get("Workbook") or streams.get("Book")
    if stream is None:
        raise InputUnreadable("sheet_kind_unknown")
    return compound.read(*stream), set(streams)


class _Compound:
    """A compound file (MS-CFB): streams as chains of sectors, small ones inside the root's."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.sector = 1 << struct.unpack_from("<H", data, 30)[0]
        self.small = 1 << struct.unpack_from("<H", data, 32)[0]
        self.cutoff = struct.unpack_from("<I", data, 56)[0]
        self._check_counts()
        self.fat = self._table(self._fat_sectors())
        self.root = (0, 0)

    def _check_counts(self) -> None:
        """Refuse more sectors than there are bytes: readers make room for what the head says."""
        sectors = len(self.data) // self.sector + 1
        counts = [struct.unpack_from("<I", self.data, at)[0] for at in _COUNTS]
        if self.sector not in (512, 4096) or self.small != 64 or max(counts) > sectors:
            raise InputUnreadable("workbook_broken", value=f"{counts} of {sectors} sectors")

    def streams(self) -> dict[str, tuple[int, int]]:
        """Return first sector and size of every stream by its name."""
        found = {}
        directory = self._chain(struct.unpack_from("<I", self.data, 48)[0])
        for at in range(0, len(directory), 128):
            entry = directory[at : at + 128]
            length = struct.unpack_from("<H", entry, 64)[0]
            place = struct.unpack_from("<II", entry, 116)
            found[entry[: max(0, length - 2)].decode("utf-16-le")] = place
            if entry[66] == _ROOT:
                self.root = place
        return found

    def read(self, start: int, size: int) -> bytes:
        """Return a stream."""
        if size >= self.cutoff:
            return self._chain(start)[:size]
        whole = self._chain(self.root[0])
        table = self._table(self._numbers(struct.unpack_from("<I", self.data, 60)[0]))
        places = (number * self.small for number in _followed(table, start))
        return b"".join(whole[place : place + self.small] for place in places)[:size]

    def _fat_sectors(self) -> list[int]:
        numbers = [one for one in struct.unpack_from("<109I", self.data, 76) if one < _SPECIAL]
        following = struct.unpack_from("<I", self.data, 68)[0]
        while following < _SPECIAL and len(numbers) <= len(self.data) // self.sector:
            more = self._table([following])
            numbers += [one for one in more[:-1] if one < _SPECIAL]
            following = more[-1]
        return numbers

    def _table(self, sectors: list[int]) -> list[int]:
        count = self.sector // 4
        found: list[int] = []
        for number in sectors:
            found += struct.unpack_from(f"<{count}I", self.data, (number + 1) * self.sector)
        return found

    def _numbers(self, start: int) -> list[int]:
        return list(_followed(self.fat, start))

    def _chain(self, start: int) -> bytes:
        places = ((number + 1) * self.sector for number in self._numbers(start))
        return b"".join(self.data[place : place + self.sector] for place in places)


def _followed(table: list[int], start: int) -> Iterator[int]:
    for _ in range(len(table)):
        if start >= _SPECIAL:
            return
        yield start
        start = table[start]
