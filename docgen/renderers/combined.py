"""Many PDFs as one for printing, with a bookmark for each; the same files give the same bytes.

What is attached to the single documents stays with them. Runs in a child that may die.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pikepdf import ObjectStreamMode, OutlineItem, Pdf

MOST = 500
"""Documents in one file, so that making it takes a bounded memory; more are parted."""
OPEN_AT_ONCE = 50


@dataclass(frozen=True)
class PdfPart:
    """A document and what its bookmark says."""

    path: Path
    title: str


def combine(parts: Sequence[PdfPart], target: Path) -> int:
    """Write one PDF of all parts in their order; how many pages it has."""
    starts: list[tuple[str, int]] = []
    made = Pdf.new()
    for start in range(0, len(parts), OPEN_AT_ONCE):
        made = _added(made, parts[start : start + OPEN_AT_ONCE], starts, target)
    with made:
        with made.open_outline() as outline:
            outline.root.extend(OutlineItem(title, page) for title, page in starts)
        mode = ObjectStreamMode.generate
        made.save(target, deterministic_id=True, object_stream_mode=mode)
        return len(made.pages)


def _added(made: Pdf, parts: Sequence[PdfPart], starts: list[tuple[str, int]], target: Path) -> Pdf:
    """Append some documents and close their files: what is made so far goes through a file."""
    half = target.with_name(f"{target.name}.{len(starts)}")
    with made, ExitStack() as opened:
        for part in parts:
            source = opened.enter_context(Pdf.open(part.path))
            starts.append((part.title, len(made.pages)))
            made.pages.extend(source.pages)
        made.save(half, deterministic_id=True)  # its identifier is the whole one's first half
    found = Pdf.open(half)
    half.unlink()
    return found
