"""Where bags lie: a zip or a folder, read in pieces and within limits; never unpacked to disk."""

from __future__ import annotations

import os
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol

from docgen.archive.layout import BAGIT
from docgen.errors import InputUnreadable
from docgen.files.unzip import BROKEN, ENCRYPTED, FREE_RATIO_BYTES, RATIO

CHUNK = 2**18
ENTRY_BYTES = 256 * 2**20
ENTRIES = 150_000
DIRECTORY_BYTES = 32 * 2**20
FREE_BYTES, UNPACKED_RATIO = 500 * 2**20, 20
_ELSEWHERE = re.compile(r"^$|^[A-Za-z]:|(^|/)\.{0,2}(/|$)|[\x00-\x1f\x7f\\]")
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_BYTES = 20  # APPNOTE 4.3.15
_LOCAL = struct.Struct("<4s5H3L2H")
_DIRECTORY_BYTES = 46  # of an entry, without its name, extra field and comment (APPNOTE 4.3.12)
_DESCRIBED, _UTF8 = 0x08, 0x800  # flag bits 3 and 11 (APPNOTE 4.4.4)
_DESCRIPTORS = (16, 12)  # with a signature or without (APPNOTE 4.3.9)
_UNICODE_PATH = 0x7075  # another name for the same entry, which some programs prefer (4.6.9)


class Container(Protocol):
    """Files by name, with `/` between folders."""

    @property
    def names(self) -> Sequence[str]:
        """All names of files, sorted."""
        ...

    def pieces(self, name: str) -> Iterator[bytes]:
        """Give a file's content in pieces. InputUnreadable: package_broken, package_bomb."""
        ...


def zips(path: Path) -> list[Path]:
    """List the zips of a folder that is no bag itself."""
    if not path.is_dir() or (path / BAGIT).exists():
        return []
    return sorted(path.glob("*.zip"))


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """Open a zip or a folder. InputUnreadable: package_unreadable, _broken, _bomb and others."""
    if path.is_dir():
        yield FolderContainer(path)
        return
    try:
        with path.open("rb") as file:
            _refuse_large_directory(file, path.stat().st_size)
            with zipfile.ZipFile(file) as archive:
                made = Zip(archive, path.stat().st_size)
                _check_layout(file, archive, path.stat().st_size)
                yield made
    except BROKEN as wrong:
        raise InputUnreadable("package_broken", place=str(wrong)[:200]) from wrong
    except OSError as wrong:
        raise InputUnreadable(
            "package_unreadable.file", place=str(path), reason=wrong.strerror
        ) from wrong


class FolderContainer:
    """Files in a folder; no link is followed."""

    def __init__(self, root: Path) -> None:
        """List them. InputUnreadable: package_link, package_bomb."""
        self._root = root
        self.names: Sequence[str] = sorted(self._listed())

    def pieces(self, name: str) -> Iterator[bytes]:
        """Give a file's content in pieces."""
        try:
            handle = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                while piece := file.read(CHUNK):
                    yield piece
        except OSError as wrong:
            raise InputUnreadable("package_broken", place=name) from wrong

    def _listed(self) -> Iterator[str]:
        count = 0
        for folder, folders, files in os.walk(self._root):
            for one in (*folders, *files):
                path = Path(folder, one)
                mode = path.lstat().st_mode
                if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                    raise InputUnreadable("package_link", place=path.name)
            for one in files:
                yield Path(folder, one).relative_to(self._root).as_posix()
            count += len(files)
            if count > ENTRIES:
                raise InputUnreadable("package_bomb", place=one)


class Zip:
    """Entries of a zip, judged before the first is read and measured while they are."""

    def __init__(self, archive: zipfile.ZipFile, size_bytes: int) -> None:
        """Judge all entries by what the directory says. InputUnreadable."""
        self._archive = archive
        self._left = FREE_BYTES + UNPACKED_RATIO * size_bytes
        found = [info for info in archive.infolist() if not info.is_dir()]
        _check_names(archive.infolist())
        if sum(info.compress_size for info in found) > size_bytes:
            raise InputUnreadable("package_bomb", place="entries overlap")
        for info in found:
            _check(info)
        self._infos = {info.filename: info for info in found}
        self.names: Sequence[str] = sorted(self._infos)

    def pieces(self, name: str) -> Iterator[bytes]:
        """Inflate an entry in pieces, never more than was declared."""
        try:
            with self._archive.open(self._infos[name]) as entry:
                while piece := entry.read(CHUNK):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise InputUnreadable("package_bomb", place=name)
                    yield piece
        except BROKEN as wrong:
            raise InputUnreadable("package_broken", place=name) from wrong


def refuse(code: str, place: str) -> NoReturn:
    """Refuse the package, for what stands at `place`."""
    raise InputUnreadable(code, place=place)


def _check_names(found: Sequence[zipfile.ZipInfo]) -> None:
    if len(found) > ENTRIES:
        refuse("package_bomb", str(len(found)))
    seen = set()
    for info in found:
        plain = info.filename.removesuffix("/")
        if info.filename != info.orig_filename or _ELSEWHERE.search(plain):
            refuse("package_unsafe_name", info.filename)
        folded = unicodedata.normalize("NFC", info.filename).casefold()
        if folded in seen:
            refuse("package_duplicate", info.filename)
        seen.add(folded)


def _check(info: zipfile.ZipInfo) -> None:
    if info.header_offset < 0:
        refuse("package_broken", info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        refuse("package_link", info.filename)
    if info.flag_bits & ENCRYPTED:
        refuse("package_encrypted", info.filename)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        refuse("package_method", info.filename)
    ratio = info.file_size > FREE_RATIO_BYTES and info.file_size > RATIO * info.compress_size
    if info.file_size > ENTRY_BYTES or ratio:
        refuse("package_bomb", info.filename)


def _check_layout(file: BinaryIO, archive: zipfile.ZipFile, size_bytes: int) -> None:
    """Refuse bytes of which the directory does not tell, and entries that tell something else.

    Programs that read from the beginning on, or prefer other names, would unpack other files.
    """
    at = length = 0
    for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
        if info.header_offset != at or (info.is_dir() and info.file_size):
            refuse("package_broken", info.filename)
        at = _entry_end(file, info)
        parts = (_raw_name(info), info.extra, info.comment)
        length += _DIRECTORY_BYTES + sum(map(len, parts))
    at = at if archive.start_dir == at else -1
    ends = (_END.size, _END.size + _END64.size + _LOCATOR_BYTES)
    if at < 0 or size_bytes - at - length not in ends:
        refuse("package_broken", "zip")


def _entry_end(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where an entry ends, whose own header says what the directory says."""
    file.seek(info.header_offset)
    header = _LOCAL.unpack(file.read(_LOCAL.size))
    flags, method, crc, packed, unpacked, name_bytes, extra_bytes = (*header[2:4], *header[6:])
    name, extra = file.read(name_bytes), file.read(extra_bytes)
    said, due = (crc, packed, unpacked), (info.CRC, info.compress_size, info.file_size)
    described = bool(flags & _DESCRIBED)
    if (
        (flags, method, name) != (info.flag_bits, info.compress_type, _raw_name(info))
        or said not in (due, *[(0, 0, 0)] * described)
        or any(_UNICODE_PATH in _kinds(one) for one in (extra, info.extra))
    ):
        refuse("package_broken", info.filename)
    file.seek(info.compress_size, os.SEEK_CUR)
    if described:
        descriptor, at = file.read(_DESCRIPTORS[0]), file.tell()
        signed = descriptor.startswith(b"PK\7\x08")
        size_bytes = _DESCRIPTORS[0 if signed else 1]
        if descriptor[size_bytes - 12 : size_bytes] != struct.pack("<3L", *due):
            refuse("package_broken", info.filename)
        file.seek(at - len(descriptor) + size_bytes)
    return file.tell()


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _kinds(extra: bytes) -> Iterator[int]:
    """Give the kinds of an extra field's parts (APPNOTE 4.5.1)."""
    while len(extra) >= 4:
        kind, size_bytes = struct.unpack_from("<2H", extra)
        yield kind
        extra = extra[4 + size_bytes :]


def _refuse_large_directory(file: BinaryIO, size_bytes: int) -> None:
    """Refuse a directory of entries that would not fit into memory, before it is read."""
    tail = min(size_bytes, 2**16 + _END.size + _END64.size + 20)
    file.seek(size_bytes - tail)
    data = file.read(tail)
    file.seek(0)
    at = data.rfind(b"PK\5\6")
    if at < 0 or at + _END.size > len(data):
        refuse("package_broken", "zip")
    length = _END.unpack_from(data, at)[5]
    at64 = data.rfind(b"PK\6\6", 0, at)
    if length == 0xFFFFFFFF and at64 >= 0 and at64 + _END64.size <= len(data):
        length = _END64.unpack_from(data, at64)[8]
    if length > DIRECTORY_BYTES:
        refuse("package_bomb", "directory")
