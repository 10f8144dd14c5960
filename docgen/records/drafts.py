"""What a record needs to be stored as a draft: its contract and type; the rest may be missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.contracts.contracts import model_of
from docgen.errors import InputUnreadable, RecordRefused
from docgen.pipeline.json_input import read_json
from docgen.store.tables import ContractRow, MemberRow
from schemas.catalog import record_types
from schemas.chronology import day_of
from schemas.envelope import SCHEMA_VERSION, Record
from schemas.problems import Problem, error
from schemas.reading import read
from schemas.secrets import secret_problems
from schemas.setting import Setting
from schemas.values import parse_day

# Errors that refuse even a draft: the database or the answer in JSON cannot hold such content.
UNSTORABLE = frozenset({"lone_surrogate", "too_many_rows", "too_long", "character_not_xml"})


@dataclass(frozen=True)
class Draft:
    """A record's plain values with what is known of it, and everything that is still wrong."""

    model: type[Record]
    contract: ContractRow
    plain: dict[str, Any]
    day: date
    problems: list[Problem]
    value: Record | None

    @property
    def body(self) -> str:
        """The plain values as JSON text."""
        return json.dumps(self.plain, ensure_ascii=False, separators=(",", ":"))

    @property
    def asset_nos(self) -> set[str]:
        """The assets that the record names, wherever it names them."""
        return set(_asset_nos(self.plain))


def read_draft(
    session: Session, actor: Actor, data: bytes, now: datetime, *, code: str = "", doc_no: str = ""
) -> Draft:
    """Read a record as far as a draft must be readable; contract, number and date are filled in.

    Raises InputUnreadable, RecordRefused: credentials, an unknown contract, what only the service
    may say (status, signatures), and text that cannot be stored.
    """
    plain = read_json(data)
    if not isinstance(plain, dict):
        raise InputUnreadable("not_an_object.record")
    model = _model(plain, code or doc_no[:2])
    problems = [*secret_problems(plain), *_service_fields(plain)]
    contract = _contract(session, actor, plain)
    if contract is None:
        problems.append(error("contract_no", "unknown_contract", plain.get("contract_no")))
    if problems or contract is None:
        raise RecordRefused(problems)
    known = model_of(contract)
    plain.setdefault("schema_version", SCHEMA_VERSION)
    for name in ("customer_name", "customer_code", "project_name", "provider_name"):
        if getattr(known, name) is not None:
            plain.setdefault(name, getattr(known, name))
    plain["status"] = "draft"
    plain.setdefault("prepared_by", actor.name)
    day = _day(plain, now)
    if doc_no:
        plain["doc_no"] = doc_no
    return checked(Draft(model, contract, plain, day, [], None), now)


def checked(draft: Draft, now: datetime) -> Draft:
    """Return the draft with all problems that its schema and its contract find in it."""
    unnumbered = "doc_no" not in draft.plain
    plain = draft.plain | ({"doc_no": _stand_in(draft)} if unnumbered else {})
    found = read(draft.model, plain, Setting(now, model_of(draft.contract)))
    if unstorable := [one for one in found.problems if one.code in UNSTORABLE]:
        raise RecordRefused(unstorable)
    return Draft(draft.model, draft.contract, draft.plain, draft.day, found.problems, found.value)


def _stand_in(draft: Draft) -> str:
    customer = model_of(draft.contract).customer_code
    return f"{draft.model.record_type.code}-{customer}-{draft.day:%Y%m%d}-000"


def _model(plain: dict[str, Any], code: str) -> type[Record]:
    number = plain.get("doc_no")
    wanted = (code or (number.partition("-")[0] if isinstance(number, str) else "")).upper()
    known = record_types()
    if wanted in known:
        return known[wanted]
    raise InputUnreadable("no_record_type", place="/doc_no", value=wanted, choices=" ".join(known))


def _service_fields(plain: dict[str, Any]) -> list[Problem]:
    """Name what only the service may say."""
    found = []
    if plain.get("status", "draft") not in ("draft", "草稿"):
        found.append(error("status", "status_is_the_services", plain["status"]))
    signoffs = plain.get("signoffs")
    for index, signoff in enumerate(signoffs if isinstance(signoffs, list) else []):
        if isinstance(signoff, dict) and (signoff.get("signed_on") or signoff.get("opinion")):
            found.append(error(("signoffs", index), "signature_is_the_services"))
    return found


def _contract(session: Session, actor: Actor, plain: dict[str, Any]) -> ContractRow | None:
    number = plain.get("contract_no")
    if not isinstance(number, str):
        return None
    return session.scalar(
        select(ContractRow)
        .join(MemberRow, MemberRow.contract_id == ContractRow.id)
        .where(ContractRow.contract_no == number, MemberRow.user_id == actor.user_id)
    )


def _day(plain: dict[str, Any], now: datetime) -> date:
    """Return the document's date; today where it is missing or unreadable (which is reported)."""
    given = plain.setdefault("doc_date", day_of(now).isoformat())
    try:
        return parse_day(given)
    except ValueError:
        return day_of(now)


def _asset_nos(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for child in node for found in _asset_nos(child)]
    if not isinstance(node, dict):
        return []
    own = [node["asset_no"]] if isinstance(node.get("asset_no"), str) else []
    many = [one for one in node.get("asset_nos") or [] if isinstance(one, str)]
    below = [found for child in node.values() for found in _asset_nos(child)]
    # As long as the column of the index; a longer number is an error of its own.
    return [number[:200] for number in (*own, *many)] + below
