"""What the public verification page shows: the state of a version, and whether a file is genuine.

Whoever holds a paper knows its code; without one nothing is shown, and of a draft nothing at all.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from docgen.accounts import attempts
from docgen.accounts.attempts import GuessedSecret, Locked
from docgen.accounts.sessions import nobody
from docgen.contracts.contracts import model_of
from docgen.errors import NotFound
from docgen.records.records import contract_of, signoffs
from docgen.signing.comparison import compare
from docgen.signing.signed_pdf import STAGE, reasons, revisions
from docgen.signing.trust import Trust
from docgen.signing.verify import SignatureFinding, SignatureVerdict, verify_pdf
from docgen.store.tables import DocumentRow, RecordRow, VersionRow
from docgen.store.unit_of_work import Store
from schemas.catalog import record_model
from schemas.envelope import Status
from schemas.values import parse_day

WRONG_CODES = 20
CODE = re.compile(r"[0-9A-F]{16}")
_FILLING = re.compile(r"[\s-]+")
_AFTER_HEX = "g"
_LATER = ("signature_absent", "revision_differs")  # what an earlier state lacks
Outcome = Literal[
    "on_record",
    "stamped_later",
    "earlier",
    "signoffs_differ",
    "not_on_record",
    "altered",
    "signer_unknown",
    "unsigned",
    "unreadable",
]
UNALTERED = ("not_on_record", "signer_unknown", "unsigned")
"""What a file may show by itself that is one on record, or was one."""


@dataclass(frozen=True)
class Standing:
    """How a version stands, as anybody with its code may know; the rest is for looking on."""

    doc_no: str
    title: dict[str, str]
    state: Status
    doc_date: date
    sha256: str
    signers: tuple[str, ...]
    record_id: str
    number: int


@dataclass(frozen=True)
class FileCheck:
    """What was found of a file. `stage` says which one on record it is, or comes before.

    A file that is `stamped_later` is one on record, with trusted time stamps or proofs after it.
    Where the `signoffs_differ`, the seals in a genuine file say something else than the records.
    """

    outcome: Outcome
    verdict: SignatureVerdict
    stage: str = ""
    differences: tuple[SignatureFinding, ...] = ()


def code_of(text: str) -> str:
    """Return a code as it was typed, without blanks and hyphens, in capitals."""
    return _FILLING.sub("", text).upper()


def standing(store: Store, text: str, address: str) -> Standing:
    """Say how the version of a code stands.

    Raises NotFound for an unknown code as for a draft's, Locked after too many of them.
    """
    code, target = code_of(text), GuessedSecret("verification", address, WRONG_CODES)
    with store.reading() as session:
        _refuse_locked(session, store, target)
        found = _found(session, code) if CODE.fullmatch(code) else None
        if found is not None:
            return _standing(session, *found, code.lower())
    if CODE.fullmatch(code):  # what cannot be a code guesses at none
        _count(store, target, address)
    raise NotFound("no_such_code")


def examine(data: bytes, trust: Trust) -> SignatureVerdict:
    """Verify a file's signatures; for a child, since anybody may send anything."""
    return verify_pdf(data, trust)


def compared(store: Store, one: Standing, data: bytes, verdict: SignatureVerdict) -> FileCheck:
    """Compare a file with those on record of a version, and its seals with the sign-offs."""
    check = _compared(store, one, data, verdict)
    if check.stage != STAGE:
        return check
    with store.reading() as session:
        version = session.get_one(VersionRow, (one.record_id, one.number))
        due = reasons(session, version, signoffs(session, one.record_id, one.number))
        stored = revisions(session, version)
    gone = [each for each in stored if each not in verdict.revisions]
    found = [SignatureFinding("revision_differs", each) for each in gone]
    found += compare(verdict.signatures, due)
    found = [each for each in found if check.outcome != "earlier" or each.code not in _LATER]
    return replace(check, outcome="signoffs_differ", differences=tuple(found)) if found else check


def _compared(store: Store, one: Standing, data: bytes, verdict: SignatureVerdict) -> FileCheck:
    with store.reading() as session:
        query = select(DocumentRow).where(
            DocumentRow.record_id == one.record_id, DocumentRow.number == one.number
        )
        kept = {row.sha256: (row.stage, row.format) for row in session.scalars(query)}
    if verdict.sha256 in kept:
        return FileCheck("on_record", verdict, kept[verdict.sha256][0])
    outcome = _alone(verdict)
    if outcome not in UNALTERED:
        return FileCheck(outcome, verdict)
    sealed = data[: verdict.sealed_bytes or len(data)]  # what follows was found to be proofs alone
    for sha256, (stage, _) in kept.items():
        if sha256 in verdict.revisions:
            return FileCheck("stamped_later", verdict, stage)
        if stage == STAGE and _begins(store, sha256, sealed):
            return FileCheck("earlier", verdict, stage)
    return FileCheck(outcome, verdict)


def _alone(verdict: SignatureVerdict) -> Outcome:
    """Say what a file that is not on record shows by itself."""
    codes = {one.code for one in verdict.findings}
    if "unreadable" in codes:
        return "unreadable"
    if codes == {"not_signed"}:
        return "unsigned"
    if codes - {"signer_unknown"}:
        return "altered"
    return "signer_unknown" if codes else "not_on_record"


def _begins(store: Store, sha256: str, data: bytes) -> bool:
    """Whether the file on record begins with these bytes: it was this before the last seals."""
    whole = store.blobs.get(sha256)
    return len(data) < len(whole) and whole.startswith(data)


def _found(session: Session, code: str) -> tuple[RecordRow, VersionRow] | None:
    low, high = code.lower(), code.lower() + _AFTER_HEX
    query = (
        select(RecordRow, VersionRow)
        .join(VersionRow, VersionRow.record_id == RecordRow.id)
        .where(
            or_(
                VersionRow.record_hash.between(low, high),
                VersionRow.archived_hash.between(low, high),
            ),
            VersionRow.state != Status.draft.value,
        )
        .limit(1)
    )
    row = session.execute(query).first()
    return (row[0], row[1]) if row else None


def _standing(session: Session, record: RecordRow, version: VersionRow, begins: str) -> Standing:
    kind = record_model(record.code).record_type
    names = [one.name for one in signoffs(session, record.id, version.number)]
    if not model_of(contract_of(session, record)).verification_shows_names:
        names = [masked(name) for name in names]
    hashes = (version.record_hash, version.archived_hash)
    return Standing(
        doc_no=version.doc_no,
        title={"zh": kind.zh, "en": kind.en},
        state=Status[version.state],
        doc_date=parse_day(json.loads(version.body)["doc_date"]),
        sha256=next(one for one in hashes if one and one.startswith(begins)),
        signers=tuple(names),
        record_id=record.id,
        number=version.number,
    )


def masked(name: str) -> str:
    """Return a name of which only the first character can be read."""
    return name[:1] + "*" if name else ""


def _refuse_locked(session: Session, store: Store, target: GuessedSecret) -> None:
    try:
        attempts.refuse_locked(session, store.clock(), target)
    except Locked as locked:
        wait_s = locked.retry_after_s
        raise Locked("too_many_attempts.verification", retry_after_s=wait_s) from locked


def _count(store: Store, target: GuessedSecret, address: str) -> None:
    """Count a wrong code, and put it into the audit trail when it locks."""
    with store.change(nobody(address)) as unit:
        for locking in attempts.begin(unit, target):
            unit.note("verification.locked", ("address", address), by=locking.kind)
