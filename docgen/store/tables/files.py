"""Files: bytes known by their hash, and what they are to a record."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from docgen.store.tables.base import Base, Id, Sha256, UtcMoment


class BlobRow(Base):
    """Bytes that lie in the blob store; a row is written only after they do."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(Sha256, primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class RenderingRow(Base):
    """What was made from a skip key, so that nothing is rendered twice."""

    __tablename__ = "renderings"

    skip_key: Mapped[str] = mapped_column(Sha256, primary_key=True)
    sha256: Mapped[str] = mapped_column(Sha256, ForeignKey("blobs.sha256"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class DocumentRow(Base):
    """A file of a version. `stage` says of which record: submitted, or archived with sign-offs.

    `text_hash` is that of what a rendered file prints outside the sign-off blocks, else empty.
    """

    __tablename__ = "documents"
    __table_args__ = (
        ForeignKeyConstraint(["record_id", "number"], ["versions.record_id", "versions.number"]),
    )

    record_id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    format: Mapped[str] = mapped_column(String(8), primary_key=True)
    lang: Mapped[str] = mapped_column(String(2), primary_key=True)
    sha256: Mapped[str] = mapped_column(Sha256, ForeignKey("blobs.sha256"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    skip_key: Mapped[str] = mapped_column(Sha256)
    text_hash: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime] = mapped_column(UtcMoment)


class AttachmentRow(Base):
    """A file that somebody uploaded to a version: an attachment, or the scan of a signed paper.

    `position` counts a version's files in the order they came; `matched` says what of the version
    a scan shows: sign_page, other_page or unread.
    """

    __tablename__ = "attachments"
    __table_args__ = (
        ForeignKeyConstraint(["record_id", "number"], ["versions.record_id", "versions.number"]),
        UniqueConstraint("record_id", "number", "position"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    record_id: Mapped[str] = mapped_column(Id)
    number: Mapped[int]
    position: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(255))
    content_type: Mapped[str] = mapped_column(String(127))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(Sha256, ForeignKey("blobs.sha256"), index=True)
    note: Mapped[str | None] = mapped_column(Text)
    matched: Mapped[str | None] = mapped_column(String(16))
    created_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcMoment)
