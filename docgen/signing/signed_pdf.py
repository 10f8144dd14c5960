"""A version's signed PDF: the submitted bytes with signature fields, and a seal for each sign-off.

The bytes are never rendered again and only grow: each state begins with the one before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.errors import Conflict
from docgen.records.documents import SIGNED, StoredDocument, row_of
from docgen.signing.configuration import lasting, open_sealer, timestamper, trusted
from docgen.signing.fields import add_fields
from docgen.signing.keys import Sealer
from docgen.signing.seal import seal
from docgen.signing.verify import SignatureFinding, verify_pdf
from docgen.store.tables import DocumentRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork

STAGE, FORMAT, LANG = SIGNED, "pdf", "zh"
OVERTAKEN = "signed_meanwhile"


@dataclass(frozen=True)
class SealMark:
    """What a seal says: the role whose block it stands in, whose name, why, and how it looks.

    `image` is a drawn signature (PNG or JPEG), beside the name; `word` stands before the name.
    """

    role: str
    name: str
    reason: str
    image: bytes | None = None
    word: str = ""


@dataclass(frozen=True)
class UnsealedPdf:
    """The bytes that a seal is set in; `sha256` is theirs on record."""

    sha256: str
    signed: bool


@dataclass(frozen=True)
class Sealed:
    """A version's PDF with one more seal, whose bytes lie in the blob store."""

    before: UnsealedPdf
    made: StoredDocument


def base_of(session: Session, version: VersionRow) -> UnsealedPdf | None:
    """Return what the next seal is set in; None for a version that has no PDF."""
    found = _documents(session, version)
    if kept := found.get(STAGE) or found.get("submitted"):
        return UnsealedPdf(kept.sha256, kept.stage == STAGE)
    return None


def sealed(store: Store, before: UnsealedPdf, mark: SealMark) -> Sealed:
    """Set a seal, and keep the bytes; outside transactions, for it may ask a time stamp far away.

    The first seal brings the fields of all sign-off blocks. Raises as `docgen.signing.seal.seal`.
    """
    pdf = store.blobs.get(before.sha256)
    if not before.signed:
        pdf = add_fields(pdf)
    now = store.clock()
    data = set_seal(store, pdf, mark, by=open_sealer(store.settings, now), now=now)
    made = StoredDocument(FORMAT, LANG, store.blobs.put(data), len(data), before.sha256)
    return Sealed(before, made)


def set_seal(store: Store, pdf: bytes, mark: SealMark, *, by: Sealer, now: datetime) -> bytes:
    """Set a seal with time stamps and proofs as the settings ask. Raises as `seal`."""
    return seal(
        pdf,
        mark.role,
        by,
        image=mark.image,
        name=mark.name,
        word=mark.word,
        reason=mark.reason,
        now=now,
        timestamper=timestamper(store.settings),
        lta=lasting(store.settings),
        trust=trusted(store.settings),
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
    store: Store, session: Session, version: VersionRow, roles: list[str]
) -> list[SignatureFinding]:
    """Verify the signed PDF as it lies in the store: every role sealed, and nothing altered."""
    base = base_of(session, version)
    if base is None:
        return []
    data = store.blobs.get(base.sha256)
    verdict = verify_pdf(data, trusted(store.settings), expected=roles, sha256=base.sha256)
    return verdict.alterations


def _documents(session: Session, version: VersionRow) -> dict[str, DocumentRow]:
    query = select(DocumentRow).where(
        DocumentRow.record_id == version.record_id,
        DocumentRow.number == version.number,
        DocumentRow.format == FORMAT,
        DocumentRow.lang == LANG,
        DocumentRow.stage.in_((STAGE, "submitted")),
    )
    return {one.stage: one for one in session.scalars(query)}
