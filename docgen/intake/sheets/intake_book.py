"""Workbooks for people to fill in: drop-downs, units, required marks, an example, locked headers.

What they hold is read back without any mapping: headers are names that the schema knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Protection, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from docgen.intake.sheets.added_sheets import ABOUT, BASICS, EXAMPLE, MARK
from docgen.intake.sheets.error_book import put, saved
from docgen.intake.sheets.headers import folded
from docgen.intake.sheets.targets import SheetTarget, Slot, root, targets
from docgen.intake.sheets.types import kind_of
from docgen.paths import samples_dir
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.envelope import SCHEMA_VERSION, Record
from schemas.fields import Choice, shape

ROWS = 1000
_NOT_IN_TITLES = re.compile(r"[\\/*?:\[\]]")
RECORD_FIELDS = ("doc_date", "prepared_by")
INLINE = 250  # what Excel takes as a list inside a validation
_REQUIRED = PatternFill("solid", fgColor="FCE4D6")
_OPTIONAL = PatternFill("solid", fgColor="DDEBF7")
_EXAMPLE = PatternFill("solid", fgColor="F2F2F2")
_LINE = Border(bottom=Side("thin", color="999999"))
# One for all cells: openpyxl looks each style up among those of the book, quickly for one it holds.
_OPEN = Protection(locked=False)


def intake_workbook(code: str, contract: Contract | None = None) -> bytes:
    """Return an empty workbook for a record type, its known values from the contract filled in."""
    book = Workbook()
    about = book.worksheets[0]
    about.title = ABOUT
    _about(about, code)
    lists = _Lists(about)
    if not kind_of(code).a_row:
        _form(book.create_sheet(BASICS), root(code), lists, contract)
    for target in targets():
        if target.code == code and _is_filled_in(target):
            _table(book.create_sheet(_title(target)), target, lists, contract)
    book.move_sheet(about, len(book.sheetnames))
    book.active = 0
    return saved(book)


def _is_filled_in(target: SheetTarget) -> bool:
    """Tell whether rows of a target have a sheet of their own."""
    return bool(target.path) or kind_of(target.code).a_row


def _title(target: SheetTarget) -> str:
    model: Any = record_types()[target.code]
    if not target.path:
        return _NOT_IN_TITLES.sub(" ", model.record_type.zh)[:31]
    titles = []
    for name in target.path:
        titles.append(str(model.model_fields[name].title))
        model = shape(model, name).part
    return _NOT_IN_TITLES.sub(" ", titles[-1])[:31]


def _about(sheet: Worksheet, code: str) -> None:
    kind = record_types()[code].record_type
    lines = [
        (MARK, code, SCHEMA_VERSION),
        (f"{kind.zh}登记表", kind.en, ""),
        (
            "橙色表头必填，蓝色选填；灰色示例行不读入。",
            "Orange is required; the grey row is an example.",
            "",
        ),
        ("填好后：docgen convert 本文件 --contract 合同.json", "", ""),
    ]
    for number, line in enumerate(lines, 1):
        for column, text in enumerate(line, 1):
            put(sheet.cell(number, column), text)
    sheet.column_dimensions["A"].width = 60
    sheet.protection.sheet = True


class _Lists:
    """Drop-down lists; long ones stand in columns of the sheet that explains."""

    def __init__(self, sheet: Worksheet) -> None:
        self.sheet, self.column = sheet, 5

    def validation(self, slot: Slot) -> DataValidation | None:
        """Return the drop-down of a field, None for one without choices."""
        base = shape(slot.owner, slot.name).base
        if not isinstance(base, type) or slot.is_list:
            return None
        if issubclass(base, bool):
            return _listed('"是,否"')
        if not issubclass(base, Choice):
            return None
        words = [member.zh for member in base]
        inline = ",".join(words)
        if len(inline) < INLINE and not any("," in word for word in words):
            return _listed(f'"{inline}"')
        letter = get_column_letter(self.column)
        for number, word in enumerate(words, 1):
            put(self.sheet.cell(number, self.column), word)
        self.column += 1
        return _listed(f"'{ABOUT}'!${letter}$1:${letter}${len(words)}")


def _listed(formula: str) -> DataValidation:
    return DataValidation(type="list", formula1=formula, allow_blank=True)


def _slots(target: SheetTarget) -> Iterator[Slot]:
    """Yield the fields that people fill in: what names the main row, then the own ones."""
    yield from islice((one for one in target.slots.values() if one.tier == "parent"), 1)
    related = any(one.code == target.code and one.needs_parent for one in targets())
    numbered = related and kind_of(target.code).a_row
    asked = ("doc_no", *RECORD_FIELDS) if numbered else RECORD_FIELDS
    for slot in target.slots.values():
        part = shape(slot.owner, slot.name).part
        if slot.tier == "parent" or (slot.tier == "record" and target.path):
            continue
        if slot.tier == "record" and slot.name not in asked:
            continue
        if not (part and slot.is_list and not target.path):
            yield slot


def header_of(target: SheetTarget, slot: Slot) -> str:
    """Return a header that can only mean this field: its label, else its name."""
    label = slot.label("zh")
    tiers = target.names.get(folded(label), ())
    text = label if tiers and tiers[0] == (slot.id,) else slot.id
    return text + (f"({slot.unit})" if slot.unit else "")


def _table(sheet: Worksheet, target: SheetTarget, lists: _Lists, contract: Contract | None) -> None:
    put(sheet.cell(1, 1), "#")
    slots = list(_slots(target))
    example = _example(target)
    put(sheet.cell(2, 1), EXAMPLE)
    for column, slot in enumerate(slots, 2):
        _header(sheet.cell(1, column), target, slot)
        width = max(12, 2 * len(slot.label("zh")) + 4)
        sheet.column_dimensions[get_column_letter(column)].width = width
        put(sheet.cell(2, column), _said(_at(example, slot.path)))
        if validation := lists.validation(slot):
            letter = get_column_letter(column)
            validation.add(f"{letter}3:{letter}{ROWS}")
            sheet.add_data_validation(validation)
    for column in range(1, len(slots) + 2):
        sheet.cell(2, column).fill = _EXAMPLE
        sheet.cell(2, column).font = Font(italic=True, color="808080")
    _fill_assets(sheet, target, slots, contract)
    _lock(sheet, [(3, ROWS)], len(slots) + 1)
    sheet.freeze_panes = "B3"


def _header(cell: Cell | MergedCell, target: SheetTarget, slot: Slot) -> None:
    required = slot.required and slot.tier != "record"
    put(cell, header_of(target, slot) + ("*" if required else ""))
    cell.font = Font(bold=True)
    cell.fill = _REQUIRED if required else _OPTIONAL
    cell.alignment = Alignment(wrap_text=True, vertical="center")
    cell.border = _LINE
    cell.comment = Comment(_explained(slot), "docgen", height=90, width=260)


def _explained(slot: Slot) -> str:
    base = shape(slot.owner, slot.name).base
    lines = [
        f"{slot.label('zh')} {slot.label('en')}",
        "必填 required" if slot.required else "选填 optional",
    ]
    if slot.unit:
        lines.append(f"单位 unit: {slot.unit}")
    if slot.is_list:
        lines.append("多个值用、分开 several: separate with 、")
    if isinstance(base, type) and issubclass(base, Choice):
        lines.append("、".join(member.zh for member in base))
    return "\n".join(lines)


def _form(sheet: Worksheet, target: SheetTarget, lists: _Lists, contract: Contract | None) -> None:
    rows = []
    for number, slot in enumerate(_slots(target), 1):
        _header(sheet.cell(number, 1), target, slot)
        rows.append((number, number))
        if slot.name == "asset_nos" and contract:
            put(sheet.cell(number, 2), "、".join(contract.asset_nos))
        if validation := lists.validation(slot):
            validation.add(f"B{number}")
            sheet.add_data_validation(validation)
    sheet.column_dimensions["A"].width = 24
    sheet.column_dimensions["B"].width = 50
    for first, _ in rows:
        sheet.cell(first, 2).protection = _OPEN
    sheet.protection.sheet = True


def _lock(sheet: Worksheet, free: Iterable[tuple[int, int]], columns: int) -> None:
    """Protect headers and example; the rows below stay open, and columns may be widened."""
    for first, last in free:
        for row in range(first, last + 1):
            for column in range(1, columns + 1):
                sheet.cell(row, column).protection = _OPEN
    sheet.protection.sheet = True
    sheet.protection.formatColumns = False
    sheet.protection.insertRows = False
    sheet.protection.sort = False


def _fill_assets(
    sheet: Worksheet, target: SheetTarget, slots: list[Slot], contract: Contract | None
) -> None:
    """Name the contract's objects where each has a row of its own."""
    ids = [slot.id for slot in slots]
    if contract is None or target.path != ("objects",) or "asset_no" not in ids:
        return
    for row, asset_no in enumerate(contract.asset_nos, 3):
        put(sheet.cell(row, ids.index("asset_no") + 2), asset_no)


def _example(target: SheetTarget) -> dict[str, Any]:
    """Return the first such row of the sample record."""
    path = samples_dir() / target.code / "basic.json"
    found: Any = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    parent: dict[str, Any] = {}
    for name in target.path:
        parent = found
        rows = found.get(name) or [{}]
        found = rows[0]
    own = {name: value for name, value in parent.items() if name not in Record.model_fields}
    return {**{k: v for k, v in own.items() if not isinstance(v, list | dict)}, **found}


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, dict) else None
    return values


def _said(value: Any) -> Any:
    if isinstance(value, list):
        return "、".join(
            str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in value
        )
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else value
