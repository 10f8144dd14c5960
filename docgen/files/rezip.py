"""Write zip files byte for byte alike: one date, one order, one level, parts compressed once."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DEFLATE_LEVEL = 6
DOS_DATE = 0x21  # 1980-01-01, the first day that a zip can name
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_DEFLATED, _UTF8 = 8, 0x800


@dataclass(frozen=True)
class ZipMember:
    """A compressed file: what its zip headers need, and the hash of its bytes."""

    name: bytes
    crc: int
    size: int
    body: bytes
    sha256: bytes

    @classmethod
    def of(cls, name: str, data: bytes) -> ZipMember:
        """Compress one file."""
        packer = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = packer.compress(data) + packer.flush()
        return cls(name.encode(), zlib.crc32(data), len(data), body, hashlib.sha256(data).digest())


def rezip(entries: Iterable[ZipMember]) -> bytes:
    """Put entries into a zip file, in their order."""
    out: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for entry in entries:
        sizes = (entry.crc, len(entry.body), entry.size, len(entry.name))
        head = (20, _UTF8, _DEFLATED, 0, DOS_DATE, *sizes, 0)
        out += [_LOCAL.pack(b"PK\3\4", *head), entry.name, entry.body]
        directory += [_CENTRAL.pack(b"PK\1\2", 20, *head, 0, 0, 0, 0, offset), entry.name]
        offset += _LOCAL.size + len(entry.name) + len(entry.body)
    size = sum(map(len, directory))
    count = len(directory) // 2
    return b"".join([*out, *directory, _END.pack(b"PK\5\6", 0, 0, count, count, size, offset, 0)])


def digest(hashes: Mapping[str, bytes]) -> str:
    """Hash names and the hashes of their bytes, whatever their order."""
    lines = (f"{name}\n{hashes[name].hex()}\n" for name in sorted(hashes))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
