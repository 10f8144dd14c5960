"""The key of the seal: what it has to be, whoever holds it; and keys that lie in PKCS#12 files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from asn1crypto import keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    load_pkcs12,
    serialize_key_and_certificates,
)
from cryptography.x509.oid import NameOID
from pyhanko.sign.signers import Signer, SimpleSigner
from pyhanko_certvalidator.registry import CertificateStore, SimpleCertificateStore

from docgen.errors import OutputRefused, SettingWrong
from docgen.files.output import writing_aside

SEAL_NAME = "seal.p12"
CERTIFICATE_NAME = "seal.pem"
TRIAL = "试用 trial"
TRIAL_DAYS = 730  # two years: docgen doctor reminds of it
LEAST_BITS = 2048  # of an RSA key (NIST SP 800-131A, table 2)


class Sealer(Protocol):
    """Whoever holds the key of the seal: a file, a token, a remote service."""

    @property
    def certificate(self) -> asn1.Certificate:
        """The certificate that the signatures carry."""
        ...

    def signer(self) -> Signer:
        """Return what makes a signature."""
        ...


@dataclass(frozen=True)
class FileSealer:
    """A key that lies in a PKCS#12 file."""

    loaded: SimpleSigner

    @property
    def certificate(self) -> asn1.Certificate:
        """The certificate that the signatures carry."""
        assert self.loaded.signing_cert is not None
        return self.loaded.signing_cert

    def signer(self) -> Signer:
        """Return what makes a signature."""
        return self.loaded


def load(path: Path, passphrase: str = "") -> FileSealer:
    """Open a PKCS#12 file. SettingWrong: seal_missing, seal_unreadable, seal_mismatch."""
    try:
        data = path.read_bytes()
    except OSError as wrong:
        raise SettingWrong("seal_missing", place=str(path), reason=wrong.strerror) from wrong
    try:
        found = load_pkcs12(data, passphrase.encode() or None)
    except (ValueError, TypeError) as wrong:
        raise SettingWrong("seal_unreadable", place=str(path)) from wrong
    if found.key is None:
        raise SettingWrong("seal_unreadable", place=str(path))
    if found.cert is None:  # there is none, or none of this key
        raise SettingWrong("seal_mismatch", place=str(path))
    key = found.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    above = [_asn1(one.certificate) for one in found.additional_certs]
    signer = SimpleSigner(
        signing_cert=_asn1(found.cert.certificate),
        signing_key=keys.PrivateKeyInfo.load(key),
        cert_registry=registry(above),
    )
    return FileSealer(signer)


def registry(certificates: Iterable[asn1.Certificate]) -> CertificateStore:
    """Return certificates, such as those of authorities, as a signer takes them along."""
    return SimpleCertificateStore.from_certs(certificates)  # type: ignore[no-untyped-call,no-any-return]


def usable(certificate: asn1.Certificate, now: datetime) -> None:
    """Look whether a certificate may seal at that moment.

    Raises SettingWrong: seal_expired, seal_not_yet, seal_usage, seal_kind.
    """
    first, last = certificate.not_valid_before, certificate.not_valid_after
    usage = certificate.key_usage_value
    if now < first:
        raise SettingWrong("seal_not_yet", first=first)
    if now > last:
        raise SettingWrong("seal_expired", last=last)
    if usage is None or "non_repudiation" not in usage.native:
        raise SettingWrong("seal_usage")
    if not _is_strong(load_der_public_key(certificate.public_key.dump())):
        raise SettingWrong("seal_kind", bits=LEAST_BITS)


def matches(certificate: asn1.Certificate, data: bytes, signature: bytes) -> bool:
    """Return whether a signature (SHA-256; ECDSA or PKCS#1 v1.5) is that of a certificate's key."""
    key = load_der_public_key(certificate.public_key.dump())
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        else:
            return False
    except InvalidSignature:
        return False
    return True


def make_trial(folder: Path, *, now: datetime, passphrase: str = "") -> FileSealer:
    """Make a first key in `folder`, which every verification calls a trial seal.

    OutputRefused: seal_exists, and what cannot be written.
    """
    path = folder / SEAL_NAME
    if path.exists():
        raise OutputRefused("seal_exists", place=str(path))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, now)
    made = serialize_key_and_certificates(b"seal", key, certificate, None, _locked(passphrase))
    for name, data, mode in (
        (SEAL_NAME, made, 0o600),
        (CERTIFICATE_NAME, certificate.public_bytes(Encoding.PEM), 0o644),
    ):
        with writing_aside(folder / name, mode) as file:
            file.write(data)
    return load(path, passphrase)


def is_trial(certificate: asn1.Certificate) -> bool:
    """Return whether a certificate is one of those made for trying out."""
    unit = certificate.subject.native.get("organizational_unit_name", "")
    return TRIAL in ([unit] if isinstance(unit, str) else unit)


def roots(pem: bytes, place: str) -> list[asn1.Certificate]:
    """Read certificates (PEM) to be trusted. SettingWrong: certificate_unreadable."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as wrong:
        raise SettingWrong("certificate_unreadable", place=place) from wrong
    return [_asn1(one) for one in found]


def _certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "docgen"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, TRIAL),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{TRIAL} seal {now:%Y-%m-%d}"),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=TRIAL_DAYS))
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))


def _is_strong(key: object) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= LEAST_BITS
    return isinstance(key, ec.EllipticCurvePublicKey)


def _locked(passphrase: str) -> KeySerializationEncryption:
    return BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
