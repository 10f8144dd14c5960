"""Write files for people: complete or not at all, and never over another file unasked.

An index in the output folder records what each file was made from, so that nothing is rendered
twice. A journal beside it records the files of the current run, in case it is killed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from docgen.errors import OutputRefused

INDEX = ".docgen-index.json"
# One JSON list a line, [key, name, sha256], for each file written since the index was saved.
JOURNAL = ".docgen-index.lines"
UNFINISHED = re.compile(r"\.docgen-[a-z0-9_]{8}")  # temporary names of tempfile.mkstemp
State = Literal["made", "unchanged"]


class OutputFolder:
    """An output folder with its index from keys to files; several runs may share it."""

    def __init__(self, path: Path, *, force: bool = False, indexed: bool = False) -> None:
        """Create the folder if it is missing; only an `indexed` one keeps an index."""
        self.path, self.force = path, force
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            raise _refused(path, wrong) from wrong
        self._index: dict[str, list[str]] = self._load() if indexed else {}
        self._delivered: dict[str, list[str]] = {}

    def unchanged(self, key: str) -> Path | None:
        """Return the file made from `key` before, if it still exists unchanged."""
        name, sha256 = self._index.get(key, ["", ""])
        path = self.path / name
        with suppress(OSError):
            if name and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                return path
        return None

    def deliver(self, name: str, data: bytes, key: str = "") -> tuple[Path, State]:
        """Write `data` as `name`; a different file of that name is kept unless forced.

        Raises OutputRefused: file_exists, no_space, not_writable.
        """
        path = self.path / name
        try:
            with _locked(self.path):
                state = self._write(path, data)
                if key:
                    self._record(key, [name, hashlib.sha256(data).hexdigest()])
        except OSError as wrong:
            raise _refused(path, wrong) from wrong
        return path, state

    def save_index(self) -> None:
        """Save the files of this run and of others meanwhile; drop those that no longer exist."""
        with _locked(self.path):
            saved = self._load()
            newest = {  # by file name: a file has one entry, of the key it was made from last
                entry[0]: (key, entry)
                for index in (saved, self._delivered)
                for key, entry in index.items()
            }
            entries = dict(
                newest[name] for name in sorted(newest) if os.path.isfile(self.path / name)
            )
            journal = self.path / JOURNAL
            if entries != saved or journal.exists():
                text = json.dumps(entries, ensure_ascii=False, indent=0)
                write_aside(self.path / INDEX, text.encode("utf-8", "replace"))
                journal.unlink(missing_ok=True)

    def discard_unfinished(self, *, older_than: datetime) -> None:
        """Remove temporary files of killed runs in this folder and the folders in it."""
        with _locked(self.path):
            for path in (*self.path.glob(".docgen-*"), *self.path.glob("*/.docgen-*")):
                # Removed meanwhile, or another user's, who has to remove it.
                with suppress(FileNotFoundError, PermissionError):
                    status = path.lstat()
                    old = datetime.fromtimestamp(status.st_mtime, UTC) < older_than
                    if old and stat.S_ISREG(status.st_mode) and UNFINISHED.fullmatch(path.name):
                        path.unlink()

    def _record(self, key: str, entry: list[str]) -> None:
        """Append a file to the journal, which a killed run leaves behind."""
        self._index[key] = self._delivered[key] = entry
        line = json.dumps([key, *entry])  # ASCII, so whatever the name holds can be written
        with (self.path / JOURNAL).open("a", encoding="ascii") as journal:
            journal.write(f"\n{line}")  # in front: a line torn by a power failure stays alone

    def _write(self, path: Path, data: bytes) -> State:
        if path.is_file() and path.read_bytes() == data:
            return "unchanged"
        if path.exists() and not self._replaceable(path):
            raise OutputRefused("file_exists.differs", place=str(path))
        write_aside(path, data)
        return "made"

    def _replaceable(self, path: Path) -> bool:
        """Return whether a file may be overwritten: forced, or unchanged since docgen made it."""
        if self.force:
            return True
        name = path.relative_to(self.path).as_posix()
        hashes = {entry[1] for entry in self._index.values() if entry[0] == name}
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() in hashes

    def _load(self) -> dict[str, list[str]]:
        return self._read_index() | self._read_journal()

    def _read_journal(self) -> dict[str, list[str]]:
        """Read the journal; a file whose line is torn is only made once more."""
        try:
            text = (self.path / JOURNAL).read_text("ascii", "replace")
        except OSError:  # mostly there is none
            return {}
        found = {}
        for line in text.splitlines():
            with suppress(ValueError):
                key, name, sha256 = json.loads(line)
                found[str(key)] = [str(name), str(sha256)]
        return found

    def _read_index(self) -> dict[str, list[str]]:
        try:
            loaded = json.loads((self.path / INDEX).read_text("utf-8"))
            return {str(key): [str(name), str(sha256)] for key, (name, sha256) in loaded.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as wrong:
            raise OutputRefused(
                "index_unreadable", place=str(self.path / INDEX), reason=str(wrong), index=INDEX
            ) from wrong


def placed(target: str, name: str) -> tuple[Path, str]:
    """Return the folder and the file name that a typed `target` stands for.

    A folder, or a path that ends in a slash, gets the file as `name`; any other is the file.
    """
    path = Path(target)
    if target.endswith(os.sep) or path.is_dir():
        return path, name
    return path.parent, path.name


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let no other run write to `folder` meanwhile, where its file system supports locks."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as wrong:
        raise _refused(folder, wrong) from wrong
    try:
        with suppress(OSError):  # some network file systems refuse flock(2)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_aside(path: Path, data: bytes) -> None:
    """Write a whole file or none: temporary file, fsync, rename, fsync of the folder."""
    with writing_aside(path) as file:
        file.write(data)


@contextmanager
def writing_aside(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` at the end of the block, or is removed.

    `mode` are its permissions; None takes those of the process's umask. Raises OutputRefused.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".docgen-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp made it 0600, which others could not read.
        os.chmod(temporary, 0o666 & ~_umask() if mode is None else mode)
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # without it the new name may not outlive a power failure (fsync(2))
        finally:
            os.close(folder)
    except OSError as wrong:
        _discard(temporary)
        raise _refused(path, wrong) from wrong
    except BaseException:
        _discard(temporary)
        raise


def _discard(temporary: str) -> None:
    if temporary:
        with suppress(OSError):
            os.unlink(temporary)


def _umask() -> int:
    current = os.umask(0)  # the only way to read it is to set it (umask(2))
    os.umask(current)
    return current


def _refused(path: Path, wrong: OSError) -> OutputRefused:
    if wrong.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputRefused("no_space", place=str(path))
    return OutputRefused("not_writable", place=str(path), reason=wrong.strerror)
