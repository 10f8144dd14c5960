"""Places for the logo and the QR code, and the finished file, the same bytes each time."""

from __future__ import annotations

import io
import re
from typing import Any

import segno
from openpyxl import Workbook
from openpyxl.drawing.image import Image
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, OneCellAnchor
from openpyxl.drawing.xdr import XDRPositiveSize2D
from openpyxl.utils import get_column_letter

from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.properties import CORE
from docgen.templates.theme import default_folder, load_theme

MARGIN = 4
EMU = 9525  # English metric units a pixel at 96 dpi (ECMA-376)
PIXELS_PER_CHARACTER, PIXELS_PER_POINT = 7, 4 / 3
MARKS = ("docgen:logo", "docgen:qr")
_DATES = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_DATE = rb"\g<1>2026-01-01T00:00:00Z"
_DESCRIPTION = re.compile(rb'descr="[^"]*"')


def add_pictures(sheet: Any, columns: int) -> None:
    """Put the logo's place at the left of the first row and the code's at its right end."""
    logo, code = io.BytesIO(load_theme(default_folder()).logo), io.BytesIO()
    segno.make("docgen", error="m", micro=False).save(code, kind="png", scale=6, border=1)
    side = int(sheet.row_dimensions[1].height * PIXELS_PER_POINT) - 2 * MARGIN
    column, offset = _from_right(sheet, columns, side + MARGIN)
    for data, at, x in ((logo, 0, MARGIN), (code, column, offset)):
        picture = Image(data)
        start = AnchorMarker(col=at, colOff=x * EMU, row=0, rowOff=MARGIN * EMU)
        size = XDRPositiveSize2D(side * EMU, side * EMU)
        picture.anchor = OneCellAnchor(_from=start, ext=size)
        sheet.add_image(picture)


def _from_right(sheet: Any, columns: int, wanted: int) -> tuple[int, int]:
    """Find the column (from 0) and the pixels in it that lie `wanted` pixels from the right."""
    at = columns
    while at:
        width = sheet.column_dimensions[get_column_letter(at)].width * PIXELS_PER_CHARACTER
        if wanted <= width:
            return at - 1, int(width - wanted)
        wanted -= int(width)
        at -= 1
    return 0, 0


def packed(book: Workbook) -> bytes:
    """Write the workbook; what openpyxl takes from the clock is fixed, pictures get their marks."""
    out = io.BytesIO()
    book.save(out)
    package = Package.read(out.getvalue())
    changed = {CORE: _DATES.sub(_DATE, package.parts[CORE])}
    for name, data in package.parts.items():
        if name.startswith("xl/drawings/drawing"):
            marks = iter(MARKS)
            changed[name] = _DESCRIPTION.sub(lambda _: f'descr="{next(marks)}"'.encode(), data)  # noqa: B023 (called at once)
    return package.with_parts(changed).pack()
