"""Tickets of a contract: conversion, hand-over, numbers and deadlines; and coverage of its objects.

Only members of the contract can call these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.contracts import contracts
from docgen.contracts.contracts import model_of
from docgen.errors import Conflict, RecordRefused
from docgen.records import records, revisions
from docgen.records.in_force import (
    NOT_AGREED,
    NOT_EXISTING,
    content_of,
    effective_records,
    find_one,
    locked,
)
from docgen.records.records import SavedRecord
from docgen.rules import ticket_clocks
from docgen.rules.contract import phase_on
from docgen.rules.partial import line
from docgen.rules.ticket_clocks import Deadline, Summary
from docgen.rules.tickets import defect_of, draft_of, link_of, numbers_in, rows_for
from docgen.store.etags import check_etag
from docgen.store.tables import RecordRow, VersionRow
from docgen.store.unit_of_work import UnitOfWork
from schemas.asset_archive import AssetArchive
from schemas.chronology import day_of
from schemas.coverage import coverage as coverage_of
from schemas.problems import Problem, error
from schemas.values import base_number

TICKETS = ("ZX", "QX")  # consultations and defect tickets
REASON = "转为系统缺陷类问题单"  # of the revision that a consultation gets when it is converted


@dataclass(frozen=True)
class Coverage:
    """How the asset archives that are submitted cover the contract's list of objects."""

    objects: int
    archives: list[str]
    problems: list[Problem]


@dataclass(frozen=True)
class Waiting:
    """A consultation without an answer, and when the answer is due."""

    record: RecordRow
    handler: str
    due: Deadline


def coverage(session: Session, actor: Actor, contract_id: str) -> Coverage:
    """Compare the archives that are submitted or further with the contract. Raises NotFound."""
    contract = model_of(contracts.visible(session, actor, contract_id))
    found = effective_records(session, contract_id, ["WB"], excluded_states=NOT_AGREED)
    archives = [AssetArchive.model_validate(each.plain) for each in found]
    problems = coverage_of(contract, archives)
    return Coverage(len(contract.objects), [each.doc_no for each in found], problems)


def summary(session: Session, actor: Actor, contract_id: str, now: datetime) -> Summary:
    """Count the contract's tickets, drafts too: work goes on in them. Raises NotFound."""
    contract = model_of(contracts.visible(session, actor, contract_id))
    found = effective_records(session, contract_id, TICKETS, excluded_states=NOT_EXISTING)
    tickets = [(each.record.code, each.plain) for each in found]
    return ticket_clocks.summary(tickets, now, contract.calendar)


def deadlines(session: Session, actor: Actor, contract_id: str, now: datetime) -> list[Waiting]:
    """List the consultations that wait for an answer, the most urgent first. Raises NotFound."""
    contract = model_of(contracts.visible(session, actor, contract_id))
    waiting = [
        Waiting(each.record, line(each.plain, "handler"), due)
        for each in effective_records(session, contract_id, ["ZX"], excluded_states=NOT_EXISTING)
        if (due := ticket_clocks.deadline(each.plain, now, contract.calendar))
    ]
    return sorted(waiting, key=lambda each: (each.due.limit or each.due.target, each.record.doc_no))


def convert(unit: UnitOfWork, record_id: str, etag: str = "") -> tuple[SavedRecord, SavedRecord]:
    """Make a defect ticket out of a consultation; both name each other. Returns both.

    A consultation whose content is fixed is revised for it. Raises NotFound, NotAllowed,
    TransitionRefused (submitted or in review), RecordRefused, Conflict (already_converted).
    """
    record, version = records.visible(unit.session, unit.actor, record_id, lock=True)
    records.need_author(unit, record)
    if etag:
        check_etag(etag, record.etag)
    if record.code != "ZX":
        raise RecordRefused([error("doc_no", "not_a_consultation", record.doc_no)])
    _not_yet_converted(unit, record.contract_id, version)
    if version.state != "draft":
        record, version = revisions.revise(unit, record_id, REASON)
        unit.session.flush()
    asked = content_of(version)
    contract = model_of(records.contract_of(unit.session, record))
    phase = phase_on(contract, day_of(unit.now))
    defect = records.create(unit, _json(defect_of(asked) | {"phase": phase}), code="QX")
    linked = asked | {"converted_to": defect.record.doc_no}
    consultation = records.change(unit, record_id, _json(linked), "*")
    unit.note(
        "ticket.converted",
        ("record", record.id),
        record.contract_id,
        consultation=record.doc_no,
        defect=defect.record.doc_no,
    )
    return consultation, defect


def hand_over(unit: UnitOfWork, contract_id: str) -> SavedRecord:
    """Make a hand-over list of all archived tickets that stand on none yet, as a draft.

    Raises NotFound, NotAllowed, Conflict (nothing_to_hand_over).
    """
    contracts.visible(unit.session, unit.actor, contract_id)
    unit.actor.need(Ability.write_records)
    contract = model_of(locked(unit.session, contract_id))  # two lists never take one ticket
    lists = effective_records(unit.session, contract_id, ["DJ"], excluded_states=NOT_EXISTING)
    listed = {base_number(number) for each in lists for number in numbers_in(each.plain)}
    tickets = [
        (each.record.code, each.plain)
        for each in effective_records(unit.session, contract_id, TICKETS)
        if each.version.state == "archived" and each.record.base_no not in listed
    ]
    rows = rows_for(tickets)
    if not rows:
        raise Conflict("nothing_to_hand_over")
    phase = phase_on(contract, day_of(unit.now))
    return records.create(unit, _json(draft_of(contract.contract_no, phase, rows)), code="DJ")


def _not_yet_converted(unit: UnitOfWork, contract_id: str, version: VersionRow) -> None:
    number = link_of("ZX", content_of(version))
    if number and find_one(unit.session, contract_id, number):
        raise Conflict("already_converted", value=number)


def _json(plain: dict[str, object]) -> bytes:
    return json.dumps(plain, ensure_ascii=False).encode()
