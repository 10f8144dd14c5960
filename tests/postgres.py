"""A real PostgreSQL for tests, in a temporary folder; it never touches a cluster of the machine.

A test takes the fixture `database` (the URL of an empty database of its own) or `postgres` (the
server that the whole pytest process shares). One that stops its server makes one for itself:
`with Server(fsync=True) as server`. URLs lead through a Unix socket, which is always allowed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

INSTALL = "apt-get install --no-install-recommends postgresql"
OWNER = "postgres"  # whom the server runs as when the tests run as root, which it refuses
ROLE = PASSWORD = "docgen"  # owns the databases, and is no superuser
FOLDERS = "docgen-pg-"  # then the process that made the folder
PORTS = range(20_000, 32_000)  # below those that the kernel gives to outgoing connections
PATIENCE_S = 60
TAKEN = "could not bind"  # what the server logs of a port
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0777",
    "synchronous_commit": "on",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Server:
    """A running PostgreSQL with its own cluster; it ends when closed, or with its process.

    Make it in a thread that lives on: the kernel ends it with the thread that started it.
    """

    def __init__(self, *, fsync: bool = False) -> None:
        """Make the cluster and start it; with `fsync` commits survive a loss of power."""
        self.settings = SETTINGS | {"fsync": "on" if fsync else "off"}
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._programs = find_programs()
        self._numbers = count(1)
        _sweep()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-"))
        try:
            self._make_cluster()
            self._start_on_free_port()
            role = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
            self._run(role.format(sql.Identifier(ROLE), PASSWORD))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def new_database(self, template: str = "template1") -> str:
        """Return the URL of a new database, a copy of `template` (a name; nobody may be in it)."""
        name = f"test_{next(self._numbers)}"
        command = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        self._run(command.format(*map(sql.Identifier, (name, ROLE, template))))
        return self.url(name)

    def replace_database(self, url: str, template: str) -> None:
        """Make the database of a URL anew, as a copy of that of another, which nobody may be in."""
        name, original = (make_url(one).database or "" for one in (url, template))
        self.drop_database(name)
        # Copying files is quicker than logging every page, where nothing waits for the disk.
        command = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy")
        self._run(command.format(*map(sql.Identifier, (name, ROLE, original))))

    def free_url(self) -> str:
        """Return the URL of a database that is not there yet."""
        return self.url(f"test_{next(self._numbers)}")

    def drop_database(self, name: str) -> None:
        """Drop a database, if it is there, and end the connections to it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def url(self, name: str) -> str:
        """Return the URL of a database through the Unix socket, which asks for no password."""
        host = quote(str(self.folder))
        return f"postgresql+psycopg://{ROLE}@/{name}?host={host}&port={self.port}"

    def tcp_url(self, name: str) -> str:
        """Return the URL of a database through the loopback, which asks for the password."""
        return f"postgresql+psycopg://{ROLE}:{PASSWORD}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start, after a stop on the same port as before, and wait until it answers."""
        assert self.process is None, "it is running"
        options = (f"{name}={value}" for name, value in self.settings.items())
        self.process = self._spawn(
            "postgres",
            *("-D", self.folder / "data", "-k", self.folder, "-p", self.port),
            *(part for option in options for part in ("-c", option)),
        )
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop(immediate=True)
                raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")
            time.sleep(0.02)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop and wait for the end: in order, or as in a crash, which the next start repairs."""
        if self.process is not None:
            # What the manual calls fast and immediate shutdown.
            self.process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
            self.process.wait(PATIENCE_S)
            self.process = None

    def close(self) -> None:
        """Stop at once and remove everything."""
        self.stop(immediate=True)
        shutil.rmtree(self.folder)

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "log").read_text("utf-8", "replace")

    def _make_cluster(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.folder, OWNER, OWNER)
        self.folder.chmod(0o755)  # other users may come to the socket; the data stay closed
        making = self._spawn(
            "initdb",
            *("-D", self.folder / "data", "-U", OWNER, "--encoding=UTF8", "--locale=C.UTF-8"),
            *("--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--no-instructions"),
        )
        if making.wait(PATIENCE_S):
            raise RuntimeError(f"initdb failed:\n{self.log()}")

    def _start_on_free_port(self) -> None:
        """Try ports until one is free; only the server itself can tell, without a race."""
        tries = [PORTS[(os.getpid() + 997 * attempt) % len(PORTS)] for attempt in range(20)]
        for self.port in tries:
            try:
                self.start()
                return
            except RuntimeError as wrong:
                if TAKEN not in str(wrong) or self.port == tries[-1]:
                    raise

    def _spawn(self, program: str, *arguments: object) -> subprocess.Popen[bytes]:
        """Run a program of PostgreSQL that ends with this process and sees no PG* variables."""
        user = [f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups"]
        command = ["setpriv", *(user if os.geteuid() == 0 else []), "--pdeathsig=QUIT"]
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                [*command, str(self._programs / program), *map(str, arguments)],
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _answers(self) -> bool:
        try:
            self._run(sql.SQL("SELECT"))
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, command: sql.SQL | sql.Composed) -> None:
        """Run one command as the superuser."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, user=OWNER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(command)


def find_programs(versions: Path = Path("/usr/lib/postgresql")) -> Path:
    """Return the folder of the newest PostgreSQL of Debian's, or else of the one on PATH."""
    debian = sorted(versions.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = shutil.which("initdb")
    if not debian and not found:
        raise FileNotFoundError(f"The tests need PostgreSQL; install it with: {INSTALL}")
    return debian[-1].parent if debian else Path(str(found)).resolve().parent


def _sweep() -> None:
    """Remove the folders of processes that were killed; their servers ended with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*-*"):
        pid = folder.name.removeprefix(FOLDERS).split("-")[0]
        if not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)  # another worker may sweep as well


_shared: list[Server] = []
"""The server of this pytest process, while there is one."""


def shared_server(url: str) -> Server | None:
    """Return the server of this pytest process when the URL leads to it."""
    host = make_url(url).query.get("host")
    return next((server for server in _shared if str(server.folder) == host), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this pytest process: started when first asked for, ended with the session."""
    with Server() as server:
        _shared.append(server)
        yield server
        _shared.remove(server)


@pytest.fixture
def free_url(postgres: Server) -> Iterator[str]:
    """The URL of a database that is not there yet, and goes after the test."""
    url = postgres.free_url()
    yield url
    postgres.drop_database(make_url(url).database or "")


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The URL of an empty database, which goes after the test."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(make_url(url).database or "")
