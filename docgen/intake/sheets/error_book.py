"""The same workbook back: bad cells coloured and commented, and a sheet of errors at its end."""

from __future__ import annotations

import io
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from docgen.files.rezip import ZipMember, rezip
from docgen.intake.sheets.added_sheets import ERRORS
from docgen.intake.sheets.book import open_book
from docgen.intake.sheets.places import Fault

LONGEST = 32_767
_CORE = "docProps/core.xml"
_MOMENT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
BAD = PatternFill("solid", fgColor="FFC7CE")
HEAD = (
    "工作表 Sheet",
    "单元格 Cell",
    "字段 Field",
    "值 Value",
    "代码 Code",
    "错误",
    "Error",
    "改法 Hint",
)
WIDTHS = (16, 10, 18, 24, 18, 48, 48, 48)


def marked(path: Path, name: str, faults: Sequence[Fault]) -> bytes:
    """Return the workbook at `path` with its faults marked; formats but .xlsx come back as values.

    Raises InputUnreadable.
    """
    kind = open_book(path, name).kind
    book = _opened(path) if kind == "xlsx" else _of_values(path, name)
    for (sheet, cell), alike in _by_cell(faults).items():
        if cell and sheet in book.sheetnames and isinstance(book[sheet], Worksheet):
            _mark(book[sheet], cell, alike)
    if ERRORS in book.sheetnames:
        del book[ERRORS]
    _list(book.create_sheet(ERRORS), faults)
    return saved(book)


def saved(book: Workbook) -> bytes:
    """Return a workbook's bytes, equal for equal content: openpyxl would write the present time."""
    out = io.BytesIO()
    book.save(out)
    with ZipFile(out) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    parts[_CORE] = _MOMENT.sub(rb"\g<1>1980-01-01T00:00:00Z", parts[_CORE])
    return rezip(ZipMember.of(name, data) for name, data in parts.items())


def _opened(path: Path) -> Workbook:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what openpyxl cannot keep, it says on the terminal
        return load_workbook(path)


def _of_values(path: Path, name: str) -> Workbook:
    book = Workbook()
    book.remove(book.worksheets[0])
    for sheet in open_book(path, name).sheets:
        made = book.create_sheet(sheet.name[:31])
        for number, row in sheet.rows():
            for column, value in enumerate(row, 1):
                if value != "":
                    put(made.cell(number, column), value)
    return book


def put(cell: Any, value: Any) -> None:
    """Write a value that is never a formula, whatever it begins with."""
    if not isinstance(value, str):
        cell.value = value
        return
    text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value)
    cell.value = text[:LONGEST]
    cell.data_type = "s"


def _by_cell(faults: Iterable[Fault]) -> dict[tuple[str, str], list[Fault]]:
    found: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    for fault in faults:
        found[fault.spot.sheet, fault.spot.cell].append(fault)
    return found


def _mark(sheet: Worksheet, name: str, faults: list[Fault]) -> None:
    cell = _anchor(sheet, name)
    cell.fill = BAD
    texts = [
        f"{one.problem.message('zh')}\n{one.problem.hint('zh')}\n{one.problem.message('en')}"
        for one in faults
    ]
    comment = Comment("\n".join(texts)[:LONGEST], "docgen")
    comment.width, comment.height = 360, 120
    cell.comment = comment


def _anchor(sheet: Worksheet, name: str) -> Cell:
    """Return the cell itself, or the first one of the range that it is merged into."""
    cell = sheet[name]
    if isinstance(cell, MergedCell):
        for area in sheet.merged_cells.ranges:
            if name in area:
                cell = sheet.cell(area.min_row, area.min_col)
    assert isinstance(cell, Cell)
    return cell


def _list(sheet: Worksheet, faults: Iterable[Fault]) -> None:
    for column, (text, width) in enumerate(zip(HEAD, WIDTHS, strict=True), 1):
        cell = sheet.cell(1, column)
        put(cell, text)
        cell.font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(column)].width = width
    for number, fault in enumerate(faults, 2):
        told = fault.as_json()
        message, hint = told["message"], told["hint"]
        value = "" if told["value"] is None else str(told["value"])
        texts = (told["sheet"], told["cell"], told["field"], value, told["code"])
        for column, text in enumerate((*texts, message["zh"], message["en"], hint["zh"]), 1):
            put(sheet.cell(number, column), text)
            sheet.cell(number, column).alignment = Alignment(wrap_text=True, vertical="top")
        if fault.spot.cell:
            place = f"#'{fault.spot.sheet}'!{fault.spot.cell}".replace("''", "'")
            sheet.cell(number, 2).hyperlink = place
    sheet.freeze_panes = "A2"
