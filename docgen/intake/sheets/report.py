"""What a conversion did: documents, the fate of rows, errors, skips, and what was understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docgen.errors import DocgenError
from docgen.intake.sheets.import_result import ImportResult
from docgen.intake.sheets.places import Fault, Skip
from schemas.problems import shown
from schemas.wording import Phrase, Worded


@dataclass(frozen=True)
class ConvertedDocument:
    """One document that was made, found unchanged, failed (without a path), or is planned."""

    file: str
    code: str
    doc_no: str
    format: str = ""
    path: str = ""
    state: str = "planned"
    size_bytes: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Ignored(Worded):
    """Something in a file that would fetch or start something: it was left alone, and is told."""

    file: str
    code: str
    place: str
    value: str

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return the phrase of its code, filled with its place and what was found."""
        told = {"place": self.place, "value": shown(self.value)}
        return Phrase(f"sheet_ignored.{self.code}", **told).wording()


@dataclass
class ConversionReport:
    """Everything about one run; rows read are those converted, failed and skipped."""

    dry: bool = False
    documents: list[ConvertedDocument] = field(default_factory=list)
    converted: int = 0
    failed: int = 0
    skipped: int = 0
    errors: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    warned: Counter[str] = field(default_factory=Counter)
    skips: list[Skip] = field(default_factory=list)
    refused: list[tuple[str, DocgenError]] = field(default_factory=list)
    sheets: list[dict[str, Any]] = field(default_factory=list)
    error_workbooks: list[str] = field(default_factory=list)
    combined: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)

    def add(self, taken: ImportResult) -> None:
        """Take over what is settled before anything is rendered."""
        self.sheets += taken.sheets
        self.notes += [(taken.file, note) for note in taken.notes]
        self.ignored += [
            Ignored(taken.file, one.code, one.place, one.value) for one in taken.ignored
        ]
        self.errors += taken.faults
        self.warnings += taken.warnings
        self.warned += taken.warned
        self.skips += taken.skips
        self.failed += taken.failed
        self.skipped += taken.skipped

    @property
    def rows(self) -> dict[str, int]:
        """The fate of rows in figures."""
        told = {"converted": self.converted, "failed": self.failed, "skipped": self.skipped}
        return {"read": sum(told.values())} | told

    @property
    def summary(self) -> dict[str, int]:
        """How many errors there are of each kind, the commonest first."""
        counted = Counter(fault.problem.code for fault in self.errors)
        counted.update(error.code for _, error in self.refused)
        return dict(counted.most_common())

    def as_json(self) -> dict[str, Any]:
        """Return the `--json` report."""
        return {
            "dry_run": self.dry,
            "sheets": self.sheets,
            "documents": [vars(made) for made in self.documents],
            "rows": self.rows,
            "errors": [fault.as_json() for fault in self.errors] + self._refusals(),
            "warnings": [fault.as_json() for fault in self.warnings],
            "skipped": [skip.as_json() for skip in self.skips],
            "error_workbooks": self.error_workbooks,
            "combined": self.combined,
            "notes": [{"file": file, "code": code} for file, code in self.notes],
            "ignored": [vars(one) | {"message": one.messages()} for one in self.ignored],
            "summary": {"errors": self.summary, "warnings": dict(self.warned)},
        }

    def _refusals(self) -> list[dict[str, Any]]:
        nowhere = {"sheet": "", "cell": "", "row": None, "field": ""}
        return [
            {"file": file} | nowhere | entry
            for file, error in self.refused
            for entry in error.as_json()
        ]
