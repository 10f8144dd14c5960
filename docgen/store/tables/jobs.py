"""Batches: work on many items, what it began with, which are done, and who holds what lease."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, Sha256, UtcMoment


class BatchRow(Base):
    """Work that somebody ordered for a contract; `state` active, done or cancelled.

    Spreadsheets are reading, then preview (it waits for a confirmation), then taking, before that.

    `options` is JSON that the kind of work understands; `total` is how many items there are.
    """

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), index=True)
    contract_id: Mapped[str] = mapped_column(Id, ForeignKey("contracts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int]
    options: Mapped[str] = mapped_column(Text)
    total: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
    ended_at: Mapped[datetime | None] = mapped_column(UtcMoment)


class ChunkRow(Base):
    """Items that one worker does at a time, until its lease ends; the row goes when all are done.

    `owner` names one claim, never a worker; `attempts` counts claims since the last progress.
    """

    __tablename__ = "chunks"
    __table_args__ = (
        Index("ix_chunks_priority_seq", "priority", "seq"),
        {"sqlite_autoincrement": True},
    )

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    batch_id: Mapped[str] = mapped_column(Id, ForeignKey("batches.id"), index=True)
    priority: Mapped[int]
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(Id)
    lease_until: Mapped[datetime | None] = mapped_column(UtcMoment)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class BatchItemRow(Base):
    """One item; `state` pending, done, failed or poison (it ends whoever works on it).

    `chunk_seq` is the chunk that it belonged to last; `errors` is a JSON list as in problem+json.
    """

    __tablename__ = "batch_items"
    __table_args__ = (
        Index("ix_batch_items_batch_id_state", "batch_id", "state", "seq"),
        Index("ix_batch_items_chunk_seq", "chunk_seq", "state"),
        Index("ix_batch_items_doc_no", "doc_no"),
        Index(
            "ix_batch_items_failed",
            "state",
            sqlite_where=text("state IN ('failed', 'poison')"),
            postgresql_where=text("state IN ('failed', 'poison')"),
        ),
    )

    batch_id: Mapped[str] = mapped_column(Id, ForeignKey("batches.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    chunk_seq: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    doc_no: Mapped[str | None] = mapped_column(String(40))
    errors: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[str] = mapped_column(Text)


class BatchFileRow(Base):
    """A file that came of an item; written with the item's `done`, after the bytes."""

    __tablename__ = "batch_files"
    __table_args__ = (
        ForeignKeyConstraint(["batch_id", "seq"], ["batch_items.batch_id", "batch_items.seq"]),
    )

    batch_id: Mapped[str] = mapped_column(Id, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    format: Mapped[str] = mapped_column(String(8), primary_key=True)
    sha256: Mapped[str] = mapped_column(Sha256, ForeignKey("blobs.sha256"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class SheetFileRow(Base):
    """A file of a conversion of spreadsheets, in the order in which they came.

    `purpose` upload (what was handed in), report (JSON: what was understood of it), taken (the
    records that its rows make, as a ledger) or errors (the workbook with its errors marked).
    """

    __tablename__ = "sheet_files"

    batch_id: Mapped[str] = mapped_column(Id, ForeignKey("batches.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(8), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(400))
    sha256: Mapped[str] = mapped_column(Sha256, ForeignKey("blobs.sha256"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)


class SheetLedgerRow(Base):
    """What became of the rows of a contract's sheets; `number` counts its states."""

    __tablename__ = "sheet_ledgers"

    contract_id: Mapped[str] = mapped_column(Id, ForeignKey("contracts.id"), primary_key=True)
    number: Mapped[int]
    sha256: Mapped[str] = mapped_column(Sha256, ForeignKey("blobs.sha256"), index=True)
