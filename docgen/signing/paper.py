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
from docgen.uploads.scans import Seen

Matched = Literal["sign_page", "other_page", "unread"]
_OWN = re.compile(
    r"docgen:(?P<doc_no>[A-Z0-9-]{1,40})[:/](?P<hash>[0-9A-Fa-f]{16,64})(?P<page>\S*)"
)
_ADDRESS = re.compile(r"https?://\S+?(?P<hash>[0-9A-F]{16})(?P<page>(?:\?p=\w+)?)")
_SIGN = "?p=sign"


@dataclass(frozen=True)
class Printed:
    """What a code of ours says; `doc_no` is empty where the code is an address."""

    page: int
    doc_no: str
    short_code: str
    is_sign_page: bool

    def shown(self) -> str:
        """Return it for people."""
        return f"{self.doc_no} {self.short_code}".strip()


def printed(seen: Sequence[Seen]) -> Iterator[Printed]:
    """Give those of the codes on a scan that are ours."""
    for one in seen:
        if found := _OWN.fullmatch(one.text) or _ADDRESS.fullmatch(one.text):
            parts = found.groupdict()
            short = short_code(parts["hash"])
            yield Printed(one.page, parts.get("doc_no") or "", short, parts["page"] == _SIGN)


def matched(
    seen: Sequence[Seen], doc_no: str, record_hash: str, *, unmatched: bool = False
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
        raise _without_sign_page(found) if found else _unread()
    return "other_page" if found else "unread"


def _of_another(one: Printed, doc_no: str, record_hash: str) -> UploadRefused:
    due = f"{doc_no} {short_code(record_hash)}"
    version = one.doc_no == doc_no
    what = (
        "另一版本" if version else "另一份文件",
        "another version" if version else "another file",
    )
    return UploadRefused(
        "scan_of_another",
        f"扫描件第 {one.page} 页属于{what[0]}：{one.shown()}，应为 {due}",
        f"Page {one.page} of the scan is of {what[1]}: {one.shown()}; due is {due}",
        hint_zh="请核对纸面页脚的编号与校验码；内容改过的，重新打印后再签。",
        hint_en="Compare number and code at the foot of the page; print what was changed anew.",
        place=f"page {one.page}",
        value=one.shown(),
    )


def _without_sign_page(found: Sequence[Printed]) -> UploadRefused:
    pages = ", ".join(sorted({str(one.page) for one in found}))
    return UploadRefused(
        "scan_without_sign_page",
        f"扫描件是本版本的页（第 {pages} 页），但没有签署页",
        f"The scan is of this version (page {pages}), but the page with the signatures is missing",
        hint_zh="请上传带签署栏的那一页；确有签字的，以 unmatched=true 再传，并在 note 写明原因。",
        hint_en="Upload the page with the sign-off blocks; if it is signed after all, send "
        "unmatched=true and say why in note.",
    )


def _unread() -> UploadRefused:
    return UploadRefused(
        "scan_unread",
        "扫描件上读不出二维码，无法确认属于哪一版本",
        "No code can be read on the scan: which version it is of cannot be told",
        hint_zh="请把整页连同页脚二维码拍清楚；确认无误的，加 unmatched=true 与 note（原因）再传。",
        hint_en="Photograph the whole page with the code at its foot; if it is right as it is, "
        "send unmatched=true and say why in note.",
    )
