"""What the API answers: one model for each thing, made from its row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from api.http.bodies import AnswerBody, ItemsBody, PageBody
from api.http.changes import Answer
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


class SignoffOut(AnswerBody):
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


class RecordLine(AnswerBody):
    """A record in a list."""

    id: str
    contract_id: str
    code: str
    doc_no: str
    version: int = Field(validation_alias="number")
    state: str
    doc_date: date | None
    prepared_by: str
    created_at: datetime
    updated_at: datetime


class RecordPage(PageBody[RecordLine]):
    """A page of records."""


class VersionOut(AnswerBody):
    """One version: its content as submitted (or as it stands, for a draft), and its hashes."""

    version: int = Field(validation_alias="number")
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
    def from_row(
        cls, row: tables.VersionRow, signoffs: Iterable[tables.SignoffRow], *, whole: bool = True
    ) -> VersionOut:
        """Make it; a list leaves the content out."""
        content = json.loads(row.archived_body or row.body) if whole else None
        return cls.of(row, signoffs=list(signoffs), content=content)


class Versions(ItemsBody[VersionOut]):
    """All versions of a record."""


class RecordOut(RecordLine):
    """A record with its newest version; `problems` are told when it was just written or checked."""

    current: VersionOut
    awaiting: list[str] = Field([], description="谁还没有签 roles that have not agreed yet")
    problems: list[ProblemOut] = Field([])

    @classmethod
    def whole(
        cls,
        row: tables.RecordRow,
        version: tables.VersionRow,
        signoffs: Iterable[tables.SignoffRow] = (),
        problems: Iterable[Problem] = (),
    ) -> RecordOut:
        """Make it."""
        signed = list(signoffs)
        return cls.of(
            row,
            current=VersionOut.from_row(version, signed),
            awaiting=missing_roles(row, signed) if version.state in OPEN else [],
            problems=entries(problems),
        )

    def answer(self, record: tables.RecordRow, status: int = 200) -> Answer:
        """Answer it, with the record's ETag and address."""
        return Answer(self, status, record.etag, f"/api/v1/records/{record.id}")


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


class AttachmentOut(AnswerBody):
    """An uploaded file."""

    id: str
    version: int = Field(validation_alias="number")
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


class Attachments(ItemsBody[AttachmentOut]):
    """All files of a version."""
