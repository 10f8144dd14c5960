"""Create a draft to fill in: the envelope from the contract, check items of a database engine."""

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
    """Return a draft as JSON values: required fields are empty texts, optional ones null.

    It has every required field, those of `starts_with`, and one row of each list of rows.

    Raises SettingWrong: unknown_engine.
    """
    if engine and engine not in ENGINES:
        raise SettingWrong(
            "unknown_engine", place="--engine", value=engine, choices=", ".join(ENGINES)
        )
    draft = {
        name: _empty(model, name)
        for name, info in model.model_fields.items()
        if info.is_required() or name in model.starts_with
    }
    draft |= _envelope(model, now, contract)
    if engine and "check_items" in model.model_fields:
        draft["check_items"] = checklist(engine, lang)
    return draft


def example(model: type[Record]) -> dict[str, Any]:
    """Load the sample record of a type, which is valid; its people and systems are invented."""
    path = samples_dir() / model.record_type.code / "basic.json"
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return record


def _empty(model: type[Part], name: str) -> Any:
    kind = shape(model, name)
    if kind.part:
        row = _row(kind.part)
        return [row] if kind.is_list else row
    return [] if kind.is_list else ""


def _row(part: type[Part]) -> dict[str, Any]:
    """Return every field that a person may type; those with another default are left out."""
    row: dict[str, Any] = {}
    for name, info in part.model_fields.items():
        kind = shape(part, name)
        if info.is_required() or kind.part:
            row[name] = _empty(part, name)
        elif kind.optional:
            row[name] = None
    return row


def _envelope(model: type[Record], now: datetime, contract: Contract | None) -> dict[str, Any]:
    day = day_of(now)
    customer = contract.customer_code if contract else "CODE"
    envelope: dict[str, Any] = {
        "doc_no": f"{model.record_type.code}-{customer}-{day:%Y%m%d}-001",
        "schema_version": SCHEMA_VERSION,
        "phase": "service",
        "doc_date": day.isoformat(),
        "status": "draft",
        "confidentiality": "internal",
        "customer_code": customer,
    }
    if contract:
        names = ("contract_no", "customer_name", "provider_name", "project_name")
        envelope |= {name: value for name in names if (value := getattr(contract, name))}
        if "asset_nos" in model.model_fields:
            envelope["asset_nos"] = contract.asset_nos
    return envelope
