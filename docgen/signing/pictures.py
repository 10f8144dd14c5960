"""Pictures for the signing page: the pages of a PDF, and a drawn signature made clean.

Both read what others made, so they run in a killable child; nothing here keeps or serves anything.
"""

from __future__ import annotations

import io

import pypdfium2

from docgen.errors import UploadRefused
from docgen.signing.stamps import drawn

DPI = 120
MOST_PIXELS = 12_000_000  # of a page
LEAST_INK = 24  # pixels, of the longer side; a dot is no signature


def page_count(pdf: bytes) -> int:
    """Return how many pages a PDF has."""
    with pypdfium2.PdfDocument(pdf) as document:
        return len(document)


def page_png(pdf: bytes, number: int) -> bytes | None:
    """Draw a page (from 1), with the seals that stand on it; None where there is none."""
    with pypdfium2.PdfDocument(pdf) as document:
        if number > len(document):
            return None
        document.init_forms()
        page = document[number - 1]
        width, height = page.get_size()
        scale = min(DPI / 72, (MOST_PIXELS / max(1.0, width * height)) ** 0.5)
        picture = page.render(scale=scale).to_pil()
        out = io.BytesIO()
        picture.convert("RGB").save(out, "PNG")
        return out.getvalue()


def clean(data: bytes) -> bytes:
    """Return a drawn signature as a PNG of its ink alone: nothing else of the file remains.

    UploadRefused: as `docgen.signing.stamps.drawn`; signature_empty for a dot, too.
    """
    picture = drawn(data)
    if max(picture.size) < LEAST_INK:
        raise UploadRefused("signature_empty")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
