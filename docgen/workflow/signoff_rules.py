"""What is wrong with a sign-off before it is recorded: its content, day, giver and time.

Nothing is changed here. A sign-off that could never be archived is refused while it can be mended.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

from docgen.contracts.contracts import model_of
from docgen.records.records import contract_of
from docgen.store.tables import RecordRow, SignoffRow, VersionRow
from docgen.store.unit_of_work import UnitOfWork
from docgen.workflow.archiving import finished
from schemas.catalog import record_model
from schemas.chronology import day_of
from schemas.envelope import Opinion
from schemas.envelope import Signoff as SignoffModel
from schemas.problems import Problem, error, errors_of
from schemas.reading import read
from schemas.setting import Setting
from schemas.ticket import Ticket
from schemas.vocabulary import Role

# The roles that sign for the customer, on paper or through a link.
CUSTOMERS = frozenset(
    {Role.cust_owner, Role.cust_contact, Role.cust_coord, Role.cust_noc, Role.vendor}
)


def missing_roles(record: RecordRow, given: list[SignoffRow]) -> list[Role]:
    """Return the roles that must sign and have not agreed yet, in the order of the paper."""
    agreed = {one.role for one in given if one.opinion != Opinion.disagree}
    return [role for role in record_model(record.code).record_type.signers if role not in agreed]


def wrong_statement(unit: UnitOfWork, version: VersionRow, signed: SignoffRow) -> list[Problem]:
    """Check a sign-off by the schema's own rules, and that its pointer leads somewhere."""
    plain: dict[str, Any] = {"role": signed.role, "name": signed.name, "opinion": signed.opinion}
    if signed.comment is not None:
        plain["comment"] = signed.comment
    problems = list(read(SignoffModel, plain, Setting(unit.now)).problems)
    if signed.pointer and not _leads_somewhere(version.body, signed.pointer):
        problems.append(error("pointer", "pointer_to_nowhere", signed.pointer))
    return problems


def too_early(record: RecordRow, signed: SignoffRow, before: list[SignoffRow]) -> list[Problem]:
    """Refuse the receipt of a ticket that the customer has not signed (`workflow.md`, 14 and 16).

    The times of such a ticket could never be put in order, so it could never be archived.
    """
    awaited = tuple(role for role in missing_roles(record, before) if role in CUSTOMERS)
    agrees = signed.opinion != Opinion.disagree
    is_ticket = issubclass(record_model(record.code), Ticket)
    if signed.role != Role.pm or not agrees or not awaited or not is_ticket:
        return []
    return [error("role", "receipt_before_signature", Role.pm, roles=_joined(awaited))]


def contradictions(
    unit: UnitOfWork, record: RecordRow, version: VersionRow, given: list[SignoffRow]
) -> list[Problem]:
    """Refuse a sign-off whose day contradicts the record: it would never be archived."""
    if given[-1].opinion == Opinion.disagree:
        return []
    plain = finished(json.loads(version.body), record.code, given)
    setting = Setting(unit.now, model_of(contract_of(unit.session, record)))
    found = read(record_model(record.code), plain | {"status": version.state}, setting)
    places = ("signoffs", "pm_delivery", "tickets")
    return [
        replace(one, path=("signed_on",)) if one.path[0] == "signoffs" else one
        for one in errors_of(found.problems)
        if one.path[0] in places
    ]


def _leads_somewhere(body: str, pointer: str) -> bool:
    node: Any = json.loads(body)
    if not pointer.startswith("/"):
        return False
    for step in pointer[1:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
            node = node[int(name)]
        elif isinstance(node, dict) and name in node:
            node = node[name]
        else:
            return False
    return True


def not_a_customer(record: RecordRow, role: Role) -> list[Problem]:
    """Refuse a role that does not sign this type of record on paper."""
    signers = record_model(record.code).record_type.signers
    customers = tuple(one for one in signers if one in CUSTOMERS)
    return [] if role in customers else [no_signer(role, customers)]


def no_signer(role: Role, signers: tuple[Role, ...]) -> Problem:
    """Say that a role does not sign, and which ones do."""
    return error("role", "not_a_signer", role, roles=_joined(signers))


def _joined(roles: tuple[Role, ...]) -> dict[str, str]:
    return {
        "zh": "、".join(one.label("zh") for one in roles) or "无",
        "en": ", ".join(one.label("en") for one in roles) or "none",
    }


def wrong_day(unit: UnitOfWork, record: RecordRow, signed_on: date) -> list[Problem]:
    """Refuse a day before the document's, or to come."""
    today = day_of(unit.now)
    if signed_on > today:
        return [error("signed_on", "in_future", signed_on, now=today)]
    if record.doc_date and signed_on < record.doc_date:
        day = record.doc_date
        return [error("signed_on", "signed_before_document", signed_on, doc_date=day)]
    return []
