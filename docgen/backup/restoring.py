"""Restoring a backup into an empty store: checked first, then rows in one transaction, or nothing.

Bytes are put before the rows that name them are committed, so a restore that is killed leaves an
empty store, and can be begun again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from docgen.audit import rows
from docgen.audit.trail import examined
from docgen.backup.manifest import ANCHOR, BLOBS, KEY, SEALS, Manifest, Tally
from docgen.backup.place import StoreParts
from docgen.backup.reading import Backup
from docgen.backup.rows import advance_numbers, reader, tables
from docgen.errors import Conflict, InputUnreadable, StoreFault
from docgen.files.output import writing_aside
from docgen.records import search
from docgen.signing.keys import CERTIFICATE_NAME, SEAL_NAME, roots
from docgen.store import migrations
from docgen.store.audit_chain import Break, Head, detail_of
from docgen.store.tables import AuditEntryRow, RecordRow, VersionRow

AT_ONCE = 200
_SEAL = re.compile(
    rf"{SEALS}[0-9a-f]{{16}}\.pem|{re.escape(SEAL_NAME)}|{re.escape(CERTIFICATE_NAME)}"
)


@dataclass(frozen=True)
class RestoredBackup:
    """What was restored: the manifest, what its rows differ in from its trail, and what was left.

    `left_out` are seal certificates that no entry names, in a backup whose writer is not proven.
    """

    manifest: Manifest
    breaks: list[Break]
    left_out: list[str]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        told = {"breaks": [one.as_json() for one in self.breaks], "left_out": self.left_out}
        return self.manifest.as_json() | told


def restore(place: StoreParts, backup: Backup, *, expected: Head) -> RestoredBackup:
    """Make the store of a backup in an empty place; its trail must have the `expected` head.

    A proven backup is taken as it is, with what its trail says against it; of any other, trail
    and rows have to agree. Raises InputUnreadable (backup_damaged, newer_backup, backup_altered),
    Conflict (backup_head_differs, store_not_empty), StoreFault.
    """
    manifest, verdict = backup.manifest, backup.verdict(place)
    if verdict.altered:
        raise InputUnreadable("backup_altered", place=str(backup.path))
    if manifest.head != expected:
        raise Conflict("backup_head_differs", place=str(backup.path), found=manifest.head)
    _refuse_newer(manifest)
    with place.database.begun() as connection:
        _prepare(place, connection, manifest)
        _load(connection, backup)
        migrations.upgrade(connection)
        _check(connection, backup)
        breaks = list(rows.compare(connection))
        if not verdict.proven and (breaks or manifest.audit["broken"]):
            raise InputUnreadable("backup_altered.trail", place=_first(breaks))
        trusted = None if verdict.proven else _named_seals(connection)
        advance_numbers(connection, tables(connection))
        _index(connection)
        for data in backup.blobs():
            place.blobs.put(data)
    with writing_aside(place.anchor.path, 0o600) as file:
        file.write(backup.others[ANCHOR])
    left_out = _left_out(backup.others, trusted)
    for name, data in backup.others.items():
        path = place.folder / name
        own_key = name == KEY and not place.settings.secret_key
        if own_key or (_SEAL.fullmatch(name) and name not in left_out):
            _put(path, data, 0o644 if path.suffix == ".pem" else 0o600)
    return RestoredBackup(manifest, breaks, left_out)


def _first(breaks: list[Break]) -> str:
    return breaks[0].message("en") if breaks else "audit"


def _named_seals(connection: Connection) -> set[str]:
    """Return the fingerprints of the certificates that the trail names as those of its seals."""
    sealing = ("record.submitted", "record.signed", "archive.sealed")
    query = select(AuditEntryRow.detail).where(AuditEntryRow.action.in_(sealing))
    details = connection.scalars(query.execution_options(yield_per=AT_ONCE))
    return {str(detail_of(detail).get("seal")) for detail in details}


def _left_out(others: Mapping[str, bytes], trusted: set[str] | None) -> list[str]:
    """Name the seal's files that are not to be trusted: `trusted` None means all are."""
    if trusted is None:
        return []
    names = [name for name in others if _SEAL.fullmatch(name) and name.endswith(".pem")]
    left = [
        name
        for name in names
        if not {one.sha256.hex() for one in roots(others[name], name)} <= trusted
    ]
    return [*left, SEAL_NAME] if CERTIFICATE_NAME in left and SEAL_NAME in others else left


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
    if place.anchor.exists() or (
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
