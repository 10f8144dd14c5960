"""Check archives and office packages: every entry is judged as if it were uploaded by itself.

Knows nothing of PDF and images: the caller passes the function that judges whole entries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from docgen.errors import UploadRefused
from docgen.files.unzip import is_xml
from docgen.uploads.file_types import (
    BINARY_EXTENSIONS,
    EXTENSIONS,
    FORBIDDEN,
    HEAD_BYTES,
    RUNNABLE,
    sniff,
    text_encoding,
)
from docgen.uploads.markup import XmlPart
from docgen.uploads.names import extension_of
from docgen.uploads.zips import Budget, ZipEntry, entries, hold, pieces

CONTENT_TYPES_PART = "[Content_Types].xml"
NESTING = 2  # a zip in a zip, a workbook in a document; no deeper
_MAIN = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml": "xlsx",
}
_MACROS = re.compile(
    r"(^|/)vba(project\w*|data)\.\w+$|(^|/)(macrosheets|activex|dialogsheets)/|/oleobject\w*\.bin$",
    re.IGNORECASE,
)
_TEXT_LEAD = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"  # byte order marks, NULs of UTF-16, white space
_MAC_LEFTOVERS = (b"\0\5\x16\7", b"\0\0\0\1Bud1")  # AppleDouble, .DS_Store

Judge = Callable[[str, bytes, "Unpacking"], str]


@dataclass(frozen=True)
class Unpacking:
    """The position of an archive in an upload: the budget of all, and the kinds around it."""

    budget: Budget
    around: tuple[str, ...] = ()


def judge_archive(data: bytes, unpacking: Unpacking, judge: Judge) -> str:
    """Return `docx`, `xlsx` or `zip` if every entry is allowed; `judge` decides on whole ones.

    Raises UploadRefused with the entry as its place.
    """
    found = entries(data, unpacking.budget)
    if not found:
        raise UploadRefused("upload_empty")
    package = any(entry.name == CONTENT_TYPES_PART for entry in found)
    kind = "package" if package else "zip"
    if unpacking.around.count(kind) >= NESTING:
        raise UploadRefused("zip_nested")
    inner = Unpacking(unpacking.budget, (*unpacking.around, kind))
    if package:
        return _package(found, inner, judge)
    for entry in found:
        _check_member(entry, inner, judge)
    return "zip"


def _package(found: list[ZipEntry], inner: Unpacking, judge: Judge) -> str:
    kinds: set[str] = set()
    for entry in found:
        if _MACROS.search(entry.name):
            raise UploadRefused("macros", place=entry.name)
        content_types = _check_part(entry, inner, judge)
        kinds |= {_MAIN[one] for one in content_types if one in _MAIN}
    if len(kinds) != 1:
        raise UploadRefused("upload_kind_refused", place=CONTENT_TYPES_PART, value=sorted(kinds))
    return kinds.pop()


def _check_part(entry: ZipEntry, inner: Unpacking, judge: Judge) -> list[str]:
    """Check one part; return the content types it declares."""
    head, parts = _headed(entry, inner.budget)
    if is_xml(entry.name) or _looks_like_xml(head):
        part = XmlPart(entry.name)
        for piece in parts:
            part.feed(piece)
        part.feed(b"", final=True)
        return part.content_types
    kind = sniff(head)
    if kind == "ole":
        raise UploadRefused("macros", place=entry.name)
    if kind in FORBIDDEN:
        raise UploadRefused("upload_kind_refused", place=entry.name, value=kind)
    if kind == "zip":
        _judge_whole(entry.name, kind, parts, inner=inner, judge=judge)
    else:
        _drain(parts)
    return []


def _looks_like_xml(head: bytes) -> bool:
    """Return whether a part of another name is XML; fonts and pictures may start with `<` too."""
    if not head.lstrip(_TEXT_LEAD).startswith(b"<"):
        return False
    return head[:2] in (b"\0<", b"<\0") or bool(text_encoding(head, whole=False))


def _check_member(entry: ZipEntry, inner: Unpacking, judge: Judge) -> None:
    """Check one file of a plain zip: text of any name, other kinds as if uploaded alone."""
    head, parts = _headed(entry, inner.budget)
    kind, extension = sniff(head), extension_of(entry.name)
    if kind in FORBIDDEN or kind == "ole" or extension in RUNNABLE:
        raise UploadRefused("upload_kind_refused", place=entry.name, value=extension)
    if kind == "text" or head.startswith(_MAC_LEFTOVERS):
        _drain(parts)
        fits = extension not in BINARY_EXTENSIONS
    elif kind == "unknown":
        raise UploadRefused("upload_kind_unknown", place=entry.name)
    else:
        found = _judge_whole(entry.name, kind, parts, inner=inner, judge=judge)
        fits = extension in EXTENSIONS[found]
    if not fits and not head.startswith(_MAC_LEFTOVERS):
        raise UploadRefused("upload_extension_differs", place=entry.name, value=kind)


def _judge_whole(
    name: str, kind: str, parts: Iterable[bytes], *, inner: Unpacking, judge: Judge
) -> str:
    whole = hold(name, parts, inner.budget)
    try:
        return judge(kind, whole, inner)
    except UploadRefused as wrong:
        wrong.place = f"{name}/{wrong.place}" if wrong.place else name
        raise
    finally:
        inner.budget.held_left += len(whole)


def _headed(entry: ZipEntry, budget: Budget) -> tuple[bytes, Iterator[bytes]]:
    """Return the first bytes of an entry, and all of it in pieces."""
    parts = pieces(entry, budget)
    first = next(parts, b"")
    return first[:HEAD_BYTES], chain([first], parts)


def _drain(parts: Iterable[bytes]) -> None:
    """Inflate to the end, because sizes are measured and CRCs checked only while inflating."""
    for _ in parts:
        pass
