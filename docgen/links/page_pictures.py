"""Pictures of a PDF's pages, drawn once and cached by the hash of the PDF."""

from __future__ import annotations

import hashlib

from docgen.access import SERVICE
from docgen.records.documents import StoredDocument, keep_rendering
from docgen.signing.pictures import DPI
from docgen.store.tables import RenderingRow
from docgen.store.unit_of_work import Store


def cached_page(store: Store, pdf_sha256: str, number: int) -> bytes | None:
    """Return a page that was drawn before, if it was."""
    with store.reading() as session:
        row = session.get(RenderingRow, _key(pdf_sha256, number))
    return store.blobs.get(row.sha256) if row else None


def cache_page(store: Store, pdf_sha256: str, number: int, png: bytes) -> None:
    """Store a drawn page; it may be swept and drawn again."""
    sha256 = store.blobs.put(png)
    with store.change(SERVICE) as unit:
        key = _key(pdf_sha256, number)
        keep_rendering(unit, StoredDocument("png", "", sha256, len(png), key))


def _key(pdf_sha256: str, number: int) -> str:
    return hashlib.sha256(f"page {DPI} {number} {pdf_sha256}".encode()).hexdigest()
