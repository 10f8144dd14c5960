"""The PostgreSQL that tests start: real, alone, lasting across a crash, gone with its process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from tests.postgres import FOLDERS, Server, find_programs


def asked(url: str, query: str) -> object:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(text(query)).scalar()
    finally:
        engine.dispose()


def done(url: str, command: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text(command))
    finally:
        engine.dispose()


# ---------------------------------------------------------------- what a test gets


def test_a_database_of_ones_own(postgres: Server, database: str) -> None:
    other = postgres.new_database()
    done(database, "CREATE TABLE t (name text)")
    done(database, "INSERT INTO t VALUES ('核心库')")
    assert asked(database, "SELECT name FROM t") == "核心库"
    with pytest.raises(ProgrammingError, match="does not exist"):
        asked(other, "SELECT name FROM t")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("server_encoding", "UTF8"),
        ("lc_collate", "C.UTF-8"),
        ("timezone", "UTC"),
        ("synchronous_commit", "on"),
        ("fsync", "off"),
        ("is_superuser", "off"),
        ("listen_addresses", "127.0.0.1"),
    ],
)
def test_how_the_server_is_set(database: str, setting: str, value: str) -> None:
    assert asked(database, f"SELECT current_setting('{setting}')") == value


def test_a_copy_of_a_database(postgres: Server, database: str) -> None:
    done(database, "CREATE TABLE t AS SELECT 7 AS n")
    copy = postgres.new_database(make_url(database).database or "")
    assert asked(copy, "SELECT n FROM t") == 7


def test_a_database_goes_with_the_connections_to_it(postgres: Server) -> None:
    url = postgres.new_database()
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        postgres.drop_database(make_url(url).database or "")
        with pytest.raises(OperationalError, match="terminating connection"):
            connection.execute(text("SELECT 1"))
        connection.invalidate()
    with pytest.raises(OperationalError, match="does not exist"):
        asked(url, "SELECT 1")


@pytest.mark.enable_socket
def test_the_loopback_asks_for_the_password(postgres: Server, database: str) -> None:
    url = postgres.tcp_url(make_url(database).database or "")
    assert asked(url, "SELECT 1") == 1
    with pytest.raises(OperationalError, match="password authentication failed"):
        asked(url.replace(":docgen@", ":wrong@"), "SELECT 1")


# ---------------------------------------------------------------- stops, crashes, ends


@pytest.mark.parametrize("immediate", [False, True])
def test_what_was_committed_is_there_after_a_stop(immediate: bool) -> None:
    with Server(fsync=True) as server:
        url = server.new_database()
        done(url, "CREATE TABLE t AS SELECT 7 AS n")
        server.stop(immediate=immediate)
        with pytest.raises(OperationalError):
            asked(url, "SELECT 1")
        server.start()
        assert asked(url, "SELECT n FROM t") == 7
        assert asked(url, "SHOW fsync") == "on"
        assert ("was not properly shut down" in server.log()) == immediate


def test_a_closed_server_leaves_nothing() -> None:
    with Server() as server:
        pid = process_id(server)
    assert gone(pid)
    assert not server.folder.exists()


STARTER = """
import os, signal
from tests.postgres import Server
server = Server()
print(server.folder, server.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_server_ends_with_its_process_and_the_next_one_tidies_up() -> None:
    run = subprocess.run([sys.executable, "-c", STARTER], capture_output=True, check=False)
    folder, pid = run.stdout.decode().split()
    while not gone(int(pid)):
        time.sleep(0.02)
    assert FOLDERS in folder
    with Server():
        assert not Path(folder).exists()


def test_a_taken_port_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as server:
        monkeypatch.setattr("tests.postgres.PORTS", [server.port, server.port + 1])
        with Server() as other:
            assert other.port != server.port
        monkeypatch.setattr("tests.postgres.PORTS", [server.port])
        with pytest.raises(RuntimeError, match="could not bind"):
            Server()


def test_a_missing_postgresql_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"apt-get install .* postgresql"):
        find_programs(tmp_path)


def test_the_newest_postgresql_is_taken(tmp_path: Path) -> None:
    for version in ("9.6", "15", "17"):
        program = tmp_path / version / "bin" / "initdb"
        program.parent.mkdir(parents=True)
        program.touch()
    assert find_programs(tmp_path) == tmp_path / "17" / "bin"


def process_id(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


def gone(pid: int) -> bool:
    """Has ended: nobody may be there to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").split(") ")[1][0] == "Z"
    except FileNotFoundError:
        return True
