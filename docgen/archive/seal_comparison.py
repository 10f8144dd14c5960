"""The seals of a package against its sign-offs: as stated, as archived, and in the audit trail.

What each seal says itself is read and compared by `docgen.signing.comparison`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from docgen.archive import statement as names
from docgen.archive.statement import PackageStatement
from docgen.signing.comparison import compare, due_seals
from docgen.signing.verify import Signature, SignatureFinding
from docgen.store.audit_chain import ChainEntry
from docgen.store.tables import SignoffRow
from docgen.workflow.archiving import as_archived
from schemas.vocabulary import Role

_TIMES = {"signed_on": date.fromisoformat, "recorded_at": datetime.fromisoformat}


def sealed_revisions(doc_no: str, chain: Iterable[ChainEntry]) -> list[str]:
    """Return the sha256 of the signed PDF as it was stored after each seal of a version."""
    details = [json.loads(one.detail) for one in chain]
    return [one["signed_pdf"] for one in details if _of(one, doc_no) and one.get("signed_pdf")]


def stated_signoffs(statement: PackageStatement) -> list[SignoffRow]:
    """Return the sign-offs that a statement brings. Raises LookupError, TypeError, ValueError."""
    return [
        SignoffRow(
            **{
                name: _TIMES[name](value) if name in _TIMES else value
                for name, value in row.items()
            }
        )
        for row in statement.rows["signoffs"]
    ]


def seal_findings(
    statement: PackageStatement,
    seals: Mapping[str, Sequence[Signature]],
    record: bytes,
    chain: Sequence[ChainEntry],
) -> list[SignatureFinding]:
    """Find where seals, archived record or audit trail differ from the sign-offs stated.

    `seals` are by path in the package. Raises LookupError, TypeError, ValueError for sign-offs or
    a record that cannot be read.
    """
    signoffs = stated_signoffs(statement)
    scans = {one["id"]: one["sha256"] for one in statement.rows["attachments"]}
    due = due_seals(statement.record_hash, signoffs, scans)
    found = compare(seals.get(names.SIGNED, ()), due)
    found += compare_evidence(statement, seals.get(names.EVIDENCE, ()))
    found += _in_record(signoffs, json.loads(record))
    found += _in_trail(statement.doc_no, signoffs, chain)
    return found


def compare_evidence(
    statement: PackageStatement, seals: Iterable[Signature]
) -> Iterator[SignatureFinding]:
    """Find where the seal of the evidence page is not of this version, or of another moment."""
    for one in seals:
        said = one.statement
        if one.field != names.SEAL_FIELD or said is None:
            yield SignatureFinding("seal_differs.unreadable", one.field)
            continue
        if (said.role, said.doc_no, said.record) != (
            names.SEAL_FIELD,
            statement.doc_no,
            statement.record_hash,
        ):
            yield SignatureFinding("seal_differs.evidence", one.field)
        if said.signed_at.replace(microsecond=0) != datetime.fromisoformat(statement.sealed_at):
            yield SignatureFinding("seal_differs.time", one.field)


def _in_record(signoffs: Iterable[SignoffRow], record: Any) -> Iterator[SignatureFinding]:
    """Compare with the archived record, which prints each sign-off that was given."""
    printed = [_squeezed(one) for one in record["signoffs"] if one.get("signed_on")]
    due = [_squeezed(as_archived(one)) for one in signoffs]
    for one in due:
        same = [each for each in printed if one.items() <= each.items()]
        if len(same) != 1:
            yield SignatureFinding("signoffs_differ", f"{names.RECORD} {one['role']}")
    if len(printed) > len(due):
        yield SignatureFinding("signoffs_differ", names.RECORD)


def _squeezed(signoff: Mapping[str, Any]) -> dict[str, str]:
    """Return a sign-off's texts with single blanks: reading a record trims and unifies them."""
    return {name: " ".join(str(value).split()) for name, value in signoff.items()}


def _in_trail(
    doc_no: str, signoffs: Iterable[SignoffRow], chain: Iterable[ChainEntry]
) -> Iterator[SignatureFinding]:
    """Compare with the entries of the audit trail; the author's is that of the submission."""
    details = [json.loads(one.detail) for one in chain if one.action == "record.signed"]
    said = {one["signoff"]: one for one in details if _of(one, doc_no)}
    for one in signoffs:
        due = {"role": one.role, "opinion": one.opinion, "method": one.method}
        detail = due if one.role == Role.engineer else said.pop(one.id, {})
        if any(detail.get(name) != value for name, value in due.items()):
            yield SignatureFinding("signoffs_differ", f"{names.AUDIT} {one.role}")
    for detail in said.values():
        yield SignatureFinding("signoffs_differ", f"{names.AUDIT} {detail.get('role')}")


def _of(detail: Mapping[str, Any], doc_no: str) -> bool:
    return detail.get("doc_no") == doc_no
