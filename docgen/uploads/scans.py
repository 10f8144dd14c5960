"""Read the QR codes on a scan or photograph of paper.

Pure work on bytes that were inspected before; run it in a child, for it decodes pictures.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

import pypdfium2
import zxingcpp
from PIL import Image, ImageFilter, ImageOps

from docgen.errors import UploadRefused

PAGES, HARD_PAGES = 30, 6  # the first pages are tried in several ways, the others once
DPI = 200  # a module of our codes is 0.5 mm or 4 pixels
SIDE = 4_200  # pixels, A4 at 360 dpi; larger pages are reduced, which bounds the time
FINE, COARSE = 1_600, 2_400  # pixels of the longer side
CODES, TEXT = 50, 300  # codes of a file, characters of one: ours have fewer than 200
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
ENOUGH = "?p=sign"  # ends the text of the code beside the sign-off blocks (`renderers.qr`)
_POINTS = 72  # PDF units to the inch


@dataclass(frozen=True)
class ScannedCode:
    """A code on a page (from 1)."""

    page: int
    text: str


def look_for_codes(content_type: str, data: bytes) -> tuple[ScannedCode, ...]:
    """Return the codes on all pages of a PDF, PNG, JPEG or TIFF.

    UploadRefused: too_many_pages, pdf_broken, image_broken.
    """
    pages = _pdf_pages(data) if content_type == "application/pdf" else _image_pages(data)
    found = [
        ScannedCode(number, text)
        for number, page in pages
        for text in _texts(page, hard=number <= HARD_PAGES)
    ]
    return tuple(found[:CODES])


def _pdf_pages(data: bytes) -> Iterator[tuple[int, Image.Image]]:
    try:
        with closing(pypdfium2.PdfDocument(data)) as pdf:
            _check_count(len(pdf))
            for index in range(len(pdf)):
                page = pdf[index]
                scale = min(DPI / _POINTS, SIDE / max(1.0, *page.get_size()))
                picture: Image.Image = page.render(scale=scale, grayscale=True).to_pil()
                yield index + 1, picture.convert("L")
    except pypdfium2.PdfiumError as wrong:
        raise UploadRefused("pdf_broken", value=str(wrong)) from wrong


def _image_pages(data: bytes) -> Iterator[tuple[int, Image.Image]]:
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "TIFF")) as image:
            count = int(getattr(image, "n_frames", 1)) if image.format == "TIFF" else 1
            _check_count(count)
            for index in range(count):
                image.seek(index)
                yield index + 1, _grey(image)
    except UploadRefused:
        raise
    except (OSError, SyntaxError, ValueError) as wrong:
        raise UploadRefused("image_broken", value=f"{type(wrong).__name__}: {wrong}") from wrong


def _grey(image: Image.Image) -> Image.Image:
    """Return a page in grey on white, reduced to SIDE."""
    grey = image
    if "A" in image.getbands() or "transparency" in image.info:
        grey = Image.new("RGBA", image.size, "white")
        grey.alpha_composite(image.convert("RGBA"))
    grey = grey.convert("L")
    grey.thumbnail((SIDE, SIDE))
    return grey


def _check_count(count: int) -> None:
    if count > PAGES:
        raise UploadRefused("too_many_pages", value=count)


def _texts(page: Image.Image, *, hard: bool) -> list[str]:
    """Read a page's codes; `hard`: try variants until the sign-off code is among them."""
    found: dict[str, None] = {}
    for variant in islice(_variants(page), None if hard else 1):
        codes = zxingcpp.read_barcodes(variant, formats=QR)
        found |= dict.fromkeys(code.text for code in codes if 0 < len(code.text) <= TEXT)
        if any(text.endswith(ENOUGH) for text in found):
            break
    return list(found)


def _variants(page: Image.Image) -> Iterator[Image.Image]:
    """Yield a page as it is; calmer, where it has pixels to spare; or larger and sharper.

    Of photographs that are both blurred and noisy most are read without their noise, but not at
    half the size, where the modules of a code would run into each other.
    """
    yield page
    even = ImageOps.autocontrast(page, cutoff=2)
    if max(page.size) > FINE:
        calm = even.filter(ImageFilter.GaussianBlur(1.2))
        yield calm.resize((calm.width // 2, calm.height // 2), Image.Resampling.BOX)
    yield even
    if max(page.size) > FINE:
        yield even.filter(ImageFilter.GaussianBlur(1))
    if max(page.size) < COARSE:
        double = even.resize((page.width * 2, page.height * 2), Image.Resampling.BICUBIC)
        yield double.filter(ImageFilter.UnsharpMask(3, 150))
