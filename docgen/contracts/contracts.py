"""Contracts and who works on them: a contract exists for its members, and for nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.errors import Conflict, NotFound, RecordRefused
from docgen.pipeline import read_contract
from docgen.store.audit_chain import text_hash
from docgen.store.etags import check_etag
from docgen.store.pagination import Page, decoded, paged
from docgen.store.tables import ContractRow, MemberRow, RecordRow, UserRow
from docgen.store.unit_of_work import UnitOfWork
from schemas.contract import Contract as ContractModel
from schemas.problems import Problem, error


def create(unit: UnitOfWork, data: bytes) -> ContractRow:
    """Store a contract; whoever does is its first member. Raises RecordRefused, Conflict."""
    unit.actor.need(Ability.set_up_contracts)
    model = read_contract(data, unit.now)
    taken = select(ContractRow.id).where(ContractRow.contract_no == model.contract_no)
    if unit.session.scalar(taken):
        raise Conflict("contract_exists", place="/contract_no", value=model.contract_no)
    assert unit.actor.user_id
    row = ContractRow(
        id=unit.new_id(),
        **_columns(model),
        etag=1,
        created_by=unit.actor.user_id,
        created_at=unit.now,
        updated_at=unit.now,
    )
    unit.session.add(row)
    unit.session.flush()
    note_created(unit, row)
    put_member(unit, row, unit.session.get_one(UserRow, unit.actor.user_id))
    return row


def note_created(unit: UnitOfWork, row: ContractRow) -> None:
    """Put a new contract into the audit trail, with what it contains."""
    told = {"contract_no": row.contract_no, "body": text_hash(row.body)}
    unit.note("contract.created", ("contract", row.id), row.id, **told)


def change(unit: UnitOfWork, contract_id: str, data: bytes, etag: str) -> ContractRow:
    """Replace a contract's content. Raises NotFound, RecordRefused, Conflict (overtaken)."""
    row = visible(unit.session, unit.actor, contract_id, lock=True)
    unit.actor.need(Ability.set_up_contracts)
    check_etag(etag, row.etag)
    model = read_contract(data, unit.now)
    if problems := list(_changes_of_fixed_fields(unit.session, row, model)):
        raise RecordRefused(problems)
    for name, value in _columns(model).items():
        setattr(row, name, value)
    row.etag += 1
    row.updated_at = unit.now
    told = {"etag": row.etag, "body": text_hash(row.body)}
    unit.note("contract.changed", ("contract", row.id), row.id, **told)
    return row


def visible(session: Session, actor: Actor, contract_id: str, *, lock: bool = False) -> ContractRow:
    """Return a contract that the actor is a member of. Raises NotFound for any other."""
    actor.need(Ability.read)
    query = (
        select(ContractRow)
        .join(MemberRow, MemberRow.contract_id == ContractRow.id)
        .where(ContractRow.id == contract_id, MemberRow.user_id == actor.user_id)
    )
    row = session.scalar(query.with_for_update(of=ContractRow) if lock else query)
    if row is None:
        raise NotFound("not_found.contract")
    return row


def listed(
    session: Session, actor: Actor, *, cursor: str = "", limit: int = 50
) -> Page[ContractRow]:
    """List the actor's contracts by number."""
    actor.need(Ability.read)
    query = (
        select(ContractRow)
        .join(MemberRow, MemberRow.contract_id == ContractRow.id)
        .where(MemberRow.user_id == actor.user_id)
        .order_by(ContractRow.contract_no)
    )
    if cursor:
        query = query.where(ContractRow.contract_no > str(decoded(cursor, "contracts")))
    return paged(
        session.scalars(query.limit(limit + 1)), limit, "contracts", lambda row: row.contract_no
    )


def model_of(row: ContractRow) -> ContractModel:
    """Return the typed contract of a row, which was checked when it was stored."""
    return _model(row.body)


def members(session: Session, actor: Actor, contract_id: str) -> Sequence[UserRow]:
    """List who works on a contract."""
    visible(session, actor, contract_id)
    query = (
        select(UserRow)
        .join(MemberRow, MemberRow.user_id == UserRow.id)
        .where(MemberRow.contract_id == contract_id)
        .order_by(UserRow.username)
    )
    return session.scalars(query).all()


def add_member(unit: UnitOfWork, contract_id: str, username: str) -> UserRow:
    """Let somebody work on a contract; again is no error. Raises NotFound."""
    row = visible(unit.session, unit.actor, contract_id)
    unit.actor.need(Ability.set_up_contracts)
    user = _user(unit.session, username)
    if unit.session.get(MemberRow, (row.id, user.id)) is None:
        put_member(unit, row, user)
    return user


def put_member(unit: UnitOfWork, row: ContractRow, user: UserRow) -> None:
    """Make somebody a member, with the trail's entry."""
    unit.session.add(MemberRow(contract_id=row.id, user_id=user.id, created_at=unit.now))
    unit.note("member.added", ("contract", row.id), row.id, user=user.username, member=user.id)


def remove_member(unit: UnitOfWork, contract_id: str, username: str) -> None:
    """End somebody's work on a contract. Raises NotFound; Conflict for the last member."""
    row = visible(unit.session, unit.actor, contract_id, lock=True)
    unit.actor.need(Ability.set_up_contracts)
    members_of = select(MemberRow).where(MemberRow.contract_id == row.id)
    named = members_of.join(UserRow, UserRow.id == MemberRow.user_id).where(
        UserRow.username == username
    )
    member = unit.session.scalar(named)
    if member is None:  # the answer does not reveal whether there is such an account
        raise NotFound("not_found.member")
    rest = members_of.where(MemberRow.user_id != member.user_id)
    if unit.session.scalar(rest.limit(1)) is None:
        raise Conflict("last_member", value=username)
    unit.session.delete(member)
    told = {"user": username, "member": member.user_id}
    unit.note("member.removed", ("contract", row.id), row.id, **told)


def _user(session: Session, username: str) -> UserRow:
    user = session.scalar(select(UserRow).where(UserRow.username == username))
    if user is None or user.disabled_at:
        raise NotFound("not_found.user")
    return user


def _columns(model: ContractModel) -> dict[str, str]:
    plain = model.model_dump(mode="json", exclude_defaults=True)
    return {
        "contract_no": model.contract_no,
        "customer_code": model.customer_code,
        "customer_name": model.customer_name,
        "body": json.dumps(plain, ensure_ascii=False, separators=(",", ":")),
    }


def _changes_of_fixed_fields(
    session: Session, row: ContractRow, model: ContractModel
) -> Iterator[Problem]:
    """Refuse another number, and another customer code once there are records of the old one."""
    if model.contract_no != row.contract_no:
        yield error("contract_no", "fixed_field", model.contract_no, expected=row.contract_no)
    has_records = session.scalar(
        select(RecordRow.id).where(RecordRow.contract_id == row.id).limit(1)
    )
    if model.customer_code != row.customer_code and has_records:
        yield error("customer_code", "fixed_field", model.customer_code, expected=row.customer_code)


@lru_cache(maxsize=64)
def _model(body: str) -> ContractModel:
    return ContractModel.model_validate_json(body)
