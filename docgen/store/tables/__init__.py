"""The tables, one module a subject. Moments are aware UTC; ids are texts that tell nothing."""

from docgen.store.tables.accounts import (
    ApiTokenRow,
    AttemptRow,
    MemberRow,
    OidcLoginRow,
    SessionRow,
    SetupCodeRow,
    UserRow,
)
from docgen.store.tables.audit import AuditEntryRow
from docgen.store.tables.base import Base
from docgen.store.tables.files import AttachmentRow, BlobRow, DocumentRow, RenderingRow
from docgen.store.tables.intake import IdempotencyKeyRow, SerialRow
from docgen.store.tables.jobs import (
    BatchFileRow,
    BatchItemRow,
    BatchRow,
    ChunkRow,
    SheetFileRow,
    SheetLedgerRow,
)
from docgen.store.tables.links import LinkItemRow, LinkRow, LinkTokenRow, MailRow
from docgen.store.tables.records import (
    ContractRow,
    RecordAssetRow,
    RecordRow,
    SignoffRow,
    VersionRow,
)
from docgen.store.tables.webhooks import DeliveryRow, WebhookRow

__all__ = [
    "ApiTokenRow",
    "AttachmentRow",
    "AttemptRow",
    "AuditEntryRow",
    "Base",
    "BatchFileRow",
    "BatchItemRow",
    "BatchRow",
    "BlobRow",
    "ChunkRow",
    "ContractRow",
    "DeliveryRow",
    "DocumentRow",
    "IdempotencyKeyRow",
    "LinkItemRow",
    "LinkRow",
    "LinkTokenRow",
    "MailRow",
    "MemberRow",
    "OidcLoginRow",
    "RecordAssetRow",
    "RecordRow",
    "RenderingRow",
    "SerialRow",
    "SessionRow",
    "SetupCodeRow",
    "SheetFileRow",
    "SheetLedgerRow",
    "SignoffRow",
    "UserRow",
    "VersionRow",
    "WebhookRow",
]
