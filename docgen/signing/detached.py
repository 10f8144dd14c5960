"""Signatures of files that are no PDF, beside the file: CMS, detached (RFC 5652, 5.2).

Standard tools read them: `openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from asn1crypto import cms, x509
from pyhanko.sign.general import SigningError, extract_signer_info
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.validation import async_validate_detached_cms
from pyhanko_certvalidator import ValidationContext

from docgen.errors import RenderFailed
from docgen.signing.keys import Sealer
from docgen.signing.timestamps import TimeAuthority
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
    data: bytes, signature: bytes, roots: Sequence[x509.Certificate], place: str
) -> list[SignatureFinding]:
    """Verify a detached signature against the certificates to be trusted; never raises."""
    try:
        signed = cms.ContentInfo.load(signature, strict=True)["content"]
        context = ValidationContext(
            trust_roots=[*roots], allow_fetching=False, moment=_signed_at(signed)
        )
        status = asyncio.run(async_validate_detached_cms(data, signed, context))
    except Exception:  # noqa: BLE001 # pyHanko may raise anything for a broken signature
        return [SignatureFinding("signature_broken", place)]
    if not (status.intact and status.valid):
        return [SignatureFinding("signature_broken", place)]
    return [] if status.trusted else [SignatureFinding("signer_unknown", place)]


def _signed_at(signed: cms.SignedData) -> datetime:
    """Return the moment that the signer tells; its certificate was valid then, if not today."""
    for attribute in extract_signer_info(signed)["signed_attrs"]:
        if attribute["type"].native == "signing_time":
            moment: datetime = attribute["values"][0].native
            return moment
    raise ValueError("no signing time")
