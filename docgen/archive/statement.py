"""What a package says of itself (`package.json`): its files with their hashes, and its rows.

The sealed evidence page carries the same bytes, so that one seal covers every file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from docgen.errors import InputUnreadable

FORMAT = 1
STATEMENT, AUDIT, CONTRACT = "package.json", "audit.jsonl", "contract.json"
RECORD, SUBMITTED = "record.json", "submitted/record.json"
SIGNED, EVIDENCE = "signed.pdf", "evidence.pdf"
TEMPLATES = "templates.zip"
CERTIFICATES = "certificates/"
SEAL_FIELD = "seal"
CARRIED = (STATEMENT, AUDIT, CONTRACT)
"""What the evidence page carries as attachments of a package's payload; the READMEs come beside."""

KINDS = {
    "archived_record": ("归档的单据（含签署）", "The record with its sign-offs"),
    "submitted_record": ("提交时的单据", "The record as submitted"),
    "contract": ("封存时的合同", "The contract when this was sealed"),
    "audit": ("本单据的审计记录", "The audit entries of the record"),
    "templates": ("提交时固定的模板与主题", "Templates and theme, fixed at submission"),
    "archived_document": ("归档本", "Document with sign-offs printed"),
    "submitted_document": ("提交时的文档", "Document as submitted"),
    "signed_document": ("逐个签章的 PDF", "The PDF with every seal"),
    "scan": ("签字页扫描件", "Scan of the signed paper"),
    "attachment": ("附件", "Attachment"),
    "signature": ("手写签名与笔迹", "Drawn signature and its strokes"),
    "certificate": ("签章证书", "Certificate of a seal"),
    "other": ("其他文件", "Another file"),
}


@dataclass(frozen=True)
class PackagedFile:
    """A file of the package, by its path below `data/`."""

    path: str
    kind: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class PackageStatement:
    """The whole of it. `rows` are the store's own, from which a service can be made again.

    `signed_fields` are those of the signed PDF; `audit` the count of entries and the last one.
    """

    docgen: str
    contract_no: str
    doc_no: str
    code: str
    version: int
    record_hash: str
    archived_hash: str
    archived_at: str
    sealed_at: str
    signed_fields: tuple[str, ...]
    audit: Mapping[str, Any]
    files: tuple[PackagedFile, ...]
    rows: Mapping[str, Any]
    format: int = FORMAT

    def written(self) -> bytes:
        """Write it: equal statements are equal bytes."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True)
        return text.encode() + b"\n"

    def of_kind(self, kind: str) -> Sequence[PackagedFile]:
        """List the files of a kind."""
        return [one for one in self.files if one.kind == kind]


def parsed(data: bytes) -> PackageStatement:
    """Read a statement. InputUnreadable: package_unreadable, package_format."""
    try:
        plain = json.loads(data)
        if (found := plain["format"]) != FORMAT:
            raise InputUnreadable("package_format", place=f"{STATEMENT} format {found}"[:80])
        files = tuple(PackagedFile(**one) for one in plain.pop("files"))
        fields = tuple(map(str, plain.pop("signed_fields")))
        made = PackageStatement(files=files, signed_fields=fields, **plain)
        _check(made)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as wrong:
        raise InputUnreadable("package_unreadable.damaged", place=STATEMENT) from wrong
    return made


def _check(made: PackageStatement) -> None:
    """Raise TypeError for what is not of its type."""
    texts = [made.docgen, made.contract_no, made.doc_no, made.code, made.record_hash]
    texts += [made.archived_hash, made.archived_at, made.sealed_at]
    texts += [text for one in made.files for text in (one.path, one.kind, one.sha256)]
    numbers = [made.version, *(one.size_bytes for one in made.files)]
    if not all(isinstance(one, str) for one in texts):
        raise TypeError("a text is no text")
    if not all(isinstance(one, int) for one in numbers):
        raise TypeError("a number is no number")
    if not isinstance(made.rows, dict) or not isinstance(made.audit, dict):
        raise TypeError("an object is no object")
