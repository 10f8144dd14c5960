"""What the evidence page tells, out of sign-offs, files and audit entries. Pure."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from docgen.archive.statement import KINDS, PackagedFile, PackageStatement
from docgen.signing.verify import Signature
from docgen.store.audit_chain import ChainEntry
from docgen.store.tables import AttachmentRow, SignoffRow
from schemas.envelope import Opinion
from schemas.problems import SHANGHAI
from schemas.vocabulary import Role

Chain = Sequence[tuple[ChainEntry, str]]


def view(
    statement: PackageStatement,
    chain: Chain,
    given: Sequence[tuple[SignoffRow, AttachmentRow | None]],
    seals: Sequence[Signature],
) -> dict[str, Any]:
    """Return it as plain values; times are Shanghai's."""
    return {
        "facts": _facts(statement),
        "signoffs": [_signoff(one, scan, chain, statement) for one, scan in given],
        "invitations": [_entry(*one) for one in chain if one[0].action.startswith("link.")],
        "seals": [_seal(one) for one in seals],
        "files": [_file(one) for one in statement.files],
        "entries": [_entry(*one) for one in chain],
    }


def _facts(statement: PackageStatement) -> list[dict[str, str]]:
    last = statement.audit
    told = {
        "文档编号 Document": statement.doc_no,
        "合同 Contract": statement.contract_no,
        "版本 Version": str(statement.version),
        "归档 Archived": moment(statement.archived_at),
        "封存 Sealed": moment(statement.sealed_at),
        "提交时的单据 Record submitted": statement.record_hash,
        "归档的单据 Record archived": statement.archived_hash,
        "模板与主题 Templates and theme": "；".join(
            one.sha256 for one in statement.of_kind("templates")
        ),
        "审计记录 Audit entries": f"{last['entries']}；#{last['last_seq']} {last['last_hash']}",
        "程序 Program": f"docgen {statement.docgen}",
    }
    return [{"name": name, "text": text} for name, text in told.items()]


def _signoff(
    one: SignoffRow, scan: AttachmentRow | None, chain: Chain, statement: PackageStatement
) -> dict[str, Any]:
    entry = _entry_of(one, chain, statement.doc_no)
    detail = _by_link(one, chain) | (json.loads(entry.detail) if entry else {})
    link = one.method == "electronic" and one.user_id is None
    how = _words("methods", "link" if link else one.method)
    told = {
        "签署方式 How": how,
        "签署日 Signed on": one.signed_on.isoformat(),
        "登记 Recorded": moment(one.recorded_at.isoformat()),
        "登记人 Recorded by": f"{entry.actor_name}（{_role(entry.actor_role)}）" if entry else "",
        "地址 Address": entry.address if entry else "",
        "浏览器 User agent": str(detail.get("user_agent") or ""),
        "意见 Comment": one.comment or "",
        "同意书 Consent sha256": str(detail.get("consent") or ""),
        "所见的 PDF Shown PDF sha256": str(detail.get("shown") or ""),
        "手写签名 Drawing sha256": str(detail.get("image") or ""),
        "笔迹 Strokes sha256": str(detail.get("strokes") or ""),
        "扫描件 Scan sha256": scan.sha256 if scan else "",
        "签后的 PDF Signed PDF sha256": str(detail.get("signed_pdf") or ""),
    }
    org = f"（{one.org}）" if one.org else ""
    opinion = Opinion[one.opinion]
    return {
        "who": f"{_role(one.role)}　{one.name}{org}",
        "opinion": f"{opinion.zh} {opinion.en}",
        "facts": [{"name": name, "text": text} for name, text in told.items() if text],
    }


def _entry_of(one: SignoffRow, chain: Chain, doc_no: str) -> ChainEntry | None:
    """Find the entry of a sign-off; for the author it is that of the submit."""
    for entry, _ in reversed(chain):
        detail = json.loads(entry.detail)
        if entry.action == "record.signed" and detail.get("signoff") == one.id:
            return entry
        submitted = entry.action == "record.submitted" and detail.get("doc_no") == doc_no
        if submitted and one.role == Role.engineer:
            return entry
    return None


def _by_link(one: SignoffRow, chain: Chain) -> dict[str, Any]:
    """Return what the link's own entry tells of a sign-off: consent, drawing, browser."""
    for entry, _ in reversed(chain):
        if entry.action in ("link.signed", "link.declined"):
            detail: dict[str, Any] = json.loads(entry.detail)
            if detail.get("signoff") == one.id:
                return detail
    return {}


def _seal(one: Signature) -> dict[str, str]:
    return {
        "field": one.field,
        "name": one.name,
        "moment": moment(one.signed_at) if one.signed_at else "",
        "signer": one.signer,
        "fingerprint": one.fingerprint,
    }


def _file(item: PackagedFile) -> dict[str, str]:
    zh, en = KINDS.get(item.kind, KINDS["other"])
    size = f"{item.size_bytes:,}"
    return {"path": item.path, "what": f"{zh} {en}", "sha256": item.sha256, "size": size}


def _entry(entry: ChainEntry, entry_hash: str) -> dict[str, Any]:
    detail = json.loads(entry.detail)
    words = [f"{name}: {_flat(value)}" for name, value in detail.items() if value is not None]
    return {
        "seq": str(entry.seq),
        "moment": moment(entry.at),
        "action": _words("actions", entry.action),
        "who": f"{entry.actor_name}（{_role(entry.actor_role)}）",
        "address": entry.address,
        "detail": "\n".join(words),
        "hash": entry_hash,
    }


def moment(text: str) -> str:
    """Return a moment as a clock in Shanghai shows it."""
    return f"{datetime.fromisoformat(text).astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_flat(one)}" for name, one in value.items())
    return str(value)


def _role(code: str) -> str:
    return Role[code].zh + " " + Role[code].en if code in Role.__members__ else code


def _words(kind: str, code: str) -> str:
    told = _wording()[kind].get(code)
    return f"{told['zh']} {told['en']}" if told else code


@cache
def _wording() -> dict[str, dict[str, dict[str, str]]]:
    return tomllib.loads(files("docgen").joinpath("archive", "evidence.toml").read_text("utf-8"))
