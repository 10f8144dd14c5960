"""Writing packages: a BagIt 1.0 bag for each version, in a zip that is made while it is read.

Equal contents give equal bytes: fixed order, fixed dates, nothing compressed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib.resources import files
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from docgen.archive.layout import BAGIT, DECLARATION, INFO, MANIFEST, PAYLOAD, READMES, TAG_MANIFEST
from docgen.archive.statement import PackageStatement
from docgen.files.streams import ZipSink
from schemas.problems import SHANGHAI

Entry = tuple[str, bytes]
MODE = 0o100644
UNIX = 3


def bag(
    statement: PackageStatement, payload: Iterable[Entry], readmes: Mapping[str, bytes]
) -> Iterator[Entry]:
    """Give the files of a bag, the manifests last; `payload` has paths below `data/`."""
    tags = {BAGIT: DECLARATION, **readmes}
    yield from tags.items()
    hashes, size_bytes = {}, 0
    for path, data in payload:
        hashes[PAYLOAD + path] = hashlib.sha256(data).hexdigest()
        size_bytes += len(data)
        yield PAYLOAD + path, data
    rest = {
        INFO: bag_info(statement, size_bytes, len(hashes)),
        MANIFEST: manifest(hashes),
    }
    yield from rest.items()
    tags |= rest
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in tags.items()}
    yield TAG_MANIFEST, manifest(sums)


def in_folder(folder: str, entries: Iterable[Entry]) -> Iterator[Entry]:
    """Put entries into a folder."""
    for name, data in entries:
        yield f"{folder}/{name}", data


def zipped(entries: Iterable[Entry], moment: datetime) -> Iterator[bytes]:
    """Give the bytes of a zip; all its entries have that moment, as a clock in Shanghai shows."""
    out = ZipSink()
    date = moment.astimezone(SHANGHAI).timetuple()[:6]
    with ZipFile(out, "w", ZIP_STORED) as made:
        for name, data in entries:
            info = ZipInfo(name, date)
            info.external_attr, info.create_system = MODE << 16, UNIX
            made.writestr(info, data)
            yield out.take()
    yield out.take()


def moment_of(statement: PackageStatement) -> datetime:
    """Return the date that a package's entries have."""
    return datetime.fromisoformat(statement.archived_at)


def readmes() -> dict[str, bytes]:
    """Return how to check a package, in two languages, by file name."""
    return {name: files("docgen").joinpath("archive", name).read_bytes() for name in READMES}


def bag_info(statement: PackageStatement, size_bytes: int, count: int) -> bytes:
    """Return `bag-info.txt` of a package whose payload has so many bytes and files."""
    day = moment_of(statement).astimezone(SHANGHAI).date()
    lines = {
        "Bag-Software-Agent": f"docgen {statement.docgen}",
        "Bagging-Date": day.isoformat(),
        "External-Identifier": statement.doc_no,
        "Bag-Group-Identifier": statement.contract_no,
        "Payload-Oxum": f"{size_bytes}.{count}",
    }
    return "".join(f"{name}: {text}\n" for name, text in lines.items()).encode()


def manifest(hashes: Mapping[str, str]) -> bytes:
    """Return a manifest of hashes by file name."""
    return "".join(f"{hashes[name]}  {name}\n" for name in sorted(hashes)).encode()
