"""Signing links of the customer's people: for whom, for which versions, what came of each; mail.

No token lies here, and no code: only hashes of them. A waiting message is sealed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, Sha256, UtcMoment


class LinkRow(Base):
    """A link made for one person, who has no account.

    `first_id` is the first of the links that follow from each other, `before_id` the one before;
    `ended_how` is revoked, resent or delegated (`reason` says why). `remind_days` are days after
    `created_at`, separated by spaces, of which `reminded` are over.
    """

    __tablename__ = "links"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    contract_id: Mapped[str] = mapped_column(Id, ForeignKey("contracts.id"), index=True)
    first_id: Mapped[str] = mapped_column(Id, index=True)
    before_id: Mapped[str | None] = mapped_column(Id)
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    org: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(254))
    phone: Mapped[str | None] = mapped_column(String(64))
    code_hash: Mapped[str | None] = mapped_column(Sha256)
    remind_days: Mapped[str] = mapped_column(String(100))
    reminded: Mapped[int] = mapped_column(default=0)
    remind_at: Mapped[datetime | None] = mapped_column(UtcMoment, index=True)
    created_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    expires_at: Mapped[datetime] = mapped_column(UtcMoment)
    ended_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    ended_how: Mapped[str | None] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(Text)


class LinkTokenRow(Base):
    """What opens a link, known by its hash: that of its maker, and one for each reminder."""

    __tablename__ = "link_tokens"

    token_hash: Mapped[str] = mapped_column(Sha256, primary_key=True)
    link_id: Mapped[str] = mapped_column(Id, ForeignKey("links.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class LinkItemRow(Base):
    """A version that a link asks about, and the evidence of how it was signed.

    `shown_sha256` is the PDF that was opened; `how` is drawn, typed or none (a disagreement).
    """

    __tablename__ = "link_items"
    __table_args__ = (
        ForeignKeyConstraint(["record_id", "number"], ["versions.record_id", "versions.number"]),
        Index("ix_link_items_record_id_number", "record_id", "number"),
    )

    link_id: Mapped[str] = mapped_column(Id, ForeignKey("links.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    record_id: Mapped[str] = mapped_column(Id)
    number: Mapped[int]
    opened_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    shown_sha256: Mapped[str | None] = mapped_column(Sha256)
    done_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    signoff_id: Mapped[str | None] = mapped_column(Id, ForeignKey("signoffs.id"))
    how: Mapped[str | None] = mapped_column(String(8))
    image_id: Mapped[str | None] = mapped_column(Id, ForeignKey("attachments.id"))
    strokes_id: Mapped[str | None] = mapped_column(Id, ForeignKey("attachments.id"))
    consent: Mapped[str | None] = mapped_column(Text)
    consent_hash: Mapped[str | None] = mapped_column(Sha256)
    user_agent: Mapped[str | None] = mapped_column(String(300))
    address: Mapped[str | None] = mapped_column(String(64))


class MailRow(Base):
    """A message to a link's person; `state` pending, sent or failed, `sealed` empty at the end.

    Whoever sends it holds it until `busy_until`; `failure` tells of the last attempt.
    """

    __tablename__ = "mails"
    __table_args__ = (
        Index("ix_mails_state_next_at", "state", "next_at"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    link_id: Mapped[str] = mapped_column(Id, ForeignKey("links.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    recipient: Mapped[str] = mapped_column(String(254))
    sealed: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    busy_until: Mapped[datetime] = mapped_column(UtcMoment)
    failure: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    done_at: Mapped[datetime | None] = mapped_column(UtcMoment)
