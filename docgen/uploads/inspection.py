"""Inspect a file that somebody uploads: its kind and properties, or UploadRefused.

Every uploaded file must pass here. Pure work on bytes: run it in a child
(`docgen.renderers.isolation`) for anything but small files.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

from docgen.errors import UploadRefused
from docgen.uploads.file_types import (
    CONTENT_TYPES,
    EXTENSIONS,
    FORBIDDEN,
    HEAD_BYTES,
    IMAGES,
    SCANS,
    TEXT_TYPES,
    is_two_things,
    sniff,
    text_encoding,
)
from docgen.uploads.images import look_at_image
from docgen.uploads.names import display_name, extension_of
from docgen.uploads.packages import NESTING, Unpacking, judge_archive, refuse_active_cells
from docgen.uploads.pdfs import look_at_pdf
from docgen.uploads.zips import Budget

Purpose = Literal["attachment", "scan"]
MOST_BYTES: dict[Purpose, int] = {"attachment": 50 * 2**20, "scan": 20 * 2**20}
_OLE_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # a stream's name, [MS-OFFCRYPTO] 2.3.4.4


@dataclass(frozen=True)
class Upload:
    """A file that may be stored; width and height are pixels of the first page."""

    name: str  # for people: as typed in NFC, never a path
    content_type: str  # by the content; text with its charset
    extension: str  # lower case, fits the content
    size_bytes: int
    sha256: str
    width: int | None = None
    height: int | None = None
    pages: int | None = None


@dataclass(frozen=True)
class _Facts:
    kind: str
    encoding: str = ""
    width: int | None = None
    height: int | None = None
    pages: int | None = None


def inspect(name: str, data: bytes, *, purpose: Purpose) -> Upload:
    """Inspect a file by its bytes; `name` is the client's name for it.

    Raises UploadRefused; the place is the file, or the entry inside it.
    """
    shown = display_name(name)
    if not shown:
        raise UploadRefused("upload_name")
    if not data:
        raise UploadRefused("upload_empty", place=shown)
    if len(data) > MOST_BYTES[purpose]:
        raise UploadRefused("upload_too_large", place=shown, value=len(data))
    kind = sniff(data[:HEAD_BYTES])
    if purpose == "scan" and kind in EXTENSIONS.keys() - SCANS:
        raise UploadRefused("upload_kind_refused", place=shown, value=kind)
    try:
        facts = _facts(kind, data, Unpacking(Budget(len(data))))
    except UploadRefused as wrong:
        wrong.place = wrong.place or shown
        raise
    extension = extension_of(shown)
    if extension not in EXTENSIONS[facts.kind]:
        raise UploadRefused("upload_extension_differs", place=shown, value=facts.kind)
    content_type = CONTENT_TYPES.get(facts.kind, "")
    if facts.kind == "text":
        refuse_active_cells(extension, data, "")
        charset = facts.encoding.removesuffix("-sig")
        content_type = f"{TEXT_TYPES.get(extension, 'text/plain')}; charset={charset}"
    sha256 = hashlib.sha256(data).hexdigest()
    size = (facts.width, facts.height, facts.pages)
    return Upload(shown, content_type, extension, len(data), sha256, *size)


def _facts(kind: str, data: bytes, unpacking: Unpacking) -> _Facts:
    _check_kind(kind, data)
    if is_two_things(kind, data):
        raise UploadRefused("polyglot", value=kind)
    if kind == "pdf":
        if unpacking.around.count(kind) >= NESTING:
            raise UploadRefused("zip_nested")
        inner = replace(unpacking, around=(*unpacking.around, kind))
        pages = look_at_pdf(data, lambda kind, data: _facts(kind, data, inner))
        return _Facts(kind, pages=pages)
    if kind in IMAGES:
        picture = look_at_image(kind, data)
        return _Facts(kind, width=picture.width, height=picture.height, pages=picture.pages)
    if kind == "zip":
        return _Facts(
            judge_archive(data, unpacking, lambda kind, data, inner: _facts(kind, data, inner).kind)
        )
    if encoding := text_encoding(data):
        return _Facts(kind, encoding)
    raise UploadRefused("upload_kind_unknown")


def _check_kind(kind: str, data: bytes) -> None:
    """Refuse kinds that are never stored; also old .doc and .xls, whose macros are hard to find."""
    if kind == "ole":
        raise UploadRefused("office_encrypted" if _OLE_ENCRYPTED in data else "upload_kind_refused")
    if kind in FORBIDDEN:
        raise UploadRefused("upload_kind_refused", value=kind)
    if kind == "unknown":
        raise UploadRefused("upload_kind_unknown")
