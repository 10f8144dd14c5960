"""Webhooks: who wants to be told, and every message with its attempts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, UtcMoment


class WebhookRow(Base):
    """An address that is told of a contract's events; secrets are sealed.

    While a secret is replaced the previous one signs too, until `previous_until`. One message at
    a time is on its way, until `busy_until` at the latest; `given_up` counts those in a row that
    were tried in vain.
    """

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    contract_id: Mapped[str] = mapped_column(Id, ForeignKey("contracts.id"), index=True)
    url: Mapped[str] = mapped_column(String(2000))
    events: Mapped[str] = mapped_column(String(500))
    secret_sealed: Mapped[str] = mapped_column(Text)
    previous_sealed: Mapped[str | None] = mapped_column(Text)
    previous_until: Mapped[datetime | None] = mapped_column(UtcMoment)
    etag: Mapped[int]
    created_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    disabled_reason: Mapped[str | None] = mapped_column(String(16))
    given_up: Mapped[int] = mapped_column(default=0)
    busy_until: Mapped[datetime] = mapped_column(UtcMoment)


class DeliveryRow(Base):
    """One message to one webhook; `state` pending, delivered or failed.

    `seq` is the order in which things happened, `subject_id` what they happened to; status, answer,
    failure, took_ms and tried_at tell of the last attempt.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_state_next_at", "state", "next_at"),
        Index("ix_deliveries_webhook_id_seq", "webhook_id", "seq"),
        Index("ix_deliveries_webhook_id_subject_id", "webhook_id", "subject_id"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    webhook_id: Mapped[str] = mapped_column(Id, ForeignKey("webhooks.id"))
    subject_id: Mapped[str] = mapped_column(Id)
    event: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    tried_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    status: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(String(16))
    took_ms: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    done_at: Mapped[datetime | None] = mapped_column(UtcMoment)
