"""The database: SQLite in the data folder, or PostgreSQL by its URL; begins and commits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolEmpty
from sqlalchemy.orm import DeclarativeBase, Session

from docgen.errors import SettingWrong, StoreFault

SQLITE_NAME = "docgen.sqlite"
BUSY_S = 30
POOL = 20
DRIVERS = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg"}
ROWS_AT_ONCE = 50  # a row may hold a record of 32 MiB
DISK_FULL = ("database or disk is full", "No space left on device", "disk I/O error")
DAMAGED = ("file is not a database", "database disk image is malformed")
READ_ONLY = ("readonly database", "unable to open database file", "read-only transaction")


class Database:
    """Transactions on one database. Threads may share it; a fork may not."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet. Raises SettingWrong: bad_database_url."""
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # SQLite lets one writer in; the others queue here, in order, and not by polling.
        self._writing = threading.Lock() if self.is_sqlite else None

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that changes nothing."""
        with _faults_store_fault(), self.engine.connect() as connection:
            yield Session(bind=connection, autoflush=False)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the whole database, and reads it in pieces."""
        with _faults_store_fault(), self.engine.connect() as connection:
            if not self.is_sqlite:  # where WAL gives every transaction one state
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield connection.execution_options(yield_per=ROWS_AT_ONCE)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session whose changes are kept together, or not at all when the block raises."""
        with self.begun() as connection:
            session = Session(bind=connection)
            yield session
            session.flush()

    @contextmanager
    def begun(self) -> Iterator[Connection]:
        """Give a connection whose changes, of tables as well, are kept together or not at all."""
        if self._writing is not None and not self._writing.acquire(timeout=BUSY_S):
            raise StoreFault("store_busy")
        try:
            engine = self.engine.execution_options(docgen_writes=True)
            with _faults_store_fault(), engine.begin() as connection:
                yield connection
        finally:
            if self._writing is not None:
                self._writing.release()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def sqlite_url(folder: Path) -> str:
    """Return the URL of the embedded database in a data folder."""
    return f"sqlite:///{folder / SQLITE_NAME}"


def insert_into(
    session: Session, table: type[DeclarativeBase]
) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that may say what to do when the row is there already."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return insert(table)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        driver = DRIVERS[parsed.drivername.partition("+")[0]]
    except (ArgumentError, KeyError) as wrong:
        raise SettingWrong("bad_database_url", place="DOCGEN_DATABASE") from wrong
    parsed = parsed.set(drivername=driver)
    if driver.startswith("sqlite"):
        engine = create_engine(parsed, connect_args={"timeout": BUSY_S}, pool_size=POOL)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        parsed,
        pool_size=POOL,
        max_overflow=POOL,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 10, "options": "-c timezone=UTC"},
    )


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions begin where we say, below
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_S * 1000}",
        "trusted_schema=OFF",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("docgen_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _faults_store_fault() -> Iterator[None]:
    """Tell a full disk, a lock and a lost database apart from faults of the program."""
    try:
        yield
    except OperationalError as fault:
        raise _store_fault(fault) from fault
    except InternalError as fault:
        if not any(sign in str(fault.orig) for sign in READ_ONLY):
            raise
        raise _store_fault(fault) from fault
    except DatabaseError as fault:
        if not any(sign in str(fault.orig) for sign in DAMAGED):
            raise
        raise StoreFault("store_damaged") from fault
    except PoolEmpty as fault:
        raise StoreFault("store_busy") from fault


def _store_fault(fault: DBAPIError) -> StoreFault:
    text = str(fault.orig)
    if "locked" in text or "deadlock" in text:
        return StoreFault("store_busy")
    if any(sign in text for sign in DISK_FULL):
        return StoreFault("no_space.database")
    if any(sign in text for sign in READ_ONLY):
        return StoreFault("store_unusable.read_only")
    return StoreFault("store_unreachable", reason=text.splitlines()[0] if text else "")
