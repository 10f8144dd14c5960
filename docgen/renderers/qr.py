"""The QR codes that lead to exactly this version of a document; one look for all formats.

The one beside the sign-off blocks also says so, that a scan of the signed page can be known.
"""

from __future__ import annotations

import struct
import zlib

import segno

from docgen.document import Document
from docgen.templates.theme import Theme

MODULE_PIXELS = 6
QUIET_MODULES = 1
SIGN_PAGE = "?p=sign"
MASK = 4  # readers take any; to search for the best of eight takes four times as long


def qr_text(document: Document, theme: Theme) -> str:
    """Say the address of the verification page, or number and hash where the firm has none."""
    if theme.verify_url:
        return theme.verify_url + str(document.meta.fields["short_code"])
    return f"docgen:{document.doc_no}:{document.record_sha256}"


def sign_text(document: Document, theme: Theme) -> str:
    """Say the same of the page with the sign-off blocks; short, so that a photograph shows it."""
    short = str(document.meta.fields["short_code"])
    start = theme.verify_url or f"docgen:{document.doc_no}/"
    return f"{start}{short}{SIGN_PAGE}"


def qr_png(document: Document, theme: Theme) -> bytes:
    """Draw the code as a black and white PNG, the same bytes each time."""
    return _drawn(qr_text(document, theme))


def sign_png(document: Document, theme: Theme) -> bytes:
    """Draw the code of the page with the sign-off blocks."""
    return _drawn(sign_text(document, theme))


def _drawn(text: str) -> bytes:
    code = segno.make(text, error="m", micro=False, mask=MASK)
    return _png([bytes(row) for row in code.matrix])


def _png(modules: list[bytes]) -> bytes:
    """Draw modules (1 is dark) as a PNG of one bit a pixel, in an eighth of segno's time."""
    margin = bytes(QUIET_MODULES)
    blank = bytes(len(modules[0]))
    framed = [blank] * QUIET_MODULES + modules + [blank] * QUIET_MODULES
    lines = b"".join(_line(margin + row + margin) * MODULE_PIXELS for row in framed)
    side = len(framed) * MODULE_PIXELS
    head = struct.pack(">2L5B", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _line(modules: bytes) -> bytes:
    """Write one line of pixels, filter byte first; light pixels are 1."""
    bits = "".join(("0" if module else "1") * MODULE_PIXELS for module in modules)
    length = (len(bits) + 7) // 8
    return b"\0" + int(bits.ljust(8 * length, "0"), 2).to_bytes(length, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(kind + data)
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", crc)
