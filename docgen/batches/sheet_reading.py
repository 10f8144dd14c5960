"""The work `read_sheets`: files → a preview, and once that is confirmed → items, exactly once.

The files are read in children. What was found is kept in one transaction, unless somebody was
faster: then it is read again by what is known now.
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
from docgen.batches.reading_batch import CONVERT
from docgen.batches.sheets import UploadedSheet, Which, files_of, keep_file
from docgen.batches.worker import Handler
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

MOST_TRIES = 5
PATIENCE_BYTES = 4 * 2**20
"""However large a file is, a child may take as long over it as over a record of so many bytes."""
SUFFIXES = (".xlsx", ".xlsm", ".xls", ".ods", ".csv", ".tsv", ".txt")
AT_ONCE = 500
TAKEN, REPORT = "taken", "report"


class _Overtaken(Exception):
    """Somebody else took numbers, or converted rows of the contract, meanwhile."""


@dataclass(frozen=True)
class _Begun:
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
class _Read:
    """What came of the files, in a folder that goes when it is kept."""

    folder: Path
    report: ConversionReport
    planned: int

    @property
    def taken(self) -> Path:
        return self.folder / TAKEN

    @property
    def ledger(self) -> Path:
        return self.folder / ledger.NAME


def reading(store: Store, children: Children) -> Handler:
    """Return what reads the files of a batch."""

    def read(held: ChunkLease, item: LeasedItem) -> ItemResult:
        try:
            _tried(store, children, held)
        except StoreFault:
            raise
        except DocgenError as refused:
            return ItemResult(item.seq, "failed", errors=refused.as_json())
        return ItemResult(item.seq, "done")

    return read


def _tried(store: Store, children: Children, held: ChunkLease) -> None:
    for _ in range(MOST_TRIES):
        begun = _begin(store, held)
        if begun is None:
            return
        with scratch("sheets") as folder:
            found = _read(store, children, begun, folder)
            try:
                _keep(store, begun, found)
            except _Overtaken:
                continue
            return
    raise Conflict("overtaken")


def _begin(store: Store, held: ChunkLease) -> _Begun | None:
    """Look what there is to read; None when it was done, cancelled or ordered anew."""
    with store.reading() as session:
        batch = session.get_one(BatchRow, str(held.options["batch"]))
        if not _is_due(batch, held.batch_id):
            return None
        contract = session.get_one(ContractRow, batch.contract_id)
        uploads = files_of(session, batch.id, "upload")
        return _Begun(
            batch.id,
            held.batch_id,
            contract,
            json.loads(batch.options),
            batch.state,
            batch.created_at,
            tuple(UploadedSheet(one.name, one.sha256, one.size_bytes) for one in uploads),
            session.get(SheetLedgerRow, contract.id),
            last_serials(session, model_of(contract).customer_code),
        )


def _is_due(batch: BatchRow, reading_id: str) -> bool:
    return (
        batch.state in ("reading", "taking") and json.loads(batch.options)["reading"] == reading_id
    )


def _read(store: Store, children: Children, begun: _Begun, folder: Path) -> _Read:
    """Take every file in, by what the contract's ledger and its numbers say."""
    if begun.ledger:
        (folder / ledger.NAME).write_bytes(store.blobs.get(begun.ledger.sha256))
    _pass_over(folder, begun.seen)
    making = Making(_order(store, begun, folder), Rendering(b"", begun.created_at), [])
    making.patience_bytes = PATIENCE_BYTES
    making.unmade = lambda doc_nos: _unmade(store, begun, doc_nos)
    report = ConversionReport(dry=True)
    for number, upload in enumerate(begun.uploads, 1):
        suffix = Path(upload.name).suffix.lower()
        path = folder / f"{number}{suffix if suffix in SUFFIXES else ''}"
        path.write_bytes(store.blobs.get(upload.sha256))
        making.file(path, upload.name, children, report)
    _check(begun, report)
    previews.keep(folder / TAKEN, folder, making.planned)
    return _Read(folder, report, len({one.doc_no for _, one in making.planned}))


def _check(begun: _Begun, report: ConversionReport) -> None:
    """Raise what is no file's fault; and whatever kept a file from being read as confirmed."""
    for _, error in report.refused:
        is_ours = isinstance(error, OutputRefused)
        if is_ours or (_confirmed(begun) and not isinstance(error, InputUnreadable)):
            raise error


def _order(store: Store, begun: _Begun, folder: Path) -> ConversionRequest:
    options = begun.options
    named = [loads(options["mapping"], "mapping")] if options["mapping"] else []
    return ConversionRequest(
        Path(),
        "",
        begun.created_at,
        folder,
        contract=begun.contract.body.encode(),
        code=options["code"],
        group_by=options["group_by"],
        mappings=(*named, *load_all(store.settings.mappings_folder)),
        given=options["given"],
        mask=options["mask"],
    )


def _pass_over(folder: Path, seen: dict[Series, int]) -> None:
    """Tell the ledger which numbers the service has given to records of other kinds of making."""
    with ledger.Ledger(folder) as opened:
        opened.pass_over(
            (code, f"{code}-{customer}-{day:%Y%m%d}", last)
            for (code, customer, day), last in seen.items()
        )


def _unmade(store: Store, begun: _Begun, doc_nos: Collection[str]) -> set[str]:
    """Return records whose documents no conversion made: all of them failed or were cancelled."""
    found: set[str] = set()
    numbers = list(doc_nos)
    with store.reading() as session:
        for start in range(0, len(numbers), AT_ONCE):
            found |= _left(session, begun.contract.id, numbers[start : start + AT_ONCE])
    return found


def _left(session: Session, contract_id: str, doc_nos: list[str]) -> set[str]:
    done, its = aliased(BatchItemRow), aliased(BatchRow)
    made = exists().where(
        done.doc_no == BatchItemRow.doc_no,
        done.state == "done",
        done.batch_id == its.id,
        its.kind == CONVERT,
        its.contract_id == contract_id,
    )
    query = (
        select(BatchItemRow.doc_no)
        .join(BatchRow, BatchRow.id == BatchItemRow.batch_id)
        .where(
            BatchRow.contract_id == contract_id,
            BatchRow.kind == CONVERT,
            BatchRow.state != "active",
        )
        .where(BatchItemRow.doc_no.in_(doc_nos), BatchItemRow.state != "done", ~made)
    )
    return {doc_no for doc_no in session.scalars(query) if doc_no}


# ---------------------------------------------------------------- keeping


def _keep(store: Store, begun: _Begun, found: _Read) -> None:
    """Keep the preview, or the items; bytes first, then all rows at once. Raises _Overtaken."""
    files = list(_stored(store, begun, found))
    kept = _put(store, ledger.NAME, found.ledger.read_bytes()) if _confirmed(begun) else None
    with store.change(SERVICE) as unit:
        batch = unit.session.get_one(BatchRow, begun.batch_id)
        unit.session.refresh(batch, with_for_update=True)
        if not _is_due(batch, begun.reading_id):
            return
        for which, file in files:
            keep_file(unit, batch.id, which, file)
        batch.total = found.planned
        if kept is None:
            batch.state = "preview"
        else:
            _take(unit, batch, begun, (found, kept))


def _confirmed(begun: _Begun) -> bool:
    return begun.state == "taking"


def _take(
    unit: UnitOfWork, batch: BatchRow, begun: _Begun, made: tuple[_Read, UploadedSheet]
) -> None:
    found, kept = made
    drafted = list(previews.every(found.taken))
    _remember(unit, begun, kept)
    if not reserve(unit.session, _ours(drafted, begun), begun.seen):
        raise _Overtaken
    batch.priority = queue.priority_of(len(drafted))
    batch.state = "active" if drafted else "done"
    batch.ended_at = None if drafted else unit.now
    rows, numbers = [one.record for one in drafted], [one.doc_no for one in drafted]
    queue.add_items(unit, batch, rows, numbers)


def _ours(drafted: Iterable[Drafted], begun: _Begun) -> list[str]:
    """Return the numbers of the contract's own customer; others are refused in their records."""
    customer = model_of(begun.contract).customer_code
    return [one.doc_no for one in drafted if one.doc_no.split("-")[1] == customer]


def _remember(unit: UnitOfWork, begun: _Begun, kept: UploadedSheet) -> None:
    """Put the contract's ledger in the place of the one that was read. Raises _Overtaken."""
    unit.keep_blob(kept.sha256, kept.size_bytes)
    session, contract_id = unit.session, begun.contract.id
    if begun.ledger is None:
        made = insert_into(session, SheetLedgerRow).values(
            contract_id=contract_id, number=1, sha256=kept.sha256
        )
        changed = session.execute(made.on_conflict_do_nothing())
    else:
        seen = begun.ledger.number
        mine = and_(SheetLedgerRow.contract_id == contract_id, SheetLedgerRow.number == seen)
        changed = session.execute(
            update(SheetLedgerRow).where(mine).values(number=seen + 1, sha256=kept.sha256)
        )
    assert isinstance(changed, CursorResult)
    if not changed.rowcount:
        raise _Overtaken


def _stored(store: Store, begun: _Begun, found: _Read) -> Iterable[tuple[Which, UploadedSheet]]:
    """Put what is kept of a reading into the blob store."""
    marked = {Path(path).name: path for path in found.report.error_workbooks}
    names = []
    for number, upload in enumerate(begun.uploads, 1):
        for path in (one for name, one in marked.items() if name.split(".")[0] == str(number)):
            name = f"{upload.name}{ERROR_SUFFIX}"
            names.append(name)
            yield ("errors", number), _put(store, name, Path(path).read_bytes())
    report = replace(found.report, error_workbooks=names).as_json()
    data = json.dumps(report, ensure_ascii=False).encode()
    yield (REPORT, 1), _put(store, "report.json", data)
    yield (TAKEN, 1), _put(store, TAKEN, found.taken.read_bytes())


def _put(store: Store, name: str, data: bytes) -> UploadedSheet:
    return UploadedSheet(name, store.blobs.put(data), len(data))
