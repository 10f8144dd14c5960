"""Check scans and pictures: their end, their size by the header, then one bounded decoding."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from PIL import Image, ImageFile

from docgen.errors import UploadRefused

PIXELS = 80_000_000  # A3 at 600 dpi has 69.6 million; Pillow warns above 89.5 million
PIXELS_OF_ALL_PAGES = 500_000_000
PAGES = 200
_JPEGS_IN_FILE = 8  # phones append depth maps and previews as further JPEGs
_FORMATS = {"png": "PNG", "jpeg": "JPEG", "tiff": "TIFF"}
_PADDING = b"\0\r\n "
# A marker, but for the zero that is stuffed behind 0xFF in data, and restarts (ITU-T T.81, B.1).
_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])")
_START, _END = b"\xff\xd8\xff", 0xD9  # SOI and the next marker's 0xFF; EOI


@dataclass(frozen=True)
class CleanPicture:
    """Size of the first page in pixels, and the number of pages."""

    width: int
    height: int
    pages: int


def look_at_image(kind: str, data: bytes) -> CleanPicture:
    """Return the size of an image of `kind` (png, jpeg, tiff), and decode it once.

    Raises UploadRefused: image_too_large, image_broken, too_many_pages, polyglot.
    """
    _check_end(kind, data)
    try:
        with _only_whole(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[_FORMATS[kind]]) as image:
                return _decoded(image)
    except (UploadRefused, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as large:
        raise UploadRefused("image_too_large", value=str(large)) from large
    except Exception as wrong:  # Pillow's plugins raise anything for damaged files
        raise UploadRefused("image_broken", value=f"{type(wrong).__name__}: {wrong}") from wrong


@contextmanager
def _only_whole() -> Iterator[None]:
    """Let Pillow refuse cut pictures; importing WeasyPrint makes it accept them everywhere."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _decoded(image: Image.Image) -> CleanPicture:
    sizes: list[tuple[int, int]] = []
    for width, height in _pages(image):
        sizes.append((width, height))
        if len(sizes) > PAGES:
            raise UploadRefused("too_many_pages", value=PAGES)
        all_pixels = sum(w * h for w, h in sizes)
        if width * height > PIXELS or all_pixels > PIXELS_OF_ALL_PAGES:
            raise UploadRefused("image_too_large", value=f"{width} × {height}")
        image.load()
    return CleanPicture(*sizes[0], len(sizes))


def _pages(image: Image.Image) -> Iterator[tuple[int, int]]:
    """Yield the size of each page; only TIFF has several."""
    yield image.size
    if image.format != "TIFF":
        return
    for number in count(1):
        try:
            image.seek(number)
        except EOFError:
            return
        yield image.size


def _check_end(kind: str, data: bytes) -> None:
    """Refuse an image without its end, and data after it; TIFF has no end marker."""
    if kind == "tiff":
        return
    end = _png_end(data) if kind == "png" else _last_jpeg_end(data)
    if not 0 < end <= len(data):
        raise UploadRefused("image_broken")
    if data[end:].strip(_PADDING if kind == "jpeg" else b""):
        raise UploadRefused("polyglot")


def _png_end(data: bytes) -> int:
    """Return the offset behind IEND, or -1 when it is missing (RFC 2083, 3.2)."""
    at = 8  # behind the signature; a chunk is length, name, data, CRC: 12 bytes and the data
    while at + 12 <= len(data):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        at += 12 + length
        if name == b"IEND":
            return at
    return -1


def _last_jpeg_end(data: bytes) -> int:
    """Return the offset behind the last of consecutive JPEGs, or -1 when one is cut."""
    end = _jpeg_end(data, 0)
    for _ in range(_JPEGS_IN_FILE - 1):
        rest = data[end:].lstrip(_PADDING)
        if end < 0 or not rest.startswith(_START):
            break
        end = _jpeg_end(data, len(data) - len(rest))
    return end


def _jpeg_end(data: bytes, start: int) -> int:
    """Return the offset behind the EOI of the JPEG at `start`, or -1 when it has none."""
    at = start + 2  # behind SOI; every other marker has a length that counts itself
    while found := _NEXT_MARKER.search(data, at):
        marker, at = found[1][0], found.end()
        if marker == _END:
            return at
        if at + 2 > len(data):
            return -1
        at += int.from_bytes(data[at : at + 2])
    return -1
