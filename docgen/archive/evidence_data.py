"""Everything there is of an archived version, put together for its statement and evidence page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import docgen
from docgen.archive import statement as names
from docgen.archive.statement import PackagedFile, PackageStatement
from docgen.store.audit_chain import ChainEntry
from docgen.store.tables import (
    AttachmentRow,
    AuditEntryRow,
    BlobRow,
    ContractRow,
    DocumentRow,
    RecordAssetRow,
    RecordRow,
    SignoffRow,
    UserRow,
    VersionRow,
)
from docgen.store.tables.base import portable

STAGES = {
    "archived": ("documents", "archived_document"),
    "submitted": ("submitted", "submitted_document"),
}
FOLDERS = {"attachment": "attachments", "scan": "scans", "signature": "signatures"}
BODIES = {"body", "archived_body", "seq", "password_hash", "subject", "email", "disabled_at"}
_UNSAFE = re.compile(r"[^\w.-]+")
_NAME = 80
_ENTRY = [one.name for one in fields(ChainEntry)]


@dataclass(frozen=True)
class VersionContent:
    """The rows of a version; `chain` is its audit trail up to the archiving."""

    contract: ContractRow
    record: RecordRow
    version: VersionRow
    templates: BlobRow
    documents: tuple[DocumentRow, ...]
    attachments: tuple[AttachmentRow, ...]
    signoffs: tuple[SignoffRow, ...]
    users: tuple[UserRow, ...]
    assets: tuple[str, ...]
    chain: tuple[tuple[ChainEntry, str], ...]

    @property
    def signed(self) -> DocumentRow | None:
        """The row of the sealed PDF."""
        return next((one for one in self.documents if one.stage == "signed"), None)

    @property
    def audit(self) -> bytes:
        """The audit entries, a line each, with the hash that each line makes."""
        return b"".join(_line(entry, entry_hash) for entry, entry_hash in self.chain)

    @property
    def scans(self) -> Mapping[str, AttachmentRow]:
        """The files by id."""
        return {one.id: one for one in self.attachments}

    def stated(
        self, *, now: datetime, certificates: Mapping[str, bytes], signed_fields: Sequence[str]
    ) -> PackageStatement:
        """Return the statement of a package of all this."""
        version = self.version
        assert version.record_hash
        assert version.archived_hash
        assert version.ended_at
        last, last_hash = self.chain[-1]
        return PackageStatement(
            docgen=docgen.__version__,
            contract_no=self.contract.contract_no,
            doc_no=version.doc_no,
            code=self.record.code,
            version=version.number,
            record_hash=version.record_hash,
            archived_hash=version.archived_hash,
            archived_at=version.ended_at.isoformat(),
            sealed_at=now.isoformat(timespec="seconds"),
            signed_fields=tuple(signed_fields),
            audit={"entries": len(self.chain), "last_seq": last.seq, "last_hash": last_hash},
            files=tuple(sorted(self._items(certificates), key=lambda one: one.path)),
            rows=self._rows(certificates),
        )

    def _items(self, certificates: Mapping[str, bytes]) -> Iterator[PackagedFile]:
        version = self.version
        assert version.archived_body
        yield _item(names.RECORD, "archived_record", version.archived_body.encode())
        yield _item(names.SUBMITTED, "submitted_record", version.body.encode())
        yield _item(names.CONTRACT, "contract", self.contract.body.encode())
        yield _item(names.AUDIT, "audit", self.audit)
        templates = self.templates
        yield PackagedFile(names.TEMPLATES, "templates", templates.sha256, templates.size_bytes)
        for path, data in certificates.items():
            yield _item(path, "certificate", data)
        for one in self.documents:
            yield PackagedFile(*place_of(one, version.doc_no), one.sha256, one.size_bytes)
        for file, path in zip(self.attachments, self._paths(), strict=True):
            kind = file.purpose if file.purpose in FOLDERS else "other"
            yield PackagedFile(path, kind, file.sha256, file.size_bytes)

    def _paths(self) -> list[str]:
        return [
            f"{FOLDERS.get(one.purpose, _UNSAFE.sub('_', one.purpose))}"
            f"/{number:02}-{_UNSAFE.sub('_', one.name)[-_NAME:]}"
            for number, one in enumerate(self.attachments, 1)
        ]

    def _rows(self, certificates: Mapping[str, bytes]) -> dict[str, Any]:
        ids = [one.id for one in self.attachments]
        return {
            "users": [portable(one, BODIES) for one in self.users],
            "contract": portable(self.contract, BODIES),
            "record": portable(self.record, BODIES),
            "version": portable(self.version, BODIES),
            "documents": [portable(one, BODIES) for one in self.documents],
            "attachments": [portable(one, BODIES) for one in self.attachments],
            "signoffs": [portable(one, BODIES) for one in self.signoffs],
            "assets": list(self.assets),
            "paths": dict(zip(ids, self._paths(), strict=True)),
            "certificates": {path: data.decode() for path, data in certificates.items()},
        }


def gather(session: Session, record: RecordRow, version: VersionRow) -> VersionContent:
    """Read everything of an archived version."""
    where = (record.id, version.number)
    signoffs = _of(
        session, SignoffRow, where, (SignoffRow.recorded_at, SignoffRow.role, SignoffRow.id)
    )
    attachments = _of(session, AttachmentRow, where, (AttachmentRow.position,))
    documents = _of(
        session, DocumentRow, where, (DocumentRow.stage, DocumentRow.format, DocumentRow.lang)
    )
    contract = session.get_one(ContractRow, record.contract_id)
    assets = select(RecordAssetRow.asset_no).where(RecordAssetRow.record_id == record.id)
    named = [contract, record, version, *attachments, *signoffs]
    return VersionContent(
        contract,
        record,
        version,
        session.get_one(BlobRow, version.templates),
        tuple(one for one in documents if one.stage != "evidence"),
        tuple(attachments),
        tuple(signoffs),
        tuple(_users(session, named)),
        tuple(session.scalars(assets.order_by(RecordAssetRow.asset_no))),
        tuple(_chain(session, record.id, version.doc_no)),
    )


def place_of(one: DocumentRow, doc_no: str) -> tuple[str, str]:
    """Return path and kind of a document."""
    if one.stage == "signed":
        return names.SIGNED, "signed_document"
    folder, kind = STAGES.get(one.stage, (f"documents/{one.stage}", "other"))
    lang = "" if one.lang == "zh" else f".{one.lang}"
    return f"{folder}/{doc_no}{lang}.{one.format}", kind


def _of(session: Session, table: Any, where: tuple[str, int], order: tuple[Any, ...]) -> list[Any]:
    query = select(table).where(table.record_id == where[0], table.number == where[1])
    return list(session.scalars(query.order_by(*order)))


def _users(session: Session, rows: Iterable[Any]) -> list[UserRow]:
    """Return the accounts that rows name."""
    ids = {
        getattr(row, column.key)
        for row in rows
        for column in row.__table__.columns
        if any(key.column.table is UserRow.__table__ for key in column.foreign_keys)
    }
    return list(
        session.scalars(select(UserRow).where(UserRow.id.in_(ids)).order_by(UserRow.username))
    )


def _chain(session: Session, record_id: str, doc_no: str) -> Iterator[tuple[ChainEntry, str]]:
    """Give the record's entries down to the archiving of that version."""
    query = (
        select(AuditEntryRow)
        .where(AuditEntryRow.subject_id == record_id)
        .order_by(AuditEntryRow.seq)
    )
    for row in session.scalars(query):
        yield ChainEntry(**{name: getattr(row, name) for name in _ENTRY}), row.entry_hash
        if row.action == "record.archived" and json.loads(row.detail)["doc_no"] == doc_no:
            return


def _line(entry: ChainEntry, entry_hash: str) -> bytes:
    plain = asdict(entry) | {"entry_hash": entry_hash}
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def _item(path: str, kind: str, data: bytes) -> PackagedFile:
    return PackagedFile(path, kind, hashlib.sha256(data).hexdigest(), len(data))
