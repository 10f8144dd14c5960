"""Scans of signed papers: which version and page the codes printed on them name.

Pure: knows no store and looks at no picture; `docgen.uploads.scans` reads the codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from docgen.document import short_code
from docgen.errors import UploadRefused
from docgen.uploads.scans import ScannedCode

Matched = Literal["sign_page", "other_page", "unread"]
_OWN = re.compile(
    r"docgen:(?P<doc_no>[A-Z0-9-]{1,40})[:/](?P<hash>[0-9A-Fa-f]{16,64})(?P<page>\S*)"
)
_ADDRESS = re.compile(r"https?://\S+?(?P<hash>[0-9A-F]{16})(?P<page>(?:\?p=\w+)?)")
_SIGN = "?p=sign"


@dataclass(frozen=True)
class PrintedCode:
    """What a code of ours says; `doc_no` is empty where the code is an address."""

    page: int
    doc_no: str
    short_code: str
    is_sign_page: bool

    def shown(self) -> str:
        """Return it for people."""
        return f"{self.doc_no} {self.short_code}".strip()


def printed(seen: Sequence[ScannedCode]) -> Iterator[PrintedCode]:
    """Give those of the codes on a scan that are ours."""
    for one in seen:
        if found := _OWN.fullmatch(one.text) or _ADDRESS.fullmatch(one.text):
            parts = found.groupdict()
            short = short_code(parts["hash"])
            yield PrintedCode(one.page, parts.get("doc_no") or "", short, parts["page"] == _SIGN)


def matched(
    seen: Sequence[ScannedCode], doc_no: str, record_hash: str, *, unmatched: bool = False
) -> Matched:
    """Say whether a scan shows the page with the sign-off blocks of just this version.

    UploadRefused: scan_of_another, when any page is of another document or version; unless it is
    confirmed that the scan is right (`unmatched`), scan_without_sign_page and scan_unread.
    """
    found = list(printed(seen))
    for one in found:
        if one.short_code != short_code(record_hash):
            raise _of_another(one, doc_no, record_hash)
    if any(one.is_sign_page for one in found):
        return "sign_page"
    if not unmatched:
        raise _without_sign_page(found) if found else UploadRefused("scan_unread")
    return "other_page" if found else "unread"


def _of_another(one: PrintedCode, doc_no: str, record_hash: str) -> UploadRefused:
    due = f"{doc_no} {short_code(record_hash)}"
    code = "scan_of_another.version" if one.doc_no == doc_no else "scan_of_another"
    return UploadRefused(code, place=f"page {one.page}", value=one.shown(), page=one.page, due=due)


def _without_sign_page(found: Sequence[PrintedCode]) -> UploadRefused:
    pages = ", ".join(sorted({str(one.page) for one in found}))
    return UploadRefused("scan_without_sign_page", pages=pages)
