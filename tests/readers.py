"""Reopen produced files with other programs and read their text as a person would see it."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import docx
import openpyxl
from docx.oxml.ns import qn


def squeezed(text: str) -> str:
    """Text without any white space, soft hyphens or joiners: line breaks of a page do not count."""
    return re.sub(r"[\s\u00ad\u200b]", "", text)


def docx_text(data: bytes) -> str:
    """All text of the body, in order, by python-docx."""
    body = docx.Document(io.BytesIO(data)).element.body
    parts = []
    for node in body.iter():
        if node.tag == qn("w:t"):
            parts.append(node.text or "")
        elif node.tag in (qn("w:p"), qn("w:br"), qn("w:tab")):
            parts.append("\n")
    return "".join(parts)


def xlsx_text(data: bytes) -> str:
    """All cells as displayed, by openpyxl, sheet by sheet."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    rows = [_displayed(cell) for cell in _cells(book) if cell.value is not None]
    return "\n".join([*rows, *_columns(book)])


def _columns(book: Any) -> Iterator[str]:
    """Each column read downwards: a very long text continues in the rows below."""
    for sheet in book.worksheets:
        for column in sheet.iter_cols():
            yield "".join(_displayed(cell) for cell in column if cell.value is not None)


def xlsx_cells(data: bytes) -> list[Any]:
    """All filled cells."""
    return [
        cell for cell in _cells(openpyxl.load_workbook(io.BytesIO(data))) if cell.value is not None
    ]


def pdf_text(path: Path) -> str:
    """The text of a PDF, by poppler."""
    run = subprocess.run(
        ["pdftotext", "-raw", "-enc", "UTF-8", str(path), "-"], capture_output=True, check=True
    )
    return run.stdout.decode("utf-8")


def _cells(book: Any) -> Iterator[Any]:
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            yield from row


def _displayed(cell: Any) -> str:
    value, shape = cell.value, cell.number_format
    if isinstance(value, datetime):
        pattern = "%Y-%m-%d" if "h" not in shape else "%Y-%m-%d %H:%M"
        return value.strftime(pattern + (":%S" if "s" in shape else ""))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float) and shape.endswith("%"):
        return f"{value * 100:.2f}%"
    if isinstance(value, int | float):
        unit = re.search(r'"(.*)"', shape)
        return f"{value:.15g}" + (unit[1] if unit else "")
    return str(value)
