"""What a sheet does not say of its records: contract, customer, people, phase, numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from docgen.intake.sheets.types import kind_of
from schemas.catalog import record_types
from schemas.chronology import day_of
from schemas.contract import Contract
from schemas.envelope import SCHEMA_VERSION
from schemas.values import parse_day, parse_instant
from schemas.vocabulary import Role

CONTRACT_FIELDS = (
    "contract_no",
    "customer_name",
    "customer_code",
    "project_name",
    "provider_name",
)
LAST_SERIAL = 999


@dataclass(frozen=True)
class EnvelopeValues:
    """What comes from the contract, from options (`--set`), and the time."""

    now: datetime
    contract: Contract | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def envelope(self, code: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Return a record's envelope: what the sheet said goes before options and contract."""
        made: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "status": "draft",
            "confidentiality": "internal",
        }
        if self.contract:
            made |= {
                name: value for name in CONTRACT_FIELDS if (value := getattr(self.contract, name))
            }
            made |= self._engineer()
        own = record_types()[code].model_fields
        made |= {name: value for name, value in self.fields.items() if name in own}
        return made | dict(said)

    def dated(self, code: str, record: dict[str, Any]) -> dict[str, Any]:
        """Fill in day and phase where they are not said: the day of the event, else today."""
        if "doc_date" not in record:
            record["doc_date"] = self._day(code, record)
        if "phase" not in record and (phase := self._phase(str(record["doc_date"]))):
            record["phase"] = phase
        return record

    def _engineer(self) -> dict[str, Any]:
        assert self.contract is not None
        names = [one.name for one in self.contract.people if one.role is Role.engineer]
        return {"prepared_by": names[0]} if len(names) == 1 else {}

    def _day(self, code: str, record: Mapping[str, Any]) -> str:
        moment = record.get(kind_of(code).day) if kind_of(code).day else None
        return (_shanghai_day(moment) if isinstance(moment, str) else None) or self.today

    def _phase(self, day: str) -> str | None:
        if self.contract is None or (when := _day_of(day)) is None:
            return None
        for one in self.contract.phases:
            if one.starts_on <= when <= one.ends_on:
                return str(one.phase.value)
        return None

    @property
    def today(self) -> str:
        """The day in Shanghai."""
        return day_of(self.now).isoformat()


def series_of(code: str, record: Mapping[str, Any]) -> str | None:
    """Return what a record's number begins with, like ZX-HDYD-20260306."""
    day, customer = _day_of(str(record.get("doc_date"))), record.get("customer_code")
    if day is None or not isinstance(customer, str):
        return None
    return f"{code}-{customer}-{day:%Y%m%d}"


def option(text: str) -> Any:
    """Read the value of `--set`: JSON where it looks so, else the text."""
    if text[:1] in ("[", "{"):
        return json.loads(text)
    return text


@lru_cache(maxsize=4096)
def _shanghai_day(moment: str) -> str | None:
    try:
        return day_of(parse_instant(moment)).isoformat()
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def _day_of(day: str) -> date | None:
    try:
        return parse_day(day)
    except ValueError:
        return None
