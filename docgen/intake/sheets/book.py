"""One door for every kind of spreadsheet: sheets with their rows, streamed, within limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from docgen.errors import InputUnreadable
from docgen.files.active import ActiveContent
from docgen.intake.sheets import biff, csvs, ooxml, opendocument
from docgen.intake.sheets.facts import Facts, Merge, SheetFacts
from docgen.intake.sheets.limits import WorkbookLimits
from docgen.intake.sheets.zipped import ZippedWorkbook

Row = list[Any]
_PANIC = "PanicException"  # what the reader raises where it gives up; its class has no address
TEXTS = (".csv", ".tsv", ".txt")


@dataclass
class Sheet:
    """A sheet; rows are counted from 1, columns from 0."""

    name: str
    facts: SheetFacts = field(default_factory=SheetFacts)
    hidden: bool = False
    first_row: int = 1
    first_column: int = 0
    source: Any = None

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Yield every row from the first with a value to the last; row numbers are the file's."""
        lead = [""] * self.first_column
        for number, row in enumerate(self.source(), self.first_row):
            yield number, lead + row if lead else row


@dataclass
class SourceWorkbook:
    """A file's sheets in their order."""

    name: str
    kind: str
    date1904: bool = False
    notes: list[str] = field(default_factory=list)
    ignored: list[ActiveContent] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)

    @cached_property
    def names(self) -> list[str]:
        """The sheets' names."""
        return [sheet.name for sheet in self.sheets]


def open_book(path: Path, name: str = "", limits: WorkbookLimits | None = None) -> SourceWorkbook:
    """Open a spreadsheet by its content, whatever its name says. Raises InputUnreadable."""
    limits = limits or WorkbookLimits()
    name = name or path.name
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as wrong:
        raise InputUnreadable("sheet_file_unreadable", place=name, value=wrong.strerror) from wrong
    if not size:
        raise InputUnreadable("sheet_file_empty", place=name)
    if size > limits.file_bytes:
        raise InputUnreadable(
            "sheet_file_too_large", place=name, value=size, limit=WorkbookLimits.file_bytes // 2**20
        )
    if head.startswith(b"PK"):
        return _packed(path, name, limits)
    if head == biff.MAGIC:
        return _workbook(path, SourceWorkbook(name, "xls"), biff.facts(path), limits)
    if path.suffix.lower() in TEXTS or Path(name).suffix.lower() in TEXTS:
        return _text(path, name, limits)
    raise InputUnreadable("sheet_kind_unknown", place=name)


def _packed(path: Path, name: str, limits: WorkbookLimits) -> SourceWorkbook:
    with ZippedWorkbook(path, limits) as package:
        if "content.xml" in package.entries:
            kind, found = "ods", opendocument.facts(package)
        else:
            kind, found = "xlsx", ooxml.facts(package)
    return _workbook(path, SourceWorkbook(name, kind), found, limits)


def _workbook(
    path: Path, book: SourceWorkbook, found: Facts, limits: WorkbookLimits
) -> SourceWorkbook:
    book.date1904, book.notes, book.ignored = found.date1904, found.notes, found.ignored
    try:
        opened = CalamineWorkbook.from_path(path)
        listed = [one for one in opened.sheets_metadata if one.typ is SheetTypeEnum.WorkSheet]
        if len(listed) > limits.sheets:
            raise InputUnreadable(
                "too_many_sheets", place=book.name, value=len(listed), limit=WorkbookLimits.sheets
            )
        for one in listed:
            read = opened.get_sheet_by_name(one.name)
            hidden = one.visible is not SheetVisibleEnum.Visible
            book.sheets.append(_sheet(read, found.sheet(one.name), hidden, limits))
    except PasswordError as locked:
        raise InputUnreadable("workbook_encrypted", place=book.name) from locked
    except (CalamineError, OSError, ValueError) as wrong:
        raise InputUnreadable("workbook_broken", place=book.name, value=str(wrong)) from wrong
    except BaseException as wrong:
        if type(wrong).__name__ != _PANIC:
            raise
        raise InputUnreadable("workbook_broken", place=book.name, value=str(wrong)) from wrong
    if any(sheet.hidden for sheet in book.sheets):
        book.notes.append("hidden_sheet")
    return book


def _sheet(read: CalamineSheet, found: SheetFacts, hidden: bool, limits: WorkbookLimits) -> Sheet:
    start, end = read.start or (0, 0), read.end or (0, 0)
    if end[0] >= limits.rows:
        raise InputUnreadable(
            "too_many_sheet_rows", place=read.name, value=end[0] + 1, limit=WorkbookLimits.rows
        )
    if end[1] >= limits.columns:
        raise InputUnreadable(
            "too_many_columns", place=read.name, value=end[1] + 1, limit=WorkbookLimits.columns
        )
    found.merges += _merges(read)
    return Sheet(read.name, found, hidden, start[0] + 1, start[1], read.iter_rows)


def _merges(read: CalamineSheet) -> list[Merge]:
    return [(first, last) for first, last in read.merged_cell_ranges or ()]


def _text(path: Path, name: str, limits: WorkbookLimits) -> SourceWorkbook:
    how = csvs.dialect(path, name)
    sheet = Sheet(Path(name).stem, source=lambda: csvs.rows(path, how, limits, name))
    return SourceWorkbook(name, "csv", sheets=[sheet])
