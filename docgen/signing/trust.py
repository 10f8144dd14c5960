"""What verification goes by: which certificates, at which time, and what may follow a signature.

After a signature only further fields, proofs and time stamps may come. pyHanko would let metadata
change too, and a time stamp, which anybody can buy, would then cover a forged title.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asn1crypto import cms, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DSSCompareRule,
    FormUpdatingRule,
    GenericFieldModificationRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    XrefStreamRule,
)
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko_certvalidator import ValidationContext

FOLLOWING = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(  # type: ignore[no-untyped-call]
            {"/AcroForm", "/DSS", "/Extensions", "/Version"}
        ),
        XrefStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        ObjectStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        DSSCompareRule().as_qualified(ModificationLevel.LTA_UPDATES),
    ],
    form_rule=FormUpdatingRule(
        field_rules=[
            SigFieldCreationRule(),  # type: ignore[no-untyped-call]
            SigFieldModificationRule(),
            GenericFieldModificationRule(),
        ]
    ),
)


class Trust:
    """The certificates that are trusted, and the proofs that a file brings along."""

    def __init__(self, roots: Sequence[x509.Certificate], reader: PdfFileReader) -> None:
        self.roots = [*roots]
        try:
            self.store: DocumentSecurityStore | None = DocumentSecurityStore.read_dss(reader)
        except NoDSSFoundError:
            self.store = None

    def at(self, moment: datetime | None) -> ValidationContext:
        """Return the rules for a certificate that was used at a moment; nobody is asked."""
        rules: dict[str, Any] = {
            "trust_roots": self.roots,
            "allow_fetching": False,
            "moment": moment,
            "retroactive_revinfo": True,  # proofs are gathered after the signature
        }
        return self.store.as_validation_context(rules) if self.store else ValidationContext(**rules)


def stamp_of(one: EmbeddedPdfSignature) -> cms.SignedData | None:
    """Return the time stamp that a signature carries."""
    attributes = extract_signer_info(one.signed_data)["unsigned_attrs"]
    for attribute in attributes if attributes.native is not None else ():
        if attribute["type"].native == "signature_time_stamp_token":
            return attribute["values"][0]["content"]
    return None
