"""The audit trail's chain: each entry's hash covers the one before it. Pure; the store keeps it.

The newest hash is also written to a file outside the database (the anchor), so that a tail that
was cut off, or a chain that was made anew, is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

FIRST = "0" * 64


@dataclass(frozen=True)
class Entry:
    """What happened. `at` is ISO 8601 in UTC, `detail` JSON text; neither holds a secret."""

    seq: int
    at: str
    actor_id: str | None
    actor_name: str
    actor_role: str
    address: str
    action: str
    subject_kind: str
    subject_id: str
    contract_id: str | None
    detail: str
    previous_hash: str

    @property
    def entry_hash(self) -> str:
        """The sha256 of all fields, as canonical JSON."""
        plain = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(plain.encode()).hexdigest()


@dataclass(frozen=True)
class Break:
    """A place where the trail is not what it was: code, number of the entry, and what is wrong."""

    code: str
    seq: int
    zh: str
    en: str

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {"code": self.code, "seq": self.seq, "message": {"zh": self.zh, "en": self.en}}


def verify(chain: Iterable[tuple[Entry, str]], anchors: Mapping[int, str]) -> Iterator[Break]:
    """Go through entries in order with their stored hashes, and name every break.

    `anchors` are hashes by number that were kept outside; those past the last entry mean that the
    tail was cut.
    """
    expected_seq, previous = 1, FIRST
    for entry, stored in chain:
        if entry.seq != expected_seq:
            yield _missing(expected_seq, entry.seq)
        elif entry.previous_hash != previous:
            yield _broken(
                "chain_broken", entry.seq, "与前一条不相连", "does not follow the one before"
            )
        if entry.entry_hash != stored:
            yield _broken("entry_changed", entry.seq, "内容被改动", "was changed")
        if anchors.get(entry.seq, stored) != stored:
            yield _broken("anchor_differs", entry.seq, "与锚点不符", "differs from its anchor")
        expected_seq, previous = entry.seq + 1, stored
    if cut := [seq for seq in anchors if seq >= expected_seq]:
        yield Break(
            "tail_cut",
            max(cut),
            f"末尾被截去：锚点记到第 {max(cut)} 条，只有 {expected_seq - 1} 条",
            f"The tail was cut: the anchor knows entry {max(cut)}, there are {expected_seq - 1}",
        )


def _missing(first: int, found: int) -> Break:
    return Break(
        "entry_missing",
        first,
        f"第 {first} 条缺失，其后是第 {found} 条",
        f"Entry {first} is missing; the next one is {found}",
    )


def _broken(code: str, seq: int, zh: str, en: str) -> Break:
    return Break(code, seq, f"第 {seq} 条{zh}", f"Entry {seq} {en}")
