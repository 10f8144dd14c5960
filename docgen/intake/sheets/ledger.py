"""What an output folder remembers of converted rows, so that doing it twice adds nothing.

One SQLite file beside the documents: which row (natural key, hash) became which record, and the
records themselves. It is written in one transaction a file, before any document is rendered.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic_core import to_json

from docgen.errors import OutputRefused

NAME = ".docgen-sheets.db"
_TABLES = """
CREATE TABLE IF NOT EXISTS documents (
    doc_no TEXT PRIMARY KEY, code TEXT NOT NULL, series TEXT NOT NULL, serial INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_series ON documents (series, serial);
CREATE TABLE IF NOT EXISTS rows (
    key BLOB PRIMARY KEY, doc_no TEXT NOT NULL, hash BLOB NOT NULL, list TEXT NOT NULL,
    position INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_document ON rows (doc_no);
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A row that became part of a record before."""

    doc_no: str
    hash: bytes
    list_name: str
    position: int


class RowEntry(NamedTuple):
    """A row that becomes part of a record now."""

    key: bytes
    hash: bytes
    list_name: str = ""
    position: int = 0


class Ledger:
    """The memory of one output folder; use as a context manager. A dry one keeps nothing."""

    def __init__(self, folder: Path, *, dry: bool = False) -> None:
        """Open or make it. Raises OutputRefused: ledger_unusable."""
        self._scratch: Path | None = None
        path = folder / NAME
        if dry:
            self._scratch = Path(tempfile.mkdtemp(prefix="docgen-dry-"))
            if path.is_file():
                shutil.copyfile(path, self._scratch / NAME)
            path = self._scratch / NAME
        try:
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None)
            if dry:
                self._database.execute("PRAGMA synchronous=OFF")
            self._database.executescript(_TABLES)
            self._database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as wrong:
            raise OutputRefused("ledger_unusable", place=str(path), reason=str(wrong)) from wrong
        found = self._database.execute("SELECT 1 FROM rows LIMIT 1").fetchone()
        self.is_new = found is None
        self._serials: dict[str, int] = {}

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(sqlite3.Error):
            self._database.execute("ROLLBACK" if kind or self._scratch else "COMMIT")
        self._database.close()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def known(self, key: bytes) -> Known | None:
        """Return what a row became before."""
        if self.is_new:
            return None
        query = "SELECT doc_no, hash, list, position FROM rows WHERE key = ?"
        found = self._database.execute(query, (key,)).fetchone()
        return Known(*found) if found else None

    def serial(self, series: str) -> int:
        """Return the next serial of a series like ZX-HDYD-20260306; it stays free until `add`."""
        if series not in self._serials:
            query = "SELECT max(serial) FROM documents WHERE series = ?"
            self._serials[series] = self._database.execute(query, (series,)).fetchone()[0] or 0
        return self._serials[series] + 1

    def pass_over(self, series: Iterable[tuple[str, str, int]]) -> None:
        """Note the last serial (code, series, serial) that somebody else gave; none becomes free.

        It holds the place of a number, and no record.
        """
        entries = ((f"{name}-{last:03d}", code, name, last) for code, name, last in series)
        statement = "INSERT OR IGNORE INTO documents VALUES (?, ?, ?, ?, 'null')"
        self._database.executemany(statement, entries)

    def record(self, doc_no: str) -> dict[str, Any] | None:
        """Return the record of a number."""
        query = "SELECT record FROM documents WHERE doc_no = ?"
        found = self._database.execute(query, (doc_no,)).fetchone()
        return json.loads(found[0]) if found else None

    def rows_of(self, doc_no: str) -> list[tuple[bytes, Known]]:
        """Return the rows of a record."""
        query = "SELECT key, doc_no, hash, list, position FROM rows WHERE doc_no = ?"
        return [(row[0], Known(*row[1:])) for row in self._database.execute(query, (doc_no,))]

    def add(
        self, code: str, doc_no: str, record: Mapping[str, Any], rows: Iterable[RowEntry]
    ) -> None:
        """Remember a record with its rows, in the place of what it was before."""
        series, _, serial = doc_no.partition("-R")[0].rpartition("-")
        self._serials[series] = max(self._serials.get(series, 0), int(serial))
        if self._scratch:
            return
        statement = "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)"
        self._database.execute(statement, (doc_no, code, series, int(serial), _text(record)))
        entries = ((key, doc_no, hash_, name, place) for key, hash_, name, place in rows)
        self._database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)", entries)


def _text(record: Mapping[str, Any]) -> str:
    return to_json(record).decode()


def records(folder: Path, numbers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield number and JSON of records in the ledger of `folder`."""
    path = folder / NAME
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
        try:
            query = "SELECT record FROM documents WHERE doc_no = ?"
            for number in numbers:
                yield number, database.execute(query, (number,)).fetchone()[0]
        finally:
            database.close()
    except sqlite3.Error as wrong:
        raise OutputRefused("ledger_unusable", place=str(path), reason=str(wrong)) from wrong
