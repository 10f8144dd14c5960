"""Batches of spreadsheets: handed in, read, looked at, corrected, and only then confirmed.

What they hold is read by whoever works on jobs (`docgen.batches.sheet_reading`), never here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.batches import batches, queue, reading_batch
from docgen.batches.batches import BatchProgress
from docgen.batches.queue import Counts
from docgen.contracts import contracts
from docgen.errors import Conflict, NotFound
from docgen.intake.sheets.report import ConversionReport
from docgen.store.tables import BatchRow, SheetFileRow
from docgen.store.unit_of_work import UnitOfWork

FileKey = tuple[str, int]
"""A file of a batch: its purpose (upload, report, errors, taken), and its number among those."""


@dataclass(frozen=True)
class UploadedSheet:
    """A file that was handed in; its bytes lie in the blob store."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class SheetOptions:
    """What to make of the rows, and what no sheet says of them.

    `keep` documents makes files only; drafts makes records of the store as well. `mapping` is
    TOML, as `docgen mapping save` writes it.
    """

    formats: tuple[str, ...]
    lang: str
    code: str = ""
    group_by: str = ""
    keep: str = "documents"
    combined: bool = False
    mask: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)
    mapping: str = ""


def order(
    unit: UnitOfWork, contract_id: str, options: SheetOptions, files: Sequence[UploadedSheet]
) -> BatchProgress:
    """Store spreadsheets and have them read. Raises NotFound, Conflict: too_many_batches."""
    unit.actor.need(Ability.write_records)
    contract = contracts.visible(unit.session, unit.actor, contract_id)
    assert unit.actor.user_id
    batches.check_room(unit.session, unit.actor.user_id)
    batch = BatchRow(
        id=unit.new_id(),
        user_id=unit.actor.user_id,
        contract_id=contract.id,
        kind=reading_batch.KIND_CONVERT,
        state="reading",
        priority=queue.BACKGROUND,
        options=json.dumps(asdict(options), ensure_ascii=False),
        total=0,
        created_at=unit.now,
    )
    unit.session.add(batch)
    unit.session.flush()
    for number, file in enumerate(files, 1):
        add_file(unit, batch.id, ("upload", number), file)
    reading_batch.order_reading(unit, batch, "reading")
    names = [file.name for file in files]
    unit.note("batch.handed_in", ("batch", batch.id), contract.id, files=names)
    return BatchProgress(batch, Counts())


def correct(unit: UnitOfWork, batch_id: str, mapping: str) -> BatchProgress:
    """Read the files again by a corrected mapping (TOML). Raises NotFound, Conflict."""
    batch = _awaiting_confirmation(unit, batch_id)
    batch.options = json.dumps(json.loads(batch.options) | {"mapping": mapping}, ensure_ascii=False)
    reading_batch.order_reading(unit, batch, "reading")
    unit.note("batch.corrected", ("batch", batch.id), batch.contract_id)
    return batches.progress_of(unit.session, unit.actor, batch.id)


def confirm(unit: UnitOfWork, batch_id: str) -> BatchProgress:
    """Order the documents of what was understood; again is no error. Raises NotFound, Conflict."""
    batch = lock_changeable(unit, batch_id)
    if batch.state not in ("taking", "active", "done"):
        batch = _awaiting_confirmation(unit, batch_id, exclude=reading_batch.REFUSED)
        reading_batch.order_reading(unit, batch, "taking")
        unit.note("batch.confirmed", ("batch", batch.id), batch.contract_id)
    return batches.progress_of(unit.session, unit.actor, batch.id)


def lock_changeable(unit: UnitOfWork, batch_id: str) -> BatchRow:
    """Return a conversion that the actor may change, locked. Raises NotFound, NotAllowed."""
    batches.visible(unit.session, unit.actor, batch_id)
    unit.actor.need(Ability.write_records)
    batch = visible(unit.session, unit.actor, batch_id)
    unit.session.refresh(batch, with_for_update=True)
    return batch


def visible(session: Session, actor: Actor, batch_id: str) -> BatchRow:
    """Return a batch of spreadsheets that the actor sees. Raises NotFound."""
    batch = batches.visible(session, actor, batch_id)
    if batch.kind != reading_batch.KIND_CONVERT:
        raise NotFound("not_found.batch_of_spreadsheets")
    return batch


def refusal_report(session: Session, actor: Actor, batch_id: str) -> dict[str, Any] | None:
    """Return the report of a batch whose files could not be read. Raises NotFound."""
    batch = visible(session, actor, batch_id)
    if errors := reading_batch.refusals(session, batch):
        return ConversionReport(dry=True).as_json() | {"errors": errors}
    return None


def file_of(session: Session, actor: Actor, batch_id: str, key: FileKey) -> SheetFileRow:
    """Return a file of a conversion. Raises NotFound."""
    batch = visible(session, actor, batch_id)
    found = session.get(SheetFileRow, (batch.id, *key))
    if found is None:
        raise NotFound("not_found.file")
    return found


def files_of(session: Session, batch_id: str, purpose: str) -> list[SheetFileRow]:
    """List the files of a conversion, in their order."""
    query = select(SheetFileRow).where(
        SheetFileRow.batch_id == batch_id, SheetFileRow.purpose == purpose
    )
    return list(session.scalars(query.order_by(SheetFileRow.number)))


def add_file(unit: UnitOfWork, batch_id: str, key: FileKey, file: UploadedSheet) -> None:
    """Add a file to a batch; its bytes lie in the blob store."""
    unit.keep_blob(file.sha256, file.size_bytes)
    purpose, number = key
    unit.session.merge(
        SheetFileRow(batch_id=batch_id, purpose=purpose, number=number, **asdict(file))
    )


def _awaiting_confirmation(unit: UnitOfWork, batch_id: str, *, exclude: str = "") -> BatchRow:
    """Return a batch that waits to be confirmed or corrected. Raises Conflict: not_a_preview."""
    batch = lock_changeable(unit, batch_id)
    state = reading_batch.state_of(unit.session, batch)
    if state not in ("preview", reading_batch.REFUSED) or state == exclude:
        raise Conflict("not_a_preview", value=state)
    return batch
