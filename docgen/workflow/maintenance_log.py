"""When a ticket is archived, its rows are added to the open draft of the maintenance log (WH).

Called while the ticket is being archived, in the same transaction, which holds the contract's
lock: of two tickets at once the second finds the log that the first began.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from docgen.access import Actor
from docgen.contracts.contracts import model_of
from docgen.errors import Conflict
from docgen.records import records
from docgen.records.in_force import content_of
from docgen.rules.contract import phase_on
from docgen.rules.partial import Plain, line
from docgen.rules.tickets import entry_rows, problem_row, replaced
from docgen.store.tables import MemberRow, RecordRow, UserRow, VersionRow
from docgen.store.unit_of_work import UnitOfWork
from schemas.chronology import day_of
from schemas.values import base_number
from schemas.vocabulary import Role

LISTS = ("entries", "problem_log")  # of the log, to which a ticket adds rows
WRITERS = (Role.engineer, Role.expert)  # the roles that write records (docgen.access)


def log_ticket(unit: UnitOfWork, ticket: RecordRow, archived: Plain) -> None:
    """Write a ticket's rows into the open log; a revision's take the place of the earlier ones.

    The open log is a draft that holds the ticket already, or one of the ticket's author; without
    any, the author (or who took it on, or another engineer of the contract) gets a new one.
    Raises Conflict: no_log_keeper.
    """
    writers = _writers(unit, ticket, line(archived, "handler"))
    drafts = _open_logs(unit, ticket.contract_id, {user.id for user in writers})
    chosen = _log_to_extend(drafts, archived, writers[0])
    if chosen is None:
        log = _new_log(unit, ticket, archived, writers[0])
    else:
        owner = next(user for user in writers if user.id == chosen.created_by)
        log = _append_to_log(unit, chosen, archived, owner)
    doc_no = line(archived, "doc_no")
    subject = ("record", ticket.id)
    unit.note("ticket.logged", subject, ticket.contract_id, ticket=doc_no, log=log.doc_no)


def _writers(unit: UnitOfWork, ticket: RecordRow, handler: str) -> list[UserRow]:
    """List who may keep a log of the contract: the ticket's author first, then its handler."""
    query = (
        select(UserRow)
        .join(MemberRow, MemberRow.user_id == UserRow.id)
        .where(
            MemberRow.contract_id == ticket.contract_id,
            UserRow.role.in_(WRITERS),
            UserRow.disabled_at.is_(None),
        )
    )
    found = sorted(
        unit.session.scalars(query),
        key=lambda user: (user.id != ticket.created_by, user.name != handler, user.username),
    )
    if not found:
        raise Conflict("no_log_keeper")
    return found


def _open_logs(
    unit: UnitOfWork, contract_id: str, owners: set[str]
) -> list[tuple[RecordRow, Plain]]:
    """List the contract's logs that are drafts and can be added to, first versions first."""
    query = (
        select(RecordRow, VersionRow)
        .join(VersionRow, VersionRow.record_id == RecordRow.id)
        .where(
            RecordRow.contract_id == contract_id,
            RecordRow.code == "WH",
            RecordRow.state == "draft",
            RecordRow.created_by.in_(owners),
            VersionRow.number == RecordRow.number,
        )
        .order_by(RecordRow.number, RecordRow.seq)
    )
    found = [(record, content_of(version)) for record, version in unit.session.execute(query)]
    return [(record, plain) for record, plain in found if all(map(_is_list, _row_lists(plain)))]


def _log_to_extend(
    drafts: Sequence[tuple[RecordRow, Plain]], archived: Plain, first: UserRow
) -> RecordRow | None:
    holding = [record for record, plain in drafts if _holds(plain, line(archived, "doc_no"))]
    own = [record for record, _ in drafts if record.created_by == first.id]
    return next(iter([*holding, *own]), None)


def _holds(plain: Plain, doc_no: str) -> bool:
    return any(
        base_number(line(row, "ticket_no")) == base_number(doc_no)
        for rows in _row_lists(plain)
        for row in rows
    )


def _row_lists(plain: Plain) -> list[Any]:
    return [plain.get(name) or [] for name in LISTS]


def _is_list(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(row, dict) for row in given)


def _new_log(unit: UnitOfWork, ticket: RecordRow, archived: Plain, owner: UserRow) -> RecordRow:
    contract = model_of(records.contract_of(unit.session, ticket))
    plain = {
        "contract_no": contract.contract_no,
        "phase": phase_on(contract, day_of(unit.now)),
        "confidentiality": "customer_confidential",
    }
    with _acting_as(unit, owner):
        return records.create(unit, _with_rows(plain, archived), code="WH").record


def _append_to_log(unit: UnitOfWork, log: RecordRow, archived: Plain, owner: UserRow) -> RecordRow:
    with _acting_as(unit, owner):
        _, version = records.visible(unit.session, unit.actor, log.id, lock=True)
        data = _with_rows(content_of(version), archived)
        return records.change(unit, log.id, data, "*").record


def _with_rows(plain: Plain, archived: Plain) -> bytes:
    number = line(archived, "doc_no")
    code = number.partition("-")[0]
    new = {"entries": entry_rows(archived), "problem_log": [problem_row(code, archived)]}
    lists = {name: replaced(plain.get(name) or [], number, new[name]) for name in LISTS}
    return json.dumps(dict(plain) | lists, ensure_ascii=False).encode()


@contextmanager
def _acting_as(unit: UnitOfWork, owner: UserRow) -> Iterator[None]:
    """Act as a log's owner, its author; the audit trail still says who archived the ticket."""
    actor = unit.actor
    unit.actor = Actor(owner.id, owner.name, owner.role, actor.address)
    try:
        yield
    finally:
        unit.actor = actor
