"""A store with people, a contract, and records whose files are made without a renderer.

`store_url` runs a test on SQLite ('' is its URL) and on PostgreSQL.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from docgen.access import SERVICE, Actor
from docgen.accounts import tokens, users
from docgen.contracts import contracts
from docgen.paths import samples_dir
from docgen.pipeline import RenderedFile
from docgen.records import documents, records
from docgen.store import migrations
from docgen.store.database import Database
from docgen.store.etags import etag_of
from docgen.store.tables import BlobRow, RecordRow
from docgen.store.unit_of_work import Store
from docgen.templates.catalog import FORMATS
from docgen.uploads import Upload
from docgen.workflow import attachments, submission
from tests.originals import Original
from tests.service import draft
from tests.settings import NOW, SECRET, settings_of

PEOPLE = {"zhangwei": "engineer", "wangqiang": "pm", "chenjianguo": "leader", "root": "admin"}


def environment(folder: Path, url: str = "") -> dict[str, object]:
    """The same as variables of a command."""
    return {"DOCGEN_DATA": folder, "DOCGEN_NOW": NOW.isoformat()} | (
        {"DOCGEN_DATABASE": url, "DOCGEN_SECRET_KEY": SECRET} if url else {}
    )


@contextmanager
def store_at(folder: Path, url: str = "") -> Iterator[Store]:
    """Open a store; PostgreSQL is migrated as well."""
    if url:
        database = Database(url)
        migrations.migrate(database)
        database.close()
    store = Store.open(settings_of(folder, url))
    try:
        yield store
    finally:
        store.close()


@dataclass
class Filled:
    """A store at work."""

    store: Store
    people: dict[str, Actor]
    contract_id: str

    @property
    def author(self) -> Actor:
        return self.people["zhangwei"]

    def record(self, **changes: Any) -> str:
        """Make a draft; returns its id."""
        content = json.dumps(draft("XJ", **changes)).encode()
        with self.store.change(self.author) as unit:
            record, _, _ = records.create(unit, content, code="XJ")
            return record.id

    def submitted(self, **changes: Any) -> str:
        """Make a record and submit it, with files of its own; returns its id."""
        record_id = self.record(**changes)
        self.submit(record_id)
        return record_id

    def submit(self, record_id: str) -> None:
        with self.store.reading() as session:
            record, _ = records.visible(session, self.author, record_id)
            etag = etag_of(record.etag)
        prepared = submission.prepare(self.store, self.author, record_id, etag)
        made = {
            name: documents.store_file(
                self.store,
                prepared.order,
                name,
                RenderedFile("XJ", "", data=content_of(name, record_id)),
            )
            for name in FORMATS
        }
        with self.store.change(self.author) as unit:
            submission.finish(unit, prepared, made)

    def attach(self, record_id: str, data: bytes) -> str:
        """Put a file to a draft; returns its id."""
        upload = Upload("日志.txt", "text/plain", "txt", len(data), self.store.blobs.put(data))
        with self.store.change(self.author) as unit:
            _, row = attachments.add(unit, (record_id, 1), upload, note=None)
            return row.id


def content_of(format_name: str, record_id: str) -> bytes:
    """What stands in for a rendered file."""
    return f"{format_name} of {record_id}\n".encode() * 100


@contextmanager
def filled_at(folder: Path, url: str = "") -> Iterator[Filled]:
    """Open a new store with people and the acceptance contract in it."""
    people, contract_id = FILLED.copy(folder, url)
    with store_at(folder, url) as store:
        yield Filled(store, people, contract_id)


def fill(store: Store) -> tuple[dict[str, Actor], str]:
    people = {}
    with store.change(SERVICE) as unit:
        for name, role in PEOPLE.items():
            user = users.add(unit, users.NewUser(name, name, role))
            people[name] = Actor(user.id, name, role)
    content = (samples_dir() / "contract/HT-2026-017.json").read_bytes()
    with store.change(people["wangqiang"]) as unit:
        contract_id = contracts.create(unit, content).id
        contracts.add_member(unit, contract_id, "zhangwei")
    return people, contract_id


FILLED = Original(fill)


def token(store: Store, username: str, *scopes: str) -> str:
    with store.change(SERVICE) as unit:
        user = users.by_username(unit.session, username)
        _, text = tokens.create(unit, user, "tests", scopes=scopes or ("read", "write"), days=366)
        return text


def whole(store: Store) -> int:
    """Check that every row has its bytes; returns how many blobs there are."""
    with store.reading() as session:
        blobs = session.query(BlobRow).all()
        for row in blobs:
            assert len(store.blobs.get(row.sha256)) == row.size_bytes
        return len(blobs)


def record_ids(store: Store) -> set[str]:
    with store.reading() as session:
        return {row.id for row in session.query(RecordRow)}


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database; '' is SQLite's."""
    if request.param == "sqlite":
        return ""
    found: str = request.getfixturevalue("database")
    return found
