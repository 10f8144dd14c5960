"""The audit trail's chain: each entry's hash covers the one before it. Pure; the store keeps it.

The newest hash is also written to a file outside the database (the anchor), so that a tail that
was cut off, or a chain that was made anew, is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from schemas.wording import Worded

FIRST = "0" * 64


@dataclass(frozen=True)
class ChainEntry:
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
class Break(Worded):
    """A place where the trail is not what it was: code, number of the entry, and what is wrong."""

    code: str
    seq: int
    params: Mapping[str, Any] = field(default_factory=dict)

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return its entry in the catalogues; the number and the parameters fill it."""
        return self.code, {"seq": self.seq, **self.params}

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {"code": self.code, "seq": self.seq, "message": self.messages()}


def verify(chain: Iterable[tuple[ChainEntry, str]], anchors: Mapping[int, str]) -> Iterator[Break]:
    """Go through entries in order with their stored hashes, and name every break.

    `anchors` are hashes by number that were kept outside; those past the last entry mean that the
    tail was cut.
    """
    expected_seq, previous = 1, FIRST
    for entry, stored in chain:
        if entry.seq != expected_seq:
            yield Break("entry_missing", expected_seq, {"next": entry.seq})
        elif entry.previous_hash != previous:
            yield Break("chain_broken", entry.seq)
        if entry.entry_hash != stored:
            yield Break("entry_changed", entry.seq)
        if anchors.get(entry.seq, stored) != stored:
            yield Break("anchor_differs", entry.seq)
        expected_seq, previous = entry.seq + 1, stored
    if cut := [seq for seq in anchors if seq >= expected_seq]:
        yield Break("tail_cut", max(cut), {"last": expected_seq - 1})
