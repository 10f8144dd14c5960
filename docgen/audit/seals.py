"""The seals in stored PDFs against the record: who signed, and which head they name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from asn1crypto import x509
from sqlalchemy import Connection, select

from docgen.errors import InputUnreadable, StoreFault
from docgen.records.documents import EVIDENCE, SIGNED
from docgen.signing.audit_head import head_in, reasons
from docgen.signing.configuration import trusted
from docgen.signing.verify import SignatureVerdict, verify_pdf
from docgen.store.audit_chain import Break, Head
from docgen.store.tables import DocumentRow, RecordRow, SignoffRow, VersionRow
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


def compare(store: Store, connection: Connection) -> Iterator[list[Break]]:
    """Give what is wrong with each sealed file, one after the other."""
    roots, last = trusted(store.settings), 0
    while True:
        batch = select(RecordRow.seq).where(RecordRow.seq > last).order_by(RecordRow.seq)
        seqs = connection.scalars(batch.limit(AT_ONCE)).all()
        if not seqs:
            return
        last = seqs[-1]
        files = connection.execute(_FILES.where(RecordRow.seq.in_(seqs)).order_by(RecordRow.seq))
        for file in [SealedFile(*row) for row in files]:
            yield list(_faults(store, connection, file, roots))


def unknown_head(store: Store, connection: Connection) -> tuple[str, Head] | None:
    """Return document and head of a seal, of the newest ones, that the trail does not hold.

    Files that are lost or damaged are passed over: `compare` tells of them.
    """
    query = _FILES.order_by(DocumentRow.created_at.desc()).limit(NEWEST)
    for file in [SealedFile(*row) for row in connection.execute(query)]:
        try:
            named = reasons(store.blobs.get(file.sha256))
        except (StoreFault, InputUnreadable):
            continue
        for reason in named.values():
            if (head := head_in(reason)) and not holds(connection, head):
                return file.doc_no, head
    return None


def _faults(
    store: Store,
    connection: Connection,
    file: SealedFile,
    roots: list[x509.Certificate],
) -> Iterator[Break]:
    """Name what is wrong with a sealed file: its seals, their heads, whose they are."""
    try:
        data = store.blobs.get(file.sha256)
    except StoreFault as lost:
        yield Break("sealed_file_lost", 0, {"place": file.doc_no, "fault": lost.messages()})
        return
    signoffs = _sealed_signoffs(connection, file) if file.stage == SIGNED else {}
    verdict = verify_pdf(data, roots, expected=list(signoffs), sha256=file.sha256)
    for found in verdict.findings:
        yield Break("seal_faulty", 0, {"place": file.doc_no, "fault": found.messages()})
    if any(one.code == "unreadable" for one in verdict.findings):
        return
    for field, reason in reasons(data).items():
        head, place = head_in(reason), f"{file.doc_no} {field}"
        if head is None:
            yield Break("seal_without_head", 0, {"place": place})
        elif not holds(connection, head):
            yield Break("seal_head_differs", head.seq, {"place": place})
    if file.stage == SIGNED:
        yield from _strangers(file.doc_no, verdict, signoffs)


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
