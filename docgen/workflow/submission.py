"""Submitting: a draft is checked whole, its documents made, and then content and files are fixed.

Three phases, so that no transaction waits for a renderer: `prepare` reads, the caller has the
orders carried out in children, `finish` keeps bytes first and rows after.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.contracts.contracts import model_of
from docgen.document import canonical
from docgen.errors import Conflict, RecordRefused
from docgen.pipeline import RenderRequest
from docgen.records.cross_record import cross_problems
from docgen.records.documents import (
    StoredDocument,
    bundle_of,
    keep_documents,
    named_documents,
    order_for,
)
from docgen.records.in_force import locked
from docgen.records.records import (
    announce_record,
    contract_of,
    editable,
    named_content,
    named_submission,
    note_record,
    touched,
    visible,
)
from docgen.records.states import Step
from docgen.rules.partial import part, raw_rows
from docgen.signing.signed_pdf import Sealed, keep
from docgen.store.etags import check_etag
from docgen.store.tables import AttachmentRow, RecordRow, SignoffRow, VersionRow
from docgen.store.tables.base import portable
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.workflow.demands import judged
from docgen.workflow.review import author_signoff
from schemas.contract import Contract
from schemas.envelope import Attachment as AttachmentModel
from schemas.envelope import Record as RecordModel
from schemas.envelope import Status
from schemas.problems import Problem, error, errors_of

RECEIPT = ("received_by", "received_at")


@dataclass(frozen=True)
class PreparedSubmission:
    """A draft that may be submitted: its canonical record, and what its documents are made from."""

    record_id: str
    etag: int
    record_json: bytes
    warnings: tuple[Problem, ...]
    order: RenderRequest

    @property
    def record_hash(self) -> str:
        """The sha256 of the canonical record."""
        return hashlib.sha256(self.record_json).hexdigest()


def prepare(store: Store, actor: Actor, record_id: str, etag: str) -> PreparedSubmission:
    """Check a draft with every rule there is.

    Templates and theme are kept as they are now: the documents are made from them, and so are all
    later copies of the version. Raises NotFound, NotAllowed, TransitionRefused (wrong state),
    Conflict (overtaken), RecordRefused with all errors; what `bundle_of` raises.
    """
    with store.looking(actor) as unit:
        record, version = editable(unit, record_id, Step.submit)
        check_etag(etag, record.etag)
        contract = contract_of(unit.session, record)
        value, problems = _checked(unit, record, version)
        if value is None or errors_of(problems):
            raise RecordRefused(problems)
        value.status = Status.submitted
        record_json = canonical(value)
        pinned = bundle_of(store, record.code)
        store.blobs.put(pinned)
        order = order_for(
            store, record_json, contract, code=record.code, now=unit.now, pinned=pinned
        )
        return PreparedSubmission(record.id, record.etag, record_json, tuple(problems), order)


def finish(
    unit: UnitOfWork,
    prepared: PreparedSubmission,
    made: Mapping[str, StoredDocument],
    sealed: Sealed | None = None,
) -> tuple[RecordRow, VersionRow]:
    """Fix content and files, and sign for the author; `sealed` is the PDF with the author's seal.

    Raises Conflict when the draft changed meanwhile, RecordRefused when other records did.
    """
    seen, _ = visible(unit.session, unit.actor, prepared.record_id)
    contract = locked(unit.session, seen.contract_id)
    record, version = editable(unit, prepared.record_id, Step.submit)
    if record.etag != prepared.etag:
        raise Conflict("overtaken.submission")
    _still_fits(unit, record, model_of(contract), prepared)
    templates = hashlib.sha256(prepared.order.pinned).hexdigest()
    unit.keep_blob(templates, len(prepared.order.pinned))
    version.body = prepared.record_json.decode()
    version.record_hash = prepared.record_hash
    version.templates = templates
    version.submitted_by, version.submitted_at = unit.actor.user_id, unit.now
    version.state = record.state = "submitted"
    touched(unit, record)
    keep_documents(unit, version, "submitted", made)
    signed = _author_signs(unit, version, sealed)
    if sealed:
        keep(unit, version, sealed)
    note_record(
        unit,
        "record.submitted",
        record,
        record_hash=version.record_hash,
        templates=version.templates,
        documents=named_documents("submitted", made),
        **(sealed.named() if sealed else {}),
        signed=[portable(signed)],
        submitted=named_submission(version),
        **named_content(version),
    )
    announce_record(unit, "record.submitted", record, version, record_hash=version.record_hash)
    return record, version


def validate(unit: UnitOfWork, record_id: str) -> tuple[RecordRow, list[Problem]]:
    """Return everything that keeps a draft from being submitted, and what is only warned of."""
    record, version = visible(unit.session, unit.actor, record_id)
    _, problems = _checked(unit, record, version)
    return record, problems


def _checked(
    unit: UnitOfWork, record: RecordRow, version: VersionRow
) -> tuple[RecordModel | None, list[Problem]]:
    """Read a version as it will be archived, with its contract, its files, and other records."""
    plain = json.loads(version.body)
    files = _files(unit.session, version)
    found = judged(unit.session, record, plain, step=Step.submit, now=unit.now)
    problems = [
        *found.own,
        *_not_uploaded(plain, {one.sha256 for one in files}),
        *_given_receipts(plain),
        *found.across,
    ]
    value = found.value
    if value is None:
        return None, problems
    value.attachments = [
        AttachmentModel.model_validate(
            {"name": one.name, "sha256": one.sha256, "size_bytes": one.size_bytes, "note": one.note}
        )
        for one in files
    ]
    return value, problems


def _still_fits(
    unit: UnitOfWork, record: RecordRow, contract: Contract, prepared: PreparedSubmission
) -> None:
    """Ask the other records again: of two records that exclude each other one is submitted.

    The contract is locked, so that its submits come one at a time from here to the commit.
    """
    plain = json.loads(prepared.record_json)
    if refused := errors_of(
        cross_problems(unit.session, record, plain, contract, step=Step.submit)
    ):
        raise RecordRefused(refused)


def _files(session: Session, version: VersionRow) -> list[AttachmentRow]:
    query = (
        select(AttachmentRow)
        .where(
            AttachmentRow.record_id == version.record_id,
            AttachmentRow.number == version.number,
            AttachmentRow.purpose == "attachment",
        )
        .order_by(AttachmentRow.position)
    )
    return list(session.scalars(query))


def _not_uploaded(plain: dict[str, object], uploaded: set[str]) -> list[Problem]:
    given = plain.get("attachments")
    return [
        error(("attachments", index), "attachment_not_uploaded", one.get("name"))
        for index, one in enumerate(given if isinstance(given, list) else [])
        if isinstance(one, dict) and one.get("sha256") not in uploaded
    ]


def _given_receipts(plain: dict[str, object]) -> Iterator[Problem]:
    """Refuse receipts that the author wrote: the project manager gives them, in the service."""
    if any(part(plain, "pm_delivery").get(name) for name in RECEIPT):
        yield error("pm_delivery", "receipt_is_the_services")
    for index, row in raw_rows(plain, "tickets"):
        if any(row.get(name) for name in RECEIPT):
            yield error(("tickets", index), "receipt_is_the_services")


def _author_signs(unit: UnitOfWork, version: VersionRow, sealed: Sealed | None) -> SignoffRow:
    signed = author_signoff(unit.actor, sealed.reason.signed_at if sealed else unit.now)
    signed.id, signed.record_id, signed.number = unit.new_id(), version.record_id, version.number
    unit.session.add(signed)
    return signed
