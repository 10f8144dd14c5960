"""Review and signatures: what people say of a submitted version, in parallel and in any order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from docgen.access import Ability, Actor
from docgen.errors import NotAllowed, RecordRefused
from docgen.records.records import announce_record, note_record, signoffs, touched, visible
from docgen.records.states import Step, refuse, wrong_state
from docgen.signing.signed_pdf import Sealed
from docgen.signing.signed_pdf import keep as keep_sealed
from docgen.store.tables import AttachmentRow, RecordRow, SignoffRow, VersionRow
from docgen.store.unit_of_work import UnitOfWork
from docgen.workflow.signoff_rules import (
    misfits,
    missing_roles,
    no_signer,
    not_a_customer,
    too_early,
    wrong_day,
    wrong_word,
)
from schemas.catalog import record_model
from schemas.chronology import day_of
from schemas.envelope import Opinion
from schemas.problems import Problem, error
from schemas.values import parse_day
from schemas.vocabulary import Role

OWN_ABILITY = {Role.leader: Ability.review, Role.pm: Ability.receive}


@dataclass(frozen=True)
class SignoffWish:
    """What somebody says of a version. `pointer` anchors the comment to a field of the record."""

    opinion: Opinion
    comment: str | None = None
    pointer: str | None = None


@dataclass(frozen=True)
class PaperSignature:
    """A signature given on paper: whose, when, and the scan that shows it.

    `scan_id` is None when one only asks whether it could be recorded, before the scan is kept.
    """

    role: Role
    name: str
    signed_on: date
    scan_id: str | None
    org: str | None = None


@dataclass(frozen=True)
class LinkSigner:
    """Somebody without an account who signs through a link, that `maker_id` made for them."""

    role: Role
    name: str
    maker_id: str
    org: str | None = None


@dataclass(frozen=True)
class PendingSignoff:
    """A sign-off that may be kept once it is sealed; `before` are those given earlier."""

    record: RecordRow
    version: VersionRow
    signed: SignoffRow
    before: tuple[SignoffRow, ...]


def begin(unit: UnitOfWork, record_id: str) -> tuple[RecordRow, VersionRow]:
    """Say that the review has begun. Raises NotFound, NotAllowed, TransitionRefused."""
    record, version = visible(unit.session, unit.actor, record_id, lock=True)
    _own_role(unit, record)
    refuse(Step.begin_review, wrong_state(Step.begin_review, version.state))
    _move(unit, record, version, "in_review")
    note_record(unit, "review.begun", record, doc_no=version.doc_no)
    return record, version


def own_word(
    unit: UnitOfWork, where: tuple[str, int], word: SignoffWish, *, lock: bool
) -> PendingSignoff:
    """Check the actor's own sign-off (leader: review, pm: receipt) on a version (id, number).

    Raises NotFound, NotAllowed (own_record: nobody reviews what they wrote or submitted),
    TransitionRefused, RecordRefused (no comment, a wrong pointer, a receipt too early).
    """
    record, version = _under_review(unit, where, lock=lock)
    role = _own_role(unit, record)
    if unit.actor.user_id in (record.created_by, version.submitted_by):  # in whatever role
        raise NotAllowed("own_record")
    signed = SignoffRow(
        role=role,
        name=unit.actor.name,
        user_id=unit.actor.user_id,
        method="electronic",
        signed_on=day_of(unit.now),
        recorded_by=unit.actor.user_id,
        **vars(word),
    )
    return _checked(unit, record, version, signed)


def paper_word(
    unit: UnitOfWork,
    where: tuple[str, int],
    paper: PaperSignature,
    word: SignoffWish,
    *,
    lock: bool,
) -> PendingSignoff:
    """Check a customer's signature on paper on a version (id, number), with its scan.

    Raises as `own_word`, and RecordRefused for a role that does not sign, a date before the
    document's or to come, and a scan that was not uploaded for this version.
    """
    record, version = _under_review(unit, where, lock=lock)
    if not unit.actor.may(Ability.write_records):
        unit.actor.need(Ability.receive)
    problems = [
        *not_a_customer(record, paper.role),
        *wrong_day(unit, record, paper.signed_on),
        *_scan_missing(unit, version, paper),
    ]
    if problems:
        raise RecordRefused(problems)
    signed = SignoffRow(
        role=paper.role,
        name=paper.name,
        org=paper.org,
        method="handwritten",
        signed_on=paper.signed_on,
        scan_id=paper.scan_id,
        recorded_by=unit.actor.user_id,
        **vars(word),
    )
    return _checked(unit, record, version, signed)


def link_word(
    unit: UnitOfWork, found: tuple[RecordRow, VersionRow], signer: LinkSigner, word: SignoffWish
) -> PendingSignoff:
    """Check what somebody says through a link, of the version that it was made for.

    Raises TransitionRefused, RecordRefused.
    """
    record, version = found
    refuse(Step.sign, wrong_state(Step.sign, version.state))
    if problems := not_a_customer(record, signer.role):
        raise RecordRefused(problems)
    signed = SignoffRow(
        role=signer.role,
        name=signer.name,
        org=signer.org,
        method="electronic",
        signed_on=day_of(unit.now),
        recorded_by=signer.maker_id,
        **vars(word),
    )
    return _checked(unit, record, version, signed)


def author_word(actor: Actor, now: datetime) -> SignoffRow:
    """Return the sign-off of an author, who agrees by submitting."""
    assert actor.user_id
    return SignoffRow(
        role=Role.engineer,
        name=actor.name,
        user_id=actor.user_id,
        opinion="agree",
        method="electronic",
        signed_on=day_of(now),
        recorded_by=actor.user_id,
        recorded_at=now,
    )


def keep(unit: UnitOfWork, given: PendingSignoff, sealed: Sealed | None) -> PendingSignoff:
    """Keep a sign-off with the PDF that was sealed for it, and move on by what was said.

    A disagreement seals nothing. Conflict: signed_meanwhile.
    """
    record, version, signed = given.record, given.version, given.signed
    signed.id, signed.record_id, signed.number = unit.new_id(), record.id, version.number
    signed.recorded_at = unit.now
    if sealed:
        keep_sealed(unit, version, sealed)
        _as_sealed(signed, sealed)
    unit.session.add(signed)
    note_record(
        unit,
        "record.signed",
        record,
        doc_no=version.doc_no,
        record_hash=version.record_hash,
        role=signed.role,
        opinion=signed.opinion,
        method=signed.method,
        signoff=signed.id,
        signed_pdf=sealed.made.sha256 if sealed else None,
    )
    _settle(unit, record, version, [*given.before, signed])
    return given


def _as_sealed(signed: SignoffRow, sealed: Sealed) -> None:
    """Take the moment from the seal, which was set before this transaction began."""
    signed.recorded_at = sealed.reason.signed_at
    signed.signed_on = parse_day(sealed.reason.signed_on)


def void(unit: UnitOfWork, record_id: str, reason: str) -> tuple[RecordRow, VersionRow]:
    """End a version for a reason. Raises NotFound, NotAllowed, TransitionRefused."""
    record, version = visible(unit.session, unit.actor, record_id, lock=True)
    own_draft = version.state == "draft" and record.created_by == unit.actor.user_id
    unit.actor.need(Ability.write_records if own_draft else Ability.archive)
    if not own_draft and unit.actor.role not in (Role.pm, Role.leader):
        unit.actor.need(Ability.review)
    refuse(Step.void, wrong_state(Step.void, version.state))
    version.reason, version.ended_at = reason, unit.now
    _move(unit, record, version, "void")
    note_record(unit, "record.voided", record, doc_no=version.doc_no, reason=reason)
    announce_record(unit, "record.voided", record, version)
    return record, version


def _under_review(
    unit: UnitOfWork, where: tuple[str, int], *, lock: bool
) -> tuple[RecordRow, VersionRow]:
    record, version = visible(unit.session, unit.actor, *where, lock=lock)
    refuse(Step.sign, wrong_state(Step.sign, version.state))
    return record, version


def _own_role(unit: UnitOfWork, record: RecordRow) -> Role:
    """Return the role in which the actor signs this type of record. Raises NotAllowed."""
    role = Role.__members__.get(unit.actor.role, Role.engineer)
    unit.actor.need(OWN_ABILITY.get(role, Ability.review))
    signers = record_model(record.code).record_type.signers
    if role not in signers:
        raise RecordRefused([no_signer(role, signers)])
    return role


def _scan_missing(unit: UnitOfWork, version: VersionRow, paper: PaperSignature) -> list[Problem]:
    if paper.scan_id is None:
        return []
    scan = unit.session.get(AttachmentRow, paper.scan_id)
    here = (version.record_id, version.number, "scan")
    if scan and (scan.record_id, scan.number, scan.purpose) == here:
        return []
    return [error("scan_id", "scan_missing", paper.scan_id)]


def _checked(
    unit: UnitOfWork, record: RecordRow, version: VersionRow, signed: SignoffRow
) -> PendingSignoff:
    before = tuple(signoffs(unit.session, record.id, version.number))
    problems = list(wrong_word(unit, version, signed))
    if any(one.role == signed.role for one in before):
        problems.append(error("role", "already_signed", Role[signed.role]))
    problems += too_early(record, signed, [*before])
    signed.recorded_at = unit.now
    if not problems:
        problems += misfits(unit, record, version, [*before, signed])
    if problems:
        raise RecordRefused(problems)
    return PendingSignoff(record, version, signed, before)


def _settle(
    unit: UnitOfWork, record: RecordRow, version: VersionRow, given: list[SignoffRow]
) -> None:
    """Move on by what has been said: one disagreement returns, everybody's agreement approves."""
    if given[-1].opinion == Opinion.disagree:
        version.reason, version.ended_at = given[-1].comment, unit.now
        state, event = "returned", "record.returned"
    elif not missing_roles(record, given):
        state, event = "approved", "record.approved"
    else:
        state, event = "in_review", "record.signed"
    _move(unit, record, version, state)
    if event != "record.signed":
        note_record(unit, event, record, doc_no=version.doc_no)
    announce_record(unit, event, record, version, role=given[-1].role, opinion=given[-1].opinion)


def _move(unit: UnitOfWork, record: RecordRow, version: VersionRow, state: str) -> None:
    version.state = record.state = state
    touched(unit, record)
