"""Files that people add to a version: attachments of a draft, scans of a signed paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.errors import Conflict, NotFound
from docgen.records.records import need_author, note_record, touched, visible
from docgen.records.states import Step, refuse, wrong_state
from docgen.signing import paper
from docgen.store.tables import AttachmentRow, RecordRow, VersionRow
from docgen.store.tables.base import portable
from docgen.store.unit_of_work import UnitOfWork
from docgen.uploads import Purpose, Upload
from docgen.uploads.scans import ScannedCode

MOST_FILES = 50  # of a version, its scans and the pictures of signatures included


@dataclass(frozen=True)
class Scan:
    """What is known of a scan: the codes on it, and whether somebody answers for their lack."""

    seen: tuple[ScannedCode, ...] = ()
    unmatched: bool = False


def allowed(
    unit: UnitOfWork, record_id: str, number: int, purpose: Purpose, *, lock: bool = True
) -> tuple[RecordRow, VersionRow]:
    """Return the version if the actor may add a file of this purpose to it now.

    Attachments belong to a draft and are its author's to add; scans to a version under review.
    Raises NotFound, NotAllowed, TransitionRefused, Conflict (too_many_files).
    """
    record, version = visible(unit.session, unit.actor, record_id, number, lock=lock)
    if purpose == "attachment":
        need_author(unit, record)
        refuse(Step.submit, wrong_state(Step.submit, version.state))
    else:
        if not unit.actor.may(Ability.write_records):
            unit.actor.need(Ability.receive)
        refuse(Step.sign, wrong_state(Step.sign, version.state))
    count = select(func.count()).where(
        AttachmentRow.record_id == record.id, AttachmentRow.number == version.number
    )
    if (unit.session.scalar(count) or 0) >= MOST_FILES:
        raise Conflict("too_many_files", limit=MOST_FILES)
    return record, version


def scanned(unit: UnitOfWork, where: tuple[str, int], scan: Scan) -> paper.Matched:
    """Say what a scan shows of a version. Raises as `allowed` and `paper.matched`."""
    _, version = allowed(unit, *where, "scan", lock=False)
    return _matched(version, scan)


def add(
    unit: UnitOfWork,
    where: tuple[str, int],
    upload: Upload,
    *,
    note: str | None,
    scan: Scan | None = None,
) -> tuple[RecordRow, AttachmentRow]:
    """Name a file whose bytes lie in the blob store already: an attachment, or a scan.

    Raises as `allowed`, and UploadRefused for a scan of something else.
    """
    purpose: Purpose = "scan" if scan else "attachment"
    record, version = allowed(unit, *where, purpose)
    matched = _matched(version, scan) if scan else None
    assert unit.actor.user_id
    row = add_attachment(
        unit, version, purpose, upload, by=unit.actor.user_id, note=note, matched=matched
    )
    touched(unit, record)
    note_record(
        unit,
        "file.added",
        record,
        doc_no=version.doc_no,
        purpose=purpose,
        attachments={row.id: portable(row)},
        **_scan_detail(scan, row),
    )
    return record, row


def add_attachment(
    unit: UnitOfWork,
    version: VersionRow,
    purpose: Purpose | Literal["signature"],
    upload: Upload,
    *,
    by: str,
    note: str | None = None,
    matched: str | None = None,
) -> AttachmentRow:
    """Name a file after those that the version, whose record is locked, has already."""
    unit.keep_blob(upload.sha256, upload.size_bytes)
    newest = select(func.max(AttachmentRow.position)).where(
        AttachmentRow.record_id == version.record_id, AttachmentRow.number == version.number
    )
    row = AttachmentRow(
        id=unit.new_id(),
        record_id=version.record_id,
        number=version.number,
        position=(unit.session.scalar(newest) or 0) + 1,
        purpose=purpose,
        name=upload.name,
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        sha256=upload.sha256,
        note=note,
        matched=matched,
        created_by=by,
        created_at=unit.now,
    )
    unit.session.add(row)
    unit.session.flush()
    return row


def remove(unit: UnitOfWork, where: tuple[str, int], file_id: str) -> RecordRow:
    """Take an attachment away from a draft. Raises NotFound, NotAllowed, TransitionRefused."""
    record, version = allowed(unit, *where, "attachment")
    row = _of(unit.session, version, file_id)
    if row.purpose != "attachment":
        raise NotFound("not_found.attachment")
    unit.session.delete(row)
    touched(unit, record)
    note_record(unit, "file.removed", record, doc_no=version.doc_no, file=row.id, sha256=row.sha256)
    return record


def listed(session: Session, actor: Actor, record_id: str, number: int) -> Sequence[AttachmentRow]:
    """List the files of a version, in the order they came."""
    record, version = visible(session, actor, record_id, number)
    query = select(AttachmentRow).where(
        AttachmentRow.record_id == record.id, AttachmentRow.number == version.number
    )
    return session.scalars(query.order_by(AttachmentRow.position)).all()


def opened(unit: UnitOfWork, where: tuple[str, int], file_id: str) -> AttachmentRow:
    """Return a file to be read, with its access in the audit trail. Raises NotFound."""
    record, version = visible(unit.session, unit.actor, *where)
    row = _of(unit.session, version, file_id)
    note_record(unit, "file.read", record, file=row.id, sha256=row.sha256)
    return row


def _matched(version: VersionRow, scan: Scan) -> paper.Matched:
    return paper.matched(
        scan.seen, version.doc_no, version.record_hash or "", unmatched=scan.unmatched
    )


def _scan_detail(scan: Scan | None, row: AttachmentRow) -> dict[str, str | bool | None]:
    """Return what the audit trail says of a scan: what was matched, and the word given for it."""
    if scan is None:
        return {}
    return {"matched": row.matched, "unmatched": scan.unmatched, "reason": row.note}


def _of(session: Session, version: VersionRow, file_id: str) -> AttachmentRow:
    row = session.get(AttachmentRow, file_id)
    if row is None or (row.record_id, row.number) != (version.record_id, version.number):
        raise NotFound("not_found.file")
    return row
