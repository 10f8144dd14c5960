"""What keeps requests apart: serial numbers of documents, and keys of repeated requests."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, Sha256, UtcMoment


class SerialRow(Base):
    """The last serial number given to a type, a customer and a day."""

    __tablename__ = "serials"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    customer_code: Mapped[str] = mapped_column(String(12), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    last: Mapped[int]


class IdempotencyKeyRow(Base):
    """A request that was carried out, with its answer; `fingerprint` hashes address and body."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Sha256)
    status: Mapped[int]
    headers: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcMoment, index=True)
