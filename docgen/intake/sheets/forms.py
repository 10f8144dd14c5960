"""Labels with their values beside them: forms, and the lines over a table (制表人：张伟)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from docgen.intake.sheets.headers import folded
from docgen.intake.sheets.layout import LabelledValue
from docgen.intake.sheets.places import Spot
from docgen.intake.sheets.targets import WEIGHTS, SheetTarget, Slot

_PAIR = re.compile(r"\s*([^:：\n]{1,20}?)\s*[:：]\s*(.*)", re.DOTALL)
_SEVERAL = re.compile(r"\s{2,}|\t|　+")
Rows = Sequence[tuple[int, Sequence[Any]]]


def lines(sheet: str, rows: Rows, target: SheetTarget) -> list[LabelledValue]:
    """Find every label of `target` that has a value: beside it, or after a colon in its cell."""
    found: dict[str, LabelledValue] = {}
    for number, row in rows:
        for line in _in_row(sheet, number, row, target):
            found.setdefault(line.slot.id, line)
    return list(found.values())


def score(found: Sequence[LabelledValue], target: SheetTarget) -> float:
    """Weigh a form as a table's header is weighed; labels of one row alone are no form."""
    own = [line for line in found if line.slot.tier in ("own", "nested")]
    if len(own) < 3 or len({line.spot.row for line in own}) < 2:
        return 0.0
    ids = {line.slot.id for line in found}
    covered = len(target.required & ids) / (len(target.required) or 1)
    return sum(WEIGHTS[line.slot.tier] for line in found) * (0.5 + 0.5 * covered)


def _in_row(
    sheet: str, number: int, row: Sequence[Any], target: SheetTarget
) -> Iterator[LabelledValue]:
    waiting: tuple[Slot, str] | None = None
    for index, cell in enumerate(row):
        if cell == "":
            continue
        spot = Spot(sheet, number, index)
        pairs = list(_pairs(cell, target)) if isinstance(cell, str) else []
        if pairs:
            yield from (LabelledValue(slot, value, spot, label) for slot, label, value in pairs)
            waiting = None
        elif slot := _slot(cell, target):
            waiting = (slot, str(cell).strip())
        elif waiting:
            yield LabelledValue(waiting[0], cell, spot, waiting[1])
            waiting = None


def _pairs(cell: str, target: SheetTarget) -> Iterator[tuple[Slot, str, str]]:
    """Read one cell that holds labels and values: 制表人：张伟  日期：2026-03-07."""
    for part in _SEVERAL.split(cell):
        found = _PAIR.fullmatch(part)
        if found and found[2].strip() and (slot := _slot(found[1], target)):
            yield slot, found[1], found[2].strip()


def _slot(cell: Any, target: SheetTarget) -> Slot | None:
    if not isinstance(cell, str) or len(cell) > 30:
        return None
    tiers = target.names.get(folded(cell))
    return target.slots[tiers[0][0]] if tiers and len(tiers[0]) == 1 else None
