"""Read one level of a zip strictly: names, links, sizes measured while inflating, nothing hidden.

Stricter than zipfile: a file that two readers see differently is refused. Keeps no more of an
entry in memory than a piece; `docgen.uploads.packages` judges the contents.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from docgen.errors import UploadRefused
from docgen.files.unzip import ENCRYPTED, ENTRIES, ENTRY_BYTES, FREE_RATIO_BYTES, RATIO, TOTAL_BYTES

HELD_BYTES = 32 * 2**20
COMMENT_BYTES = 128
_PIECE_BYTES, _FED_BYTES = 2**16, 2**14
_DESCRIPTOR_BYTES = 24  # signature, CRC, two sizes of zip64 (APPNOTE 4.3.9)
_UTF8, _DESCRIBED = 0x800, 0x8  # flag bits 11 and 3: sizes are behind the data (APPNOTE 4.4.4)
_UNKNOWN = 0xFFFFFFFF  # the size is in a zip64 field (APPNOTE 4.5.3)
_LOCAL = struct.Struct("<4s5H3L2H")  # the header before each file (APPNOTE 4.3.7)
_END_BYTES = 22  # of the end record without its comment (APPNOTE 4.3.16)
# Empty names, drives, steps like .. and empty ones, backslashes, control characters.
_ELSEWHERE = re.compile(r"^$|^[A-Za-z]:|(^|/)\.{0,2}(/|$)|[\\\x00-\x1f\x7f]")
_BROKEN = (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error, EOFError, KeyError)


@dataclass
class Budget:
    """How much one upload may still unpack, over all levels; `held_left` is for whole entries."""

    packed_bytes: int
    bytes_left: int = TOTAL_BYTES
    entries_left: int = ENTRIES
    held_left: int = HELD_BYTES

    def spend(self, size_bytes: int) -> bool:
        """Count bytes; return False when the total or the ratio of the whole is exceeded."""
        self.bytes_left -= size_bytes
        spent = TOTAL_BYTES - self.bytes_left
        return spent <= min(TOTAL_BYTES, max(FREE_RATIO_BYTES, RATIO * self.packed_bytes))


@dataclass(frozen=True)
class ZipEntry:
    """A file of an archive: its packed bytes and its entry in the directory."""

    name: str
    info: zipfile.ZipInfo
    packed: memoryview


def entries(data: bytes, budget: Budget) -> list[ZipEntry]:
    """Return the files of an archive after all checks that need no inflating.

    Raises UploadRefused: zip_*, polyglot (bytes that belong to no entry).
    """
    if data.count(b"PK\1\2") > 2 * ENTRIES:  # before zipfile builds an object for each
        raise UploadRefused("zip_bomb")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = [_entry(data, info) for info in archive.infolist()]
            _check_tiling(data, found, archive)
    except UploadRefused:
        raise
    except _BROKEN as wrong:
        raise UploadRefused("zip_broken", value=str(wrong)) from wrong
    _check_names([entry.name for entry in found])
    files = [entry for entry in found if not entry.info.is_dir()]
    budget.entries_left -= len(files)
    declared = sum(entry.info.file_size for entry in files)
    if budget.entries_left < 0 or declared > budget.bytes_left:
        raise UploadRefused("zip_bomb", value=f"{len(files)} / {declared}")
    return files


def pieces(entry: ZipEntry, budget: Budget) -> Iterator[bytes]:
    """Inflate an entry piece by piece; stop as soon as it is too large.

    Raises UploadRefused: zip_bomb, zip_broken.
    """
    size_bytes = crc = 0
    for piece in _inflated(entry):
        size_bytes += len(piece)
        crc = zlib.crc32(piece, crc)
        if not budget.spend(len(piece)) or _too_much(size_bytes, entry.info):
            raise UploadRefused("zip_bomb", place=entry.name, value=size_bytes)
        yield piece
    if size_bytes != entry.info.file_size or crc != entry.info.CRC:
        raise UploadRefused("zip_broken", place=entry.name, value=size_bytes)


def hold(name: str, parts: Iterable[bytes], budget: Budget) -> bytes:
    """Return an entry whole, for kinds that cannot be judged in pieces. UploadRefused: zip_nested.

    The caller must add its length to `budget.held_left` when done with it.
    """
    whole = io.BytesIO()
    for part in parts:
        if whole.tell() + len(part) > budget.held_left:
            raise UploadRefused("zip_nested", place=name, value=whole.tell())
        whole.write(part)
    budget.held_left -= whole.tell()
    return whole.getvalue()


def _entry(data: bytes, info: zipfile.ZipInfo) -> ZipEntry:
    name = _readable_name(info)
    if info.orig_filename != info.filename or _ELSEWHERE.search(name.removesuffix("/")):
        raise UploadRefused("zip_path", place=name, value=info.orig_filename)
    _check_attributes(name, info)
    return ZipEntry(name, info, _packed(data, info, name))


def _check_attributes(name: str, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & ENCRYPTED:
        raise UploadRefused("zip_encrypted", place=name)
    # The upper half is a Unix mode (APPNOTE 4.4.15): links, devices and sockets are refused.
    if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise UploadRefused("zip_link", place=name)
    if info.is_dir() and info.file_size:
        raise UploadRefused("zip_path", place=name, value=info.file_size)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UploadRefused("zip_method", place=name, value=info.compress_type)
    if _too_much(info.file_size, info):
        raise UploadRefused("zip_bomb", place=name, value=info.file_size)


def _too_much(size_bytes: int, info: zipfile.ZipInfo) -> bool:
    """Return whether a size, declared or inflated so far, exceeds the limits of an entry."""
    if size_bytes > min(ENTRY_BYTES, info.file_size):
        return True
    return size_bytes > FREE_RATIO_BYTES and size_bytes > RATIO * info.compress_size


def _packed(data: bytes, info: zipfile.ZipInfo, name: str) -> memoryview:
    """Return an entry's bytes by its local header, which must agree with the directory."""
    at = info.header_offset
    magic, _, flags, method, *_, packed, size, name_length, extra = _LOCAL.unpack_from(data, at)
    start = at + _LOCAL.size + name_length + extra
    local_name = data[at + _LOCAL.size :][:name_length] if name_length < 2**12 else b""
    encoding = "utf-8" if info.flag_bits & _UTF8 else "cp437"  # APPNOTE, appendix D
    if magic != b"PK\3\4" or local_name != info.orig_filename.encode(encoding):
        raise UploadRefused("zip_broken", place=name)
    if flags & ENCRYPTED:
        raise UploadRefused("zip_encrypted", place=name)
    sizes = [(packed, info.compress_size), (size, info.file_size)]
    differs = any(local not in (_UNKNOWN, directory) for local, directory in sizes)
    if method != info.compress_type or (differs and not flags & _DESCRIBED):
        raise UploadRefused("zip_bomb", place=name, value=size)
    if start + info.compress_size > len(data):
        raise UploadRefused("zip_broken", place=name)
    return memoryview(data)[start : start + info.compress_size]


def _check_tiling(data: bytes, found: list[ZipEntry], archive: zipfile.ZipFile) -> None:
    """Refuse bytes before, between and after the entries, and entries that share bytes.

    Such bytes hide a second file, or make a bomb of overlapping entries.
    """
    end = 0
    for entry in sorted(found, key=lambda entry: entry.info.header_offset):
        at = entry.info.header_offset
        if not 0 <= at - end <= (_DESCRIPTOR_BYTES if end else 0):
            raise UploadRefused("polyglot" if at > end else "zip_bomb", place=entry.name)
        _, _, _, _, *_, name_length, extra = _LOCAL.unpack_from(data, at)
        end = at + _LOCAL.size + name_length + extra + entry.info.compress_size
    comment = archive.comment
    tail = len(data) - _END_BYTES - len(comment)
    whole = data[tail : tail + 4] == b"PK\5\6" and len(comment) <= COMMENT_BYTES
    if not whole or not 0 <= archive.start_dir - end <= _DESCRIPTOR_BYTES:
        raise UploadRefused("polyglot")


def _check_names(names: list[str]) -> None:
    """Refuse names that Windows or macOS take for the same file."""
    seen = set()
    for name in names:
        folded = unicodedata.normalize("NFC", name).casefold().rstrip("/")
        if folded in seen:
            raise UploadRefused("zip_duplicate", place=name)
        seen.add(folded)


def _readable_name(info: zipfile.ZipInfo) -> str:
    """Return the name; older Chinese Windows writes GBK without marking it."""
    if info.flag_bits & _UTF8 or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return info.filename


def _inflated(entry: ZipEntry) -> Iterator[bytes]:
    packed = entry.packed
    if entry.info.compress_type == zipfile.ZIP_STORED:
        for start in range(0, len(packed), _PIECE_BYTES):
            yield bytes(packed[start : start + _PIECE_BYTES])
        return
    stream, at, tail = zlib.decompressobj(-zlib.MAX_WBITS), 0, b""
    while not stream.eof:
        fed = tail or bytes(packed[at : at + _FED_BYTES])
        at += 0 if tail else len(fed)
        try:
            piece = stream.decompress(fed, _PIECE_BYTES)
        except zlib.error as wrong:
            raise UploadRefused("zip_broken", place=entry.name, value=str(wrong)) from wrong
        tail = stream.unconsumed_tail
        if piece:
            yield piece
        elif not fed:
            break
    if not stream.eof or stream.unused_data or at < len(packed):
        raise UploadRefused("zip_broken", place=entry.name)
