"""The index of a contract's export: every document, its state, and the package it lies in.

`index.json` is for machines and sealed by `index.json.p7s`; `index.html` shows the same to people,
and is fixed by its sha256 in `index.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

from docgen.errors import InputUnreadable

FORMAT = 1
INDEX, INDEX_PAGE, INDEX_SEAL = "index.json", "index.html", "index.json.p7s"
_STYLE = (
    "body{font:14px/1.5 sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left}code{font-size:11px}"
)
_HEADS = (
    "编号 Document",
    "状态 State",
    "归档包 Package",
    "归档单据 sha256 Record",
    "证据 sha256",
    "标签清单 sha256 Tag manifest",
)


@dataclass(frozen=True)
class IndexedDocument:
    """A document of an index; `package` is where its package lies, empty before it is archived.

    The tag manifest names the hashes of the other manifest and so of every file of the package.
    """

    doc_no: str
    code: str
    version: int
    state: str
    record_hash: str
    archived_hash: str
    package: str = ""
    evidence_sha256: str = ""
    tagmanifest_sha256: str = ""


@dataclass(frozen=True)
class ExportIndex:
    """The whole index. `inspection` is what `InspectionCoverage` tells of the assets."""

    contract_no: str
    customer_name: str
    made_at: str
    docgen: str
    closing: bool
    inspection: Mapping[str, Any]
    documents: tuple[IndexedDocument, ...]
    page_sha256: str = ""
    format: int = FORMAT

    def written(self) -> tuple[bytes, bytes]:
        """Return `index.json` and `index.html`."""
        page = _page(self).encode()
        fixed = replace(self, page_sha256=hashlib.sha256(page).hexdigest())
        plain = asdict(fixed) | {"counts": fixed.counts()}
        return json.dumps(plain, ensure_ascii=False, indent=1).encode() + b"\n", page

    def counts(self) -> dict[str, int]:
        """Return how many documents and packages there are."""
        packages = [one for one in self.documents if one.package]
        return {"documents": len(self.documents), "packages": len(packages)}


def parsed_index(data: bytes) -> ExportIndex:
    """Read an index. InputUnreadable: index_broken, index_format."""
    try:
        plain = json.loads(data)
        if (found := plain["format"]) != FORMAT:
            raise InputUnreadable("index_format", place=f"{INDEX} format {found}"[:80])
        if not all(isinstance(plain[name], str) for name in ("contract_no", "made_at")):
            raise TypeError("a text is no text")
        counts = plain.pop("counts")
        documents = tuple(IndexedDocument(**one) for one in plain.pop("documents"))
        index = ExportIndex(documents=documents, **plain)
        _check(index, counts)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as wrong:
        raise InputUnreadable("index_broken", place=INDEX) from wrong
    return index


def _check(index: ExportIndex, counts: Any) -> None:
    """Raise ValueError where an index repeats or contradicts itself."""
    numbers = [one.doc_no for one in index.documents]
    places = [one.package for one in index.documents if one.package]
    repeated = len({*numbers}) < len(numbers) or len({*places}) < len(places)
    unpacked = [one for one in index.documents if (one.state == "archived") != bool(one.package)]
    if counts != index.counts() or repeated or unpacked:
        raise ValueError("contradiction")


def _page(index: ExportIndex) -> str:
    rows = "".join(f"<tr>{''.join(_cells(one))}</tr>\n" for one in index.documents)
    title = escape(f"{index.contract_no} {index.customer_name}")
    counts = "{documents} 单据 documents　{packages} 归档包 packages".format_map(index.counts())
    return (
        f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(index.made_at)}　{counts}</p>\n"
        f"{_inspection(index.inspection)}<table><tr>"
        f"{''.join(f'<th>{escape(head)}</th>' for head in _HEADS)}</tr>\n{rows}</table>\n"
        "<p>核对 To verify: <code>docgen verify</code>（整个目录 this folder），或 or "
        f"<code>openssl cms -verify -binary -inform DER -in {INDEX_SEAL} -content {INDEX}"
        "</code></p></body></html>\n"
    )


def _inspection(told: Mapping[str, Any]) -> str:
    """Return the line on inspections: how many, which are missing, which are excused and why."""
    text = f"巡检 Inspected {told['inspected']}/{told['assets']}"
    if told["missing"]:
        text += f"　缺 missing: {'、'.join(told['missing'])}"
    for one in told["excused"]:
        text += f"　免检 excused: {one['asset_no']}（{one['reason']}）"
    return f"<p>{escape(text)}</p>\n"


def _cells(one: IndexedDocument) -> Iterator[str]:
    yield f"<td>{escape(one.doc_no)}</td><td>{escape(one.state)}</td>"
    link = f'<a href="{escape(one.package)}">{escape(one.package)}</a>' if one.package else "—"
    yield f"<td>{link}</td>"
    for sha256 in (one.archived_hash, one.evidence_sha256, one.tagmanifest_sha256):
        yield f"<td><code>{escape(sha256)}</code></td>"
