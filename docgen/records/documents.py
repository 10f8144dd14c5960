"""The documents of a version: rendered once, stored by hash, read by the contract's members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

import docgen
from docgen.access import Actor
from docgen.errors import NotFound
from docgen.pipeline import RenderedFile, RenderRequest, pinned_bundle, skip_key
from docgen.records.records import contract_of, visible
from docgen.store.database import insert_into
from docgen.store.tables import ContractRow, DocumentRow, RecordRow, RenderingRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork

SIGNED, EVIDENCE = "signed", "evidence"  # stages of the files that seals are set in
# States in which the content of a version can change no more.
FIXED = frozenset({"submitted", "in_review", "returned", "approved", "archived"})


@dataclass(frozen=True)
class StoredDocument:
    """A rendered file that lies in the blob store; `text_hash` is that of a `RenderedFile`."""

    format: str
    lang: str
    sha256: str
    size_bytes: int
    skip_key: str
    text_hash: str = ""


@dataclass(frozen=True)
class DocumentRequest:
    """A requested document: the sha256 of the stored file, or the order that renders it.

    `fixed` says that the version is submitted, so that the file belongs to it for good.
    """

    record_id: str
    contract_id: str
    number: int
    doc_no: str
    stage: str
    format: str
    fixed: bool
    order: RenderRequest
    sha256: str = ""


def order_for(
    store: Store,
    data: bytes,
    contract: ContractRow,
    *,
    code: str,
    now: datetime,
    lang: str = "zh",
    pinned: bytes = b"",
) -> RenderRequest:
    """Return the order that renders a record of a contract, with a template bundle or without."""
    return RenderRequest(
        data,
        now,
        code=code,
        lang=lang,
        contract=contract.body.encode(),
        templates=store.settings.template_folders,
        theme=store.settings.theme_folder,
        verify_url=store.settings.verify_url,
        pinned=pinned,
    )


def bundle_of(store: Store, code: str, version: VersionRow | None = None) -> bytes:
    """Return the template bundle that was fixed when a version was submitted, else today's.

    Raises StoreFault, SettingWrong, TemplateFaulty.
    """
    if version and version.templates:
        return store.blobs.get(version.templates)
    settings = store.settings
    return pinned_bundle(
        settings.template_folders, settings.theme_folder, code, settings.verify_url
    )


def find(
    store: Store,
    actor: Actor,
    record_id: str,
    *,
    number: int,
    format_name: str,
    lang: str,
    stage: str = "submitted",
) -> DocumentRequest:
    """Find a document of a version. Raises NotFound."""
    with store.reading() as session:
        record, version = visible(session, actor, record_id, number)
        kept = session.get(DocumentRow, (record.id, version.number, stage, format_name, lang))
        if stage == SIGNED and not kept:
            raise NotFound("not_found.signed_document")
        pinned = b"" if kept else bundle_of(store, record.code, version)
        order = _order(store, session, (record, version), stage=stage, lang=lang, pinned=pinned)
        sha256 = kept.sha256 if kept else _rendered(session, order, format_name)
        return DocumentRequest(
            record.id,
            record.contract_id,
            version.number,
            version.doc_no,
            stage,
            format_name,
            version.state in FIXED,
            order,
            sha256,
        )


def store_file(
    store: Store, order: RenderRequest, format_name: str, made: RenderedFile
) -> StoredDocument:
    """Put a rendered file into the blob store; its row comes later."""
    key = skip_key(order, format_name, docgen.__version__)
    sha256 = store.blobs.put(made.data)
    return StoredDocument(format_name, order.lang, sha256, len(made.data), key, made.text_hash)


def keep_documents(
    unit: UnitOfWork, version: VersionRow, stage: str, made: Mapping[str, StoredDocument]
) -> None:
    """Assign stored files to a version."""
    for one in made.values():
        keep_rendering(unit, one)
        unit.session.merge(row_of((version.record_id, version.number), stage, one, unit.now))


def named_documents(stage: str, made: Mapping[str, StoredDocument]) -> dict[str, str]:
    """Return how entries name the files of a version: stage/format/language and sha256."""
    return {f"{stage}/{one.format}/{one.lang}": one.sha256 for one in made.values()}


def row_of(where: tuple[str, int], stage: str, made: StoredDocument, now: datetime) -> DocumentRow:
    """Return the row that names a file of a version (record id, number)."""
    record_id, number = where
    return DocumentRow(
        record_id=record_id, number=number, stage=stage, created_at=now, **vars(made)
    )


def keep_rendering(unit: UnitOfWork, made: StoredDocument) -> None:
    """Note by its skip key what was rendered, so that it is not rendered again."""
    unit.keep_blob(made.sha256, made.size_bytes)
    row = insert_into(unit.session, RenderingRow).values(
        skip_key=made.skip_key, sha256=made.sha256, created_at=unit.now
    )
    unit.session.execute(row.on_conflict_do_nothing())


def _order(
    store: Store,
    session: Session,
    found: tuple[RecordRow, VersionRow],
    *,
    stage: str,
    lang: str,
    pinned: bytes,
) -> RenderRequest:
    record, version = found
    body = version.archived_body if stage == "archived" else version.body
    if body is None:
        raise NotFound("not_found.document")
    moment = version.ended_at or version.submitted_at or store.clock()
    contract = contract_of(session, record)
    return order_for(
        store, body.encode(), contract, code=record.code, now=moment, lang=lang, pinned=pinned
    )


def _rendered(session: Session, order: RenderRequest, format_name: str) -> str:
    key = skip_key(order, format_name, docgen.__version__)
    query = select(RenderingRow.sha256).where(RenderingRow.skip_key == key)
    return session.scalar(query) or ""


def remember_file(unit: UnitOfWork, found: DocumentRequest, made: StoredDocument) -> None:
    """Keep a file that was made on demand: for good with a submitted version, else as a preview."""
    keep_rendering(unit, made)
    if found.fixed:
        _, version = visible(unit.session, unit.actor, found.record_id, found.number)
        keep_documents(unit, version, found.stage, {made.format: made})
        unit.note(
            "document.rendered",
            ("record", found.record_id),
            found.contract_id,
            doc_no=found.doc_no,
            documents=named_documents(found.stage, {made.format: made}),
        )


def note_access(unit: UnitOfWork, found: DocumentRequest, sha256: str) -> None:
    """Put the access to a file into the audit trail."""
    unit.note(
        "document.read",
        ("record", found.record_id),
        found.contract_id,
        doc_no=found.doc_no,
        format=found.format,
        lang=found.order.lang,
        stage=found.stage,
        sha256=sha256,
    )
