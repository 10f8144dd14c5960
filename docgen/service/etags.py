"""Entity tags: whoever changes something says which state of it was seen (RFC 9110, If-Match)."""

from __future__ import annotations

from docgen.errors import Conflict


def etag_of(counter: int) -> str:
    """Return the entity tag of a change counter."""
    return f'"{counter}"'


def check_etag(given: str, counter: int) -> None:
    """Compare an If-Match value. Conflict: etag_missing, overtaken."""
    if not given:
        raise Conflict(
            "etag_missing",
            "缺少 If-Match",
            "If-Match is missing",
            hint_zh="先读取，再把应答头 ETag 的值放进 If-Match。",
            hint_en="Read it first, and send the ETag you got as If-Match.",
            place="If-Match",
        )
    if given.strip() not in (etag_of(counter), "*"):
        raise Conflict(
            "overtaken",
            "内容已被他人修改",
            "Somebody has changed it meanwhile",
            hint_zh="请重新读取，合并后再提交。",
            hint_en="Read it again, merge, and send it again.",
            place="If-Match",
            value=given,
        )
