"""The seals in stored PDFs against the record: who signed, and which head they name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, select

from docgen.errors import InputUnreadable, StoreFault
from docgen.records.documents import EVIDENCE, SIGNED
from docgen.signing.audit_head import head_in, reasons
from docgen.signing.configuration import trusted
from docgen.signing.verify import SignatureVerdict, verify_pdf
from docgen.store.audit_chain import Break, Head
from docgen.store.tables import AuditEntryRow, DocumentRow, RecordRow, SignoffRow, VersionRow
from docgen.store.unit_of_work import Store, holds
from schemas.envelope import Opinion

AT_ONCE = 200  # records whose sealed files are listed at a time
NEWEST = 3  # sealed files that are looked at before the service starts
_FILES = (
    select(
        DocumentRow.sha256,
        DocumentRow.stage,
        DocumentRow.record_id,
        DocumentRow.number,
        VersionRow.doc_no,
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
        self.roots = trusted(self.store.settings)
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
        try:
            data = self.store.blobs.get(file.sha256)
        except StoreFault as lost:
            fault = lost.messages()
            yield Break("sealed_file_lost", 0, {"place": file.doc_no, "fault": fault})
            return
        signoffs = _sealed_signoffs(self.connection, file) if file.stage == SIGNED else {}
        verdict = verify_pdf(data, self.roots, expected=list(signoffs), sha256=file.sha256)
        foreign = file.version in self.restored
        for found in verdict.findings:
            if not (foreign and found.code == "signer_unknown"):
                yield Break("seal_faulty", 0, {"place": file.doc_no, "fault": found.messages()})
        if any(one.code == "unreadable" for one in verdict.findings):
            return
        if not foreign:
            yield from self._heads(file, reasons(data))
        if file.stage == SIGNED:
            yield from _strangers(file.doc_no, verdict, signoffs)

    def _heads(self, file: SealedFile, named: dict[str, str]) -> Iterator[Break]:
        for field, reason in named.items():
            head, place = head_in(reason), {"place": f"{file.doc_no} {field}"}
            if head is None:
                yield Break("seal_without_head", 0, place)
            elif not holds(self.connection, head):
                yield Break("seal_head_differs", head.seq, place)


def unknown_head(store: Store, connection: Connection) -> tuple[str, Head] | None:
    """Return document and head of a seal, of the newest ones, that the trail does not hold.

    Files that are lost or damaged are passed over: a comparison tells of them.
    """
    restored = _restored(connection)
    query = _FILES.order_by(DocumentRow.created_at.desc()).limit(NEWEST)
    for file in [SealedFile(*row) for row in connection.execute(query)]:
        try:
            named = reasons(store.blobs.get(file.sha256))
        except (StoreFault, InputUnreadable):
            continue
        for head in filter(None, map(head_in, named.values())):
            if file.version not in restored and not holds(connection, head):
                return file.doc_no, head
    return None


def _restored(connection: Connection) -> set[tuple[str, str]]:
    """Return the versions that came out of packages: record and document number."""
    query = select(AuditEntryRow.subject_id, AuditEntryRow.detail).where(
        AuditEntryRow.action == "archive.restored"
    )
    return {
        (record_id, str(json.loads(detail)["doc_no"]))
        for record_id, detail in connection.execute(query)
    }


def _sealed_signoffs(connection: Connection, file: SealedFile) -> dict[str, str]:
    """Return whose name each field bears; a disagreement seals nothing."""
    query = select(SignoffRow.role, SignoffRow.name).where(
        SignoffRow.record_id == file.record_id,
        SignoffRow.number == file.number,
        SignoffRow.opinion != Opinion.disagree,
    )
    return {row.role: row.name for row in connection.execute(query)}


def _strangers(doc_no: str, verdict: SignatureVerdict, signoffs: dict[str, str]) -> Iterator[Break]:
    """Name seals that no sign-off has, and those in another name than it."""
    for one in verdict.signatures:
        place = {"place": f"{doc_no} {one.field}", "sealed": one.name}
        if one.field not in signoffs:
            yield Break("seal_without_signoff", 0, place)
        elif one.name.partition("（")[0] != signoffs[one.field].partition("（")[0]:
            yield Break("seal_name_differs", 0, place | {"name": signoffs[one.field]})
