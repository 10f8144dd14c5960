"""The audit trail's chain: each entry's hash covers the one before it. Pure; the store keeps it.

Its head (number and hash of the newest entry) is also written outside the database: to the anchor
file, into every seal and every backup. So a tail that was cut off, or a chain that was made anew,
is found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, Self

from schemas.wording import Worded

GENESIS = "0" * 64  # the previous hash of the first entry
_HEAD = re.compile(r"(0|[1-9][0-9]{0,17}):([0-9a-f]{64})")


class Head(NamedTuple):
    """Number and hash of an entry; the hash covers it and all entries before. `str`: SEQ:HASH."""

    seq: int = 0
    entry_hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq}:{self.entry_hash}"

    @classmethod
    def parsed(cls, text: str) -> Self | None:
        """Read SEQ:HASH; None for anything else."""
        found = _HEAD.fullmatch(text.strip())
        return cls(int(found[1]), found[2]) if found else None


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


def text_hash(text: str) -> str:
    """Return the sha256 by which entries name a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


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

    `anchors` are hashes by number that were kept outside the database; those past the last entry
    mean that the tail was cut, and none at all that nothing can be told of it.
    """
    expected_seq, previous = 1, GENESIS
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
    if expected_seq > 1 and not anchors:
        yield Break("not_anchored", expected_seq - 1)


def detail_of(text: str) -> dict[str, Any]:
    """Read an entry's detail; nothing where it cannot be read, which a comparison of rows tells."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
