"""What the seals in a file say, against the sign-offs on record: each part exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from docgen.signing.seal_reason import SealReason
from docgen.signing.verify import Signature, SignatureFinding
from docgen.store.tables import SignoffRow
from schemas.envelope import Opinion

# The finding on each part that differs. The words are for people; the head of the audit trail is
# compared with the trail.
_DIFFERENCES: Mapping[str, str] = {
    "role": "seal_differs.name",
    "name": "seal_differs.name",
    "org": "seal_differs.name",
    "opinion": "seal_differs.opinion",
    "comment": "seal_differs.opinion",
    "method": "seal_differs.opinion",
    "signed_at": "seal_differs.time",
    "signed_on": "seal_differs.time",
    "record": "seal_differs.evidence",
    "scan": "seal_differs.evidence",
    "doc_no": "seal_differs.evidence",
}


def due_seals(
    record_hash: str, signoffs: Iterable[SignoffRow], scans: Mapping[str, str]
) -> list[SealReason]:
    """Return what seals have to say of sign-offs; `scans` are the sha256 of files by their id.

    A disagreement has no seal.
    """
    return [
        SealReason.of_signoff(one, record_hash, scans[one.scan_id] if one.scan_id else "")
        for one in signoffs
        if one.opinion != Opinion.disagree
    ]


def compare(seals: Sequence[Signature], due: Sequence[SealReason]) -> list[SignatureFinding]:
    """Find where the seals in a file say something else than is on record of the sign-offs.

    `due` is what the seal of each sign-off has to say; its role is the field's name.
    """
    wanted = {one.role: one for one in due}
    found = [
        SignatureFinding(entry, one.field)
        for one in seals
        for entry in _differing(one, wanted.get(one.field))
    ]
    absent = wanted.keys() - {one.field for one in seals}
    return found + [SignatureFinding("signature_absent", role) for role in sorted(absent)]


def _differing(seal: Signature, due: SealReason | None) -> list[str]:
    """Return the findings on one seal."""
    stated = seal.statement
    if due is None:
        return ["seal_differs.unrecorded"]
    if stated is None:
        return ["seal_differs.unreadable"]
    found = [
        entry for name, entry in _DIFFERENCES.items() if getattr(stated, name) != getattr(due, name)
    ]
    if seal.name != stated.shown_name:
        found.append("seal_differs.name")
    # /M has whole seconds (ISO 32000-2, 7.9.4).
    second = stated.signed_at.replace(microsecond=0)
    if not seal.signed_at or datetime.fromisoformat(seal.signed_at) != second:
        found.append("seal_differs.time")
    return [*dict.fromkeys(found)]
