"""Check archives and office packages: every entry is judged as if it were uploaded by itself.

Knows nothing of PDF and images: the caller passes the function that judges whole entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from docgen.errors import UploadRefused, together
from docgen.files.active import CODES, CONTENT_TYPES, MOST, ActiveContent, OfficeScan
from docgen.files.formulas import cells_reaching_out
from docgen.files.unzip import is_xml
from docgen.uploads.file_types import (
    BINARY_EXTENSIONS,
    CALCULATED,
    EXTENSIONS,
    FORBIDDEN,
    HEAD_BYTES,
    OFFICE_EXTENSIONS,
    RUNNABLE,
    sniff,
    text_encoding,
)
from docgen.uploads.markup import XmlPart
from docgen.uploads.names import extension_of
from docgen.uploads.zips import Budget, ZipEntry, entries, hold, pieces

NESTING = 2  # a zip in a zip, a workbook in a document; no deeper
_MAIN = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml": "xlsx",
}
_TEXT_LEAD = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"  # byte order marks, NULs of UTF-16, white space
_MAC_LEFTOVERS = (b"\0\5\x16\7", b"\0\0\0\1Bud1")  # AppleDouble, .DS_Store

Judge = Callable[[str, bytes, "Unpacking"], str]


@dataclass(frozen=True)
class Unpacking:
    """The position of an archive in an upload: the budget of all, and the kinds around it.

    `active` collects what fetches or starts something, so that all of it is told at once.
    """

    budget: Budget
    around: tuple[str, ...] = ()
    active: list[UploadRefused] = field(default_factory=list)


def judge_archive(data: bytes, unpacking: Unpacking, judge: Judge) -> str:
    """Return `docx`, `xlsx` or `zip` if every entry is allowed; `judge` decides on whole ones.

    Raises UploadRefused with the entry as its place; what is active comes last, all of it.
    """
    found = entries(data, unpacking.budget)
    if not found:
        raise UploadRefused("upload_empty")
    package = any(entry.name == CONTENT_TYPES for entry in found)
    kind = "package" if package else "zip"
    if unpacking.around.count(kind) >= NESTING:
        raise UploadRefused("zip_nested")
    inner = Unpacking(unpacking.budget, (*unpacking.around, kind))
    if package:
        result = _package(found, inner, judge)
    else:
        for entry in found:
            _check_member(entry, inner, judge)
        result = "zip"
    if inner.active:
        raise together(inner.active)
    if not result:
        raise UploadRefused("upload_kind_refused", place=CONTENT_TYPES)
    return result


def _package(found: list[ZipEntry], inner: Unpacking, judge: Judge) -> str:
    """Check every part; return the kind of document, empty for one that is not taken."""
    kinds: set[str] = set()
    scan = OfficeScan()
    for entry in found:
        content_types = _check_part(entry, inner, judge, scan)
        kinds |= {_MAIN[one] for one in content_types if one in _MAIN}
    inner.active.extend(_refusal(one) for one in scan.findings())
    return kinds.pop() if len(kinds) == 1 else ""


def _refusal(found: ActiveContent) -> UploadRefused:
    return UploadRefused(found.code, place=found.place, value=found.value)


def _check_part(entry: ZipEntry, inner: Unpacking, judge: Judge, scan: OfficeScan) -> list[str]:
    """Check one part; return the content types it declares."""
    head, parts = _headed(entry, inner.budget)
    noted = scan.part(entry.name)
    if is_xml(entry.name) or _looks_like_xml(head):
        part = XmlPart(entry.name, noted)
        for piece in parts:
            part.feed(piece)
        part.feed(b"", final=True)
        return part.content_types
    kind = sniff(head)
    if kind in FORBIDDEN:
        raise UploadRefused("upload_kind_refused", place=entry.name, value=kind)
    if kind == "zip":
        _judge_whole(entry.name, kind, parts, inner=inner, judge=judge)
        return []
    if kind == "ole":
        noted.is_ole()
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
    if kind == "text" and extension in CALCULATED:
        whole = hold(entry.name, parts, inner.budget)
        inner.budget.held_left += len(whole)
        refuse_active_cells(extension, whole, entry.name)
        fits = True
    elif kind == "text" or head.startswith(_MAC_LEFTOVERS):
        _drain(parts)
        fits = extension not in BINARY_EXTENSIONS | OFFICE_EXTENSIONS
    elif kind == "unknown":
        raise UploadRefused("upload_kind_unknown", place=entry.name)
    else:
        found = _judge_whole(entry.name, kind, parts, inner=inner, judge=judge)
        fits = not found or extension in EXTENSIONS[found]
    if not fits and not head.startswith(_MAC_LEFTOVERS):
        raise UploadRefused("upload_extension_differs", place=entry.name, value=kind)


def refuse_active_cells(extension: str, data: bytes, place: str) -> None:
    """Refuse a text that Excel opens, when a cell of it reaches out, or when it is SYLK.

    Excel takes a file that begins with ID for SYLK, whose formulas it does not ask about.
    """
    if extension not in CALCULATED or not (encoding := text_encoding(data)):
        return
    text = data.decode(encoding)
    if text.startswith("ID;"):
        raise UploadRefused("upload_kind_refused", place=place, value="SYLK")
    found = list(islice(cells_reaching_out(text), MOST))
    if found:
        before = f"{place} " if place else ""
        lines = [text.count("\n", 0, at) + text[at : at + 1].count("\n") + 1 for at, _ in found]
        raise together(
            [
                UploadRefused(
                    "active_formula", place=f"{before}行 {line} (line {line})", value=cell
                )
                for line, (_, cell) in zip(lines, found, strict=True)
            ]
        )


def _judge_whole(
    name: str, kind: str, parts: Iterable[bytes], *, inner: Unpacking, judge: Judge
) -> str:
    """Judge a file inside as if it were uploaded alone; empty when something in it is active."""
    whole = hold(name, parts, inner.budget)
    try:
        return judge(kind, whole, inner)
    except UploadRefused as wrong:
        for one in wrong.each():
            one.place = f"{name}/{one.place}" if one.place else name
        if wrong.code not in CODES:
            raise
        inner.active.extend(one for one in wrong.each() if isinstance(one, UploadRefused))
        return ""
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
