"""What verifying packages finds, in zh and en, and the verdict on one package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from docgen.signing.verify import Finding, Signature

REASONS = {
    "bag_broken": ("不是完好的 BagIt 包", "It is no whole BagIt bag"),
    "bag_file_missing": ("清单中的文件不在包里", "A file of the manifest is missing"),
    "bag_file_extra": ("包里有清单之外的文件", "A file is not in the manifest"),
    "bag_file_changed": ("内容与清单的 sha256 不符", "The content is not that of its sha256"),
    "bag_file_unreadable": ("文件读不出来", "The file cannot be read"),
    "statement_broken": ("package.json 不可用", "package.json cannot be used"),
    "statement_differs": ("与 package.json 所述不符", "It is not as package.json states"),
    "evidence_differs": ("与证据页所附的不符", "It differs from what the evidence page carries"),
    "record_differs": ("文档中的单据不是归档的单据", "The document holds another record"),
    "signed_differs": ("不是由提交的 PDF 追加签章而来", "It does not begin with the PDF submitted"),
    "audit_changed": ("审计记录被改动", "An audit entry was altered"),
    "audit_incomplete": ("审计记录不全，或不以归档结束", "Audit entries are missing"),
    "package_missing": ("索引中的归档包不在", "A package of the index is missing"),
    "package_extra": ("索引中没有这个归档包", "The index does not list this package"),
}


def finding(code: str, place: str = "") -> Finding:
    """Return a finding of REASONS; `place` is a file of the package."""
    zh, en = REASONS[code]
    return Finding(code, zh, en, place)


def own_certificate(place: str) -> Finding:
    """Say that nobody but the package vouches for a seal's certificate."""
    return Finding(
        "signer_only_in_package",
        "内容一致，但签章证书只由本包自带，未列为可信（用 --cert 给出可信证书）",
        "It is consistent, but only the package itself brings the seal's certificate, which is not"
        " trusted (name trusted ones with --cert)",
        place,
    )


@dataclass
class Verdict:
    """What was found in a package; `place` is where it lies."""

    place: str
    doc_no: str = ""
    contract_no: str = ""
    signatures: dict[str, list[Signature]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether it is whole, and sealed by somebody trusted."""
        return not self.findings

    @property
    def consistent(self) -> bool:
        """Whether it is whole, whoever sealed it."""
        return all(one.code == "signer_only_in_package" for one in self.findings)

    def find(self, code: str, place: str = "") -> None:
        """Note a finding."""
        self.findings.append(finding(code, place))

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "place": self.place,
            "doc_no": self.doc_no,
            "contract_no": self.contract_no,
            "good": self.good,
            "consistent": self.consistent,
            "signatures": {
                name: [one.as_json() for one in found] for name, found in self.signatures.items()
            },
            "findings": [one.as_json() for one in self.findings],
        }
