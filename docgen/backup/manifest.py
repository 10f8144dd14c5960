"""What a backup says of itself: written last, so that a file that was cut short has none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from docgen.errors import InputUnreadable
from docgen.store.audit_chain import Head

FORMAT = 1
HEAD, MANIFEST, ANCHOR, KEY = (
    "docgen-backup.json",
    "manifest.json",
    "audit-anchor.log",
    "secret.key",
)
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
ROWS, BLOBS, SEALS = "rows/", "blobs/", "seals/"


@dataclass(frozen=True)
class BackupContent:
    """How many rows or files there are, and the sha256 of all of them in order."""

    count: int
    sha256: str
    size_bytes: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a backup holds. `revision` is that of its tables, `audit` the verdict on its trail."""

    docgen: str
    revision: str
    made_at: str
    tables: dict[str, BackupContent]
    blobs: BackupContent
    others: dict[str, str]
    audit: dict[str, Any]

    @property
    def head(self) -> Head:
        """The head of its trail."""
        return Head(int(self.audit["seq"]), str(self.audit["entry_hash"]))

    def written(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1).encode()

    def as_json(self) -> dict[str, Any]:
        """For machines: what was put by or taken back, and whether the key is in it."""
        return {
            "docgen": self.docgen,
            "revision": self.revision,
            "made_at": self.made_at,
            "rows": {name: content.count for name, content in self.tables.items()},
            "files": self.blobs.count,
            "size_bytes": self.blobs.size_bytes,
            "head": str(self.head),
            "with_key": KEY in self.others,
            "audit": self.audit,
        }


def parsed(data: bytes) -> Manifest:
    """Read a manifest. InputUnreadable: backup_damaged."""
    try:
        plain = json.loads(data)
        tables = {name: BackupContent(**content) for name, content in plain.pop("tables").items()}
        made = Manifest(tables=tables, blobs=BackupContent(**plain.pop("blobs")), **plain)
        if Head.parsed(str(made.head)) != made.head:
            raise ValueError(made.head)
        return made
    except UNREADABLE as wrong:
        raise InputUnreadable("backup_damaged", place=MANIFEST) from wrong


class Tally:
    """Counts and hashes what passes by."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._count = self._size_bytes = 0

    def add(self, data: bytes, *, count: int = 1, size_bytes: int = 0) -> None:
        """Take in some bytes, which stand for `count` things of `size_bytes`."""
        self._digest.update(data)
        self._count += count
        self._size_bytes += size_bytes

    def add_blob(self, sha256: str, size_bytes: int) -> None:
        """Take in a blob by its name; its bytes follow from that."""
        self.add(f"{sha256}\n".encode(), size_bytes=size_bytes)

    @property
    def content(self) -> BackupContent:
        """What has passed so far."""
        return BackupContent(self._count, self._digest.hexdigest(), self._size_bytes)
