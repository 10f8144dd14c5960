"""The seals in stored PDFs against the record: who signed, and which head they name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from docgen.errors import InputUnreadable, StoreFault
from docgen.records.documents import EVIDENCE, SIGNED
from docgen.records.records import signoffs
from docgen.signing.comparison import compare
from docgen.signing.configuration import trusted
from docgen.signing.damaged_pdf import damage_refused
from docgen.signing.pdf_reader import SignedPdfReader
from docgen.signing.seal_reason import SealReason
from docgen.signing.signed_pdf import reasons, revisions
from docgen.signing.verify import SignatureVerdict, verify_pdf
from docgen.store.audit_chain import Break, Head, detail_of
from docgen.store.tables import AuditEntryRow, DocumentRow, RecordRow, VersionRow
from docgen.store.unit_of_work import Store, holds, moment_text

ACCEPTED = "trail.accepted"
AT_ONCE = 200  # records whose sealed files are listed at a time
NEWEST = 3  # sealed files that are looked at before the service starts
_FILES = (
    select(
        DocumentRow.sha256,
        DocumentRow.stage,
        DocumentRow.record_id,
        DocumentRow.number,
        VersionRow.doc_no,
        DocumentRow.created_at,
    )
    .join(RecordRow, RecordRow.id == DocumentRow.record_id)
    .join(
        VersionRow,
        (VersionRow.record_id == DocumentRow.record_id) & (VersionRow.number == DocumentRow.number),
    )
    .where(DocumentRow.stage.in_((SIGNED, EVIDENCE)))
)


class SealedFile(NamedTuple):
    """A file of a version in which there are seals."""

    sha256: str
    stage: str
    record_id: str
    number: int
    doc_no: str
    created_at: datetime

    @property
    def sealed_at(self) -> str:
        """When it was stored, as entries of the trail write it."""
        return moment_text(self.created_at)

    @property
    def version(self) -> tuple[str, str]:
        """Record and document number."""
        return self.record_id, self.doc_no


@dataclass
class SealComparison:
    """Compares sealed files; `files` counts them, `foreign` those restored out of packages.

    Their seals name heads of the trail of another service, and may be another's.
    """

    store: Store
    connection: Connection
    files: int = 0
    foreign: int = 0

    def __post_init__(self) -> None:
        self.trust = trusted(self.store.settings)
        self.restored = _restored(self.connection)

    def run(self) -> Iterator[Break]:
        """Name what is wrong with the sealed files, one after the other."""
        last = 0
        while True:
            batch = select(RecordRow.seq).where(RecordRow.seq > last).order_by(RecordRow.seq)
            seqs = self.connection.scalars(batch.limit(AT_ONCE)).all()
            if not seqs:
                return
            last = seqs[-1]
            query = _FILES.where(RecordRow.seq.in_(seqs)).order_by(RecordRow.seq)
            for file in [SealedFile(*row) for row in self.connection.execute(query)]:
                self.files += 1
                self.foreign += file.version in self.restored
                yield from self._faults(file)

    def _faults(self, file: SealedFile) -> Iterator[Break]:
        place, foreign = {"place": file.doc_no}, file.version in self.restored
        try:
            data = self.store.blobs.get(file.sha256)
        except StoreFault as lost:
            yield Break("sealed_file_lost", 0, place | {"fault": lost.messages()})
            return
        due, earlier = self._due(file) if file.stage == SIGNED else ([], [])
        verdict = verify_pdf(
            data,
            self.trust,
            expected=[one.role for one in due],
            sha256=file.sha256,
            revisions=earlier,
        )
        found = verdict.alterations if foreign else verdict.findings
        if file.stage == SIGNED:
            found = [*dict.fromkeys([*found, *compare(verdict.signatures, due)])]
        for one in found:
            yield Break("seal_faulty", 0, place | {"fault": one.messages()})
        if not foreign:
            yield from self._heads(file.doc_no, verdict)

    def _due(self, file: SealedFile) -> tuple[list[SealReason], list[str]]:
        """Return what the seals have to say of the sign-offs on record, and the file's states."""
        session = Session(bind=self.connection, autoflush=False)
        version = session.get_one(VersionRow, (file.record_id, file.number))
        given = signoffs(session, file.record_id, file.number)
        return reasons(session, version, given), revisions(session, version)

    def _heads(self, doc_no: str, verdict: SignatureVerdict) -> Iterator[Break]:
        for one in verdict.signatures:
            place = {"place": f"{doc_no} {one.field}"}
            head = Head.parsed(one.statement.audit) if one.statement else None
            if head is None:
                yield Break("seal_without_head", 0, place)
            elif not holds(self.connection, head):
                yield Break("seal_head_differs", head.seq, place)


def unknown_head(store: Store, connection: Connection) -> tuple[str, Head] | None:
    """Return document and head of a seal, of the newest ones, that the trail does not hold.

    Files that are lost or damaged are passed over, a comparison tells of them; and those that were
    sealed before an operator went on from a trail that lacked something.
    """
    restored = _restored(connection)
    query = _FILES.order_by(DocumentRow.created_at.desc()).limit(NEWEST)
    for file in [SealedFile(*row) for row in connection.execute(query)]:
        try:
            heads = _heads_in(store.blobs.get(file.sha256))
        except (StoreFault, InputUnreadable):
            continue
        for head in heads:
            if file.version in restored or holds(connection, head):
                continue
            accepted = select(AuditEntryRow.seq).where(
                AuditEntryRow.action == ACCEPTED, AuditEntryRow.at >= file.sealed_at
            )
            if connection.scalar(accepted.limit(1)) is None:
                return file.doc_no, head
    return None


def _heads_in(pdf: bytes) -> list[Head]:
    """Return the heads that the seals of a file name, unverified. InputUnreadable."""
    with damage_refused():
        seals = SignedPdfReader(pdf).embedded_regular_signatures
        said = [SealReason.parse(str(one.sig_object.get("/Reason", ""))) for one in seals]
    return [head for one in said if one and (head := Head.parsed(one.audit))]


def _restored(connection: Connection) -> set[tuple[str, str]]:
    """Return the versions that came out of packages: record and document number."""
    query = select(AuditEntryRow.subject_id, AuditEntryRow.detail).where(
        AuditEntryRow.action == "archive.restored"
    )
    return {
        (record_id, str(detail_of(detail).get("doc_no")))
        for record_id, detail in connection.execute(query)
    }
