"""The trail's head in a seal's reason: whoever holds a sealed PDF holds a proof of the trail."""

from __future__ import annotations

import re

from docgen.signing.damaged_pdf import damage_told
from docgen.signing.pdf_reader import SignedPdfReader
from docgen.store.audit_chain import Head

_PART = re.compile(r"; audit ([0-9]+:[0-9a-f]{64})\Z")


def with_head(reason: str, head: Head) -> str:
    """Return a seal's reason with the head as its last part."""
    return f"{reason}; audit {head}"


def head_in(reason: str) -> Head | None:
    """Return the head that a reason names."""
    found = _PART.search(reason)
    return Head.parsed(found[1]) if found else None


def reasons(pdf: bytes) -> dict[str, str]:
    """Return the reason of each seal by its field, unverified. InputUnreadable: unknown_file."""
    with damage_told():
        return {
            str(one.field_name): str(one.sig_object.get("/Reason", ""))
            for one in SignedPdfReader(pdf).embedded_regular_signatures
        }
