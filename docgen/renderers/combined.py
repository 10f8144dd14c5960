"""Merge PDFs into one for printing, with a bookmark for each; equal files give equal bytes.

Attachments stay with the single documents. Must run in a rendering child (`isolation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pikepdf import ObjectStreamMode, OutlineItem, Pdf

MOST = 500  # documents in one file, which bounds the memory; the caller splits larger batches
OPEN_AT_ONCE = 50  # input files; a child may open 256 (isolation.OPEN_FILES)


@dataclass(frozen=True)
class PdfPart:
    """A PDF file and the title of its bookmark."""

    path: Path
    title: str


def combine(parts: Sequence[PdfPart], target: Path) -> int:
    """Write one PDF of all parts in their order; return its number of pages."""
    starts: list[tuple[str, int]] = []
    merged = Pdf.new()
    for start in range(0, len(parts), OPEN_AT_ONCE):
        merged = _append(merged, parts[start : start + OPEN_AT_ONCE], starts, target)
    with merged:
        with merged.open_outline() as outline:
            outline.root.extend(OutlineItem(title, page) for title, page in starts)
        mode = ObjectStreamMode.generate
        merged.save(target, deterministic_id=True, object_stream_mode=mode)
        return len(merged.pages)


def _append(
    merged: Pdf, parts: Sequence[PdfPart], starts: list[tuple[str, int]], target: Path
) -> Pdf:
    """Append some documents; pikepdf needs their files open until the result is saved."""
    unfinished = target.with_name(f"{target.name}.{len(starts)}")
    with merged, ExitStack() as opened:
        for part in parts:
            source = opened.enter_context(Pdf.open(part.path))
            starts.append((part.title, len(merged.pages)))
            merged.pages.extend(source.pages)
        # The first half of /ID stays that of the first save (ISO 32000-1, 14.4).
        merged.save(unfinished, deterministic_id=True)
    reopened = Pdf.open(unfinished)
    unfinished.unlink()  # the open file stays readable (POSIX unlink)
    return reopened
