"""What verifying finds in a package or an export, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from docgen.archive.export_index import IndexedDocument
from docgen.signing.verify import Signature, SignatureFinding

UNPROVEN = ("signer_only_in_package", "index_absent")
"""Codes of what is not shown to be wrong, but not proven either."""


@dataclass
class PackageVerdict:
    """What was found in a package, or of an export: its index against its packages.

    `place` is where it lies; `document` what an index has to say of a package, once it was read;
    `not_covered` what was not verified, because nothing in the package could show it.
    """

    place: str
    kind: Literal["package", "export"] = "package"
    doc_no: str = ""
    contract_no: str = ""
    signatures: dict[str, list[Signature]] = field(default_factory=dict)
    findings: list[SignatureFinding] = field(default_factory=list)
    not_covered: list[SignatureFinding] = field(default_factory=list)
    document: IndexedDocument | None = None

    @property
    def good(self) -> bool:
        """Whether it is whole, and sealed by somebody trusted."""
        return not self.findings

    @property
    def consistent(self) -> bool:
        """Whether nothing is wrong, whoever sealed it, and with or without an index."""
        return all(one.code in UNPROVEN for one in self.findings)

    def find(self, code: str, place: str = "") -> None:
        """Note a finding."""
        self.findings.append(SignatureFinding(code, place))

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "place": self.place,
            "kind": self.kind,
            "doc_no": self.doc_no,
            "contract_no": self.contract_no,
            "good": self.good,
            "consistent": self.consistent,
            "signatures": {
                name: [one.as_json() for one in found] for name, found in self.signatures.items()
            },
            "findings": [one.as_json() for one in self.findings],
            "not_covered": [one.as_json() for one in self.not_covered],
        }
