"""Page setup of the sheets: A4, width fitted, company and title above, number and pages below."""

from __future__ import annotations

from math import ceil
from typing import Any

from openpyxl.worksheet.properties import PageSetupProperties

from docgen.authoring.scaffold.xlsx.styles import ACCENT, BAD, MUTED, SANS, SERIF

A4 = "9"  # paperSize (ECMA-376 18.3.1.63)
PORTRAIT_WIDTH, LANDSCAPE_WIDTH = 116.0, 205.0  # characters that a page has in legible size


def set_page(sheet: Any, width: float) -> int:
    """Set up a sheet of `width` characters; how many pages wide it prints."""
    portrait = width <= PORTRAIT_WIDTH
    pages = 1 if portrait else ceil(width / LANDSCAPE_WIDTH)
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    setup = sheet.page_setup
    setup.paperSize, setup.orientation = A4, "portrait" if portrait else "landscape"
    setup.fitToWidth, setup.fitToHeight = pages, 0
    sheet.print_options.horizontalCentered = pages == 1
    margins = sheet.page_margins
    margins.left = margins.right = 0.4
    margins.top, margins.bottom, margins.header, margins.footer = 0.7, 0.6, 0.35, 0.3
    sheet.sheet_view.showGridLines = False
    _furniture(sheet)
    return pages


def _furniture(sheet: Any) -> None:
    head, foot = sheet.oddHeader, sheet.oddFooter
    _write(head.left, "{{ theme.company }}", SANS, ACCENT)
    _write(head.center, "{{ doc.mark }}", SANS, BAD, size=16)
    _write(head.right, "{{ doc.title }}", SANS, ACCENT)
    _write(foot.left, "{{ doc_no }}", SERIF, MUTED)
    _write(foot.center, "{{ t.page_head }}&P{{ t.page_middle }}&N{{ t.page_tail }}", SERIF, MUTED)
    _write(foot.right, "{{ confidentiality }}", SERIF, MUTED)


def _write(part: Any, text: str, font: str, colour: str, *, size: int = 9) -> None:
    part.text, part.font, part.size, part.color = text, f"{font},Regular", size, colour
