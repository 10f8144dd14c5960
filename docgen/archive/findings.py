"""What verifying finds in a package, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from docgen.signing.verify import Signature, SignatureFinding


@dataclass
class PackageVerdict:
    """What was found in a package; `place` is where it lies."""

    place: str
    doc_no: str = ""
    contract_no: str = ""
    signatures: dict[str, list[Signature]] = field(default_factory=dict)
    findings: list[SignatureFinding] = field(default_factory=list)

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
        self.findings.append(SignatureFinding(code, place))

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
