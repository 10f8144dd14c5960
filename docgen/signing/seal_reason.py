"""What a seal says of a sign-off: composed and parsed here alone.

A seal's /Reason (ISO 32000-2, table 255) begins with words for people; parts `key=value` follow, so
that what was signed is compared exactly with what is on record.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from docgen.store.tables import SignoffRow
from schemas.envelope import Opinion, SignMethod
from schemas.problems import SHANGHAI

SEPARATOR = "; "
ON_PAPER = "（纸质签字 on paper）"


@dataclass(frozen=True)
class SealReason:
    """The parts of a /Reason; empty ones are left out. `words` are for people.

    `comment`, `record` and `scan` are sha256, of the comment in UTF-8, of the record as it was
    submitted, and of the scan of a signature on paper. `signed_on` is the day written on paper.
    `audit` is the head of the audit trail, `SEQ:HASH`.
    """

    words: str
    role: str
    name: str
    signed_at: datetime
    org: str = ""
    opinion: str = ""
    method: str = ""
    signed_on: str = ""
    comment: str = ""
    record: str = ""
    scan: str = ""
    doc_no: str = ""
    audit: str = ""

    @classmethod
    def of_signoff(cls, one: SignoffRow, record_hash: str, scan: str = "") -> SealReason:
        """Return what the seal of a sign-off says."""
        opinion = Opinion[one.opinion]
        return cls(
            words=f"{opinion.zh} {opinion.en}",
            role=one.role,
            name=one.name,
            signed_at=one.recorded_at,
            org=one.org or "",
            opinion=one.opinion,
            method=one.method,
            signed_on=one.signed_on.isoformat(),
            comment=hashlib.sha256(one.comment.encode()).hexdigest() if one.comment else "",
            record=record_hash,
            scan=scan,
        )

    @property
    def shown_name(self) -> str:
        """The name as the seal's /Name has it."""
        return self.name + (ON_PAPER if self.method == SignMethod.handwritten else "")

    def text(self) -> str:
        """Return the /Reason."""
        parts = {name: value for name, value in self._texts().items() if value}
        words = _escaped(parts.pop("words", ""))
        return SEPARATOR.join([words, *(f"{name}={_escaped(one)}" for name, one in parts.items())])

    @classmethod
    def parse(cls, text: str) -> SealReason | None:
        """Read a /Reason; None for one that was not composed here, character by character."""
        words, *parts = text.split(SEPARATOR)
        given: dict[str, Any] = {"words": unquote(words)}
        given |= {name: unquote(one) for name, _, one in (part.partition("=") for part in parts)}
        try:
            given["signed_at"] = datetime.fromisoformat(given["signed_at"])
            found = cls(**given)
        except (KeyError, TypeError, ValueError):
            return None
        return found if found.signed_at.tzinfo and found.text() == text else None

    def as_json(self) -> dict[str, str]:
        """For machines."""
        return self._texts()

    def _texts(self) -> dict[str, str]:
        moment = self.signed_at.astimezone(SHANGHAI).isoformat()
        return asdict(self) | {"signed_at": moment}


def _escaped(text: str) -> str:
    """Write a value without what would end it, or could not be seen."""
    return "".join(
        quote(one, safe="") if one in "%;" or not one.isprintable() else one for one in text
    )
