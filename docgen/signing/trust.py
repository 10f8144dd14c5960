"""Whom verification trusts: the service's seals by themselves, others by root and subject."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import x509
from cryptography import x509 as cryptography_x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko_certvalidator import ValidationContext

from docgen.signing.damaged_pdf import DAMAGES


@dataclass(frozen=True)
class Trust:
    """The certificates that are trusted, and for what.

    `seals` are certificates of seals, each trusted by itself while it is valid, and not for what it
    issued. Any other signer's certificate has
    to come from one of `signer_roots` and be issued to one of `subjects` (RFC 4514), or to the
    subject of one of the seals: a public authority certifies other people too. Time stamps come
    from `tsa_roots` alone, which vouch for no signer.
    """

    seals: tuple[x509.Certificate, ...] = ()
    signer_roots: tuple[x509.Certificate, ...] = ()
    subjects: frozenset[str] = frozenset()
    tsa_roots: tuple[x509.Certificate, ...] = ()

    @classmethod
    def of(cls, *seals: x509.Certificate) -> Trust:
        """Trust these seals, and nobody's time stamps."""
        return cls(seals)

    def roots(
        self, certificate: x509.Certificate, moment: datetime | None
    ) -> tuple[x509.Certificate, ...]:
        """Return from which certificates one has to come that was used at a moment.

        A root is trusted without being validated, so whether a seal was valid is asked here.
        """
        if certificate.dump() not in {one.dump() for one in self.seals}:
            return self.signer_roots
        first, last = certificate.not_valid_before, certificate.not_valid_after
        return (certificate,) if moment is None or first <= moment <= last else ()

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process as DER: pickled, objects of asn1crypto lose their types."""
        listed = (self.seals, self.signer_roots, self.tsa_roots)
        return _loaded, (self.subjects, *([one.dump() for one in some] for some in listed))

    def names(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate is a seal's, or issued to somebody who is expected to sign."""
        if certificate.dump() in {one.dump() for one in self.seals}:
            return True
        return subject_of(certificate) in self.subjects | {subject_of(one) for one in self.seals}


def _loaded(subjects: frozenset[str], *listed: Iterable[bytes]) -> Trust:
    seals, signer_roots, tsa_roots = (
        tuple(x509.Certificate.load(one) for one in some) for some in listed
    )
    return Trust(seals, signer_roots, subjects, tsa_roots)


class Contexts:
    """The rules by which certificates are validated, with the proofs that a file brings along."""

    def __init__(self, trust: Trust, reader: PdfFileReader) -> None:
        self.trust = trust
        try:
            self.store: DocumentSecurityStore | None = DocumentSecurityStore.read_dss(reader)
            self.stamps(None)
        except (NoDSSFoundError, *DAMAGES):
            self.store = None  # what cannot be read proves nothing; what may be added is checked

    def signers(self, certificate: x509.Certificate, moment: datetime | None) -> ValidationContext:
        """Return the rules for a signer's certificate that was used at a moment."""
        return self._at(moment, self.trust.roots(certificate, moment))

    def stamps(self, moment: datetime | None) -> ValidationContext:
        """Return the rules for a time-stamping service's certificate."""
        return self._at(moment, self.trust.tsa_roots)

    def _at(self, moment: datetime | None, roots: Iterable[x509.Certificate]) -> ValidationContext:
        rules: dict[str, Any] = {
            "trust_roots": [*roots],
            "allow_fetching": False,  # verification works offline
            "moment": moment,
            "retroactive_revinfo": True,  # proofs are gathered after the signature
        }
        return self.store.as_validation_context(rules) if self.store else ValidationContext(**rules)


def subject_of(certificate: x509.Certificate) -> str:
    """Return to whom a certificate was issued, as a distinguished name (RFC 4514)."""
    loaded = cryptography_x509.load_der_x509_certificate(certificate.dump())
    return loaded.subject.rfc4514_string()
