"""Certificates of all seals that were ever opened here, so that what they sealed still verifies."""

from __future__ import annotations

from pathlib import Path

from asn1crypto import pem, x509

from docgen.files.output import writing_aside
from docgen.signing.keys import CERTIFICATE_NAME, roots

SEALS = "seals"


def remember(data: Path, certificate: x509.Certificate) -> None:
    """Keep a certificate in the data folder's `seals`, named by its fingerprint. OutputRefused."""
    path = data / SEALS / f"{short(certificate)}.pem"
    if not path.is_file():
        with writing_aside(path, 0o644) as file:
            file.write(armoured(certificate))


def known(data: Path) -> list[x509.Certificate]:
    """Return the certificates of present and former seals. SettingWrong: certificate_unreadable."""
    files = [*sorted((data / SEALS).glob("*.pem")), data / CERTIFICATE_NAME]
    found = [one for path in files if path.is_file() for one in roots(path.read_bytes(), str(path))]
    return list({one.dump(): one for one in found}.values())


def armoured(certificate: x509.Certificate) -> bytes:
    """Return a certificate as PEM."""
    return bytes(pem.armor("CERTIFICATE", certificate.dump()))


def short(certificate: x509.Certificate) -> str:
    """Return the beginning of a certificate's fingerprint."""
    return str(certificate.sha256.hex()[:16])
