"""What sealed PDFs bring along: files that are attached, and the certificates of their seals."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import pikepdf
from asn1crypto import x509
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature

from docgen.archive.statement import CERTIFICATES
from docgen.signing.damaged_pdf import damage_refused
from docgen.signing.known_certificates import armoured, short
from docgen.signing.pdf_reader import SignedPdfReader


def attachments_of(pdf: bytes) -> dict[str, bytes]:
    """Return the files attached to a PDF by name. InputUnreadable: unknown_file."""
    with damage_refused(), pikepdf.open(io.BytesIO(pdf)) as opened:
        found = opened.attachments
        return {name: bytes(found[name].get_file().read_bytes()) for name in found}


def embedded_certificates(pdf: bytes) -> list[x509.Certificate]:
    """List the certificates in a PDF's signatures, the signers' and those above them.

    InputUnreadable: unknown_file.
    """
    with damage_refused():
        return list(_found(SignedPdfReader(pdf).embedded_signatures))


def certificate_files(certificates: Iterable[x509.Certificate]) -> dict[str, bytes]:
    """Return them as PEM by their path in a package, each once, in order."""
    found = {f"{CERTIFICATES}{short(one)}.pem": armoured(one) for one in certificates}
    return dict(sorted(found.items()))


def _found(signatures: Iterable[EmbeddedPdfSignature]) -> Iterator[x509.Certificate]:
    for one in signatures:
        if one.signer_cert is not None:
            yield one.signer_cert
        yield from one.other_embedded_certs
