"""Records: made and changed as drafts, found and read by the members of their contract."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.errors import NotAllowed, NotFound, RecordRefused
from docgen.rules.named import named_in
from docgen.service.drafts import Draft, read_draft
from docgen.service.etags import check_etag
from docgen.service.numbers import claim, next_number
from docgen.service.pages import Page, decoded, paged
from docgen.service.unit import Unit
from docgen.store import search
from docgen.store.tables import Contract, Member, Record, RecordAsset, Signoff, Version
from docgen.workflow import Step, refuse, wrong_state
from schemas.envelope import Role
from schemas.problems import Problem, error
from schemas.values import base_number, revision_of

KIND = "records"

# Made once: putting a query together takes longer than a small one takes to run.
_VISIBLE = (
    select(Record, Version)
    .join(Member, Member.contract_id == Record.contract_id)
    .join(Version, Version.record_id == Record.id)
    .where(Record.id == bindparam("record_id"), Member.user_id == bindparam("user_id"))
)
_LOCKED = (
    select(Record.id)
    .join(Member, Member.contract_id == Record.contract_id)
    .where(Record.id == bindparam("record_id"), Member.user_id == bindparam("user_id"))
    .with_for_update(of=Record)
)
_NEWEST = _VISIBLE.where(Version.number == Record.number)
_NUMBERED = _VISIBLE.where(Version.number == bindparam("number"))
_SIGNOFFS = (
    select(Signoff)
    .where(Signoff.record_id == bindparam("record_id"), Signoff.number == bindparam("number"))
    .order_by(Signoff.recorded_at, Signoff.role, Signoff.id)
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


def create(unit: Unit, data: bytes, *, code: str = "") -> tuple[Record, Version, list[Problem]]:
    """Keep a draft, with a number where it has none; what is still wrong is told, not refused.

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
        claim(unit.session, given, draft.day)
    record, version = _rows(unit, draft, draft.plain["doc_no"])
    unit.session.add(record)
    unit.session.flush()
    unit.session.add(version)
    _index(unit, record, draft)
    unit.note("record.created", ("record", record.id), record.contract_id, doc_no=record.doc_no)
    unit.tell("record.created", record.contract_id, id=record.id, doc_no=record.doc_no)
    return record, version, draft.problems


def change(
    unit: Unit, record_id: str, data: bytes, etag: str
) -> tuple[Record, Version, list[Problem]]:
    """Replace a draft's content. Raises NotFound, NotAllowed, Conflict, TransitionRefused."""
    record, version = editable(unit, record_id, Step.submit)
    check_etag(etag, record.etag)
    draft = read_draft(unit.session, unit.actor, data, unit.now, doc_no=record.doc_no)
    _same_record(record, draft, json.loads(data))
    version.body = draft.body
    record.doc_date, record.prepared_by = draft.day, _prepared_by(draft)
    touched(unit, record)
    _index(unit, record, draft)
    unit.note("record.changed", ("record", record.id), record.contract_id, etag=record.etag)
    return record, version, draft.problems


def editable(unit: Unit, record_id: str, step: Step) -> tuple[Record, Version]:
    """Return a record that its author may change now; otherwise NotFound, NotAllowed, refusal."""
    record, version = visible(unit.session, unit.actor, record_id, lock=True)
    need_author(unit, record)
    refuse(step, wrong_state(step, version.state))
    return record, version


def need_author(unit: Unit, record: Record) -> None:
    """Raise NotAllowed unless the actor is the record's author, or an expert whom it names."""
    unit.actor.need(Ability.write_records)
    if record.created_by != unit.actor.user_id and not _is_named_expert(unit, record):
        raise NotAllowed("not_the_author")


def _is_named_expert(unit: Unit, record: Record) -> bool:
    if unit.actor.role != Role.expert:
        return False
    newest = unit.session.get_one(Version, (record.id, record.number))
    return unit.actor.name in named_in(json.loads(newest.body))


def visible(
    session: Session, actor: Actor, record_id: str, number: int = 0, *, lock: bool = False
) -> tuple[Record, Version]:
    """Return a record of the actor's contracts with a version (0: the newest). Raises NotFound.

    `record_id` may also be the number of one of its documents, which people know.

    With `lock` nobody else changes the record until the commit. The row is locked first and read
    after: one query for both would give the version as it was before it waited for the lock.
    """
    actor.need(Ability.read)
    query = _NUMBERED if number else _NEWEST
    if "-" in record_id:  # a document number, of any version; identifiers have no hyphen
        known = select(Version.record_id).where(Version.doc_no == record_id)
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
) -> Page[Record]:
    """List records of the actor's contracts, the newest first."""
    actor.need(Ability.read)
    mine = select(Member.contract_id).where(Member.user_id == actor.user_id)
    query = select(Record).where(Record.contract_id.in_(mine)).order_by(Record.seq.desc())
    narrowed = _narrowed(session, query, chosen, actor)
    if cursor:
        narrowed = narrowed.where(Record.seq < int(decoded(cursor, KIND)))
    return paged(session.scalars(narrowed.limit(limit + 1)), limit, KIND, _seq)


def versions(session: Session, actor: Actor, record_id: str) -> Sequence[Version]:
    """List all versions of a record, the first one first."""
    visible(session, actor, record_id)
    query = select(Version).where(Version.record_id == record_id).order_by(Version.number)
    return session.scalars(query).all()


def signoffs(session: Session, record_id: str, number: int) -> Sequence[Signoff]:
    """List what was said of a version, in the order it was said."""
    return session.scalars(_SIGNOFFS, {"record_id": record_id, "number": number}).all()


def contract_of(session: Session, record: Record) -> Contract:
    """Return the contract that a record belongs to."""
    return session.get_one(Contract, record.contract_id)


def touched(unit: Unit, record: Record) -> None:
    """Count a change of the record."""
    record.etag += 1
    record.updated_at = unit.now


def _narrowed(
    session: Session, query: Select[Record], chosen: Filter, actor: Actor
) -> Select[Record]:
    equal = {
        Record.contract_id: chosen.contract_id,
        Record.code: chosen.code.upper(),
        Record.state: chosen.state,
        Record.doc_no: chosen.doc_no,
        Record.created_by: (actor.user_id or "") if chosen.mine else "",
    }
    query = query.where(*(column == value for column, value in equal.items() if value))
    if chosen.since:
        query = query.where(Record.doc_date >= chosen.since)
    if chosen.until:
        query = query.where(Record.doc_date <= chosen.until)
    if chosen.asset_no:
        named = select(RecordAsset.record_id).where(RecordAsset.asset_no == chosen.asset_no)
        query = query.where(Record.id.in_(named))
    if chosen.words:
        return search.narrowed(session, query, Record.seq, chosen.words)
    return query


def _rows(unit: Unit, draft: Draft, doc_no: str) -> tuple[Record, Version]:
    assert unit.actor.user_id
    record = Record(
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
    version = Version(
        record_id=record.id,
        number=1,
        doc_no=doc_no,
        state="draft",
        body=draft.body,
        created_at=unit.now,
    )
    return record, version


def _index(unit: Unit, record: Record, draft: Draft) -> None:
    session = unit.session
    session.execute(delete(RecordAsset).where(RecordAsset.record_id == record.id))
    for number in sorted(draft.asset_nos):
        session.add(RecordAsset(record_id=record.id, asset_no=number))
    search.remember(session, record.seq, draft.body, record.doc_no)


def _check_number(draft: Draft, given: Any) -> None:
    """Refuse a number that is no number, of another type or customer, or of a revision."""
    wrong = [one for one in draft.problems if one.path == ("doc_no",) and one.level == "error"]
    if not wrong and revision_of(given):
        wrong = [error("doc_no", "fixed_field", given, expected=base_number(given))]
    if wrong:
        raise RecordRefused(wrong)


def _same_record(record: Record, draft: Draft, given: Any) -> None:
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


def _seq(record: Record) -> int:
    return record.seq
