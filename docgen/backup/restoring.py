"""Restoring a backup into an empty store: checked first, then rows in one transaction, or nothing.

Bytes are put before the rows that name them are committed, so a restore that is killed leaves an
empty store, and can be begun again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from docgen.audit.trail import examined
from docgen.backup.manifest import ANCHOR, BLOBS, KEY, SEALS, Manifest, Tally
from docgen.backup.place import StoreParts
from docgen.backup.reading import Backup
from docgen.backup.rows import advance_numbers, reader, tables
from docgen.errors import Conflict, InputUnreadable, StoreFault
from docgen.files.output import writing_aside
from docgen.records import search
from docgen.signing.keys import CERTIFICATE_NAME, SEAL_NAME
from docgen.store import migrations
from docgen.store.tables import RecordRow, VersionRow

AT_ONCE = 200
_SEAL = re.compile(
    rf"{SEALS}[0-9a-f]{{16}}\.pem|{re.escape(SEAL_NAME)}|{re.escape(CERTIFICATE_NAME)}"
)


def restore(place: StoreParts, path: Path, *, own_key: bool) -> Manifest:
    """Make the store of a backup in an empty place; `own_key` says that a setting gives the key.

    Raises InputUnreadable (backup_damaged, newer_backup), Conflict (store_not_empty),
    StoreFault.
    """
    backup = Backup(path)
    manifest = backup.manifest
    _refuse_newer(manifest)
    with place.database.begun() as connection:
        _prepare(place, connection, manifest)
        _load(connection, backup)
        migrations.upgrade(connection)
        _check(connection, backup)
        advance_numbers(connection, tables(connection))
        _index(connection)
        for data in backup.blobs():
            place.blobs.put(data)
    with writing_aside(place.anchor.path, 0o600) as file:
        file.write(backup.others[ANCHOR])
    for name, data in backup.others.items():
        path = place.folder / name
        if (name == KEY and not own_key) or _SEAL.fullmatch(name):
            _put(path, data, 0o644 if path.suffix == ".pem" else 0o600)
    return manifest


def _put(path: Path, data: bytes, mode: int) -> None:
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with writing_aside(path, mode) as file:
            file.write(data)


def _refuse_newer(manifest: Manifest) -> None:
    try:
        migrations.refuse_unknown(manifest.revision)
    except StoreFault as unknown:
        raise InputUnreadable("newer_backup", version=manifest.docgen) from unknown


def _prepare(place: StoreParts, connection: Connection, manifest: Manifest) -> None:
    """Give an empty database the tables that the backup's rows fit. Conflict: store_not_empty."""
    found = migrations.current(connection)
    if place.anchor.read() or (
        found and any(_count(connection, one) for one in tables(connection))
    ):
        raise Conflict("store_not_empty", place=str(place.folder))
    if not found:
        migrations.upgrade(connection, manifest.revision)
    elif found != manifest.revision:
        raise Conflict("store_not_empty", place=f"{place.folder}: {found}")


def _load(connection: Connection, backup: Backup) -> None:
    """Put in all rows, which stand in an order in which those referred to come first."""
    known = {table.name: table for table in tables(connection)}
    naive = connection.dialect.name == "sqlite"
    for name, lines in backup.rows():
        if name not in known:
            raise InputUnreadable("backup_damaged", place=name)
        _insert(connection, known[name], list(map(reader(known[name], naive=naive), lines)))


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    try:
        connection.execute(insert(table), rows)
    except (IntegrityError, DataError) as wrong:
        raise StoreFault("rows_do_not_fit", place=table.name, reason=str(wrong.orig)) from wrong


def _check(connection: Connection, backup: Backup) -> None:
    """Compare the database with the manifest: rows, references, bytes, and the audit trail."""
    manifest = backup.manifest
    for table in tables(connection):
        said = manifest.tables.get(table.name)  # none for one that a later migration has made
        if said and _count(connection, table) != said.count:
            raise InputUnreadable("backup_damaged", place=table.name)
        if table.name == BLOBS.rstrip("/") and _names(connection, table) != manifest.blobs.sha256:
            raise InputUnreadable("backup_damaged", place=BLOBS)
    if connection.dialect.name == "sqlite" and connection.execute(_REFERENCES).first():
        raise InputUnreadable("backup_damaged", place="foreign keys")
    if examined(connection, _anchors(backup.others[ANCHOR])).as_json() != manifest.audit:
        raise InputUnreadable("backup_damaged", place="audit")


_REFERENCES = text("PRAGMA foreign_key_check")


def _names(connection: Connection, table: Table) -> str:
    tally = Tally()
    query = select(table.c.sha256).order_by(table.c.sha256).execution_options(yield_per=AT_ONCE)
    for sha256 in connection.scalars(query):
        tally.add_blob(sha256, 0)
    return tally.content.sha256


def _anchors(data: bytes) -> dict[int, str]:
    try:
        pairs = (line.split() for line in data.decode("ascii").splitlines())
        return {int(seq): entry_hash for seq, entry_hash in pairs}
    except ValueError as wrong:
        raise InputUnreadable("backup_damaged", place=ANCHOR) from wrong


def _index(connection: Connection) -> None:
    """Make the search index anew."""
    session = Session(bind=connection)
    query = select(RecordRow.seq, VersionRow.body, RecordRow.doc_no).join(
        VersionRow, (VersionRow.record_id == RecordRow.id) & (VersionRow.number == RecordRow.number)
    )
    for seq, body, doc_no in session.execute(query.execution_options(yield_per=AT_ONCE)):
        search.index_record(session, seq, body, doc_no)


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0
