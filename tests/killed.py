"""A process that submits records and is killed at a step of it.

Run as a module with a data folder and a database URL ('' is SQLite). Each line of its input is the
number or the name of a step; it answers with the step's name, or `done` when submitting takes no
such step. Steps are what goes to the disk and to the database, each before it is done.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event

from docgen.access import Actor
from docgen.accounts import users
from docgen.store.anchor import NAME
from docgen.store.blobs import FolderBlobs
from docgen.store.database import Database, sqlite_url
from docgen.store.unit_of_work import Store
from tests.settings import settings_of
from tests.stores import Filled

FILES = {"open", "os.rename", "os.mkdir", "os.utime", "os.truncate", "tempfile.mkstemp"}


class Steps:
    """Counts what the process does, and kills it before the step that is next."""

    def __init__(self, folder: Path, last: str) -> None:
        self.folder, self.last, self.count, self.armed = str(folder), last, 0, False

    def file(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event of Python's."""
        reads = name == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if self.armed and name in FILES and not reads and self._is_written(arguments[0]):
            self.take("anchor" if str(arguments[0]).endswith(NAME) else name)

    def take(self, name: str) -> None:
        if not self.armed:
            return
        self.count += 1
        if self.last in (name, str(self.count)):
            os.write(1, f"{name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def _is_written(self, path: object) -> bool:
        """Whether it is a file of ours; folders are opened only to be locked or flushed."""
        return str(path).startswith(self.folder) and not (isinstance(path, Path) and path.is_dir())


def submit(folder: Path, url: str, last: str) -> None:
    steps = Steps(folder, last)
    sys.addaudithook(steps.file)
    database = Database(url or sqlite_url(folder))
    event.listen(database.engine, "commit", lambda _: steps.take("commit"))
    event.listen(database.engine, "begin", lambda _: steps.take("begin"))
    store = Store(settings_of(folder, url), database, FolderBlobs(folder / "blobs"), key=b"")
    with store.reading() as session:
        user = users.by_username(session, "zhangwei")
        author = Actor(user.id, user.name, user.role)
    filled = Filled(store, {"zhangwei": author}, "")
    record_id = filled.record()
    steps.armed = True
    filled.submit(record_id)
    steps.armed = False
    os.write(1, b"done\n")


def main(folder: Path, url: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            submit(folder, url, line.strip())
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
