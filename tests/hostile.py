"""Files as honest people bring them, and the same made to do harm, for the tests of uploads."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from typing import Any

import docx
import openpyxl
import pikepdf
from PIL import Image

CONTENT_TYPES = "[Content_Types].xml"
DOCTYPE = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
PROGRAM = b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0\xb8" + bytes(64)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

# ---------------------------------------------------------------- honest


@cache
def document() -> bytes:
    made, out = docx.Document(), io.BytesIO()
    made.add_heading("巡检报告")
    made.add_table(rows=2, cols=2).cell(0, 0).text = "主机"
    made.save(out)
    return out.getvalue()


def long_document(rows: int) -> bytes:
    """A table of rows that are alike, as a log of checks has them; packed more than 100 times."""
    made, out = docx.Document(), io.BytesIO()
    table = made.add_table(rows=1, cols=8)
    for cell in table.rows[0].cells:
        cell.text = "正常"
    row = table.rows[0]._tr
    for _ in range(rows - 1):
        table._tbl.append(deepcopy(row))
    made.save(out)
    return out.getvalue()


@cache
def workbook(rows: int = 3) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet: Any = book.active
    for _ in range(rows):
        sheet.append(["正常", "OK", 1, 1, 1, 1, 1, 1])
    book.save(out)
    return out.getvalue()


@cache
def image(kind: str, size: tuple[int, int] = (40, 30), pages: int = 1) -> bytes:
    out, mode = io.BytesIO(), "1" if kind == "tiff" else "RGB"
    more: dict[str, Any] = {"compression": "group4", "save_all": True} if kind == "tiff" else {}
    if pages > 1:
        more["append_images"] = [Image.new(mode, size)] * (pages - 1)
    Image.new(mode, size, "white").save(out, kind, **more)
    return out.getvalue()


def pdf(edit: Callable[[pikepdf.Pdf], None] | None = None, pages: int = 2, **how: Any) -> bytes:
    out = io.BytesIO()
    with pikepdf.new() as made:
        for _ in range(pages):
            made.add_blank_page()
        if edit:
            edit(made)
        made.save(out, **how)
    return out.getvalue()


def archive(
    files: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]], comment: bytes = b""
) -> bytes:
    """A zip; as a list, names may repeat and carry attributes."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        warnings.simplefilter("ignore")  # of names that repeat
        for name, data in files.items() if isinstance(files, dict) else files:
            made.writestr(name, data)
        made.comment = comment
    return out.getvalue()


def parts(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return {info.filename: package.read(info) for info in package.infolist()}


def with_part(data: bytes, name: str, part: bytes) -> bytes:
    """The package with a part added or replaced."""
    return archive({**parts(data), name: part})


def edited(data: bytes, name: str, old: bytes, new: bytes) -> bytes:
    """The package with something else in one of its parts."""
    part = parts(data)[name]
    assert old in part
    return with_part(data, name, part.replace(old, new))


# ---------------------------------------------------------------- zips that grow or lie


def deflated(name: str, packed: bytes, size_bytes: int, crc: int) -> bytes:
    """A zip of one entry, of whose stream this is told."""
    made = bytearray(archive([(zipfile.ZipInfo(name), packed)]))
    for at in (4, made.find(b"PK\1\2") + 6):
        struct.pack_into("<H", made, at + 4, zipfile.ZIP_DEFLATED)
        struct.pack_into("<L", made, at + 10, crc)
        struct.pack_into("<L", made, at + 18, size_bytes)
    return bytes(made)


def swollen(name: str, byte: bytes, mb: int, told_bytes: int = 0) -> bytes:
    """A zip of one byte `mb` million times, put together from one packed MiB: that is quick.

    With `told_bytes` it tells of so many only, and their checksum.
    """
    squeeze = zlib.compressobj(9, wbits=-15)
    piece = squeeze.compress(byte * 2**20) + squeeze.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, wbits=-15).flush()
    crc = zlib.crc32(byte * (told_bytes or mb * 2**20))
    return deflated(name, piece * mb + end, told_bytes or mb * 2**20, crc)


def bomb() -> bytes:
    """200 KB that become 200 MB in one entry."""
    return swollen("zeros.txt", b"\0", 200)


def text_bomb() -> bytes:
    """98 KB that become 95 MB: under the limit of one entry, over the ratio."""
    return swollen("a.txt", b" ", 95)


@cache
def split_bomb() -> bytes:
    """The same 200 MB in entries that each keep below the size where ratios count."""
    nine_mb = b" " * (9 * 2**20)
    return archive({f"{number}.txt": nine_mb for number in range(22)})


def matryoshka() -> bytes:
    """A bomb in a zip in a zip."""
    return archive({"a.zip": archive({"b.zip": archive({"c.zip": bomb()})})})


def nested_bomb() -> bytes:
    """A bomb one level down, where a zip may still be."""
    return archive({"a.zip": text_bomb()})


def large_inner() -> bytes:
    """A stored inner archive larger than is held."""
    inner = archive({"a.txt": b"a"}) + bytes(40 * 2**20)
    return archive({"noise.txt": b"a", "a.zip": inner})


def many_entries() -> bytes:
    return archive({f"{number}.txt": b"" for number in range(2_001)})


def overlapping() -> bytes:
    """One entry quotes the next, header and all, so that its bytes count twice."""
    inner = archive({"b.txt": b"b" * 1000})
    quoted = inner[: inner.find(b"PK\1\2")]
    info = zipfile.ZipInfo("a.txt")
    outer = archive([(info, quoted)])
    at = outer.find(b"PK\1\2")
    header = bytearray(inner[len(quoted) : inner.find(b"PK\5\6")])
    struct.pack_into("<L", header, 42, 30 + len("a.txt"))
    directory = outer[at : outer.find(b"PK\5\6")] + header
    return (
        outer[:at]
        + directory
        + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(directory), at, 0)
    )


def declaring(
    true_bytes: int, declared_bytes: int, *, local_too: bool = True, seemly_crc: bool = False
) -> bytes:
    """An entry of `true_bytes` whose directory (and own header) tell another size.

    A reader that stops at the declared size, and finds its CRC right, notices nothing.
    """
    data = bytearray(archive({"lie.txt": b" " * true_bytes}))
    central = data.find(b"PK\1\2")
    for at in (central + 24, *((22,) if local_too else ())):
        struct.pack_into("<L", data, at, declared_bytes)
    if seemly_crc:
        for at in (central + 16, 14):
            struct.pack_into("<L", data, at, zlib.crc32(b" " * declared_bytes))
    return bytes(data)


def displaced(data: bytes) -> bytes:
    """Return a zip whose directory seems to begin later, so that its first entry lies before it."""
    at = data.rindex(b"PK\5\6") + 16
    (begins,) = struct.unpack_from("<L", data, at)
    return data[:at] + struct.pack("<L", begins + 1) + data[at + 4 :]


def cut_short(data: bytes) -> bytes:
    """A deflated entry whose stream lacks its end."""
    return deflated("a.txt", zlib.compress(data, wbits=-15)[:-1], len(data), zlib.crc32(data))


def lying_bomb() -> bytes:
    return swollen("lie.txt", b" ", 200, told_bytes=1000)


BOMBS: dict[str, Callable[[], bytes]] = {
    "one-entry": bomb,
    "spaces": text_bomb,
    "split": split_bomb,
    "matryoshka": matryoshka,
    "nested": nested_bomb,
    "lying": lying_bomb,
}


# ---------------------------------------------------------------- zips that lead elsewhere


def with_flag(data: bytes, *, local: bool = True, central: bool = True) -> bytes:
    """The archive with its first entry marked as encrypted, in one or both headers."""
    made = bytearray(data)
    made[6] |= local
    made[made.find(b"PK\1\2") + 8] |= central
    return bytes(made)


def with_mode(name: str, mode: int, data: bytes = b"/etc/passwd") -> bytes:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return archive([("a.txt", b"a"), (info, data)])


def link() -> bytes:
    return with_mode("link.txt", stat.S_IFLNK | 0o777)


# ---------------------------------------------------------------- images and PDF


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + name + data + struct.pack(">L", zlib.crc32(name + data))


def huge_png(side: int = 30_000) -> bytes:
    """A few KB that say they are `side` × `side` pixels."""
    header = struct.pack(">2L5B", side, side, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def huge_jpeg(side: int = 30_000) -> bytes:
    data = image("jpeg")
    frame = data.index(b"\xff\xc0") + 5
    return data[:frame] + struct.pack(">2H", side, side) + data[frame + 4 :]


def huge_tiff(side: int = 30_000) -> bytes:
    data = bytearray(image("tiff"))
    directory = struct.unpack_from("<L", data, 4)[0]
    for number in range(struct.unpack_from("<H", data, directory)[0]):
        at = directory + 2 + 12 * number
        if struct.unpack_from("<H", data, at)[0] in (256, 257):
            struct.pack_into("<2HLL", data, at, *struct.unpack_from("<H", data, at), 4, 1, side)
    return bytes(data)


def action(kind: str, **more: Any) -> pikepdf.Dictionary:
    return pikepdf.Dictionary(S=pikepdf.Name(f"/{kind}"), **more)


def attaching(name: str, data: bytes, **how: Any) -> bytes:
    """A PDF with a file attached."""

    def edit(made: pikepdf.Pdf) -> None:
        made.attachments[name] = pikepdf.AttachedFileSpec(made, data, filename=name)

    return pdf(edit, **how)


@cache
def stream_bomb() -> bytes:
    """A PDF whose object stream inflates to 200 MB: reading any object of it would."""
    body = b"1 0 << /Type /Catalog /Pages 3 0 R >>" + b" " * (200 * 2**20)
    packed = zlib.compress(body, 9)
    objects = [
        b"2 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n"
        % len(packed)
        + packed
        + b"\nendstream\nendobj\n",
        b"3 0 obj\n<< /Type /Pages /Count 1 /Kids [4 0 R] >>\nendobj\n",
        b"4 0 obj\n<< /Type /Page /Parent 3 0 R /MediaBox [0 0 9 9] >>\nendobj\n",
    ]
    data, offsets = b"%PDF-1.5\n", []
    for one in objects:
        offsets.append(len(data))
        data += one
    rows = [(0, 0, 0), (2, 2, 0), *((1, offset, 0) for offset in offsets), (1, len(data), 0)]
    table = b"".join(struct.pack(">BLB", *row) for row in rows)
    return data + (
        b"5 0 obj\n<< /Type /XRef /Size 6 /W [1 4 1] /Root 1 0 R /Length %d >>\nstream\n"
        % len(table)
        + table
        + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % len(data)
    )
