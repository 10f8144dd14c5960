"""The work `read_sheets`: files → a preview, and once that is confirmed → items, exactly once.

The files are read in children. The result is saved in one transaction, unless somebody else took
numbers or converted rows of the contract meanwhile: then the files are read again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, and_, exists, select, update
from sqlalchemy.orm import Session, aliased

from docgen.access import SERVICE
from docgen.batches import queue
from docgen.batches.leases import ChunkLease, ItemResult, LeasedItem
from docgen.batches.reading_batch import BEING_READ, KIND_CONVERT
from docgen.batches.sheets import FileKey, UploadedSheet, add_file, files_of
from docgen.batches.worker import ItemHandler
from docgen.contracts.contracts import model_of
from docgen.errors import Conflict, DocgenError, InputUnreadable, OutputRefused, StoreFault
from docgen.intake.sheets import ledger, previews
from docgen.intake.sheets.making import ERROR_SUFFIX, Making
from docgen.intake.sheets.mapping import load_all, loads
from docgen.intake.sheets.order import ConversionRequest
from docgen.intake.sheets.previews import Drafted
from docgen.intake.sheets.report import ConversionReport
from docgen.pipeline import RenderRequest as Rendering
from docgen.records.numbers import Series, last_serials, reserve
from docgen.renderers.isolation import Children
from docgen.store.database import insert_into
from docgen.store.scratch import scratch
from docgen.store.tables import BatchItemRow, BatchRow, ContractRow, SheetLedgerRow
from docgen.store.unit_of_work import Store, UnitOfWork

MOST_TRIES = 5  # of reading and saving, where others of the contract are faster each time
PATIENCE_BYTES = 4 * 2**20
"""However large a file is, a child may take as long over it as over a record of so many bytes."""
# What is kept of an upload's name, for the reader to choose by.
SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv", ".txt")
AT_ONCE = 500  # numbers a query; SQLite allows 32,766 parameters, PostgreSQL 65,535
DRAFTED_ROWS, REPORT = "taken", "report"  # purposes of files (sheets.FileKey)


class _Overtaken(Exception):
    """Somebody else took numbers, or converted rows of the contract, meanwhile."""


@dataclass(frozen=True)
class _ReadingStart:
    """What is to be read, and what was known of its contract when that began."""

    batch_id: str
    reading_id: str
    contract: ContractRow
    options: dict[str, Any]
    state: str
    created_at: datetime
    uploads: tuple[UploadedSheet, ...]
    ledger: SheetLedgerRow | None
    seen: dict[Series, int]


@dataclass(frozen=True)
class _FilesRead:
    """What was read from the files, in a folder that is deleted once it is saved."""

    folder: Path
    report: ConversionReport
    planned: int

    @property
    def drafted_rows(self) -> Path:
        return self.folder / DRAFTED_ROWS

    @property
    def ledger(self) -> Path:
        return self.folder / ledger.NAME


def reading_handler(store: Store, children: Children) -> ItemHandler:
    """Return the handler that reads the files of a batch."""

    def read(lease: ChunkLease, item: LeasedItem) -> ItemResult:
        try:
            _read_until_saved(store, children, lease)
        except StoreFault:
            raise
        except DocgenError as refused:
            return ItemResult(item.seq, "failed", errors=refused.as_json())
        return ItemResult(item.seq, "done")

    return read


def _read_until_saved(store: Store, children: Children, lease: ChunkLease) -> None:
    for _ in range(MOST_TRIES):
        start = _start_reading(store, lease)
        if start is None:
            return
        with scratch("sheets") as folder:
            found = _read_files(store, children, start, folder)
            try:
                _save_result(store, start, found)
            except _Overtaken:
                continue
            return
    raise Conflict("overtaken")


def _start_reading(store: Store, lease: ChunkLease) -> _ReadingStart | None:
    """Return what there is to read; None when it was done, cancelled or ordered anew."""
    with store.reading() as session:
        batch = session.get_one(BatchRow, str(lease.options["batch"]))
        if not _still_wanted(batch, lease.batch_id):
            return None
        contract = session.get_one(ContractRow, batch.contract_id)
        uploads = files_of(session, batch.id, "upload")
        return _ReadingStart(
            batch.id,
            lease.batch_id,
            contract,
            json.loads(batch.options),
            batch.state,
            batch.created_at,
            tuple(UploadedSheet(one.name, one.sha256, one.size_bytes) for one in uploads),
            session.get(SheetLedgerRow, contract.id),
            last_serials(session, model_of(contract).customer_code),
        )


def _still_wanted(batch: BatchRow, reading_id: str) -> bool:
    return batch.state in BEING_READ and json.loads(batch.options)["reading"] == reading_id


def _read_files(store: Store, children: Children, start: _ReadingStart, folder: Path) -> _FilesRead:
    """Read every file, by the contract's ledger of rows and its numbers."""
    if start.ledger:
        (folder / ledger.NAME).write_bytes(store.blobs.get(start.ledger.sha256))
    _mark_used_numbers(folder, start.seen)
    making = Making(_conversion_request(store, start, folder), Rendering(b"", start.created_at), [])
    making.patience_bytes = PATIENCE_BYTES
    making.unmade = lambda doc_nos: _all_without_documents(store, start, doc_nos)
    report = ConversionReport(dry=True)
    for number, upload in enumerate(start.uploads, 1):
        suffix = Path(upload.name).suffix.lower()
        path = folder / f"{number}{suffix if suffix in SUFFIXES else ''}"
        path.write_bytes(store.blobs.get(upload.sha256))
        making.file(path, upload.name, children, report)
    _check(start, report)
    previews.keep(folder / DRAFTED_ROWS, folder, making.planned)
    return _FilesRead(folder, report, len({one.doc_no for _, one in making.planned}))


def _check(start: _ReadingStart, report: ConversionReport) -> None:
    """Raise our own faults at once; after confirmation, also any file that no longer reads."""
    for _, error in report.refused:
        is_ours = isinstance(error, OutputRefused)
        if is_ours or (_confirmed(start) and not isinstance(error, InputUnreadable)):
            raise error


def _conversion_request(store: Store, start: _ReadingStart, folder: Path) -> ConversionRequest:
    options = start.options
    named = [loads(options["mapping"], "mapping")] if options["mapping"] else []
    return ConversionRequest(
        Path(),
        "",
        start.created_at,
        folder,
        contract=start.contract.body.encode(),
        code=options["code"],
        group_by=options["group_by"],
        mappings=(*named, *load_all(store.settings.mappings_folder)),
        given=options["given"],
        mask=options["mask"],
    )


def _mark_used_numbers(folder: Path, seen: dict[Series, int]) -> None:
    """Tell the ledger which numbers are used by records not made from spreadsheets."""
    with ledger.Ledger(folder) as opened:
        opened.pass_over(
            (code, f"{code}-{customer}-{day:%Y%m%d}", last)
            for (code, customer, day), last in seen.items()
        )


def _all_without_documents(
    store: Store, start: _ReadingStart, doc_nos: Collection[str]
) -> set[str]:
    """Return records that got no documents: in all conversions they failed or were cancelled."""
    found: set[str] = set()
    numbers = list(doc_nos)
    with store.reading() as session:
        for first in range(0, len(numbers), AT_ONCE):
            found |= _without_documents(
                session, start.contract.id, numbers[first : first + AT_ONCE]
            )
    return found


def _without_documents(session: Session, contract_id: str, doc_nos: list[str]) -> set[str]:
    finished, batch = aliased(BatchItemRow), aliased(BatchRow)
    made = exists().where(
        finished.doc_no == BatchItemRow.doc_no,
        finished.state == "done",
        finished.batch_id == batch.id,
        batch.kind == KIND_CONVERT,
        batch.contract_id == contract_id,
    )
    query = (
        select(BatchItemRow.doc_no)
        .join(BatchRow, BatchRow.id == BatchItemRow.batch_id)
        .where(
            BatchRow.contract_id == contract_id,
            BatchRow.kind == KIND_CONVERT,
            BatchRow.state != "active",
        )
        .where(BatchItemRow.doc_no.in_(doc_nos), BatchItemRow.state != "done", ~made)
    )
    return {doc_no for doc_no in session.scalars(query) if doc_no}


# ---------------------------------------------------------------- saving


def _save_result(store: Store, start: _ReadingStart, found: _FilesRead) -> None:
    """Save the preview, or the items; bytes first, then all rows at once. Raises _Overtaken."""
    files = list(_store_files(store, start, found))
    ledger_file = (
        _store_file(store, ledger.NAME, found.ledger.read_bytes()) if _confirmed(start) else None
    )
    with store.change(SERVICE) as unit:
        batch = unit.session.get_one(BatchRow, start.batch_id)
        unit.session.refresh(batch, with_for_update=True)
        if not _still_wanted(batch, start.reading_id):
            return
        for key, file in files:
            add_file(unit, batch.id, key, file)
        batch.total = found.planned
        if ledger_file is None:
            batch.state = "preview"
        else:
            _create_items(unit, batch, start, (found, ledger_file))


def _confirmed(start: _ReadingStart) -> bool:
    return start.state == "taking"


def _create_items(
    unit: UnitOfWork, batch: BatchRow, start: _ReadingStart, made: tuple[_FilesRead, UploadedSheet]
) -> None:
    found, ledger_file = made
    drafted = list(previews.every(found.drafted_rows))
    _replace_ledger(unit, start, ledger_file)
    if not reserve(unit.session, _own_numbers(drafted, start), start.seen):
        raise _Overtaken
    batch.priority = queue.priority_of(len(drafted))
    batch.state = "active" if drafted else "done"
    batch.ended_at = None if drafted else unit.now
    rows, numbers = [one.record for one in drafted], [one.doc_no for one in drafted]
    queue.add_items(unit, batch, rows, numbers)


def _own_numbers(drafted: Iterable[Drafted], start: _ReadingStart) -> list[str]:
    """Return the numbers of the contract's own customer; others are refused in their records."""
    customer = model_of(start.contract).customer_code
    return [one.doc_no for one in drafted if one.doc_no.split("-")[1] == customer]


def _replace_ledger(unit: UnitOfWork, start: _ReadingStart, ledger_file: UploadedSheet) -> None:
    """Replace the contract's ledger, if it is still the one that was read. Raises _Overtaken."""
    unit.keep_blob(ledger_file.sha256, ledger_file.size_bytes)
    session, contract_id = unit.session, start.contract.id
    if start.ledger is None:
        made = insert_into(session, SheetLedgerRow).values(
            contract_id=contract_id, number=1, sha256=ledger_file.sha256
        )
        changed = session.execute(made.on_conflict_do_nothing())
    else:
        seen = start.ledger.number
        mine = and_(SheetLedgerRow.contract_id == contract_id, SheetLedgerRow.number == seen)
        changed = session.execute(
            update(SheetLedgerRow).where(mine).values(number=seen + 1, sha256=ledger_file.sha256)
        )
    assert isinstance(changed, CursorResult)
    if not changed.rowcount:
        raise _Overtaken


def _store_files(
    store: Store, start: _ReadingStart, found: _FilesRead
) -> Iterable[tuple[FileKey, UploadedSheet]]:
    """Put the files that came of a reading into the blob store."""
    marked = {Path(path).name: path for path in found.report.error_workbooks}
    names = []
    for number, upload in enumerate(start.uploads, 1):
        for path in (one for name, one in marked.items() if name.split(".")[0] == str(number)):
            name = f"{upload.name}{ERROR_SUFFIX}"
            names.append(name)
            yield ("errors", number), _store_file(store, name, Path(path).read_bytes())
    report = replace(found.report, error_workbooks=names).as_json()
    data = json.dumps(report, ensure_ascii=False).encode()
    yield (REPORT, 1), _store_file(store, "report.json", data)
    yield (DRAFTED_ROWS, 1), _store_file(store, DRAFTED_ROWS, found.drafted_rows.read_bytes())


def _store_file(store: Store, name: str, data: bytes) -> UploadedSheet:
    return UploadedSheet(name, store.blobs.put(data), len(data))
