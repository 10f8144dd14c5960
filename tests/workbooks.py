"""Excel templates and printed workbooks for the tests of Excel documents."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openxml_audit import OpenXmlValidator  # type: ignore[import-untyped] # ships no types

from docgen.document import Document
from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Package
from docgen.renderers.xlsx import compile
from docgen.templates.theme import Theme
from tests.office import converted

LOOP = [
    ["{{ label.params }}"],
    ["{%tr if params %}"],
    ["{{ label.params.name }}", "{{ label.params.current_value }}"],
    ["{%tr for row in params %}"],
    ["{{ row.name }}", "{{ row.current_value }}"],
    ["{%tr endfor %}"],
    ["{%tr else %}"],
    ["{{ params.empty }}"],
    ["{%tr endif %}"],
    ["end"],
]
"""A list with its header in row 3 and its only data row in row 5."""
ALL_SHEETS_AS_SHOWN = (
    "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,true,false,false,-1"
)


def template(
    *rows: list[Any], title: str = "表", edit: Callable[[Any], None] | None = None
) -> bytes:
    """A template of one sheet with these rows; `edit` may change the workbook."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    if edit:
        edit(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(data: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """The workbook with something else in one of its parts."""
    package = Package.read(data)
    assert old in package.parts[part]
    return package.with_parts({part: package.parts[part].replace(old, new)}).pack()


def opened(data: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(data))


def printed(data: bytes, theme: Theme, doc: Document) -> Any:
    return opened(compile(data, theme).render(doc))


def values(sheet: Any) -> list[list[Any]]:
    """The values of a sheet, row by row, without empty cells."""
    rows = ([cell.value for cell in row if cell.value is not None] for row in sheet.iter_rows())
    return [row for row in rows if row]


def refusal(data: bytes, theme: Theme, doc: Document) -> TemplateFaulty:
    with pytest.raises(TemplateFaulty) as refused:
        compile(data, theme).render(doc)
    return refused.value


def faults(path: Path) -> list[str]:
    """What a strict reader finds wrong with a file."""
    found = OpenXmlValidator().validate(str(path))
    return [f"{error.part_uri} {error.path} {error.description}" for error in found.errors]


def shown(path: Path) -> dict[str, list[list[str]]]:
    """What LibreOffice shows: sheet name → rows of texts."""
    return all_shown([path])[path]


def all_shown(paths: list[Path]) -> dict[Path, dict[str, list[list[str]]]]:
    """What LibreOffice shows of several workbooks in one folder."""
    said = converted(paths, ALL_SHEETS_AS_SHOWN)
    return {path: _sheets(path, said) for path in paths}


def _sheets(path: Path, said: str) -> dict[str, list[list[str]]]:
    found = {}
    for made in sorted(path.parent.glob(f"{path.stem}-*.csv")):
        with made.open(encoding="utf-8", newline="") as lines:
            found[made.stem.removeprefix(path.stem + "-")] = list(csv.reader(lines))
    assert found, said
    return found
