"""Records that a spreadsheet would make, kept in one file and found by any of their rows.

One SQLite file of its own: it is thrown away with the preview, and never a ledger.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from docgen.errors import InputUnreadable, NotFound
from docgen.intake.sheets.import_result import PlannedRecord
from docgen.intake.sheets.ledger import records

_TABLES = """
CREATE TABLE documents (
    place INTEGER PRIMARY KEY, doc_no TEXT NOT NULL UNIQUE, code TEXT NOT NULL, record TEXT NOT NULL
);
CREATE TABLE rows (
    row INTEGER, sheet TEXT, file TEXT, doc_no TEXT NOT NULL, PRIMARY KEY (row, sheet, file)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class RowName:
    """A row of a sheet of a file; an empty sheet or file is whichever has that row alone."""

    row: int
    sheet: str = ""
    file: str = ""

    @classmethod
    def of(cls, text: str) -> RowName:
        """Read `SHEET!ROW`, as `服务器!12`, or the row alone. InputUnreadable: bad_row."""
        sheet, _, row = text.rpartition("!")
        number = row.strip().lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        if not number.isascii() or not number.isdecimal() or len(number) > 7:
            raise InputUnreadable("bad_row", value=text)
        return cls(int(number), sheet.strip("'"))


@dataclass(frozen=True)
class Drafted:
    """A record that rows would make."""

    doc_no: str
    code: str
    record: bytes


def keep(path: Path, ledger: Path, planned: Sequence[tuple[str, PlannedRecord]]) -> None:
    """Write the records of a plan, which lie in the ledger of a folder, with their rows."""
    codes = {one.doc_no: one.code for _, one in planned}
    places = (
        (row, sheet, file, one.doc_no)
        for file, one in planned
        for sheet, row in (*one.rows, *one.known)
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.executescript(_TABLES)
        database.execute("BEGIN")
        found = ((doc_no, codes[doc_no], text) for doc_no, text in records(ledger, codes))
        statement = "INSERT INTO documents (doc_no, code, record) VALUES (?, ?, ?)"
        database.executemany(statement, found)
        database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", places)
        database.execute("COMMIT")


def find(path: Path, name: RowName) -> Drafted:
    """Return the record of a row. Raises NotFound: row_unknown, row_of_several."""
    query = (
        "SELECT DISTINCT d.doc_no, d.code, d.record FROM rows r JOIN documents d USING (doc_no)"
        " WHERE r.row = ? AND ? IN ('', r.sheet) AND ? IN ('', r.file) LIMIT 2"
    )
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        found = database.execute(query, (name.row, name.sheet, name.file)).fetchall()
    if len(found) != 1:
        raise _not_one(name, several=bool(found))
    doc_no, code, text = found[0]
    return Drafted(doc_no, code, text.encode())


def every(path: Path) -> Iterable[Drafted]:
    """Yield all records in their order."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for doc_no, code, text in database.execute(
            "SELECT doc_no, code, record FROM documents ORDER BY place"
        ):
            yield Drafted(doc_no, code, text.encode())


def _not_one(name: RowName, *, several: bool) -> NotFound:
    place = f"{name.sheet}!{name.row}" if name.sheet else str(name.row)
    if several:
        return NotFound("row_of_several", value=place, row=name.row)
    return NotFound("row_unknown", value=place)
