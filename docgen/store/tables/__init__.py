"""The tables, one module a subject. Moments are aware UTC; ids are texts that tell nothing."""

from docgen.store.tables.accounts import (
    ApiToken,
    Attempt,
    Member,
    OidcLogin,
    Session,
    SetupCode,
    User,
)
from docgen.store.tables.audit import AuditEntry
from docgen.store.tables.base import Base
from docgen.store.tables.files import Attachment, Blob, Document, Rendering
from docgen.store.tables.intake import IdempotencyKey, Serial
from docgen.store.tables.jobs import Batch, BatchFile, BatchItem, Chunk, SheetFile, SheetLedger
from docgen.store.tables.links import Link, LinkItem, LinkToken, Mail
from docgen.store.tables.records import Contract, Record, RecordAsset, Signoff, Version
from docgen.store.tables.webhooks import Delivery, Webhook

__all__ = [
    "ApiToken",
    "Attachment",
    "Attempt",
    "AuditEntry",
    "Base",
    "Batch",
    "BatchFile",
    "BatchItem",
    "Blob",
    "Chunk",
    "Contract",
    "Delivery",
    "Document",
    "IdempotencyKey",
    "Link",
    "LinkItem",
    "LinkToken",
    "Mail",
    "Member",
    "OidcLogin",
    "Record",
    "RecordAsset",
    "Rendering",
    "Serial",
    "Session",
    "SetupCode",
    "SheetFile",
    "SheetLedger",
    "Signoff",
    "User",
    "Version",
    "Webhook",
]
