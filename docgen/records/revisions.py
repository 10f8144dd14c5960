"""Revisions: what was fixed is never edited; a new version (R1, R2 …) takes its place."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select

from docgen.errors import Conflict
from docgen.records import search
from docgen.records.records import named_content, need_author, note_record, touched, visible
from docgen.records.states import Step, refuse, wrong_state
from docgen.store.tables import RecordRow, VersionRow
from docgen.store.unit_of_work import UnitOfWork
from schemas.chronology import day_of
from schemas.values import base_number

MAX_REVISIONS = 99  # a document number has two digits for it (schemas.values.DOC_NO_PATTERN)


def revise(unit: UnitOfWork, record_id: str, reason: str) -> tuple[RecordRow, VersionRow]:
    """Begin the next version as a draft that holds what the last one did.

    Raises NotFound, NotAllowed, TransitionRefused, Conflict (revisions_used_up).
    """
    record, last = visible(unit.session, unit.actor, record_id, lock=True)
    need_author(unit, record)
    last = _last_valid(unit, record, last)
    refuse(Step.revise, wrong_state(Step.revise, last.state))
    if record.number > MAX_REVISIONS:
        raise Conflict("revisions_used_up", limit=MAX_REVISIONS)
    doc_no = f"{base_number(record.doc_no)}-R{record.number}"
    plain = _draft_of(json.loads(last.body), doc_no, unit, reason)
    body = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    record.number += 1
    record.doc_no, record.state = doc_no, "draft"
    touched(unit, record)
    version = VersionRow(
        record_id=record.id,
        number=record.number,
        doc_no=doc_no,
        state="draft",
        body=body,
        reason=None,
        created_at=unit.now,
    )
    unit.session.add(version)
    search.index_record(unit.session, record.seq, body, doc_no)
    note_record(unit, "record.revised", record, reason=reason, **named_content(version))
    unit.tell("record.revised", record.contract_id, id=record.id, doc_no=doc_no)
    return record, version


def _last_valid(unit: UnitOfWork, record: RecordRow, last: VersionRow) -> VersionRow:
    """Return the newest version that is not void: a revision that was given up bars no other."""
    query = (
        select(VersionRow)
        .where(VersionRow.record_id == record.id, VersionRow.state != "void")
        .order_by(VersionRow.number.desc())
        .limit(1)
    )
    return unit.session.scalar(query) or last


def _draft_of(plain: dict[str, Any], doc_no: str, unit: UnitOfWork, reason: str) -> dict[str, Any]:
    """Return the last content as the next draft, with a line in its table of revisions."""
    today = day_of(unit.now).isoformat()
    lines = plain.get("revisions") or [
        {
            "version": "R0",
            "date": plain.get("doc_date", today),
            "author": plain.get("prepared_by", unit.actor.name),
            "summary": "首次提交",
        }
    ]
    number = doc_no.rpartition("-")[2]
    line = {"version": number, "date": today, "author": unit.actor.name, "summary": reason}
    return plain | {
        "doc_no": doc_no,
        "status": "draft",
        "revisions": [*lines, line],
        "attachments": [],
    }
