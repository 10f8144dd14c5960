"""Writing a backup: one state of all rows, the bytes they name, and the anchor of the trail."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Table, select

import docgen
from docgen.audit.trail import examined
from docgen.backup.manifest import (
    ANCHOR,
    BLOBS,
    FORMAT,
    HEAD,
    KEY,
    MANIFEST,
    ROWS,
    SEALS,
    BackupContent,
    Manifest,
    Tally,
)
from docgen.backup.place import StoreParts
from docgen.backup.proof import PROOF, prove
from docgen.backup.rows import line, tables
from docgen.backup.tar import MODE, TarWriter
from docgen.errors import DocgenError, OutputRefused, SettingWrong, StoreFault
from docgen.files.output import writing_aside
from docgen.signing.keys import CERTIFICATE_NAME, SEAL_NAME
from docgen.signing.known_certificates import armoured, known, short
from docgen.store import migrations
from docgen.store.content_address import shard
from docgen.store.locks import no_sweep
from docgen.store.unit_of_work import head_of

PART_BYTES = 4 << 20
TOLD = 20


@dataclass(frozen=True)
class WrittenBackup:
    """A backup's manifest; `unsealed` is why the seal could not sign it, where it could not."""

    manifest: Manifest
    unsealed: DocgenError | None


def write(place: StoreParts, path: Path, *, now: datetime, with_key: bool = False) -> WrittenBackup:
    """Write the store to a new file, while the service goes on.

    Raises OutputRefused (file_exists, no_space, not_writable), SettingWrong (no_key_file,
    secret_missing),
    StoreFault (backup_incomplete: bytes that rows name are missing or damaged).
    """
    _refuse_existing(path)
    key = _key(place) if with_key else b""
    with no_sweep(place.database):
        anchors = place.anchor.read()  # before the snapshot, which then holds all they name
        with (
            place.database.snapshot() as connection,
            writing_aside(path, MODE) as file,
        ):
            making = _Making(place, connection, TarWriter(file, int(now.timestamp())), now)
            return making.made(anchors, key)


@dataclass
class _Making:
    """A backup in the making."""

    place: StoreParts
    connection: Connection
    tar: TarWriter
    now: datetime
    others: dict[str, str] = field(default_factory=dict)
    lost: list[StoreFault] = field(default_factory=list)

    def made(self, anchors: Mapping[int, str], key: bytes) -> WrittenBackup:
        """Write everything, in the order in which it is needed."""
        begin = {"format": FORMAT, "docgen": docgen.__version__, "made_at": self.now.isoformat()}
        self._other(HEAD, json.dumps(begin).encode())
        found = {table.name: table for table in tables(self.connection)}
        contents = {name: self._rows(table) for name, table in found.items()}
        head = head_of(self.connection)
        # A change's anchor comes after its commit: those of the last changes may not be there yet.
        anchors = dict([head]) | dict(anchors) if anchors else anchors
        verdict = examined(self.connection, anchors)
        lines = (f"{seq} {anchors[seq]}\n" for seq in sorted(anchors))
        self._other(ANCHOR, "".join(lines).encode())
        for certificate in known(self.place.folder):  # what is in the backup was sealed by these
            self._other(f"{SEALS}{short(certificate)}.pem", armoured(certificate))
        if key:
            self._other(KEY, key)
            self._seal()
        blobs = self._blobs(found["blobs"])
        self._refuse_lost()
        manifest = Manifest(
            docgen=docgen.__version__,
            revision=migrations.current(self.connection),
            made_at=self.now.isoformat(),
            tables=contents,
            blobs=blobs,
            others=self.others,
            audit=verdict.as_json(),
        )
        proof, unsealed = prove(self.place, manifest.written())
        self.tar.add(MANIFEST, manifest.written())
        self.tar.add(PROOF, proof.written())
        self.tar.end()
        return WrittenBackup(manifest, unsealed)

    def _other(self, name: str, data: bytes) -> None:
        self.others[name] = hashlib.sha256(data).hexdigest()
        self.tar.add(name, data)

    def _seal(self) -> None:
        """Add the trial seal's own key, where the data folder holds one."""
        for name in (SEAL_NAME, CERTIFICATE_NAME):
            if (path := self.place.folder / name).is_file():
                self._other(name, path.read_bytes())

    def _rows(self, table: Table) -> BackupContent:
        tally = Tally()
        rows = self.connection.execute(select(table)).mappings()
        for number, part in enumerate(_parts(map(line, rows)), 1):
            tally.add(part, count=part.count(b"\n"))
            packed = gzip.compress(part, mtime=0)
            self.tar.add(f"{ROWS}{table.name}/{number:06}.jsonl.gz", packed)
        return tally.content

    def _blobs(self, table: Table) -> BackupContent:
        tally = Tally()
        for sha256 in self.connection.scalars(select(table.c.sha256).order_by(table.c.sha256)):
            try:
                data = self.place.blobs.get(sha256)
            except StoreFault as fault:
                if fault.code not in ("blob_missing", "blob_damaged"):
                    raise
                self.lost.append(fault)
                continue
            tally.add_blob(sha256, len(data))
            self.tar.add(BLOBS + shard(sha256), data)
        return tally.content

    def _refuse_lost(self) -> None:
        """Name all bytes that are gone at once, so that they can be put back at once."""
        if self.lost:
            names = ", ".join(f"{fault.code} {fault.place}" for fault in self.lost[:TOLD])
            raise StoreFault("backup_incomplete", count=len(self.lost), names=names)


def _parts(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines to pieces of about PART_BYTES."""
    piece: list[bytes] = []
    size = 0
    for one in lines:
        piece.append(one)
        size += len(one)
        if size >= PART_BYTES:
            yield b"".join(piece)
            piece, size = [], 0
    if piece:
        yield b"".join(piece)


def _key(place: StoreParts) -> bytes:
    try:
        return place.key_file.read_bytes()
    except FileNotFoundError as wrong:
        raise SettingWrong("no_key_file", place="--with-key") from wrong


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise OutputRefused("file_exists", place=str(path))
