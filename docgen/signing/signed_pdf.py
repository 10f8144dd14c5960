"""A version's signed PDF: the submitted bytes with signature fields, and a seal for each sign-off.

The bytes are never rendered again and only grow: each state begins with the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.errors import Conflict
from docgen.records.documents import SIGNED, StoredDocument, row_of
from docgen.signing.comparison import compare, due_seals
from docgen.signing.configuration import lasting, open_sealer, timestamper, trusted
from docgen.signing.fields import add_fields
from docgen.signing.keys import Sealer
from docgen.signing.seal import seal
from docgen.signing.seal_reason import SealReason
from docgen.signing.verify import SignatureFinding, verify_pdf
from docgen.store.audit_chain import detail_of
from docgen.store.tables import AttachmentRow, AuditEntryRow, DocumentRow, SignoffRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork, head_of

STAGE, FORMAT, LANG = SIGNED, "pdf", "zh"
OVERTAKEN = "signed_meanwhile"
_SEALING = ("record.submitted", "record.signed")


@dataclass(frozen=True)
class SealMark:
    """What a seal says, and how it looks; the role is that of the block in which it stands.

    `image` is a drawn signature (PNG or JPEG), beside the name; `word` stands before the name.
    """

    reason: SealReason
    image: bytes | None = None
    word: str = ""


@dataclass(frozen=True)
class UnsealedPdf:
    """The bytes that a seal is set in; `sha256` is theirs on record.

    `revisions` are the hashes of what was stored after each seal, as the audit trail names them.
    """

    sha256: str
    signed: bool
    revisions: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Sealed:
    """A version's PDF with one more seal, whose bytes lie in the blob store; `reason` is its.

    `certificate` is the fingerprint (sha256) of the seal's.
    """

    before: UnsealedPdf
    made: StoredDocument
    reason: SealReason
    certificate: str

    def named(self) -> dict[str, str]:
        """Return what an entry of the audit trail names of it."""
        return {"signed_pdf": self.made.sha256, "seal": self.certificate}


def base_of(session: Session, version: VersionRow) -> UnsealedPdf | None:
    """Return what the next seal is set in; None for a version that has no PDF."""
    found = _documents(session, version)
    if kept := found.get(STAGE) or found.get("submitted"):
        return UnsealedPdf(kept.sha256, kept.stage == STAGE, tuple(revisions(session, version)))
    return None


def revisions(session: Session, version: VersionRow) -> list[str]:
    """Return the sha256 of the signed PDF after each seal, as the audit trail names them."""
    query = select(AuditEntryRow.detail).where(
        AuditEntryRow.subject_id == version.record_id, AuditEntryRow.action.in_(_SEALING)
    )
    details = map(detail_of, session.scalars(query.order_by(AuditEntryRow.seq)))
    named = [one for one in details if one.get("doc_no") == version.doc_no]
    return [one["signed_pdf"] for one in named if "signed_pdf" in one]


def sealed(store: Store, before: UnsealedPdf, mark: SealMark) -> Sealed:
    """Set a seal, and keep the bytes; outside transactions, for it may ask a time stamp far away.

    The first seal brings the fields of all sign-off blocks. Raises as `docgen.signing.seal.seal`.
    """
    pdf = store.blobs.get(before.sha256)
    if not before.signed:
        pdf = add_fields(pdf)
    sealer = open_sealer(store.settings, mark.reason.signed_at)
    data = set_seal(store, pdf, mark, by=sealer, revisions=before.revisions)
    made = StoredDocument(FORMAT, LANG, store.blobs.put(data), len(data), before.sha256)
    return Sealed(before, made, mark.reason, sealer.certificate.sha256.hex())


def set_seal(
    store: Store, pdf: bytes, mark: SealMark, *, by: Sealer, revisions: Sequence[str] = ()
) -> bytes:
    """Set a seal with time stamps and proofs as the settings ask. Raises as `seal`.

    Its reason names the trail's head.
    """
    with store.reading() as session:
        reason = replace(mark.reason, audit=str(head_of(session)))
    return seal(
        pdf,
        reason.role,
        by,
        image=mark.image,
        name=reason.shown_name,
        word=mark.word,
        reason=reason.text(),
        now=reason.signed_at,
        timestamper=timestamper(store.settings),
        lta=lasting(store.settings),
        trust=trusted(store.settings),
        revisions=revisions,
    )


def begun(store: Store, made: Mapping[str, StoredDocument], mark: SealMark) -> Sealed:
    """Seal a PDF that was rendered just now, for the author."""
    return sealed(store, UnsealedPdf(made[FORMAT].sha256, signed=False), mark)


def keep(unit: UnitOfWork, version: VersionRow, given: Sealed) -> None:
    """Name the new bytes. Conflict: signed_meanwhile, when somebody else's seal came first.

    `skip_key` of the row is the sha256 of the bytes in which the newest seal was set.
    """
    if base_of(unit.session, version) != given.before:
        raise Conflict("signed_meanwhile")
    made = given.made
    unit.keep_blob(made.sha256, made.size_bytes)
    unit.session.merge(row_of((version.record_id, version.number), STAGE, made, unit.now))


def faults(
    store: Store, session: Session, version: VersionRow, given: Sequence[SignoffRow]
) -> list[SignatureFinding]:
    """Verify the signed PDF as it lies in the store: nothing altered, and sealed as on record."""
    base = base_of(session, version)
    if base is None:
        return []
    data = store.blobs.get(base.sha256)
    roles = [one.role for one in given]
    verdict = verify_pdf(
        data,
        trusted(store.settings),
        expected=roles,
        sha256=base.sha256,
        revisions=base.revisions,
    )
    found = [*verdict.alterations, *compare(verdict.signatures, reasons(session, version, given))]
    return [*dict.fromkeys(found)]


def reasons(session: Session, version: VersionRow, given: Sequence[SignoffRow]) -> list[SealReason]:
    """Return what the seals have to say of the sign-offs on record; a disagreement has no seal."""
    assert version.record_hash
    ids = [one.scan_id for one in given if one.scan_id]
    scans = {scan_id: session.get_one(AttachmentRow, scan_id).sha256 for scan_id in ids}
    return due_seals(version.record_hash, given, scans)


def _documents(session: Session, version: VersionRow) -> dict[str, DocumentRow]:
    query = select(DocumentRow).where(
        DocumentRow.record_id == version.record_id,
        DocumentRow.number == version.number,
        DocumentRow.format == FORMAT,
        DocumentRow.lang == LANG,
        DocumentRow.stage.in_((STAGE, "submitted")),
    )
    return {one.stage: one for one in session.scalars(query)}
