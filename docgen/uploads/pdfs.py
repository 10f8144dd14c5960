"""Check PDF files of strangers: opened strictly, every object visited, nothing run or decoded."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import pikepdf

from docgen.errors import UploadRefused
from docgen.files.links import is_plain
from docgen.uploads.file_types import FORBIDDEN, HEAD_BYTES, RUNNABLE, sniff
from docgen.uploads.names import extension_of

PAGES = 2_000
OBJECTS = 500_000
STREAM_BYTES = 32 * 2**20
# Dictionary keys with scripts, forms or media (ISO 32000-1, 12.6.4.16, 12.7.8; ISO 32000-2, 13.7).
_KEYS = frozenset({"/JS", "/JavaScript", "/XFA", "/RichMediaContent"})
# Action types that run or load something (ISO 32000-1, 12.6.4), and those that only navigate.
_RUNNING = "/JavaScript /Launch /SubmitForm /ImportData /RichMediaExecute /Rendition"
_ACTIONS = frozenset(_RUNNING.split())
# What names another file: of actions, of streams, of pictures (ISO 32000-1, 7.11, 12.6.4, 14.11.7).
_FILE_NAMES = ("/F", "/UF", "/DOS", "/Unix", "/Mac")
_CHAINED = 20  # actions one after the other
_HARMLESS_AT_OPENING = frozenset({"/GoTo", "/Named"})
_PADDING = b"\0\t\n\f\r \x1a"  # white space of ISO 32000-1, 7.2.2, and the Ctrl-Z of MS-DOS


Judge = Callable[[str, bytes], object]
_JUDGED = frozenset({"pdf", "zip"})  # of the files inside


def look_at_pdf(data: bytes, judge: Judge) -> int:
    """Return the number of pages of a PDF without active content; `judge` decides on files inside.

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
            _check_objects(pdf, judge)
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


def _check_objects(pdf: pikepdf.Pdf, judge: Judge) -> None:
    if int(pdf.trailer.get("/Size", 0)) > OBJECTS:
        raise UploadRefused("too_many_pages", value=int(pdf.trailer.Size))
    _check_opening(pdf.Root.get("/OpenAction"))
    for node in _nodes(pdf):
        keys = set(node.keys())
        if found := keys & _KEYS:
            raise UploadRefused("pdf_active", value=sorted(found))
        if isinstance(node, pikepdf.Stream) and keys & {"/F", "/OPI", "/Ref"}:
            raise UploadRefused("pdf_active", value="/F")  # its data lies in another file
        if away := _leading_away(node):
            raise UploadRefused("pdf_active", value=away)
        if "/S" in keys and str(node["/S"]) in _ACTIONS:
            raise UploadRefused("pdf_active", value=str(node["/S"]))
        if "/AA" in keys:
            for action in dict(node["/AA"].items()).values():
                _check_opening(action)
        if "/EF" in keys:
            _check_attached(node, judge)


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


def _leading_away(node: Any) -> str:
    """Return an address that a click must not open: a share, a program's scheme, a script."""
    if "/EF" in node:  # a file inside: its name is only where it came from
        return ""
    names = [*_FILE_NAMES, "/URI", "/Base"]
    texts = [str(node[name]) for name in names if isinstance(node.get(name), pikepdf.String)]
    if node.get("/FS") == pikepdf.Name.URL:  # fetched, not clicked (7.11.5)
        return texts[0] if texts else "/URL"
    return next((one for one in texts if not is_plain(one)), "")


def _check_opening(action: Any, depth: int = 0) -> None:
    """Refuse actions that a reader runs by itself, except navigation in the document."""
    if depth > _CHAINED:
        raise UploadRefused("pdf_active", value="/Next")
    if isinstance(action, pikepdf.Dictionary):
        kind = str(action.get("/S", ""))
        if kind not in _HARMLESS_AT_OPENING:
            raise UploadRefused("pdf_active", value=kind)
        after = action.get("/Next")  # one, or several, that follow by themselves (12.6.2)
        for one in list(after) if isinstance(after, pikepdf.Array) else [after]:
            _check_opening(one, depth + 1)


def _check_attached(node: Any, judge: Judge) -> None:
    """Refuse attached programs, by their names and by their first bytes."""
    for key in _FILE_NAMES:
        name = str(node.get(key, ""))
        if extension_of(name.strip(" .")) in RUNNABLE:
            raise UploadRefused("upload_kind_refused", place=name)
    for stream in dict(node["/EF"].items()).values():
        if isinstance(stream, pikepdf.Stream):
            _judge_attached(str(node.get("/UF", node.get("/F", ""))), stream, judge)


def _judge_attached(name: str, stream: pikepdf.Stream, judge: Judge) -> None:
    """Judge a file inside by its first bytes; what may be active itself, whole."""
    kind = sniff(_decoded(stream, HEAD_BYTES))
    if kind in FORBIDDEN or kind == "ole":
        raise UploadRefused("upload_kind_refused", place=name, value=kind)
    if kind in _JUDGED:
        whole = _decoded(stream, STREAM_BYTES + 1)
        if len(whole) > STREAM_BYTES:
            raise UploadRefused("zip_nested", place=name, value=len(whole))
        try:
            judge(kind, whole)
        except UploadRefused as wrong:
            for one in wrong.each():
                one.place = f"{name}/{one.place}" if one.place else name
            raise


def _decoded(stream: pikepdf.Stream, most: int) -> bytes:
    """Return the first bytes of an attached file; only Flate is decoded, and no more of it."""
    filters = stream.get("/Filter")
    names = [str(one) for one in filters] if isinstance(filters, pikepdf.Array) else [str(filters)]
    raw = stream.read_raw_bytes()
    if filters is None or not names:
        return raw[:most]
    if names != ["/FlateDecode"]:
        raise UploadRefused("pdf_active", value=names)
    return zlib.decompressobj().decompress(raw, most)


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
