"""The QR codes that identify exactly this version of a document; the same in all formats.

The code beside the sign-off blocks differs, so that a scan of the signed page is recognised.
"""

from __future__ import annotations

import struct
import zlib

import segno

from docgen.document import Document
from docgen.templates.theme import Theme

MODULE_PIXELS = 6
QUIET_MODULES = 1  # ISO/IEC 18004 wants 4: the white of the page around it gives the others
SIGN_PAGE = "?p=sign"
MASK = (
    4  # any of the eight is valid (ISO/IEC 18004, 7.8); searching the best takes four times as long
)


def qr_text(document: Document, theme: Theme) -> str:
    """Return the address of the verification page, or number and hash where there is none."""
    if theme.verify_url:
        return theme.verify_url + str(document.meta.fields["short_code"])
    return f"docgen:{document.doc_no}:{document.record_sha256}"


def sign_text(document: Document, theme: Theme) -> str:
    """Return the text for the page with the sign-off blocks; short, so that a photo suffices."""
    short = str(document.meta.fields["short_code"])
    start = theme.verify_url or f"docgen:{document.doc_no}/"
    return f"{start}{short}{SIGN_PAGE}"


def qr_png(document: Document, theme: Theme) -> bytes:
    """Return the document's QR code as a black and white PNG, the same bytes each time."""
    return _png(qr_text(document, theme))


def sign_png(document: Document, theme: Theme) -> bytes:
    """Return the QR code of the page with the sign-off blocks as a PNG."""
    return _png(sign_text(document, theme))


def _png(text: str) -> bytes:
    """Draw a code as a PNG (RFC 2083) of one bit a pixel, in an eighth of segno's own time."""
    # Level M restores 15 % of the code (ISO/IEC 18004): a stamp's edge, a fold.
    modules = [bytes(row) for row in segno.make(text, error="m", micro=False, mask=MASK).matrix]
    margin = bytes(QUIET_MODULES)
    blank = bytes(len(modules[0]))
    framed = [blank] * QUIET_MODULES + modules + [blank] * QUIET_MODULES
    lines = b"".join(_scanline(margin + row + margin) * MODULE_PIXELS for row in framed)
    side = len(framed) * MODULE_PIXELS
    # IHDR: width, height, bit depth 1, greyscale, deflate, filter method 0, not interlaced.
    head = struct.pack(">2L5B", side, side, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b"")):
        png += struct.pack(">L", len(data)) + kind + data
        png += struct.pack(">L", zlib.crc32(kind + data))
    return png


def _scanline(modules: bytes) -> bytes:
    """Return one line of pixels after its filter byte 0 (none); a light pixel is 1."""
    bits = "".join(("0" if module else "1") * MODULE_PIXELS for module in modules)
    length = (len(bits) + 7) // 8
    return b"\0" + int(bits.ljust(8 * length, "0"), 2).to_bytes(length, "big")
