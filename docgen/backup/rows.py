"""Rows in a form that both databases read: one JSON object a line, table by table.

Tables are taken as the database has them, not as this version knows them, so that a backup can
be made before a migration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    DateTime,
    Integer,
    MetaData,
    RowMapping,
    Table,
    func,
    select,
)

from docgen.errors import InputUnreadable

# The index is made anew, jobs belong to the running service, and migrations number themselves.
LEFT_OUT = ("alembic_version", "record_search", "procrastinate_")


def tables(connection: Connection) -> list[Table]:
    """Return the tables that hold a store's rows; those that others refer to come first."""
    metadata = MetaData()
    metadata.reflect(connection, only=lambda name, _: not name.startswith(LEFT_OUT))
    return metadata.sorted_tables


def line(row: RowMapping) -> bytes:
    """Write a row."""
    plain = json.dumps(dict(row), ensure_ascii=False, separators=(",", ":"), default=_text)
    return plain.encode() + b"\n"


def reader(table: Table, *, naive: bool) -> Callable[[bytes], dict[str, Any]]:
    """Return what reads a line as a row of `table`; with `naive` moments lose their zone (UTC).

    It raises InputUnreadable: backup_damaged.
    """
    readers = {column.name: _reader(column.type, naive) for column in table.columns}

    def read(written: bytes) -> dict[str, Any]:
        try:
            plain = json.loads(written)
            if plain.keys() != readers.keys():
                raise ValueError(plain.keys())
            return {
                name: None if value is None else readers[name](value)
                for name, value in plain.items()
            }
        except (ValueError, TypeError, AttributeError) as wrong:
            raise InputUnreadable("backup_damaged", place=table.name) from wrong

    return read


def advance_numbers(connection: Connection, found: Iterable[Table]) -> None:
    """Let PostgreSQL number new rows after those that were put in; SQLite does so by itself."""
    if connection.dialect.name == "sqlite":
        return
    for table, column in _numbered(found):
        sequence = connection.scalar(select(func.pg_get_serial_sequence(table, column.name)))
        last = connection.scalar(select(func.max(column)))
        if sequence and last:
            connection.execute(select(func.setval(sequence, last)))


def _numbered(found: Iterable[Table]) -> Iterator[tuple[str, Column[Any]]]:
    for table in found:
        for column in table.columns:
            if isinstance(column.type, Integer):
                yield table.name, column


def _text(value: object) -> str:
    """Write a moment in UTC (SQLite gives it without saying so), or a day."""
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no portable form of {type(value).__name__}")


def _reader(kind: object, naive: bool) -> Callable[[Any], Any]:
    if isinstance(kind, DateTime):
        return _naive_moment if naive else datetime.fromisoformat
    return date.fromisoformat if isinstance(kind, Date) else _same


def _naive_moment(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)


def _same(value: Any) -> Any:
    return value
