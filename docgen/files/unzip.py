"""Unzip Office packages of strangers: bounded sizes, checked names, XML without DTD, no macros.

Reads into memory only; what an upload is judged by is in `docgen.uploads.zips`.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import NoReturn
from xml.parsers import expat

from docgen.errors import DocgenError

TOTAL_BYTES = 200 * 2**20
ENTRY_BYTES = 100 * 2**20
ENTRIES = 2_000
FREE_RATIO_BYTES = 10 * 2**20  # up to this size any ratio passes: it is harmless
RATIO = 300  # measured: a table of 5,000 equal rows has 110; deflate's most is 1,032
NESTING = 2  # a workbook in a chart of a document
CHUNK_BYTES = 2**20
ENCRYPTED = 0x41  # flag bits 0 (encrypted) and 6 (strongly), APPNOTE 4.4.4

MACROS = re.compile(
    r"(^|/)vba(project\w*|data)\.(bin|xml)$|(^|/)(macrosheets|activex|dialogsheets)/|/oleobject\w*\.bin$",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(r"^$|^[A-Za-z]:|(^|/)\.{0,2}(/|$)")  # a drive; empty, . and .. as steps
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error)


@dataclass
class _Budget:
    """How much may still be unzipped, and the exception of a refusal."""

    fault: type[DocgenError]
    bytes_left: int = TOTAL_BYTES
    entries_left: int = ENTRIES

    def refuse(self, code: str, name: str = "", value: object = None) -> NoReturn:
        raise self.fault(code, place=name, value=value)

    def spend(self, size_bytes: int, name: str) -> None:
        self.bytes_left -= size_bytes
        if self.bytes_left < 0:
            self.refuse("zip_too_large", name)


def unzip(data: bytes, fault: type[DocgenError]) -> dict[str, bytes]:
    """Return the bytes of every entry by name. A refusal is raised as `fault` with its place."""
    parts = _open(data, _Budget(fault), 1)
    for name, part in parts.items():
        if is_xml(name):
            _check_xml(name, part, fault)
    return parts


def is_xml(name: str) -> bool:
    """Return whether a part of that name is XML."""
    return name.lower().endswith((".xml", ".rels", ".vml"))


def _open(data: bytes, budget: _Budget, depth: int) -> dict[str, bytes]:
    """Read one archive; archives inside it spend the same budget."""
    # Counted before zipfile builds an object for each entry of the directory (PK\1\2).
    if len(data) > TOTAL_BYTES or data.count(b"PK\1\2") > 2 * ENTRIES:
        budget.refuse("zip_too_large")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            _check_names(infos, budget)
            return {info.filename: _entry(archive, info, budget, depth) for info in infos}
    except BROKEN as wrong:
        raise budget.fault("zip_broken.package", value=str(wrong)) from wrong


def _check_names(infos: list[zipfile.ZipInfo], budget: _Budget) -> None:
    budget.entries_left -= len(infos)
    if budget.entries_left < 0:
        budget.refuse("zip_too_large", value=len(infos))
    seen = set()
    for info in infos:
        name = info.filename
        # zipfile cuts a name at its first NUL: orig_filename then differs.
        if name != info.orig_filename or "\\" in name or _ELSEWHERE.search(name):
            budget.refuse("zip_name", name)
        if name.lower() in seen:
            budget.refuse("zip_duplicate.package", name)
        if MACROS.search(name):
            budget.refuse("macros.package", name)
        seen.add(name.lower())


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget, depth: int) -> bytes:
    """Read one entry; archives in it are checked to the depth of NESTING."""
    _check_entry(info, budget)
    part = _read(archive, info, budget)
    if part[:4] == b"PK\3\4":
        if depth >= NESTING:
            budget.refuse("zip_too_large", info.filename)
        _open(part, budget, depth + 1)
    return part


def _check_entry(info: zipfile.ZipInfo, budget: _Budget) -> None:
    name, size = info.filename, info.file_size
    if info.flag_bits & ENCRYPTED:
        budget.refuse("zip_encrypted.package", name)
    if stat.S_ISLNK(info.external_attr >> 16):
        budget.refuse("zip_link.package", name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        budget.refuse("zip_method.package", name, info.compress_type)
    if size > min(ENTRY_BYTES, budget.bytes_left):
        budget.refuse("zip_too_large", name, size)
    if size > FREE_RATIO_BYTES and size > RATIO * info.compress_size:
        raise budget.fault("zip_ratio", place=name, limit=RATIO)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> bytes:
    """Read no more than was declared; zipfile checks what was read against its CRC."""
    chunks = []
    with archive.open(info) as entry:
        while chunk := entry.read(CHUNK_BYTES):
            budget.spend(len(chunk), info.filename)
            chunks.append(chunk)
    part = b"".join(chunks)
    if len(part) != info.file_size:
        budget.refuse("zip_broken.package", info.filename)
    return part


def _check_xml(name: str, part: bytes, fault: type[DocgenError]) -> None:
    """Refuse a DTD before any entity is read, and encodings that OPC does not allow."""
    parser = expat.ParserCreate(namespace_separator=" ")  # as `docgen.files.active` reads it

    def refuse_dtd(*_: object) -> None:
        raise fault("xml_dtd", place=name)

    def check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.upper() not in {"UTF-8", "UTF-16"}:
            raise fault("xml_broken.package", place=name, value=encoding)

    parser.StartDoctypeDeclHandler = refuse_dtd
    parser.XmlDeclHandler = check_encoding
    try:
        parser.Parse(part, True)
    except expat.ExpatError as wrong:
        raise fault("xml_broken.package", place=name, value=str(wrong)) from wrong
