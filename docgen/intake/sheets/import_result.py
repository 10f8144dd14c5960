"""What was taken from one file: every row's fate, every fault, every record to make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from docgen.files.active import ActiveContent
from docgen.intake.sheets.places import Fault, Skip, Skips

TOLD_WARNINGS = 20
Place = tuple[str, int]
"""Sheet and row."""


@dataclass(frozen=True, slots=True)
class PlannedRecord:
    """A record to make: rows that are news, and rows that it has from an earlier run."""

    code: str
    doc_no: str
    rows: tuple[Place, ...]
    known: tuple[Place, ...] = ()


@dataclass
class ImportResult:
    """The result for one file; `rows` read is the sum of converted, failed and skipped."""

    file: str
    kind: str = ""
    sheets: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ignored: list[ActiveContent] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    warned: Counter[str] = field(default_factory=Counter)
    skips: list[Skip] = field(default_factory=list)
    documents: list[PlannedRecord] = field(default_factory=list)
    read: int = 0
    failed: int = 0
    skipped: int = 0

    def warn(self, faults: Iterable[Fault]) -> None:
        """Note warnings; of each kind the first twenty are kept, and all are counted."""
        for fault in faults:
            code = fault.problem.code
            self.warned[code] += 1
            if self.warned[code] <= TOLD_WARNINGS:
                self.warnings.append(fault)

    def skip(self, skips: Skips) -> None:
        """Take over what was skipped."""
        skips.close()
        self.skips += skips.entries
        self.skipped += skips.rows
        self.read += skips.rows
