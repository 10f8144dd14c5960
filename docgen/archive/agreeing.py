"""Whether what a package tells agrees with itself: its audit entries, and an index of packages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from docgen.archive import statement as names
from docgen.archive.findings import Verdict
from docgen.archive.layout import INDEX, PAYLOAD
from docgen.archive.statement import Statement
from docgen.audit import Entry


def check_audit(data: bytes, statement: Statement, verdict: Verdict) -> None:
    """Make every entry's hash again; they ascend, and the last one is the archiving."""
    chain, place = [], PAYLOAD + names.AUDIT
    try:
        for line in data.splitlines():
            plain = json.loads(line)
            stated = plain.pop("entry_hash")
            chain.append((Entry(**plain), stated))
        last = json.loads(chain[-1][0].detail)
        archived = chain[-1][0].action, last.get("archived_hash"), last.get("record_hash")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        verdict.find("audit_changed", place)
        return
    before: tuple[Entry, str] | None = None
    for entry, stated in chain:
        broken = before and entry.seq == before[0].seq + 1 and entry.previous_hash != before[1]
        if entry.entry_hash != stated or broken:
            verdict.find("audit_changed", f"{place} #{entry.seq}")
        if before and entry.seq <= before[0].seq:
            verdict.find("audit_changed", f"{place} #{entry.seq}")
        before = entry, stated
    said = {
        "entries": len(chain),
        "last_seq": chain[-1][0].seq,
        "last_hash": chain[-1][1],
    }
    due = ("record.archived", statement.archived_hash, statement.record_hash)
    if said != statement.audit or archived != due:
        verdict.find("audit_incomplete", place)


def listed(index: bytes, found: Sequence[str], place: str) -> Iterator[Verdict]:
    """Compare the packages found with those of an index; nothing where they are the same."""
    if not index:
        return
    verdict = Verdict(place)
    try:
        due = {str(one["doc_no"]) for one in json.loads(index)["documents"] if one["package"]}
    except (ValueError, TypeError, LookupError, RecursionError):
        verdict.find("bag_file_unreadable", INDEX)
    else:
        for doc_no in sorted(due - {*found}):
            verdict.find("package_missing", doc_no)
        for doc_no in sorted({one for one in found if one} - due):
            verdict.find("package_extra", doc_no)
    if verdict.findings:
        yield verdict
