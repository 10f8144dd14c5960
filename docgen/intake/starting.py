"""A starting record to fill in: envelope from the contract, check items of a database engine."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from docgen.errors import SettingWrong
from docgen.paths import samples_dir
from schemas.checklists import checklist, engines
from schemas.chronology import day_of
from schemas.contract import Contract
from schemas.envelope import SCHEMA_VERSION, Record
from schemas.fields import Part, shape

ENGINES = engines()


def starting_record(
    model: type[Record],
    now: datetime,
    *,
    engine: str = "",
    lang: str = "zh",
    contract: Contract | None = None,
) -> dict[str, Any]:
    """Plain JSON of a draft: what must be typed is an empty text, what may be is null.

    Every required field is there, those of `starts_with`, and of each list of rows one row.

    Raises SettingWrong for an engine that has no check list.
    """
    if engine and engine not in ENGINES:
        raise SettingWrong(
            "unknown_engine", place="--engine", value=engine, choices=", ".join(ENGINES)
        )
    made = {
        name: _empty(model, name)
        for name, info in model.model_fields.items()
        if info.is_required() or name in model.starts_with
    }
    made |= _envelope(model, now, contract)
    if engine and "check_items" in model.model_fields:
        made["check_items"] = checklist(engine, lang)
    return made


def example(model: type[Record]) -> dict[str, Any]:
    """Return a record that is filled in and valid; its people and systems are invented."""
    path = samples_dir() / model.record_type.code / "basic.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _empty(model: type[Part], name: str) -> Any:
    kind = shape(model, name)
    if kind.part:
        row = _row(kind.part)
        return [row] if kind.is_list else row
    return [] if kind.is_list else ""


def _row(part: type[Part]) -> dict[str, Any]:
    """Show every field that a person may type; what has another default than null is left out."""
    made: dict[str, Any] = {}
    for name, info in part.model_fields.items():
        kind = shape(part, name)
        if info.is_required() or kind.part:
            made[name] = _empty(part, name)
        elif kind.optional:
            made[name] = None
    return made


def _envelope(model: type[Record], now: datetime, contract: Contract | None) -> dict[str, Any]:
    day = day_of(now)
    customer = contract.customer_code if contract else "CODE"
    made: dict[str, Any] = {
        "doc_no": f"{model.record_type.code}-{customer}-{day:%Y%m%d}-001",
        "schema_version": SCHEMA_VERSION,
        "phase": "service",
        "doc_date": day.isoformat(),
        "status": "draft",
        "confidentiality": "internal",
        "customer_code": customer,
    }
    if contract:
        own = ("contract_no", "customer_name", "provider_name", "project_name")
        made |= {name: value for name in own if (value := getattr(contract, name))}
        if "asset_nos" in model.model_fields:
            made["asset_nos"] = contract.asset_nos
    return made
