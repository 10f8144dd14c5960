"""Migrations of the database's tables (Alembic); each runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from docgen.errors import StoreFault
from docgen.store.database import Database

FOLDER = Path(__file__).with_name("alembic")
_LOCK = 0x646F6367  # "docg", an advisory lock of PostgreSQL: one process migrates at a time


def migrate(database: Database) -> tuple[str, str]:
    """Bring the tables to the newest form, in one transaction; the revisions before and after.

    StoreFault: newer_store, when a newer docgen made them.
    """
    with database.begun() as connection:
        return upgrade(connection)


def upgrade(connection: Connection, to: str = "head") -> tuple[str, str]:
    """Bring the tables to a revision, within a transaction; the revisions before and after."""
    if connection.dialect.name != "sqlite":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    before = current(connection)
    refuse_unknown(before)
    if before != newest():
        command.upgrade(_config(connection), to)
    if connection.dialect.name != "sqlite":
        _install_procrastinate(connection)
    return before, current(connection)


def current(connection: Connection) -> str:
    """Return the revision that the tables have; empty when there are none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def newest() -> str:
    """Return the revision that this version of docgen needs."""
    return _scripts().get_current_head() or ""


def check(database: Database) -> None:
    """Refuse tables that are not as this version needs them. StoreFault: migration_needed."""
    with database.reading() as session:
        found = current(session.connection())
    refuse_unknown(found)
    if found != newest():
        shown = found or {"zh": "空", "en": "nothing"}
        raise StoreFault("migration_needed", found=shown, needed=newest())


def refuse_unknown(found: str) -> None:
    """Refuse a revision that this version does not know. StoreFault: newer_store."""
    known = {script.revision for script in _scripts().walk_revisions()}
    if found and found not in known:
        raise StoreFault("newer_store", found=found)


@cache
def _scripts() -> ScriptDirectory:
    """Return the migrations, which do not change while a process runs."""
    return ScriptDirectory(str(FOLDER))


def _install_procrastinate(connection: Connection) -> None:
    """Make the tables of the queue of jobs, which are procrastinate's own, unless they are there.

    They say nothing that ours do not say: `announce_forgotten` makes every job anew.
    """
    if connection.scalar(text("SELECT to_regclass('procrastinate_jobs')")) is None:
        from procrastinate.schema import SchemaManager

        driver = connection.connection.driver_connection
        assert driver
        driver.execute(SchemaManager.get_schema())  # has % signs, which are no parameters


def _config(connection: Connection) -> Config:
    config = Config()
    # ConfigParser, beneath Alembic, reads a single % as the beginning of a reference.
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
