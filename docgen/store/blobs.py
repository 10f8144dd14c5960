"""Bytes by their hash, in a folder or in a bucket: written whole, checked at every read.

Knows no rows: which blobs are still needed is for the caller of `sweep` to say.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from docgen.errors import OutputRefused, StoreFault
from docgen.files.output import write_aside
from docgen.store.content_address import SHA256, SHARD, checked, shard

UNFINISHED = ".docgen-"  # what write_aside calls a file until it is whole
BATCH = 500


class Blobs(Protocol):
    """A store of bytes; every method raises StoreFault where the store cannot be used."""

    def put(self, data: bytes) -> str:
        """Keep `data` and return its sha256; what lies there already counts as new again."""
        ...

    def get(self, sha256: str) -> bytes:
        """Return the bytes of that hash. StoreFault: blob_missing, blob_damaged, bad_sha256."""
        ...

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Return every sha256 with the moment (UTC) at which it was last put."""
        ...

    def delete(self, sha256: str, *, older_than: datetime) -> bool:
        """Remove a blob unless it was put at that moment or later; return whether it was removed.

        Where a put cannot be kept out meanwhile, its bytes stay readable until a second call.
        """
        ...

    def discard_unfinished(self, *, older_than: datetime) -> int:
        """Remove what killed writers left half done before that moment; return how many."""
        ...


class FolderBlobs:
    """Blobs as files `ab/<sha256>` in a folder, which several processes may share.

    A writer and a sweeper never meet: both lock the folder `ab` for what they do in it.
    Writers meet each other, who rename whole files: one that is frozen holds up no other.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lasting = set[str]()  # folders `ab` whose names a power failure does not undo

    def put(self, data: bytes) -> str:
        """Write aside, fsync, rename, fsync the folder; a damaged file is replaced."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256)
        with self._faults():
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.parent, fcntl.LOCK_SH):
                if _holds(path, sha256):
                    os.utime(path)
                    _sync(path.parent)
                else:
                    write_aside(path, data)  # syncs the folder as well
                if path.parent.name not in self._lasting:
                    _sync(self.root)
                    self._lasting.add(path.parent.name)
        return sha256

    def get(self, sha256: str) -> bytes:
        """Return the bytes of that hash, checked."""
        path = self._path(sha256)
        with self._faults():
            try:
                data = path.read_bytes()
            except FileNotFoundError as wrong:
                raise StoreFault("blob_missing", place=sha256) from wrong
        return checked(data, sha256)

    def names(self) -> Iterator[tuple[str, datetime]]:
        """Walk the folder; a file that is no blob, or vanishes meanwhile, is passed over."""
        for path in self._files():
            if SHA256.fullmatch(path.name) and path == self._path(path.name):
                with self._faults():
                    modified = _modified(path)
                if modified:
                    yield path.name, modified

    def delete(self, sha256: str, *, older_than: datetime) -> bool:
        """Remove a blob unless it was put at that moment or later."""
        return self._unlink(self._path(sha256), older_than)

    def discard_unfinished(self, *, older_than: datetime) -> int:
        """Remove the temporary files of killed writers."""
        left = [path for path in self._files() if path.name.startswith(UNFINISHED)]
        return sum(self._unlink(path, older_than) for path in left)

    def _path(self, sha256: str) -> Path:
        return self.root / shard(sha256)

    def _files(self) -> Iterator[Path]:
        """Return what lies in the folders `ab`; nothing where nothing was ever put."""
        with self._faults():
            folders = _shards(self.root)
        for folder in folders:
            with self._faults():
                inner = list(folder.iterdir())
            yield from inner

    def _unlink(self, path: Path, older_than: datetime) -> bool:
        with self._faults(), suppress(FileNotFoundError), _locked(path.parent, fcntl.LOCK_EX):
            modified = _modified(path)
            if modified and modified < older_than:
                path.unlink()
                return True
        return False

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except (OSError, OutputRefused) as wrong:
            cause = wrong.__cause__ if isinstance(wrong, OutputRefused) else wrong
            assert isinstance(cause, OSError)  # write_aside refuses for no other reason
            if cause.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFault("no_space", place=str(self.root)) from wrong
            raise StoreFault(
                "store_unusable", place=str(self.root), reason=cause.strerror or str(cause)
            ) from wrong


@dataclass(frozen=True)
class SweptBlobs:
    """What a sweep found: blobs that were old enough, those removed, and unfinished files."""

    old: int
    removed: int
    unfinished: int


def sweep(
    blobs: Blobs, referenced: Callable[[list[str]], set[str]], *, older_than: datetime
) -> SweptBlobs:
    """Remove blobs that were last put before `older_than` and that nothing refers to.

    `referenced` gets up to BATCH sha256 and returns those that rows name. `older_than` must
    lie further back than the longest time between a put and the commit of its row.
    """
    old = removed = 0
    aged = (sha256 for sha256, modified in blobs.names() if modified < older_than)
    while batch := list(islice(aged, BATCH)):
        orphans = set(batch) - referenced(batch)
        removed += sum(blobs.delete(sha256, older_than=older_than) for sha256 in sorted(orphans))
        old += len(batch)
    return SweptBlobs(old, removed, blobs.discard_unfinished(older_than=older_than))


def open_blobs(folder: Path, url: str | None, *, environ: Mapping[str, str] = os.environ) -> Blobs:
    """Return the bucket at `url` (s3://bucket/prefix), or `folder` where there is no url.

    Raises SettingWrong for any other url, and for AWS_ variables that are missing or wrong.
    """
    if url is None:
        return FolderBlobs(folder)
    from docgen.store.s3 import S3Blobs  # only a bucket needs obstore

    return S3Blobs(url, environ)


# ---------------------------------------------------------------- names and faults


# ---------------------------------------------------------------- folders


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[None]:
    """Keep sweepers out of `folder`, or everybody, until the end or a kill."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _holds(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False


def _shards(folder: Path) -> list[Path]:
    """Return the folders of blobs in `folder`, which may be missing before the first put."""
    try:
        return sorted(path for path in folder.iterdir() if SHARD.fullmatch(path.name))
    except FileNotFoundError:
        return []


def _modified(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return None
