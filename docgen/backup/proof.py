"""The proof of a backup: who wrote its manifest, which names the hash of everything in it.

A MAC by the service's key, and a signature by its seal. Neither proves anything by what lies in
the same backup: the key and the certificates have to come from elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from asn1crypto import x509

from docgen.backup.manifest import UNREADABLE
from docgen.backup.place import StoreParts
from docgen.errors import DocgenError, InputUnreadable
from docgen.settings import Settings
from docgen.signing.configuration import existing, trusted
from docgen.signing.keys import SEAL_NAME, matches

PROOF = "proof.json"
_PURPOSE = b"docgen backup manifest\n"  # no signature or MAC made for something else fits
Checked = Literal["good", "wrong", "unknown", "none"]


@dataclass(frozen=True)
class BackupProof:
    """MAC (HMAC-SHA256, hex), and signature (base64) with the certificate (DER, base64) it is by.

    A store in which nothing was sealed yet has no seal; nor has one whose seal cannot sign now.
    """

    mac: str
    certificate: str = ""
    signature: str = ""

    def written(self) -> bytes:
        """Write it."""
        return json.dumps(asdict(self), indent=1).encode()


@dataclass(frozen=True)
class ProofVerdict:
    """What a proof is worth here; `unknown`: the key or certificate is not at hand."""

    mac: Checked
    seal: Checked

    @property
    def proven(self) -> bool:
        """Whether the service that wrote the backup is known to have done so."""
        return "good" in (self.mac, self.seal)

    @property
    def altered(self) -> bool:
        """Whether it was written with another key than the one at hand, or changed since."""
        return "wrong" in (self.mac, self.seal)


def prove(place: StoreParts, manifest: bytes) -> tuple[BackupProof, DocgenError | None]:
    """Make the proof of a manifest; and why the seal could not sign, where it could not.

    SettingWrong: secret_missing, secret_weak.
    """
    mac = _mac(place.key(make=True), manifest)
    if not _has_seal(place.settings):
        return BackupProof(mac), None
    try:
        sealer = existing(place.settings)
        raw = sealer.signer().async_sign_raw(_PURPOSE + manifest, "sha256")
        signature = asyncio.run(raw)
    except DocgenError as fault:  # a backup without it is better than none, and says so
        return BackupProof(mac), fault
    certificate = base64.b64encode(sealer.certificate.dump()).decode()
    return BackupProof(mac, certificate, base64.b64encode(signature).decode()), None


def parsed(data: bytes) -> BackupProof:
    """Read a proof. InputUnreadable: backup_damaged."""
    try:
        found = BackupProof(**json.loads(data))
        if not all(isinstance(part, str) for part in vars(found).values()):
            raise TypeError(found)
        return found
    except UNREADABLE as wrong:
        raise InputUnreadable("backup_damaged", place=PROOF) from wrong


def check(place: StoreParts, manifest: bytes, proof: BackupProof) -> ProofVerdict:
    """Judge a proof by the key and the certificates of the place that it is restored to."""
    mac: Checked = "unknown"
    if place.has_key:
        fits = hmac.compare_digest(_mac(place.key(), manifest).encode(), proof.mac.encode())
        mac = "good" if fits else "wrong"
    return ProofVerdict(mac, _seal(trusted(place.settings).seals, manifest, proof))


def _seal(known: Sequence[x509.Certificate], manifest: bytes, proof: BackupProof) -> Checked:
    if not proof.signature:
        return "none"
    try:
        certificate = x509.Certificate.load(base64.b64decode(proof.certificate))
        fits = matches(certificate, _PURPOSE + manifest, base64.b64decode(proof.signature))
    except (ValueError, TypeError):
        return "wrong"
    if not fits:
        return "wrong"
    return "good" if certificate.dump() in [one.dump() for one in known] else "unknown"


def _has_seal(settings: Settings) -> bool:
    return bool(settings.seal) or (settings.data / SEAL_NAME).exists()


def _mac(key: bytes, manifest: bytes) -> str:
    return hmac.new(key, _PURPOSE + manifest, "sha256").hexdigest()
