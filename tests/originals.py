"""Stores that are made once a process and copied for each test: tables, people, contracts.

Migrating an empty database and adding people costs more than most tests that follow; a copy is a
few files, or `CREATE DATABASE … TEMPLATE`.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Generic, TypeVar

from docgen.settings import Settings
from docgen.store import migrations
from docgen.store.database import Database
from docgen.store.unit_of_work import Store
from tests.postgres import Server, shared_server
from tests.settings import NOW, SECRET

T = TypeVar("T")


@dataclass(frozen=True)
class Made(Generic[T]):
    """An original: its data folder, the URL of its database, and what `fill` told of it."""

    folder: Path
    url: str
    told: T


@dataclass
class Original(Generic[T]):
    """What `fill` makes of an empty store; it returns what a test must know, such as tokens."""

    fill: Callable[[Store], T]
    _made: dict[Server | None, Made[T]] = field(default_factory=dict)

    def copy(self, folder: Path, url: str = "") -> T:
        """Put a copy into a folder, and into the database of `url` (SQLite without), made anew.

        In a server that a test starts for itself the store is filled where it is.
        """
        server = shared_server(url) if url else None
        if url and not server:
            return self._filled(folder, url)
        if server not in self._made:
            place = Path(tempfile.mkdtemp(dir=_folder()))
            template = server.new_database() if server else ""
            self._made[server] = Made(place, template, self._filled(place, template))
        original = self._made[server]
        shutil.copytree(original.folder, folder, dirs_exist_ok=True)
        if server:
            server.replace_database(url, original.url)
        return deepcopy(original.told)

    def _filled(self, folder: Path, url: str) -> T:
        if url:
            database = Database(url)
            migrations.migrate(database)
            database.close()
        secret = SECRET if url else ""
        store = Store.open(Settings(data=folder, database=url, secret_key=secret, now=NOW))
        try:
            return self.fill(store)
        finally:
            store.close()


@cache
def _folder() -> Path:
    """Return where the originals of this process lie."""
    made = Path(tempfile.mkdtemp(prefix="docgen-originals-"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made
