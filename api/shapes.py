"""What the API answers: one model for each thing, made from its row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field

from docgen.service.signing_rules import missing_roles
from docgen.store import tables
from docgen.workflow import OPEN
from schemas.problems import Problem


class Wording(BaseModel):
    """A text in both languages."""

    zh: str
    en: str


class Entry(BaseModel):
    """One problem of a record."""

    pointer: str = Field(description="JSON Pointer (RFC 6901)")
    code: str
    level: str = Field(pattern="^(error|warning)$")
    value: Any = None
    message: Wording
    hint: Wording

    @classmethod
    def of(cls, problem: Problem) -> Entry:
        """Make it."""
        return cls.model_validate(problem.as_json())


def entries(problems: Iterable[Problem]) -> list[Entry]:
    """Return problems as the API tells them."""
    return [Entry.of(problem) for problem in problems]


class ContractOut(BaseModel):
    """A contract."""

    id: str
    contract_no: str
    customer_code: str
    customer_name: str
    created_at: datetime
    updated_at: datetime
    content: dict[str, Any] | None = Field(None, description="the contract itself")

    @classmethod
    def of(cls, row: tables.Contract, *, whole: bool = True) -> ContractOut:
        """Make it; a list leaves the content out."""
        return cls(
            id=row.id,
            contract_no=row.contract_no,
            customer_code=row.customer_code,
            customer_name=row.customer_name,
            created_at=row.created_at,
            updated_at=row.updated_at,
            content=json.loads(row.body) if whole else None,
        )


class ContractPage(BaseModel):
    """A page of contracts."""

    items: list[ContractOut]
    next_cursor: str


class MemberOut(BaseModel):
    """Somebody who works on a contract."""

    username: str
    name: str
    role: str

    @classmethod
    def of(cls, row: tables.User) -> MemberOut:
        """Make it."""
        return cls(username=row.username, name=row.name, role=row.role)


class Members(BaseModel):
    """Everybody who works on a contract."""

    items: list[MemberOut]


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
    def of(cls, row: tables.Signoff) -> SignoffOut:
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
    def of(cls, row: tables.Record) -> RecordLine:
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
        cls, row: tables.Version, signoffs: Iterable[tables.Signoff], *, whole: bool = True
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
    problems: list[Entry] = []

    @classmethod
    def whole(
        cls,
        row: tables.Record,
        version: tables.Version,
        signoffs: Iterable[tables.Signoff] = (),
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


class Checked(BaseModel):
    """Whether a draft could be submitted, and everything that is wrong with it."""

    valid: bool
    problems: list[Entry]


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
    def of(cls, row: tables.Attachment) -> AttachmentOut:
        """Make it."""
        same = {name: getattr(row, name) for name in cls.model_fields if name != "version"}
        return cls(**same, version=row.number)


class Attachments(BaseModel):
    """All files of a version."""

    items: list[AttachmentOut]


class WebhookOut(BaseModel):
    """A webhook; its secret is shown to nobody again."""

    id: str
    url: str
    events: list[str]
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None = Field(description="by_hand, receiver_gone (410) or given_up")
    former_secret_until: datetime | None = Field(
        description="until when the secret before this one signs as well"
    )
    created_at: datetime

    @classmethod
    def of(cls, row: tables.Webhook) -> WebhookOut:
        """Make it."""
        return cls(
            id=row.id,
            url=row.url,
            events=row.events.split(),
            enabled=row.disabled_at is None,
            disabled_at=row.disabled_at,
            disabled_reason=row.disabled_reason,
            former_secret_until=row.previous_until,
            created_at=row.created_at,
        )


class WebhookMade(WebhookOut):
    """A webhook with its new secret, shown this once."""

    secret: str = Field(description="whsec_… (Standard Webhooks)")

    @classmethod
    def with_secret(cls, row: tables.Webhook, secret: str) -> WebhookMade:
        """Make it."""
        return cls(**dict(WebhookOut.of(row)), secret=secret)


class Webhooks(BaseModel):
    """All webhooks of a contract."""

    items: list[WebhookOut]


class DeliveryOut(BaseModel):
    """A message to a webhook, and what came of its last attempt."""

    id: str = Field(description="webhook-id, the same at every attempt")
    event: str
    message: dict[str, Any] = Field(description="the body as it is sent")
    state: str = Field(description="pending, delivered or failed")
    attempts: int
    next_at: datetime | None = Field(description="when it is sent or tried again")
    tried_at: datetime | None
    status: int | None = Field(description="of the receiver's answer")
    answer: str | None = Field(description="the beginning of its body")
    failure: str | None = Field(description="why there is no status, or why it does not count")
    took_ms: int | None
    created_at: datetime
    done_at: datetime | None

    @classmethod
    def of(cls, row: tables.Delivery) -> DeliveryOut:
        """Make it."""
        same = {name: getattr(row, name) for name in cls.model_fields if name != "message"}
        return cls(**same, message=json.loads(row.body))


class DeliveryPage(BaseModel):
    """A page of messages."""

    items: list[DeliveryOut]
    next_cursor: str
