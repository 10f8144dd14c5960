"""What the API answers about signing links; a token only in the answer that makes it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, Field

from api.shapes import Entry, entries
from docgen.service.links import Asked, Made
from docgen.store import tables
from schemas.problems import Problem


class LinkDocument(BaseModel):
    """A document of a link, and what came of it."""

    position: int
    record_id: str
    version: int
    doc_no: str
    opened_at: datetime | None = Field(description="when its pages were shown first")
    done_at: datetime | None = Field(description="when it was signed, or returned")
    how: str | None = Field(description="drawn, typed, or none (returned without a signature)")
    signoff_id: str | None
    consent_hash: str | None = Field(description="sha256 of the statement that was confirmed")

    @classmethod
    def of(cls, one: Asked) -> LinkDocument:
        """Make it."""
        item = one.item
        return cls(
            position=item.position,
            record_id=item.record_id,
            version=item.number,
            doc_no=one.version.doc_no,
            opened_at=item.opened_at,
            done_at=item.done_at,
            how=item.how,
            signoff_id=item.signoff_id,
            consent_hash=item.consent_hash,
        )


class MailOut(BaseModel):
    """The last message about a link."""

    kind: str = Field(description="invitation or reminder")
    state: str = Field(description="pending, sent or failed")
    attempts: int
    failure: str | None
    created_at: datetime
    done_at: datetime | None

    @classmethod
    def of(cls, row: tables.Mail) -> MailOut:
        """Make it."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class LinkOut(BaseModel):
    """A signing link, without what opens it."""

    id: str
    contract_id: str
    role: str
    name: str
    org: str | None
    email: str | None
    phone: str | None
    with_code: bool = Field(description="whether it asks for an access code")
    remind_days: list[int]
    reminded: int
    before_id: str | None = Field(description="the link that this one follows from")
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_how: str | None = Field(description="revoked, resent or delegated")
    reason: str | None = Field(description="why it was handed on")
    documents: list[LinkDocument]
    mail: MailOut | None = Field(None, description="the last message, if any was written")

    @classmethod
    def of(cls, row: tables.Link, asked: Iterable[Asked], mail: tables.Mail | None) -> LinkOut:
        """Make it."""
        made = {"with_code", "remind_days", "documents", "mail", "url"}
        return cls(
            **{name: getattr(row, name) for name in LinkOut.model_fields if name not in made},
            with_code=row.code_hash is not None,
            remind_days=[int(day) for day in row.remind_days.split()],
            documents=[LinkDocument.of(one) for one in asked],
            mail=MailOut.of(mail) if mail else None,
        )


class LinkMade(LinkOut):
    """A link with its address, shown this once; `problems` warn of mail that is not sent."""

    url: str = Field(description="链接，只显示这一次 the link itself, shown this once")
    problems: list[Entry] = []

    @classmethod
    def with_url(
        cls,
        made: Made,
        asked: Iterable[Asked],
        mail: tables.Mail | None,
        base_url: str,
        *,
        problems: Iterable[Problem],
    ) -> LinkMade:
        """Make it."""
        plain = dict(LinkOut.of(made.link, asked, mail))
        return cls(**plain, url=f"{base_url}/s/{made.token}", problems=entries(problems))


class Links(BaseModel):
    """All links of a version."""

    items: list[LinkOut]
