"""Files for people: written aside and renamed, never torn, never overwritten unasked.

An index in the output folder remembers what each file was made from, so that nothing is
rendered twice. While a run lasts, a journal beside it does: a run that is killed leaves it.
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
JOURNAL = ".docgen-index.lines"
"""One JSON list a line, [key, name, sha256]: what was delivered since the index was saved."""
UNFINISHED = re.compile(r"\.docgen-[a-z0-9_]{8}")  # what write_aside calls a file until it is whole
State = Literal["made", "unchanged"]


class OutputFolder:
    """An output folder with its index of what was made from what; several runs may share it."""

    def __init__(self, path: Path, *, force: bool = False, indexed: bool = False) -> None:
        """Make the folder where it is missing; only an indexed one keeps an index."""
        self.path, self.force = path, force
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as wrong:
            raise _refused(path, wrong) from wrong
        self._index: dict[str, list[str]] = self._load() if indexed else {}
        self._own: dict[str, list[str]] = {}

    def unchanged(self, key: str) -> Path | None:
        """Return the file already made from `key`, if it is still there as it was made."""
        name, sha256 = self._index.get(key, ["", ""])
        path = self.path / name
        with suppress(OSError):
            if name and path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                return path
        return None

    def deliver(self, name: str, data: bytes, key: str = "") -> tuple[Path, State]:
        """Write `data` as `name`; an existing other file is kept unless forced.

        Raises OutputRefused: file_exists, no_space, not_writable.
        """
        path = self.path / name
        try:
            with _alone(self.path):
                state = self._write(path, data)
                if key:
                    self._note(key, [name, hashlib.sha256(data).hexdigest()])
        except OSError as wrong:
            raise _refused(path, wrong) from wrong
        return path, state

    def save_index(self) -> None:
        """Remember what was made, by this run or by others meanwhile; forget what is gone."""
        with _alone(self.path):
            known = self._load()
            newest = {
                entry[0]: (key, entry)
                for index in (known, self._own)
                for key, entry in index.items()
            }
            kept = dict(newest[name] for name in sorted(newest) if os.path.isfile(self.path / name))
            journal = self.path / JOURNAL
            if kept != known or journal.exists():
                text = json.dumps(kept, ensure_ascii=False, indent=0)
                write_aside(self.path / INDEX, text.encode("utf-8", "replace"))
                journal.unlink(missing_ok=True)

    def discard_unfinished(self, *, older_than: datetime) -> None:
        """Remove what killed runs left half written here and one folder down."""
        with _alone(self.path):
            for path in (*self.path.glob(".docgen-*"), *self.path.glob("*/.docgen-*")):
                # Gone meanwhile, or another's and for them to remove.
                with suppress(FileNotFoundError, PermissionError):
                    found = path.lstat()
                    old = datetime.fromtimestamp(found.st_mtime, UTC) < older_than
                    if old and stat.S_ISREG(found.st_mode) and UNFINISHED.fullmatch(path.name):
                        path.unlink()

    def _note(self, key: str, entry: list[str]) -> None:
        """Put a delivered file into the journal, so that it outlives a run that is killed."""
        self._index[key] = self._own[key] = entry
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
        """Return a file may go when forced, or when it is still exactly what docgen made."""
        if self.force:
            return True
        name = path.relative_to(self.path).as_posix()
        made = {entry[1] for entry in self._index.values() if entry[0] == name}
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() in made

    def _load(self) -> dict[str, list[str]]:
        return self._saved() | self._noted()

    def _noted(self) -> dict[str, list[str]]:
        """Read the journal; what a torn line named is only made once more."""
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

    def _saved(self) -> dict[str, list[str]]:
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
    """Return the folder and the name of a file that goes to `target`, as somebody typed it.

    A folder, or what ends in a slash, takes it under `name`; anything else is the file itself.
    """
    path = Path(target)
    if target.endswith(os.sep) or path.is_dir():
        return path, name
    return path.parent, path.name


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no other run write to `folder` meanwhile, where its file system knows locks."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as wrong:
        raise _refused(folder, wrong) from wrong
    try:
        with suppress(OSError):
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
    """Give a file that becomes `path` at the end of the block, whole, or leaves nothing behind.

    `mode` says who may read it; None leaves that to the process's mask. Raises OutputRefused.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".docgen-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask() if mode is None else mode)
        os.replace(temporary, path)
        _sync_folder(path.parent)
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
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refused(path: Path, wrong: OSError) -> OutputRefused:
    if wrong.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputRefused("no_space", place=str(path))
    return OutputRefused("not_writable", place=str(path), reason=wrong.strerror)
