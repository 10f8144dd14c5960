"""Contracts, records and their versions, and the sign-offs given to a version."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, Sha256, UtcMoment


class ContractRow(Base):
    """A contract as it stands; `body` is its JSON, `etag` counts its changes."""

    __tablename__ = "contracts"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    contract_no: Mapped[str] = mapped_column(String(200), unique=True)
    customer_code: Mapped[str] = mapped_column(String(12))
    customer_name: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    etag: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    updated_at: Mapped[datetime] = mapped_column(UtcMoment)


class RecordRow(Base):
    """A record through all its versions; state, doc_no and doc_date are its newest version's."""

    __tablename__ = "records"
    __table_args__ = (
        Index("ix_records_contract_id_seq", "contract_id", "seq"),
        Index("ix_records_contract_id_code_state", "contract_id", "code", "state"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    contract_id: Mapped[str] = mapped_column(Id, ForeignKey("contracts.id"))
    code: Mapped[str] = mapped_column(String(2))
    base_no: Mapped[str] = mapped_column(String(40), unique=True)
    doc_no: Mapped[str] = mapped_column(String(40))
    number: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(String(16))
    doc_date: Mapped[date | None] = mapped_column(Date)
    prepared_by: Mapped[str] = mapped_column(String(200), default="")
    etag: Mapped[int] = mapped_column(default=1)
    created_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    updated_at: Mapped[datetime] = mapped_column(UtcMoment)


class VersionRow(Base):
    """One version: editable while a draft, fixed once submitted.

    `body` is the record as given (draft) or canonical (submitted); `record_hash` the sha256 of the
    canonical record; `archived_body` the canonical record with its sign-offs, once archived.
    `templates` is the bundle of templates and theme that prints it, fixed with the submission.
    """

    __tablename__ = "versions"

    record_id: Mapped[str] = mapped_column(Id, ForeignKey("records.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    doc_no: Mapped[str] = mapped_column(String(40), unique=True)
    state: Mapped[str] = mapped_column(String(16))
    body: Mapped[str] = mapped_column(Text)
    record_hash: Mapped[str | None] = mapped_column(Sha256, index=True)
    templates: Mapped[str | None] = mapped_column(Sha256, ForeignKey("blobs.sha256"), index=True)
    archived_body: Mapped[str | None] = mapped_column(Text)
    archived_hash: Mapped[str | None] = mapped_column(Sha256, index=True)
    submitted_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"))
    submitted_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    ended_at: Mapped[datetime | None] = mapped_column(UtcMoment)
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class RecordAssetRow(Base):
    """Which assets a record's newest version speaks of."""

    __tablename__ = "record_assets"

    record_id: Mapped[str] = mapped_column(Id, ForeignKey("records.id"), primary_key=True)
    asset_no: Mapped[str] = mapped_column(String(200), primary_key=True, index=True)


class SignoffRow(Base):
    """What one person said of one version; a customer's has no account but a scan."""

    __tablename__ = "signoffs"
    __table_args__ = (
        ForeignKeyConstraint(["record_id", "number"], ["versions.record_id", "versions.number"]),
        Index("ix_signoffs_record_id_number", "record_id", "number"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    record_id: Mapped[str] = mapped_column(Id)
    number: Mapped[int]
    role: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(200))
    org: Mapped[str | None] = mapped_column(String(200))
    user_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"))
    opinion: Mapped[str] = mapped_column(String(24))
    comment: Mapped[str | None] = mapped_column(Text)
    pointer: Mapped[str | None] = mapped_column(Text)
    method: Mapped[str] = mapped_column(String(16))
    signed_on: Mapped[date] = mapped_column(Date)
    recorded_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    recorded_at: Mapped[datetime] = mapped_column(UtcMoment)
    scan_id: Mapped[str | None] = mapped_column(Id, ForeignKey("attachments.id"))
