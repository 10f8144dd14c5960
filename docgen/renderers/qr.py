"""The QR code that leads to exactly this version of a document; one look for all formats."""

from __future__ import annotations

import io

import segno

from docgen.document import Document
from docgen.theme import Theme

MODULE_PIXELS = 6
QUIET_MODULES = 1
MASK = 4  # readers take any; to search for the best of eight takes four times as long


def qr_text(document: Document, theme: Theme) -> str:
    """Say the address of the verification page, or number and hash where the firm has none."""
    if theme.verify_url:
        return theme.verify_url + str(document.meta.fields["short_code"])
    return f"docgen:{document.doc_no}:{document.record_sha256}"


def qr_png(document: Document, theme: Theme) -> bytes:
    """Draw the code as a black and white PNG, the same bytes each time."""
    out = io.BytesIO()
    code = segno.make(qr_text(document, theme), error="m", micro=False, mask=MASK)
    code.save(out, kind="png", scale=MODULE_PIXELS, border=QUIET_MODULES)
    return out.getvalue()
