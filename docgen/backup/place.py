"""Where a store lies: its folder, its database and its bytes, whatever the form of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from docgen.errors import SettingWrong
from docgen.settings import Settings
from docgen.store.anchor import Anchor
from docgen.store.blobs import Blobs, open_blobs
from docgen.store.database import SQLITE_NAME, Database, sqlite_url
from docgen.store.folder import KEY_NAME, prepare, secret_key


@dataclass(frozen=True)
class StoreParts:
    """The parts of a store, and the settings that name them."""

    settings: Settings
    folder: Path
    database: Database
    blobs: Blobs
    anchor: Anchor

    @property
    def key_file(self) -> Path:
        """Where the key lies when no setting gives it."""
        return self.folder / KEY_NAME

    @property
    def has_key(self) -> bool:
        """Whether the service's key is at hand."""
        return bool(self.settings.secret_key) or self.key_file.is_file()

    def key(self, *, make: bool = False) -> bytes:
        """Return the service's key, made at first when `make`, but never beside PostgreSQL.

        SettingWrong: secret_missing, secret_weak.
        """
        make = make and not self.settings.database
        return secret_key(self.folder, self.settings.secret_key, make=make)


@contextmanager
def opened(settings: Settings) -> Iterator[StoreParts]:
    """Open the place that the settings name; an embedded one is made."""
    folder = prepare(settings.data)
    database = Database(settings.database or sqlite_url(folder))
    try:
        blobs = open_blobs(folder / "blobs", settings.blobs or None)
        yield StoreParts(settings, folder, database, blobs, Anchor(folder))
    finally:
        database.close()


def need_store(settings: Settings) -> None:
    """Refuse to make an embedded store by mistake. SettingWrong: no_store."""
    folder = settings.data.resolve()
    if not settings.database and not (folder / SQLITE_NAME).is_file():
        raise SettingWrong("no_store", place=str(folder))
