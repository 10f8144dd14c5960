"""Check PDF files of strangers: opened strictly, every object visited, nothing run or decoded."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pikepdf

from docgen.errors import UploadRefused
from docgen.uploads.file_types import FORBIDDEN, HEAD_BYTES, RUNNABLE, sniff
from docgen.uploads.names import extension_of

PAGES = 2_000
OBJECTS = 500_000
STREAM_BYTES = 32 * 2**20
# Dictionary keys with scripts, forms or media (ISO 32000-1, 12.6.4.16, 12.7.8; ISO 32000-2, 13.7).
_KEYS = frozenset({"/JS", "/JavaScript", "/XFA", "/RichMediaContent"})
# Action types that run or load something (ISO 32000-1, 12.6.4), and those that only navigate.
_ACTIONS = frozenset({"/JavaScript", "/Launch", "/ImportData", "/RichMediaExecute", "/Rendition"})
_HARMLESS_AT_OPENING = frozenset({"/GoTo", "/Named"})
_PADDING = b"\0\t\n\f\r \x1a"  # white space of ISO 32000-1, 7.2.2, and the Ctrl-Z of MS-DOS


def look_at_pdf(data: bytes) -> int:
    """Return the number of pages of a PDF without active content.

    Raises UploadRefused: pdf_broken, pdf_encrypted, pdf_active, too_many_pages, polyglot.
    """
    if not data.rstrip(_PADDING).endswith(b"%%EOF"):
        raise UploadRefused("polyglot" if b"%%EOF" in data else "pdf_broken")
    try:
        # As the file stands: qpdf neither rebuilds a broken table nor walks over the pages yet.
        with (
            _limited_qpdf(),
            pikepdf.open(
                io.BytesIO(data), attempt_recovery=False, inherit_page_attributes=False
            ) as pdf,
        ):
            if pdf.is_encrypted:
                raise UploadRefused("pdf_encrypted")
            _check_objects(pdf)
            return _count_pages(pdf.Root.Pages)
    except (UploadRefused, MemoryError):
        raise
    except pikepdf.PasswordError as locked:
        raise UploadRefused("pdf_encrypted") from locked
    except Exception as wrong:  # a damaged object may be of any type where another is expected
        reason = str(wrong).rpartition(">: ")[2]  # without the stream's address in memory
        raise UploadRefused("pdf_broken", value=f"{type(wrong).__name__}: {reason}") from wrong


@contextmanager
def _limited_qpdf() -> Iterator[None]:
    """Limit what qpdf inflates and parses; its limits are global, so they are restored."""
    before = pikepdf.settings.set_qpdf_limits(
        flate_max_memory=STREAM_BYTES,
        run_length_max_memory=STREAM_BYTES,
        png_max_memory=STREAM_BYTES,
        tiff_max_memory=STREAM_BYTES,
        parser_max_container_size=OBJECTS,
        max_stream_filters=4,
        doc_max_warnings=100,
    )
    try:
        yield
    finally:
        pikepdf.settings.set_qpdf_limits(**before)  # type: ignore[arg-type]


def _check_objects(pdf: pikepdf.Pdf) -> None:
    if int(pdf.trailer.get("/Size", 0)) > OBJECTS:
        raise UploadRefused("too_many_pages", value=int(pdf.trailer.Size))
    _check_opening(pdf.Root.get("/OpenAction"))
    for node in _nodes(pdf):
        keys = set(node.keys())
        if found := keys & _KEYS:
            raise UploadRefused("pdf_active", value=sorted(found))
        if "/S" in keys and str(node["/S"]) in _ACTIONS:
            raise UploadRefused("pdf_active", value=str(node["/S"]))
        if "/AA" in keys:
            for action in dict(node["/AA"].items()).values():
                _check_opening(action)
        if "/EF" in keys:
            _check_attached(node)


def _nodes(pdf: pikepdf.Pdf) -> Iterator[Any]:
    """Yield every dictionary and stream, those inside others too, each once."""
    for whole in chain([pdf.trailer], pdf.objects):
        waiting: list[Any] = [whole]
        while waiting:
            node = waiting.pop()
            children: list[Any] = []
            if isinstance(node, pikepdf.Dictionary | pikepdf.Stream):
                yield node
                children = [node[key] for key in node.keys()]  # noqa: SIM118 (no mapping)
            elif isinstance(node, pikepdf.Array):
                children = list(node)
            # Indirect objects are visited by themselves, so cycles end here.
            waiting += [
                one for one in children if isinstance(one, pikepdf.Object) and not one.is_indirect
            ]


def _check_opening(action: Any) -> None:
    """Refuse actions that a reader runs by itself, except navigation in the document."""
    if isinstance(action, pikepdf.Dictionary):
        kind = str(action.get("/S", ""))
        if kind not in _HARMLESS_AT_OPENING:
            raise UploadRefused("pdf_active", value=kind)


def _check_attached(node: Any) -> None:
    """Refuse attached programs, by their names and by their first bytes."""
    for key in ("/UF", "/F", "/DOS", "/Unix", "/Mac"):
        name = str(node.get(key, ""))
        if extension_of(name.strip(" .")) in RUNNABLE:
            raise UploadRefused("upload_kind_refused", place=name)
    for stream in dict(node["/EF"].items()).values():
        if isinstance(stream, pikepdf.Stream) and sniff(_head(stream)) in FORBIDDEN:
            raise UploadRefused("upload_kind_refused", place=str(node.get("/UF", "")))


def _head(stream: pikepdf.Stream) -> bytes:
    """Return the first bytes of an attached file; only Flate is decoded, and no more of it."""
    filters = stream.get("/Filter")
    names = [str(one) for one in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
    raw = stream.read_raw_bytes()
    if filters is None or not names:
        return raw[:HEAD_BYTES]
    if names != ["/FlateDecode"]:
        raise UploadRefused("pdf_active", value=names)
    return zlib.decompressobj().decompress(raw, HEAD_BYTES)


def _count_pages(root: Any) -> int:
    """Count the leaves of the page tree without building pages; a shared or endless tree is cut."""
    pages = seen = 0
    waiting = [root]
    while waiting:
        node, seen = waiting.pop(), seen + 1
        if "/Kids" in node:
            if len(node.Kids) > PAGES:
                raise UploadRefused("too_many_pages", value=len(node.Kids))
            waiting += list(node.Kids)
        else:
            pages += 1
        if pages > PAGES or seen > 4 * PAGES:
            raise UploadRefused("too_many_pages", value=PAGES)
    return pages
