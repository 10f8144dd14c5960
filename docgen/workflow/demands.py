"""What a record must be to be archived: one set of rules, asked at submission and at archiving.

A record is fixed when it is submitted. So whatever archiving will demand is demanded then, before
anybody signs, except the sign-offs and the receipt, which can only come afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from docgen.contracts.contracts import model_of
from docgen.records.cross_record import cross_problems
from docgen.records.records import contract_of
from docgen.records.states import Step
from docgen.store.tables import RecordRow
from schemas.catalog import record_model
from schemas.envelope import Record, Status
from schemas.problems import Problem
from schemas.reading import read
from schemas.setting import Setting


@dataclass(frozen=True)
class Judged:
    """A record as it will be archived, when nothing refuses it, and all problems by subject."""

    value: Record | None
    own: list[Problem]
    across: list[Problem]


def judged(
    session: Session, record: RecordRow, plain: dict[str, Any], *, step: Step, now: datetime
) -> Judged:
    """Read a record as archived, and ask the other records of its contract.

    `step` is submit or archive; see `cross_problems` for what the others are asked.
    """
    contract = model_of(contract_of(session, record))
    setting = Setting(now, contract, before_signing=step is Step.submit)
    found = read(record_model(record.code), plain | {"status": Status.archived.value}, setting)
    across = cross_problems(session, record, plain, contract, step=step)
    return Judged(found.value, found.problems, across)
