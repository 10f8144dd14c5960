"""Records: made and changed as drafts, found and read by the members of their contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.errors import NotAllowed, NotFound, RecordRefused
from docgen.records import search
from docgen.records.drafts import Draft, read_draft
from docgen.records.numbers import claim_number, next_number
from docgen.records.states import Step, refuse, wrong_state
from docgen.rules.contract import named_in
from docgen.store.audit_chain import text_hash
from docgen.store.etags import check_etag
from docgen.store.pagination import Page, decoded, paged
from docgen.store.tables import (
    ContractRow,
    MemberRow,
    RecordAssetRow,
    RecordRow,
    SignoffRow,
    VersionRow,
)
from docgen.store.unit_of_work import UnitOfWork
from schemas.problems import Problem, error
from schemas.values import base_number, revision_of
from schemas.vocabulary import Role

KIND = "records"  # marks the cursors of this list

# Made once: putting a query together takes longer than a small one takes to run.
_VISIBLE = (
    select(RecordRow, VersionRow)
    .join(MemberRow, MemberRow.contract_id == RecordRow.contract_id)
    .join(VersionRow, VersionRow.record_id == RecordRow.id)
    .where(RecordRow.id == bindparam("record_id"), MemberRow.user_id == bindparam("user_id"))
)
_LOCKED = (
    select(RecordRow.id)
    .join(MemberRow, MemberRow.contract_id == RecordRow.contract_id)
    .where(RecordRow.id == bindparam("record_id"), MemberRow.user_id == bindparam("user_id"))
    .with_for_update(of=RecordRow)
)
_NEWEST = _VISIBLE.where(VersionRow.number == RecordRow.number)
_NUMBERED = _VISIBLE.where(VersionRow.number == bindparam("number"))
_SIGNOFFS = (
    select(SignoffRow)
    .where(SignoffRow.record_id == bindparam("record_id"), SignoffRow.number == bindparam("number"))
    .order_by(SignoffRow.recorded_at, SignoffRow.role, SignoffRow.id)
)


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; empty means everything."""

    contract_id: str = ""
    code: str = ""
    state: str = ""
    asset_no: str = ""
    doc_no: str = ""
    since: date | None = None
    until: date | None = None
    mine: bool = False
    words: str = ""


class SavedRecord(NamedTuple):
    """A record that was just written, with its newest version and what is still wrong with it."""

    record: RecordRow
    version: VersionRow
    problems: list[Problem]


def create(unit: UnitOfWork, data: bytes, *, code: str = "") -> SavedRecord:
    """Store a draft, with a number where it has none; its problems are returned, not refused.

    Raises InputUnreadable, RecordRefused, NotAllowed, Conflict (numbers_used_up).
    """
    unit.actor.need(Ability.write_records)
    draft = read_draft(unit.session, unit.actor, data, unit.now, code=code)
    given = draft.plain.get("doc_no")
    if given is None:
        kind = draft.model.record_type.code
        customer = draft.contract.customer_code
        draft.plain["doc_no"] = next_number(unit.session, kind, customer, draft.day)
    else:
        _check_number(draft, given)
        claim_number(unit.session, given, draft.day)
    record, version = _rows(unit, draft, draft.plain["doc_no"])
    unit.session.add(record)
    unit.session.flush()
    unit.session.add(version)
    _index(unit, record, draft)
    whose = named_record(record)
    note_record(unit, "record.created", record, whose=whose, **named_content(version))
    announce_record(unit, "record.created", record, version)
    return SavedRecord(record, version, draft.problems)


def change(unit: UnitOfWork, record_id: str, data: bytes, etag: str) -> SavedRecord:
    """Replace a draft's content. Raises NotFound, NotAllowed, Conflict, TransitionRefused."""
    record, version = editable(unit, record_id, Step.submit)
    check_etag(etag, record.etag)
    draft = read_draft(unit.session, unit.actor, data, unit.now, doc_no=record.doc_no)
    _same_record(record, draft, json.loads(data))
    version.body = draft.body
    record.doc_date, record.prepared_by = draft.day, _prepared_by(draft)
    touched(unit, record)
    _index(unit, record, draft)
    note_record(unit, "record.changed", record, etag=record.etag, **named_content(version))
    return SavedRecord(record, version, draft.problems)


def editable(unit: UnitOfWork, record_id: str, step: Step) -> tuple[RecordRow, VersionRow]:
    """Return a record that its author may change now; otherwise NotFound, NotAllowed, refusal."""
    record, version = visible(unit.session, unit.actor, record_id, lock=True)
    need_author(unit, record)
    refuse(step, wrong_state(step, version.state))
    return record, version


def need_author(unit: UnitOfWork, record: RecordRow) -> None:
    """Raise NotAllowed unless the actor is the record's author, or an expert whom it names."""
    unit.actor.need(Ability.write_records)
    if record.created_by != unit.actor.user_id and not _is_named_expert(unit, record):
        raise NotAllowed("not_the_author")


def _is_named_expert(unit: UnitOfWork, record: RecordRow) -> bool:
    if unit.actor.role != Role.expert:
        return False
    newest = unit.session.get_one(VersionRow, (record.id, record.number))
    return unit.actor.name in named_in(json.loads(newest.body))


def visible(
    session: Session, actor: Actor, record_id: str, number: int = 0, *, lock: bool = False
) -> tuple[RecordRow, VersionRow]:
    """Return a record of the actor's contracts with a version (0: the newest). Raises NotFound.

    `record_id` may also be the number of one of its documents, which people know.

    With `lock` nobody else changes the record until the commit. The row is locked first and read
    after: one query for both would give the version as it was before it waited for the lock.
    """
    actor.need(Ability.read)
    query = _NUMBERED if number else _NEWEST
    if "-" in record_id:  # a document number, of any version; identifiers have no hyphen
        known = select(VersionRow.record_id).where(VersionRow.doc_no == record_id)
        record_id = session.scalar(known) or ""
    wanted = {"record_id": record_id, "user_id": actor.user_id, "number": number}
    if lock:
        session.execute(_LOCKED, wanted)
        query = query.execution_options(populate_existing=True)
    found = session.execute(query, wanted).first()
    if found is None:
        raise NotFound("not_found.record")
    return found


def listed(
    session: Session, actor: Actor, chosen: Filter, *, cursor: str = "", limit: int = 50
) -> Page[RecordRow]:
    """List records of the actor's contracts, the newest first."""
    actor.need(Ability.read)
    mine = select(MemberRow.contract_id).where(MemberRow.user_id == actor.user_id)
    query = select(RecordRow).where(RecordRow.contract_id.in_(mine)).order_by(RecordRow.seq.desc())
    narrowed = _narrowed(session, query, chosen, actor)
    if cursor:
        narrowed = narrowed.where(RecordRow.seq < int(decoded(cursor, KIND)))
    return paged(session.scalars(narrowed.limit(limit + 1)), limit, KIND, lambda record: record.seq)


def versions(session: Session, actor: Actor, record_id: str) -> Sequence[VersionRow]:
    """List all versions of a record, the first one first."""
    visible(session, actor, record_id)
    query = select(VersionRow).where(VersionRow.record_id == record_id).order_by(VersionRow.number)
    return session.scalars(query).all()


def signoffs(session: Session, record_id: str, number: int) -> Sequence[SignoffRow]:
    """List the sign-offs of a version, in the order they were given."""
    return session.scalars(_SIGNOFFS, {"record_id": record_id, "number": number}).all()


def contract_of(session: Session, record: RecordRow) -> ContractRow:
    """Return the contract that a record belongs to."""
    return session.get_one(ContractRow, record.contract_id)


def note_record(unit: UnitOfWork, action: str, record: RecordRow, **detail: object) -> None:
    """Put what was done to a record into the audit trail."""
    unit.note(action, ("record", record.id), record.contract_id, **detail)


def named_record(record: RecordRow) -> dict[str, str]:
    """Return what an entry names of a record for good: whose it is decides who may review it."""
    fixed = ("contract_id", "code", "base_no", "created_by")
    return {name: getattr(record, name) for name in fixed}


def named_submission(version: VersionRow) -> dict[str, Any]:
    """Return what an entry names of a submission: who submitted does not review."""
    at = version.submitted_at and version.submitted_at.astimezone(UTC).isoformat()
    return {"by": version.submitted_by, "at": at}


def named_content(version: VersionRow) -> dict[str, str]:
    """Return what an entry names of a version whose content it sets."""
    return {"doc_no": version.doc_no, "state": version.state, "body": text_hash(version.body)}


def announce_record(
    unit: UnitOfWork, event: str, record: RecordRow, version: VersionRow, **detail: object
) -> None:
    """Queue a message for the contract's webhooks about a version of a record."""
    unit.tell(event, record.contract_id, id=record.id, doc_no=version.doc_no, **detail)


def touched(unit: UnitOfWork, record: RecordRow) -> None:
    """Advance the record's ETag counter and its time of change."""
    record.etag += 1
    record.updated_at = unit.now


def _narrowed(
    session: Session, query: Select[RecordRow], chosen: Filter, actor: Actor
) -> Select[RecordRow]:
    equal = {
        RecordRow.contract_id: chosen.contract_id,
        RecordRow.code: chosen.code.upper(),
        RecordRow.state: chosen.state,
        RecordRow.doc_no: chosen.doc_no,
        RecordRow.created_by: (actor.user_id or "") if chosen.mine else "",
    }
    query = query.where(*(column == value for column, value in equal.items() if value))
    if chosen.since:
        query = query.where(RecordRow.doc_date >= chosen.since)
    if chosen.until:
        query = query.where(RecordRow.doc_date <= chosen.until)
    if chosen.asset_no:
        named = select(RecordAssetRow.record_id).where(RecordAssetRow.asset_no == chosen.asset_no)
        query = query.where(RecordRow.id.in_(named))
    if chosen.words:
        return search.narrowed(session, query, RecordRow.seq, chosen.words)
    return query


def _rows(unit: UnitOfWork, draft: Draft, doc_no: str) -> tuple[RecordRow, VersionRow]:
    assert unit.actor.user_id
    record = RecordRow(
        id=unit.new_id(),
        contract_id=draft.contract.id,
        code=draft.model.record_type.code,
        base_no=base_number(doc_no),
        doc_no=doc_no,
        number=1,
        state="draft",
        doc_date=draft.day,
        prepared_by=_prepared_by(draft),
        etag=1,
        created_by=unit.actor.user_id,
        created_at=unit.now,
        updated_at=unit.now,
    )
    version = VersionRow(
        record_id=record.id,
        number=1,
        doc_no=doc_no,
        state="draft",
        body=draft.body,
        created_at=unit.now,
    )
    return record, version


def _index(unit: UnitOfWork, record: RecordRow, draft: Draft) -> None:
    session = unit.session
    session.execute(delete(RecordAssetRow).where(RecordAssetRow.record_id == record.id))
    for number in sorted(draft.asset_nos):
        session.add(RecordAssetRow(record_id=record.id, asset_no=number))
    search.index_record(session, record.seq, draft.body, record.doc_no)


def _check_number(draft: Draft, given: Any) -> None:
    """Refuse a number that is no number, of another type or customer, or of a revision."""
    wrong = [one for one in draft.problems if one.path == ("doc_no",) and one.level == "error"]
    if not wrong and revision_of(given):
        wrong = [error("doc_no", "fixed_field", given, expected=base_number(given))]
    if wrong:
        raise RecordRefused(wrong)


def _same_record(record: RecordRow, draft: Draft, given: Any) -> None:
    """Refuse content that names another number or another contract."""
    wrong = []
    if given.get("doc_no", record.doc_no) != record.doc_no:
        wrong.append(error("doc_no", "fixed_field", given["doc_no"], expected=record.doc_no))
    if draft.contract.id != record.contract_id:
        number = draft.contract.contract_no
        wrong.append(error("contract_no", "fixed_field", number, expected="…"))
    if wrong:
        raise RecordRefused(wrong)


def _prepared_by(draft: Draft) -> str:
    given = draft.plain.get("prepared_by")
    return given[:200] if isinstance(given, str) else ""
