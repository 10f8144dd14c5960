"""What the API answers: one model for each thing, made from its row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from docgen.records.states import OPEN
from docgen.store import tables
from docgen.workflow.signoff_rules import missing_roles
from schemas.problems import Problem


class Wording(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class ProblemOut(BaseModel):
    """One problem of a record."""

    pointer: str = Field(description="JSON Pointer (RFC 6901)")
    code: str
    level: str = Field(pattern="^(error|warning)$")
    value: Any = None
    message: Wording
    hint: Wording

    @classmethod
    def of(cls, problem: Problem) -> ProblemOut:
        """Make it."""
        return cls.model_validate(problem.as_json())


def entries(problems: Iterable[Problem]) -> list[ProblemOut]:
    """Return problems as the API tells them."""
    return [ProblemOut.of(problem) for problem in problems]


class SignoffOut(BaseModel):
    """What somebody said of a version."""

    id: str
    role: str
    name: str
    org: str | None
    opinion: str
    comment: str | None
    pointer: str | None
    method: str
    signed_on: date
    recorded_at: datetime
    scan_id: str | None

    @classmethod
    def of(cls, row: tables.SignoffRow) -> SignoffOut:
        """Make it."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class RecordLine(BaseModel):
    """A record in a list."""

    id: str
    contract_id: str
    code: str
    doc_no: str
    version: int
    state: str
    doc_date: date | None
    prepared_by: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: tables.RecordRow) -> RecordLine:
        """Make it."""
        same = {name: getattr(row, name) for name in RecordLine.model_fields if name != "version"}
        return RecordLine(**same, version=row.number)


class RecordPage(BaseModel):
    """A page of records."""

    items: list[RecordLine]
    next_cursor: str


class VersionOut(BaseModel):
    """One version: its content as submitted (or as it stands, for a draft), and its hashes."""

    version: int
    doc_no: str
    state: str
    record_hash: str | None = Field(description="sha256 of the canonical record, once submitted")
    archived_hash: str | None = Field(description="sha256 of the record with its sign-offs")
    submitted_at: datetime | None
    ended_at: datetime | None = Field(description="when it was returned, archived or made void")
    reason: str | None = Field(description="why it was returned or made void")
    signoffs: list[SignoffOut]
    content: dict[str, Any] | None

    @classmethod
    def of(
        cls, row: tables.VersionRow, signoffs: Iterable[tables.SignoffRow], *, whole: bool = True
    ) -> VersionOut:
        """Make it; a list leaves the content out."""
        return cls(
            version=row.number,
            doc_no=row.doc_no,
            state=row.state,
            record_hash=row.record_hash,
            archived_hash=row.archived_hash,
            submitted_at=row.submitted_at,
            ended_at=row.ended_at,
            reason=row.reason,
            signoffs=[SignoffOut.of(one) for one in signoffs],
            content=json.loads(row.archived_body or row.body) if whole else None,
        )


class Versions(BaseModel):
    """All versions of a record."""

    items: list[VersionOut]


class RecordOut(RecordLine):
    """A record with its newest version; `problems` are told when it was just written or checked."""

    current: VersionOut
    awaiting: list[str] = Field([], description="谁还没有签 roles that have not agreed yet")
    problems: list[ProblemOut] = []

    @classmethod
    def whole(
        cls,
        row: tables.RecordRow,
        version: tables.VersionRow,
        signoffs: Iterable[tables.SignoffRow] = (),
        problems: Iterable[Problem] = (),
    ) -> RecordOut:
        """Make it."""
        given = list(signoffs)
        return cls(
            **dict(RecordLine.of(row)),
            current=VersionOut.of(version, given),
            awaiting=missing_roles(row, given) if version.state in OPEN else [],
            problems=entries(problems),
        )


class CheckedRecord(BaseModel):
    """Whether a draft could be submitted, and everything that is wrong with it."""

    valid: bool
    problems: list[ProblemOut]


class FieldChange(BaseModel):
    """One field in which two versions differ."""

    pointer: str
    label: Wording
    before: Any
    after: Any


class Difference(BaseModel):
    """How a version differs from an earlier one, field by field."""

    before: int
    after: int
    changes: list[FieldChange]


class AttachmentOut(BaseModel):
    """An uploaded file."""

    id: str
    version: int
    purpose: str
    name: str
    content_type: str
    size_bytes: int
    sha256: str
    note: str | None
    matched: str | None = Field(
        description="what a scan shows of the version: sign_page, other_page or unread"
    )
    created_at: datetime

    @classmethod
    def of(cls, row: tables.AttachmentRow) -> AttachmentOut:
        """Make it."""
        same = {name: getattr(row, name) for name in cls.model_fields if name != "version"}
        return cls(**same, version=row.number)


class Attachments(BaseModel):
    """All files of a version."""

    items: list[AttachmentOut]
