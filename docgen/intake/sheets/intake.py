"""One file → records in the ledger, and the fate of every row. Runs in a child that may die."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from docgen.errors import InputUnreadable
from docgen.intake.sheets.added_sheets import ABOUT, MARK
from docgen.intake.sheets.assembling import Assembly
from docgen.intake.sheets.book import Sheet, SourceWorkbook, open_book
from docgen.intake.sheets.cells import Surroundings
from docgen.intake.sheets.envelope import EnvelopeValues
from docgen.intake.sheets.import_result import ImportResult
from docgen.intake.sheets.judging import Judge
from docgen.intake.sheets.layout import Layout
from docgen.intake.sheets.ledger import Ledger
from docgen.intake.sheets.order import ConversionRequest
from docgen.intake.sheets.places import Fault, Skips
from docgen.intake.sheets.records import Ref, SheetSource, Values, read_lines
from docgen.intake.sheets.rows import Numbered, data_rows
from docgen.intake.sheets.targets import SheetTarget
from docgen.intake.sheets.tickets import Tickets
from docgen.intake.sheets.types import parent_keys
from docgen.intake.sheets.understanding import understand
from docgen.pipeline import read_contract
from schemas.envelope import SCHEMA_VERSION
from schemas.setting import Setting

BLOCK = 500
"""Rows that are read together."""


def look(order: ConversionRequest) -> tuple[SourceWorkbook, list[Layout]]:
    """Open a file and say how each sheet is read. Raises InputUnreadable."""
    book = open_book(order.path, order.name)
    code = _own_code(book) or order.code
    return book, [understand(sheet, code, order.mappings) for sheet in book.sheets]


def layouts(order: ConversionRequest) -> list[Layout]:
    """Say how each sheet of a file is read. Raises InputUnreadable."""
    return look(order)[1]


def _own_code(book: SourceWorkbook) -> str:
    """Return the type of a workbook that docgen made; one of another version is refused."""
    for sheet in book.sheets:
        if sheet.name == ABOUT:
            first = next((row for _, row in sheet.rows()), [])
            if first[:1] == [MARK]:
                if first[2:3] != [SCHEMA_VERSION]:
                    raise InputUnreadable("intake_version", place=book.name, value=str(first[2:3]))
                return str(first[1])
    return ""


def take(order: ConversionRequest) -> ImportResult:
    """Take a file in: every row becomes part of a record, an error, or a skip with its reason.

    Raises InputUnreadable for a file that cannot be read at all.
    """
    book, layouts = look(order)
    taken = ImportResult(order.name, book.kind, notes=list(dict.fromkeys(book.notes)))
    taken.ignored = book.ignored
    taken.sheets = [layout.as_json(order.name) for layout in layouts]
    with _no_collections(), Ledger(order.folder, dry=order.dry) as ledger:
        _Walk(order, book, taken, ledger).through(list(zip(book.sheets, layouts, strict=True)))
    if not any(layout.target for layout in layouts):
        raise InputUnreadable("nothing_to_convert", place=order.name, value=", ".join(book.names))
    return taken


class _Walk:
    """Reads related sheets first, then the others in their order."""

    def __init__(
        self, order: ConversionRequest, book: SourceWorkbook, taken: ImportResult, ledger: Ledger
    ) -> None:
        contract = read_contract(order.contract, order.now) if order.contract else None
        given = EnvelopeValues(order.now, contract, order.given)
        self.order, self.taken = order, taken
        self.around = Surroundings(book.date1904, book.kind != "csv")
        judge = Judge(taken, Setting(order.now, contract))
        self.tickets = Tickets(taken, ledger, judge, given, mask=order.mask)
        self.lists = Assembly(self.tickets, group_by=order.group_by)

    def through(self, sheets: list[tuple[Sheet, Layout]]) -> None:
        """Read every sheet and close every record."""
        skips = Skips(self.order.name)
        self.lists.expect([layout for _, layout in sheets])
        related = [pair for pair in sheets if _is_related(pair[1])]
        main = [pair for pair in sheets if not _is_related(pair[1])]
        for sheet, layout in related:
            self._sheet(sheet, layout, skips)
        if related:
            for sheet, layout in main:
                self._count_names(sheet, layout)
        for sheet, layout in main:
            self._sheet(sheet, layout, skips)
        self.lists.close()
        self.taken.skip(skips)

    def _sheet(self, sheet: Sheet, layout: Layout, skips: Skips) -> None:
        if layout.target is None:
            _skip_sheet(sheet, layout, skips)
        elif layout.faults:
            self._refuse(sheet, layout)
        elif layout.kind == "form":
            self._form(layout)
        else:
            self._table(sheet, layout, skips)

    def _count_names(self, sheet: Sheet, layout: Layout) -> None:
        """Find out which names stand for several main rows."""
        made = [layout.target, *(target for target, _ in layout.by_class.values())]
        paths = {(target.code, *target.path) for target in made if target is not None}
        for column in layout.columns:
            if column.slot.id in parent_keys():
                at = column.index
                cells = [row[at] for _, row in sheet.rows() if at < len(row)]
                for path in paths:
                    self.tickets.related.count(path, column.slot.id, cells)

    def _refuse(self, sheet: Sheet, layout: Layout) -> None:
        """Fail all rows of a sheet whose header has several meanings."""
        self.taken.faults += layout.told(self.order.name)
        rows = sum(
            1
            for number, row in sheet.rows()
            if number >= layout.first_data_row and row.count("") < len(row)
        )
        self.taken.read += rows
        self.taken.failed += rows

    def _form(self, layout: Layout) -> None:
        target = layout.target
        assert target is not None
        values, faults = read_lines(layout.lines, self.around)
        source = SheetSource(layout.sheet, (), self.around, layout.lines)
        self.taken.read += 1
        if faults:
            self.taken.failed += 1
            self.taken.faults += [Fault(self.order.name, spot, one) for spot, one in faults]
        elif target.is_record and self.lists.is_made_of_lists(target.code):
            self.lists.say(target.code, values, source, Ref(source, layout.first_data_row - 1))
        elif target.is_record:
            self.tickets.row(target.code, Ref(source, layout.first_data_row - 1), values)
        else:
            self.lists.row(target, Ref(source, layout.first_data_row - 1), values)

    def _table(self, sheet: Sheet, layout: Layout, skips: Skips) -> None:
        target = layout.target
        assert target is not None
        said, faults = read_lines(layout.lines, self.around)
        self.taken.faults += [Fault(self.order.name, spot, one) for spot, one in faults]
        readers = {
            code: SheetSource(layout.sheet, columns, self.around, layout.lines)
            for code, (_, columns) in layout.by_class.items()
        }
        plain = SheetSource(layout.sheet, layout.columns, self.around, layout.lines)
        if not target.is_record:
            self.lists.begin(target, plain, said)
        for block in _blocks(data_rows(sheet, layout, skips)):
            self.taken.read += len(block)
            if layout.class_column is not None:
                self.tickets.classed(readers, block, column=layout.class_column, said=said)
            else:
                self._block(target, plain, block, said)

    def _block(
        self, target: SheetTarget, source: SheetSource, block: list[Numbered], said: Values
    ) -> None:
        found = source.read([row for _, row in block])
        for (number, _), values in zip(block, found, strict=True):
            if target.is_record:
                self.tickets.row(target.code, Ref(source, number), values, said)
            else:
                self.lists.row(target, Ref(source, number), values)


def _blocks(rows: Iterator[Numbered]) -> Iterator[list[Numbered]]:
    while block := list(islice(rows, BLOCK)):
        yield block


@contextmanager
def _no_collections() -> Iterator[None]:
    """Look for no cycles meanwhile: rows make none, and each search would visit all of them."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _is_related(layout: Layout) -> bool:
    return bool(layout.target and (layout.target.needs_parent or layout.kind == "form"))


def _skip_sheet(sheet: Sheet, layout: Layout, skips: Skips) -> None:
    for number, row in sheet.rows():
        if row.count("") < len(row):
            skips.add(sheet.name, number, layout.reason)
