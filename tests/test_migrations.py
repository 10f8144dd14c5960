"""Migrations: an empty database becomes what the tables say, once, and nothing else is touched."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from docgen.errors import StoreFault
from docgen.store import migrations
from docgen.store.database import Database, sqlite_url
from docgen.store.tables import Base
from docgen.store.unit_of_work import Store
from tests.commands import as_json, docgen, surroundings
from tests.settings import SECRET, settings_of
from tests.sizes import one_database
from tests.stores import environment, filled_at, record_ids, store_at, whole

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def database_of(tmp_path: Path, store_url: str) -> Any:
    """An empty database, closed after the test."""
    made = Database(store_url or sqlite_url(tmp_path))
    yield made
    made.close()


def test_the_tables_are_what_the_models_say(database_of: Database) -> None:
    assert migrations.migrate(database_of) == ("", migrations.newest())
    assert migrations.migrate(database_of) == (migrations.newest(), migrations.newest())
    migrations.check(database_of)
    with database_of.reading() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        found = compare_metadata(context, Base.metadata)
    others = ("record_search", "procrastinate_")
    assert [one for one in found if not any(name in repr(one) for name in others)] == []


def test_two_who_migrate_at_once(tmp_path: Path, store_url: str) -> None:
    def migrate(_: int) -> tuple[str, str]:
        database = Database(store_url or sqlite_url(tmp_path))
        try:
            return migrations.migrate(database)
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(migrate, range(4)))
    newest = migrations.newest()
    assert sorted(done) == [("", newest), *[(newest, newest)] * 3]


def test_a_failed_migration_leaves_nothing(database_of: Database) -> None:
    with database_of.begun() as connection:
        connection.execute(text("CREATE TABLE versions (id INTEGER)"))
    with pytest.raises(Exception, match="versions"):
        migrations.migrate(database_of)
    with database_of.reading() as session:
        assert migrations.current(session.connection()) == ""
        assert MigrationContext.configure(session.connection()).get_current_revision() is None
        with pytest.raises(Exception, match="users"):
            session.execute(text("SELECT * FROM users"))


def test_tables_of_a_newer_docgen_are_left_alone(database_of: Database) -> None:
    migrations.migrate(database_of)
    with database_of.begun() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refuse in (migrations.migrate, migrations.check):
        with pytest.raises(StoreFault) as caught:
            refuse(database_of)
        assert caught.value.code == "newer_store"


def test_the_service_refuses_what_is_not_migrated(tmp_path: Path, database: str) -> None:
    with pytest.raises(StoreFault) as caught:
        Store.open(settings_of(tmp_path, database))
    assert caught.value.code == "migration_needed"
    env: Any = environment(tmp_path / "data", database)
    told = docgen("serve", "--port", 1, **env)
    assert told.returncode == 3
    assert "migration_needed" in told.stderr
    assert "docgen migrate" in told.stderr
    [bad] = [
        finding for finding in as_json("doctor", code=3, **env)["findings"] if not finding["good"]
    ]
    assert "migration_needed" in bad["detail"]
    assert as_json("migrate", **env) == {"from": "", "to": migrations.newest()}
    assert "→" in docgen("migrate", **env).stdout
    Store.open(settings_of(tmp_path, database)).close()


def test_an_embedded_store_migrates_itself(tmp_path: Path) -> None:
    Store.open(settings_of(tmp_path)).close()
    told = as_json("migrate", DOCGEN_DATA=tmp_path)
    assert told == {"from": migrations.newest(), "to": migrations.newest()}


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    env: Any = {"DOCGEN_DATABASE": "postgresql://nobody@127.0.0.1:1/nothing"}
    env |= {"DOCGEN_SECRET_KEY": SECRET, "DOCGEN_DATA": tmp_path}
    told = as_json("migrate", code=3, **env)
    assert told["errors"][0]["code"] == "store_unreachable"


# ---------------------------------------------------------------- a version later

NEXT = '''"""A migration that does not exist yet."""

import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "0002", "0001", None, None


def upgrade() -> None:
    """Add a column and a table."""
    op.add_column("users", sa.Column("nickname", sa.String(20), nullable=True))
    op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))
'''


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """A docgen with one more migration."""
    folder = tmp_path / "later"
    for name in ("docgen", "schemas", "api"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("templates", "samples"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "docgen/store/alembic/versions/0002_next.py").write_text(NEXT, "utf-8")
    return folder


def run(program: Path, *arguments: object, code: int = 0, **env: object) -> Any:
    """Run a command of another docgen with --json, uncounted; what it wrote."""
    own = {name: text for name, text in surroundings(**env).items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "docgen", *map(str, arguments), "--json"],
        env=own | {"PYTHONPATH": str(program)},
        cwd=program,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@one_database("store_url", usual="sqlite")  # which knows less of ALTER TABLE
def test_an_upgrade_with_backups_before_and_after(
    tmp_path: Path, later: Path, store_url: str
) -> None:
    data = tmp_path / "data"
    env: Any = environment(data, store_url)
    with filled_at(data, store_url) as filled:
        record_id = filled.submitted()
    known = ("--expect-head", as_json("backup", tmp_path / "old.tar", **env)["head"])
    assert run(later, "backup", tmp_path / "between.tar", **env)["revision"] == "0001"
    assert run(later, "migrate", **env) == {"from": "0001", "to": "0002"}
    assert run(later, "backup", tmp_path / "new.tar", **env)["revision"] == "0002"
    told = as_json("audit", "verify", code=3, **env)
    assert told["errors"][0]["code"] == "newer_store"

    for name in ("old", "between", "new"):
        into = tmp_path / f"from-{name}"
        run(later, "restore", tmp_path / f"{name}.tar", "--into", into, *known)
        assert run(later, "migrate", DOCGEN_DATA=into) == {"from": "0002", "to": "0002"}
        assert run(later, "audit", "verify", DOCGEN_DATA=into)["broken"] == 0
    back = tmp_path / "back"
    refused = as_json("restore", tmp_path / "new.tar", "--into", back, *known, code=1)
    assert refused["errors"][0]["code"] == "newer_backup"
    as_json("restore", tmp_path / "old.tar", "--into", back, *known)
    with store_at(back) as store:
        assert record_ids(store) == {record_id}
        assert whole(store) == 4  # three files and the templates
