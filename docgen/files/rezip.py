"""Write reproducible zip files: fixed date, order and level; members are compressed once.

The zip format is that of PKWARE's APPNOTE 6.3, without zip64: files stay below 4 GB.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DEFLATE_LEVEL = 6  # zlib's default
DOS_DATE = 0x21  # 1980-01-01, the first day of MS-DOS dates
_LOCAL = struct.Struct("<4s5H3L2H")  # APPNOTE 4.3.7
_CENTRAL = struct.Struct("<4s6H3L5H2L")  # APPNOTE 4.3.12
_END = struct.Struct("<4s4H2LH")  # APPNOTE 4.3.16
_DEFLATED, _UTF8 = 8, 0x800  # method (APPNOTE 4.4.5), flag bit 11 (4.4.4)


@dataclass(frozen=True)
class ZipMember:
    """A compressed member: the fields of its zip headers, and the hash of its plain bytes."""

    name: bytes
    crc: int
    size: int
    body: bytes
    sha256: bytes

    @classmethod
    def of(cls, name: str, data: bytes) -> ZipMember:
        """Compress one file."""
        # Negative: a raw deflate stream without zlib's header, as zip files have it.
        packer = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = packer.compress(data) + packer.flush()
        return cls(name.encode(), zlib.crc32(data), len(data), body, hashlib.sha256(data).digest())


def rezip(entries: Iterable[ZipMember]) -> bytes:
    """Return a zip file of members in their order."""
    out: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for entry in entries:
        sizes = (entry.crc, len(entry.body), entry.size, len(entry.name))
        head = (20, _UTF8, _DEFLATED, 0, DOS_DATE, *sizes, 0)  # 20: version 2.0 reads deflate
        out += [_LOCAL.pack(b"PK\3\4", *head), entry.name, entry.body]
        directory += [_CENTRAL.pack(b"PK\1\2", 20, *head, 0, 0, 0, 0, offset), entry.name]
        offset += _LOCAL.size + len(entry.name) + len(entry.body)
    size = sum(map(len, directory))
    count = len(directory) // 2
    return b"".join([*out, *directory, _END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)])


def digest(hashes: Mapping[str, bytes]) -> str:
    """Return one hash of names and the hashes of their bytes, independent of their order."""
    lines = (f"{name}\n{hashes[name].hex()}\n" for name in sorted(hashes))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
