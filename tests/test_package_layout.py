"""Zips that other programs unpack to other files than those that were verified."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from docgen.archive.containers import opened
from docgen.archive.packing import zipped
from docgen.errors import InputUnreadable

NAMES = ("data/a.pdf", "data/b.pdf")


def made(*entries: tuple[str, str], other_names: bool = False, comment: str = "") -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in entries:
            info = zipfile.ZipInfo(name)
            if other_names:
                path = next(one for one in NAMES if one != name).encode()
                checksum = zlib.crc32(name.encode())
                info.extra = struct.pack("<HHBL", 0x7075, 5 + len(path), 1, checksum) + path
            archive.writestr(info, content)
        archive.comment = comment.encode()
    return written.getvalue()


GOOD = made((NAMES[0], "genuine a"), (NAMES[1], "genuine b"))
FORGED = made((NAMES[0], "forged a"), (NAMES[1], "forged b"))


def after(before: bytes) -> bytes:
    """Put bytes before the good zip, whose directory says where its entries are now."""
    data, at, end = bytearray(GOOD), GOOD.index(b"PK\1\2"), GOOD.index(b"PK\5\6")
    places = [end + 16]
    while at < end:
        places.append(at + 42)
        at += 46 + sum(struct.unpack_from("<3H", data, at + 28))
    for place in places:
        (offset,) = struct.unpack_from("<L", data, place)
        struct.pack_into("<L", data, place, offset + len(before))
    return before + data


def changed(at: int, *numbers: int) -> bytes:
    """Change numbers in the first entry's own header."""
    data = bytearray(GOOD)
    struct.pack_into(f"<{len(numbers)}L", data, at, *numbers)
    return bytes(data)


FORGERIES: dict[str, Callable[[], bytes]] = {
    "bytes before": lambda: b"words" + GOOD,
    "bytes before that the directory counts": lambda: after(b"words"),
    "another zip before": lambda: FORGED + GOOD,
    "entries before that no directory names": lambda: after(FORGED[: FORGED.index(b"PK\1\2")]),
    "bytes after": lambda: GOOD + b"words",
    "another zip after": lambda: GOOD + FORGED,
    "a comment": lambda: made((NAMES[0], "a"), comment="words"),
    "other names": lambda: made((NAMES[0], "a"), (NAMES[1], "b"), other_names=True),
    "another name in an entry's header": lambda: GOOD.replace(b"data/b", b"data/c", 1),
    "another checksum": lambda: changed(14, 5),
    "other sizes": lambda: changed(18, 5, 5),
    "a folder with content": lambda: made((NAMES[0], "a"), ("data/x/", "words")),
    "a folder elsewhere": lambda: made((NAMES[0], "a"), ("../x/", "")),
    "equal names": lambda: made(("data/\u00fc.pdf", "a"), ("data/u\u0308.pdf", "b")),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_zip_holds_what_its_directory_names(tmp_path: Path, forgery: str) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(FORGERIES[forgery]())
    with pytest.raises(InputUnreadable) as caught, opened(path):
        pass
    assert caught.value.code.startswith("package_")


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        after(b""),
        made(("data/", ""), (NAMES[0], "a")),
        b"".join(zipped([("data/签.pdf", b"a" * 99), ("b", b"")], datetime.now(UTC))),
    ],
    ids=["plain", "moved by nothing", "with a folder", "of a stream"],
)
def test_zips_of_other_programs_are_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    with opened(path) as container:
        assert all(b"".join(container.pieces(name)) is not None for name in container.names)
        assert container.names
