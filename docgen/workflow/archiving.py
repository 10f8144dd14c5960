"""Archiving: everything that is missing is told at once; what is archived is final.

As in submitting, `prepare` reads, the caller has the archived copies made, `finish` keeps them.
The submitted files stay as they were signed; the archived copies print the sign-offs as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.document import canonical
from docgen.errors import Conflict
from docgen.pipeline import RenderRequest
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
    note_record,
    signoffs,
    touched,
    visible,
)
from docgen.records.states import FROM, Step, refuse, wrong_state
from docgen.signing import signed_pdf
from docgen.store.tables import DocumentRow, RecordRow, SignoffRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.workflow.demands import judged
from docgen.workflow.maintenance_log import log_ticket
from schemas.catalog import record_model
from schemas.envelope import Status
from schemas.problems import Problem, error, errors_of
from schemas.ticket import Ticket
from schemas.vocabulary import Role


@dataclass(frozen=True)
class PreparedArchive:
    """A version that may be archived, with its sign-offs filled in."""

    record_id: str
    number: int
    etag: int
    record_json: bytes
    order: RenderRequest


def prepare(store: Store, actor: Actor, record_id: str) -> PreparedArchive:
    """Check that a version may be archived.

    Raises NotFound, NotAllowed, TransitionRefused with every missing signature and open rule.
    """
    with store.reading() as session:
        record, version = visible(session, actor, record_id)
        actor.need(Ability.archive)
        given = list(signoffs(session, record.id, version.number))
        contract = contract_of(session, record)
        plain = finished(json.loads(version.body), record.code, given)
        problems: list[Problem] = wrong_state(Step.archive, version.state)
        found = judged(session, record, plain, step=Step.archive, now=store.clock())
        if Status[version.state] in FROM[Step.archive]:
            problems = errors_of([*found.own, *found.across])
        if not problems:
            problems = _broken_seals(store, session, version, given)
        refuse(Step.archive, problems)
        assert found.value is not None
        record_json = canonical(found.value)
        order = order_for(
            store,
            record_json,
            contract,
            code=record.code,
            now=store.clock(),
            pinned=bundle_of(store, record.code, version),
        )
        return PreparedArchive(record.id, version.number, record.etag, record_json, order)


def finish(
    unit: UnitOfWork, prepared: PreparedArchive, made: Mapping[str, StoredDocument]
) -> tuple[RecordRow, VersionRow]:
    """Make it final.

    Raises Conflict when somebody changed its state meanwhile (overtaken), or when a copy prints
    anything else outside the sign-off blocks than the submitted one (archived_text_differs).
    """
    if is_ticket := issubclass(record_model(prepared.order.code), Ticket):
        seen, _ = visible(unit.session, unit.actor, prepared.record_id)
        locked(unit.session, seen.contract_id)
    record, version = visible(unit.session, unit.actor, prepared.record_id, lock=True)
    if (record.etag, record.number) != (prepared.etag, prepared.number):
        raise Conflict("overtaken.archiving")
    _same_text(unit.session, version, made)
    version.archived_body = prepared.record_json.decode()
    version.archived_hash = hashlib.sha256(prepared.record_json).hexdigest()
    version.state = record.state = "archived"
    version.ended_at = unit.now
    touched(unit, record)
    keep_documents(unit, version, "archived", made)
    if is_ticket:
        log_ticket(unit, record, json.loads(version.archived_body))
    note_record(
        unit,
        "record.archived",
        record,
        doc_no=version.doc_no,
        state=version.state,
        record_hash=version.record_hash,
        archived_hash=version.archived_hash,
        templates=version.templates,
        documents=named_documents("archived", made),
    )
    announce_record(unit, "record.archived", record, version, record_hash=version.record_hash)
    return record, version


def _same_text(session: Session, version: VersionRow, made: Mapping[str, StoredDocument]) -> None:
    for one in made.values():
        where = (version.record_id, version.number, "submitted", one.format, one.lang)
        submitted = session.get(DocumentRow, where)
        if submitted and submitted.text_hash != one.text_hash:
            raise Conflict("archived_text_differs", place=f"{version.doc_no}.{one.format}")


def _broken_seals(
    store: Store, session: Session, version: VersionRow, given: list[SignoffRow]
) -> list[Problem]:
    """Refuse to archive what is not sealed as it was signed."""
    return [
        error("signoffs", "seal_broken", one.place or one.code, fault=one.messages())
        for one in signed_pdf.faults(store, session, version, given)
    ]


def finished(plain: dict[str, Any], code: str, given: list[SignoffRow]) -> dict[str, Any]:
    """Return the record with the sign-offs that were given, as it will be archived."""
    awaited = [
        one for one in plain.get("signoffs", ()) if one["role"] not in {s.role for s in given}
    ]
    named = {one["role"]: one for one in plain.get("signoffs", ())}
    plain["signoffs"] = [named.get(one.role, {}) | as_archived(one) for one in given] + awaited
    plain["status"] = "archived"
    receipt = next((one for one in given if one.role == Role.pm), None)
    if receipt and issubclass(record_model(code), Ticket):
        plain["pm_delivery"] = _delivered(plain.get("pm_delivery") or {}, given, receipt)
    if receipt and code == "DJ":
        plain["tickets"] = [one | _received(receipt) for one in plain.get("tickets", ())]
    return plain


def as_archived(one: SignoffRow) -> dict[str, Any]:
    """Return a sign-off as the archived record has it."""
    signoff = {
        "role": one.role,
        "name": one.name,
        "org": one.org,
        "opinion": one.opinion,
        "comment": one.comment,
        "signed_on": one.signed_on.isoformat(),
        "method": one.method,
    }
    return {name: value for name, value in signoff.items() if value is not None}


def _delivered(
    delivery: dict[str, Any], given: list[SignoffRow], receipt: SignoffRow
) -> dict[str, Any]:
    """Fill in the hand-over: delivered when only the receipt was missing, received by the pm."""
    others = [one.recorded_at for one in given if one.role != Role.pm]
    delivery.setdefault("submitted_at", min(max(others), receipt.recorded_at).isoformat())
    return delivery | _received(receipt)


def _received(receipt: SignoffRow) -> dict[str, str]:
    return {"received_by": receipt.name, "received_at": receipt.recorded_at.isoformat()}
