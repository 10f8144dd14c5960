"""What was understood of a sheet: what its rows are, where the header is, column → field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from docgen.intake.sheets.places import Fault, Spot, letters
from docgen.intake.sheets.targets import SheetTarget, Slot
from schemas.problems import Problem, shown


@dataclass(frozen=True)
class Column:
    """A column and the field it holds. `unit` is the one that its header names."""

    index: int
    header: str
    slot: Slot
    confidence: float = 1.0
    unit: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `columns[]`."""
        return {
            "column": letters(self.index),
            "header": self.header,
            "field": self.slot.id,
            "label": {"zh": self.slot.label("zh"), "en": self.slot.label("en")},
            "confidence": round(self.confidence, 2),
        }


@dataclass(frozen=True)
class LabelledValue:
    """A value that stands beside its label: 制表人：张伟."""

    slot: Slot
    value: Any
    spot: Spot
    label: str

    def as_json(self) -> dict[str, Any]:
        """Return the entry of `lines[]`."""
        told = {"cell": self.spot.cell, "label": self.label, "field": self.slot.id}
        return told | {"value": shown(self.value)}


@dataclass
class Layout:
    """How a sheet is read; `none` when it is no record.

    Where a column tells the class of each ticket, `by_class` holds each type's own columns.
    """

    sheet: str
    kind: Literal["table", "form", "none"] = "none"
    target: SheetTarget | None = None
    header_rows: tuple[int, ...] = ()
    header: tuple[tuple[str, ...], ...] = ()
    columns: Sequence[Column] = ()
    unmapped: Sequence[tuple[int, str]] = ()
    lines: Sequence[LabelledValue] = ()
    class_column: int | None = None
    by_class: dict[str, tuple[SheetTarget, Sequence[Column]]] = field(default_factory=dict)
    faults: list[tuple[Spot, Problem]] = field(default_factory=list)
    mapping: str = ""
    reason: str = "not_a_record_sheet"
    score: float = 0.0

    @property
    def first_data_row(self) -> int:
        """The first row under the header."""
        return max(self.header_rows, default=0) + 1

    def told(self, file: str) -> list[Fault]:
        """Return what is wrong with the header, as faults of `file`."""
        return [Fault(file, spot, problem, problem.place) for spot, problem in self.faults]

    def as_json(self, file: str) -> dict[str, Any]:
        """Return the entry of `sheets[]`."""
        target = self.target
        return {
            "file": file,
            "sheet": self.sheet,
            "kind": self.kind,
            "type": target.code if target else None,
            "list": ".".join(target.path) if target else None,
            "types": sorted(self.by_class) or ([target.code] if target else []),
            "header_rows": list(self.header_rows),
            "columns": [column.as_json() for column in self.columns],
            "unmapped": [
                {"column": letters(index), "header": shown(text)} for index, text in self.unmapped
            ],
            "lines": [line.as_json() for line in self.lines],
            "mapping": self.mapping or None,
        }
