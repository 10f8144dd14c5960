"""Reading a backup: every hash and every count, before anything is done with it."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from docgen.backup.manifest import (
    ANCHOR,
    BLOBS,
    FORMAT,
    HEAD,
    MANIFEST,
    ROWS,
    UNREADABLE,
    Manifest,
    Tally,
    parsed,
)
from docgen.backup.place import StoreParts
from docgen.backup.proof import PROOF, BackupProof, ProofVerdict, check
from docgen.backup.proof import parsed as parsed_proof
from docgen.backup.tar import MOST_BYTES, entries
from docgen.errors import InputUnreadable
from docgen.store.content_address import SHA256, shard


class Backup:
    """A backup whose content has been checked; read again for each kind of entry."""

    def __init__(self, path: Path) -> None:
        """Check the whole file. InputUnreadable: backup_unreadable, backup_damaged, …"""
        self.path = path
        self.others: dict[str, bytes] = {}
        self.manifest_bytes = b""
        self._proof: BackupProof | None = None
        self.manifest = self._checked()

    def verdict(self, place: StoreParts) -> ProofVerdict:
        """Say what its proof is worth at the place that it is to be restored to."""
        assert self._proof
        return check(place, self.manifest_bytes, self._proof)

    def rows(self) -> Iterator[tuple[str, list[bytes]]]:
        """Give tables and some lines of their rows, in the order in which they were written."""
        for name, data in self._entries():
            if name.startswith(ROWS):
                yield _table(name), _unpacked(name, data).split(b"\n")[:-1]

    def blobs(self) -> Iterator[bytes]:
        """Give the bytes of every blob."""
        for name, data in self._entries():
            if name.startswith(BLOBS):
                yield data

    def _entries(self) -> Iterator[tuple[str, bytes]]:
        with _readable(self.path) as file:
            yield from entries(file)

    def _checked(self) -> Manifest:
        tables: defaultdict[str, Tally] = defaultdict(Tally)
        blobs = Tally()
        found = self._entries()
        _check_head(next(found, ("", b"")), self.others)
        manifest = None
        for name, data in found:
            if manifest:
                if name != PROOF or self._proof:
                    raise InputUnreadable("backup_damaged", place=name)
                self._proof = parsed_proof(data)
            elif name == MANIFEST:
                manifest, self.manifest_bytes = parsed(data), data
            elif name.startswith(ROWS):
                rows = _unpacked(name, data)
                tables[_table(name)].add(rows, count=rows.count(b"\n"))
            elif name.startswith(BLOBS):
                blobs.add_blob(_blob(name, data), len(data))
            elif name in self.others:  # a tar that lists it, and one that unpacks it, see another
                raise InputUnreadable("backup_damaged", place=name)
            else:
                self.others[name] = data
        if manifest is None or self._proof is None:
            raise InputUnreadable("backup_damaged", place=PROOF if manifest else MANIFEST)
        _compare(manifest, tables, blobs, self.others)
        return manifest


def _check_head(found: tuple[str, bytes], others: dict[str, bytes]) -> None:
    """Refuse what is no backup, or one of a later form. InputUnreadable: newer_backup."""
    name, data = found
    if name != HEAD:
        raise InputUnreadable("backup_damaged", place=HEAD)
    others[name] = data
    try:
        plain = json.loads(data)
        form, version = plain["format"], str(plain["docgen"])
    except UNREADABLE as wrong:
        raise InputUnreadable("backup_damaged", place=HEAD) from wrong
    if type(form) is not int or form < FORMAT:
        raise InputUnreadable("backup_damaged", place=HEAD)
    if form > FORMAT:
        raise InputUnreadable("newer_backup", version=version)


def _compare(
    manifest: Manifest, tables: dict[str, Tally], blobs: Tally, others: dict[str, bytes]
) -> None:
    """Compare what was read with what the manifest says. InputUnreadable: backup_damaged."""
    if tables.keys() - manifest.tables.keys():
        raise InputUnreadable("backup_damaged", place=MANIFEST)
    for name, said in manifest.tables.items():
        if tables.get(name, Tally()).content != said:
            raise InputUnreadable("backup_damaged", place=name)
    if blobs.content != manifest.blobs:
        raise InputUnreadable("backup_damaged", place=BLOBS)
    if ANCHOR not in others:
        raise InputUnreadable("backup_damaged", place=ANCHOR)
    if {name: hashlib.sha256(data).hexdigest() for name, data in others.items()} != manifest.others:
        raise InputUnreadable("backup_damaged", place=MANIFEST)


def _blob(name: str, data: bytes) -> str:
    """Return the sha256 that a blob's name is; damaged when its bytes have another."""
    sha256 = name.rpartition("/")[2]
    if not SHA256.fullmatch(sha256) or name != BLOBS + shard(sha256):
        raise InputUnreadable("backup_damaged", place=name)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputUnreadable("backup_damaged", place=name)
    return sha256


def _table(name: str) -> str:
    return name.removeprefix(ROWS).partition("/")[0]


def _unpacked(name: str, data: bytes) -> bytes:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # a gzip header
    try:
        made = unpacking.decompress(data, MOST_BYTES)
    except zlib.error as wrong:
        raise InputUnreadable("backup_damaged", place=name) from wrong
    if not unpacking.eof or unpacking.unused_data or not made.endswith(b"\n"):
        raise InputUnreadable("backup_damaged", place=name)
    return made


@contextmanager
def _readable(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as wrong:
        raise InputUnreadable(
            "backup_unreadable", place=str(path), reason=wrong.strerror
        ) from wrong
