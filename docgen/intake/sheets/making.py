"""From a file to its documents: take it in in a child, render what is new, settle each row."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from pebble import ProcessFuture
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

import docgen
from docgen.errors import DocgenError, OutputRefused, RecordRefused, TemplateFaulty
from docgen.files.output import OutputFolder, write_aside
from docgen.intake.sheets.combined import combined
from docgen.intake.sheets.error_book import marked
from docgen.intake.sheets.import_result import ImportResult, PlannedRecord
from docgen.intake.sheets.intake import take
from docgen.intake.sheets.ledger import records
from docgen.intake.sheets.order import ConversionRequest
from docgen.intake.sheets.places import Fault, Skips, Spot, column_of
from docgen.intake.sheets.report import ConversionReport, ConvertedDocument
from docgen.pipeline import RenderedFile, render, skip_key
from docgen.pipeline import RenderRequest as Rendering
from docgen.renderers.isolation import Children, outcome
from schemas.problems import Problem

AHEAD = 4
ERROR_SUFFIX = ".errors.xlsx"
Job = tuple["_Record", str, str, ProcessFuture[RenderedFile] | None]


@dataclass
class _Record:
    """A record on its way, and what came of each of its formats."""

    planned: PlannedRecord
    data: bytes
    states: list[str] = field(default_factory=list)
    waiting: int = 0


def _none(doc_nos: Collection[str]) -> Collection[str]:
    return ()


class Making:
    """One run over several files into one folder; without formats it plans the records only."""

    def __init__(
        self,
        order: ConversionRequest,
        rendering: Rendering,
        formats: list[str],
        *,
        force: bool = False,
    ) -> None:
        """Open the output folder, unless nothing is to be written."""
        self.order, self.rendering, self.formats = order, rendering, formats
        render = formats and not order.dry
        self.target = OutputFolder(order.folder, force=force, indexed=True) if render else None
        self.gives_back = not order.dry
        self.patience_bytes = sys.maxsize
        self.planned: list[tuple[str, PlannedRecord]] = []
        self.unmade: Callable[[Collection[str]], Collection[str]] = _none
        """Which of records whose rows are all known were never made into documents."""
        self._skips: Skips | None = None

    def file(
        self, path: Path, name: str, pool: Children, report: ConversionReport, *, quiet: bool = True
    ) -> None:
        """Convert one file; what is wrong with it is in the report."""
        order = replace(self.order, path=path, name=name)
        try:
            size = path.stat().st_size if path.is_file() else 0
            taken = pool.run(take, order, size_bytes=min(size * 8, self.patience_bytes))
        except DocgenError as error:
            report.refused.append((name, error))
            return
        report.add(taken)
        self._skips = Skips(name)
        if self.target is None:
            self._plan(taken, report)
        else:
            self._make(taken, pool, report, self.target, quiet=quiet)
        self._skips.close()
        report.skips += self._skips.entries
        report.skipped += self._skips.rows
        if self.gives_back and taken.faults:
            self._give_back(path, taken, pool, report)

    def _give_back(
        self, path: Path, taken: ImportResult, pool: Children, report: ConversionReport
    ) -> None:
        """Write the workbook with its errors marked; where that fails, say so."""
        name = f"{path.name}{ERROR_SUFFIX}"
        try:
            size = min(path.stat().st_size * 8, self.patience_bytes)
            data = pool.run(marked, path, taken.file, taken.faults, size_bytes=size)
            write_aside(self.order.folder / name, data)
        except DocgenError as error:
            report.refused.append((taken.file, error))
            return
        if taken.kind != "xlsx":
            report.notes.append((taken.file, "values_only"))
        report.error_workbooks.append(str(self.order.folder / name))

    def combine(self, pool: Children, report: ConversionReport) -> None:
        """Make one PDF of all, for printing."""
        assert self.target is not None
        try:
            report.combined = combined(self.target, report.documents, pool)
        except DocgenError as error:
            report.refused.append((str(self.order.folder), error))

    def close(self, report: ConversionReport) -> None:
        """Write the index and tidy up; a folder that takes none is one failure among others."""
        try:
            if self.target:
                self.target.save_index()
                self.target.discard_unfinished(older_than=self.order.now - timedelta(days=1))
        except OutputRefused as error:
            report.refused.append((str(self.order.folder), error))

    def _plan(self, taken: ImportResult, report: ConversionReport) -> None:
        again = self.unmade([one.doc_no for one in taken.documents if not one.rows])
        for planned in taken.documents:
            report.documents.append(ConvertedDocument(taken.file, planned.code, planned.doc_no))
            is_made = bool(planned.rows) or planned.doc_no in again
            self._settle(planned, ["made" if is_made else "unchanged"], report)
            if is_made or self.order.dry:
                self.planned.append((taken.file, planned))

    def _make(
        self,
        taken: ImportResult,
        pool: Children,
        report: ConversionReport,
        target: OutputFolder,
        *,
        quiet: bool,
    ) -> None:
        with _progress(quiet) as progress:
            total = len(taken.documents) * len(self.formats)
            bar = progress.add_task("渲染 rendering", total=total)
            for record, format_name, key, future in self._jobs(taken, pool, target):
                self._finish(taken, (record, format_name, key, future), report, target)
                progress.advance(bar)

    def _jobs(self, taken: ImportResult, pool: Children, target: OutputFolder) -> Iterator[Job]:
        """Keep a few documents in work, yield them in order: memory stays bounded."""
        running: list[Job] = []
        numbers = (planned.doc_no for planned in taken.documents)
        found = records(self.order.folder, numbers)
        for planned, (_, text) in zip(taken.documents, found, strict=True):
            record = _Record(planned, text.encode(), waiting=len(self.formats))
            for format_name in self.formats:
                order = replace(self.rendering, data=record.data, code=planned.code)
                key = _key(order, format_name)
                future = None
                if not (key and target.unchanged(key)):
                    size = len(record.data)
                    future = pool.submit(render, order, format_name, size_bytes=size)
                running.append((record, format_name, key, future))
            while len(running) > AHEAD * len(self.formats):
                yield running.pop(0)
        yield from running

    def _finish(
        self, taken: ImportResult, job: Job, report: ConversionReport, target: OutputFolder
    ) -> None:
        record, format_name, key, future = job
        planned = record.planned
        name = f"{planned.code}/{planned.doc_no}.{format_name}"
        try:
            if future is None:
                path, state = target.path / name, "unchanged"
                data = path.read_bytes()
            else:
                data = outcome(future).data
                path, state = target.deliver(name, data, key)
        except DocgenError as error:
            self._refuse(taken, planned, error, report)
            state = "failed"
            report.documents.append(
                ConvertedDocument(
                    taken.file, planned.code, planned.doc_no, format_name, state=state
                )
            )
        else:
            sha256 = hashlib.sha256(data).hexdigest()
            report.documents.append(
                ConvertedDocument(
                    taken.file,
                    planned.code,
                    planned.doc_no,
                    format_name,
                    str(path),
                    state,
                    len(data),
                    sha256,
                )
            )
        record.states.append(state)
        record.waiting -= 1
        if not record.waiting:
            self._settle(planned, record.states, report)

    def _settle(self, planned: PlannedRecord, states: list[str], report: ConversionReport) -> None:
        """Say what became of a record's rows."""
        if "failed" in states:
            report.failed += len(planned.rows) + len(planned.known)
            return
        report.converted += len(planned.rows)
        if not planned.rows and "made" in states:
            report.converted += len(planned.known)
            return
        assert self._skips is not None
        for sheet, row in planned.known:
            self._skips.add(sheet, row, "already_converted")

    def _refuse(
        self,
        taken: ImportResult,
        planned: PlannedRecord,
        error: DocgenError,
        report: ConversionReport,
    ) -> None:
        """Write down a document that could not be made, at its first row."""
        sheet, row = (planned.rows or planned.known)[0]
        if not isinstance(error, RecordRefused):
            report.refused.append((taken.file, error))
            return
        for problem in error.problems:
            report.errors.append(_at_cell(taken, Spot(sheet, row), problem))


def _at_cell(taken: ImportResult, spot: Spot, problem: Problem) -> Fault:
    """Find the column of a problem's field in what was understood of the sheet."""
    for sheet in taken.sheets:
        for column in sheet["columns"] if sheet["sheet"] == spot.sheet else ():
            if column["field"].rpartition(":")[2] == problem.place:
                spot = replace(spot, column=column_of(column["column"]))
    return Fault(taken.file, spot, problem)


def _key(order: Rendering, format_name: str) -> str:
    """Return what the file depends on; empty where a faulty template hides it."""
    try:
        return skip_key(order, format_name, docgen.__version__)
    except TemplateFaulty:
        return ""


class _Rate(ProgressColumn):
    """Documents a second."""

    def render(self, task: Task) -> Text:
        """Return the rate of the last seconds."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:.1f}/s")


def _progress(quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True)
