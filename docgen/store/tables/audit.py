"""The audit trail: a chain of hashes over everything that happened."""

from __future__ import annotations

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, Sha256


class AuditEntryRow(Base):
    """One entry; `entry_hash` covers all its columns and the hash before it.

    `at` is text, exactly as hashed. `seq` has no gaps.
    """

    __tablename__ = "audit"
    __table_args__ = (
        Index("ix_audit_subject_id_seq", "subject_id", "seq"),
        Index("ix_audit_contract_id_seq", "contract_id", "seq"),
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(32))
    actor_id: Mapped[str | None] = mapped_column(Id)
    actor_name: Mapped[str] = mapped_column(String(200))
    actor_role: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(64))
    subject_kind: Mapped[str] = mapped_column(String(16))
    subject_id: Mapped[str] = mapped_column(String(64))
    contract_id: Mapped[str | None] = mapped_column(Id)
    detail: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(Sha256)
    entry_hash: Mapped[str] = mapped_column(Sha256)
