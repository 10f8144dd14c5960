"""Signatures of files that are no PDF, beside the file: CMS, detached (RFC 5652, 5.2).

Standard tools read them: `openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE`.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from asn1crypto import cms
from pyhanko.sign.general import SigningError, extract_certificate_info, extract_signer_info
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko.sign.validation.status import StandardCMSSignatureStatus
from pyhanko_certvalidator import ValidationContext

from docgen.errors import RenderFailed
from docgen.signing.keys import Sealer
from docgen.signing.timestamps import TimeAuthority, moment_of
from docgen.signing.trust import Trust
from docgen.signing.verify import SignatureFinding


def sign_detached(
    data: bytes, sealer: Sealer, *, now: datetime, timestamper: TimeAuthority | None = None
) -> bytes:
    """Return a signature (DER) of bytes. RenderFailed: seal_failed, signer_failed, tsa_failed."""
    signing = sealer.signer().async_sign_general_data(
        data,
        "sha256",
        timestamper=timestamper,
        signed_attr_settings=PdfCMSSignedAttributes(signing_time=now),
    )
    try:
        return bytes(asyncio.run(signing).dump())
    except SigningError as wrong:
        raise RenderFailed("seal_failed.seal", reason=str(wrong)) from wrong


def detached_faults(
    data: bytes, signature: bytes, trust: Trust, place: str
) -> list[SignatureFinding]:
    """Verify a detached signature; never raises.

    Its time stamp decides when its certificate had to be valid, where that is trusted.
    """
    try:
        signed = cms.ContentInfo.load(signature, strict=True)["content"]
        stamp = _stamp_of(signed)
        status = _validated(data, signed, trust, stamp or _signed_at(signed))
        if stamp and not (status.timestamp_validity and status.timestamp_validity.trusted):
            status = _validated(data, signed, trust, _signed_at(signed))
    except Exception:  # noqa: BLE001 # pyHanko may raise anything for a broken signature
        return [SignatureFinding("signature_broken", place)]
    if not (status.intact and status.valid):
        return [SignatureFinding("signature_broken", place)]
    known = status.trusted and trust.names(status.signing_cert)
    return [] if known else [SignatureFinding("signer_unknown", place)]


def _validated(
    data: bytes, signed: cms.SignedData, trust: Trust, moment: datetime
) -> StandardCMSSignatureStatus:
    certificate = extract_certificate_info(signed).signer_cert
    signers, stamps = (
        ValidationContext(trust_roots=[*roots], allow_fetching=False, moment=moment)
        for roots in (trust.roots(certificate, moment), trust.tsa_roots)
    )
    return asyncio.run(async_validate_detached_cms(data, signed, signers, stamps))


def _stamp_of(signed: cms.SignedData) -> datetime | None:
    """Return the moment of the time stamp that a signature carries."""
    attributes = extract_signer_info(signed)["unsigned_attrs"]
    for attribute in attributes if attributes.native is not None else ():
        if attribute["type"].native == "signature_time_stamp_token":
            return moment_of(attribute["values"][0]["content"])
    return None


def _signed_at(signed: cms.SignedData) -> datetime:
    """Return the moment that the signer tells; its certificate was valid then, if not today."""
    for attribute in extract_signer_info(signed)["signed_attrs"]:
        if attribute["type"].native == "signing_time":
            moment: datetime = attribute["values"][0].native
            return moment
    raise ValueError("no signing time")
