"""Seals that outlast their certificates (PAdES B-LTA): proofs put into the file, and stamped.

Revocation lists come from a folder that the operator keeps fresh; nobody is asked for them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import crl, ocsp, pem, x509
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper, TimestampDSSContentSettings
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathBuildingError, PathValidationError

from docgen.errors import SettingWrong
from docgen.signing.incremental_update import Appending
from docgen.signing.keys import Sealer
from docgen.signing.pdf_reader import SignedPdfReader
from docgen.signing.timestamps import TimeAuthority

USAGE = {"non_repudiation"}


@dataclass(frozen=True)
class Lasting:
    """Who stamps the time, certificates of authorities, and what these say about revocation."""

    authority: TimeAuthority
    roots: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] = ()
    ocsps: tuple[ocsp.OCSPResponse, ...] = ()


def revocations(
    folder: Path,
) -> tuple[tuple[crl.CertificateList, ...], tuple[ocsp.OCSPResponse, ...]]:
    """Read a folder's `*.crl` (DER or PEM) and `*.ocsp` (DER). SettingWrong: lta_unreadable."""
    path = folder
    try:
        if not folder.is_dir():
            raise NotADirectoryError(str(folder))
        lists, answers = [], []
        for path in sorted(folder.iterdir()):
            if path.suffix == ".crl":
                lists.append(crl.CertificateList.load(_der(path), strict=True))
                _ = lists[-1].native
            elif path.suffix == ".ocsp":
                answers.append(ocsp.OCSPResponse.load(path.read_bytes(), strict=True))
                _ = answers[-1].native
    except (OSError, ValueError, TypeError) as wrong:
        raise SettingWrong("lta_unreadable", place=str(path)) from wrong
    return tuple(lists), tuple(answers)


def made_lasting(pdf: bytes, sealer: Sealer, by: Lasting, now: datetime) -> bytes:
    """Append the certificates and revocation lists of a seal just set, and a stamp on all of it.

    Raises SettingWrong: lta_incomplete; RenderFailed: tsa_failed.
    """
    signer, certificate = sealer.signer(), sealer.certificate
    trial = [certificate] if certificate.self_issued else []
    context = ValidationContext(
        trust_roots=[*by.roots, *trial],
        allow_fetching=False,
        moment=now,
        crls=by.crls,
        ocsps=by.ocsps,
        revocation_mode="require",
    )
    try:
        chain = CertificateValidator(
            certificate, intermediate_certs=signer.cert_registry, validation_context=context
        )
        path = asyncio.run(chain.async_validate_usage(USAGE))  # type: ignore[no-untyped-call]
        stamper = PdfTimeStamper(by.authority, field_name=_field(pdf))
        output = stamper.timestamp_pdf(
            Appending(pdf),
            "sha256",
            context,
            validation_paths=[path],
            dss_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
        )
    except (PathBuildingError, PathValidationError) as wrong:
        raise SettingWrong("lta_incomplete", place="DOCGEN_SEAL_LTA", reason=str(wrong)) from wrong
    return bytes(output.getvalue())


def _field(pdf: bytes) -> str:
    """Name the next time stamp's field; roles of sign-offs have no such names."""
    stamps = SignedPdfReader(pdf).embedded_timestamp_signatures
    return f"timestamp-{len(stamps) + 1}"


def _der(path: Path) -> bytes:
    data = path.read_bytes()
    return bytes(pem.unarmor(data)[2]) if pem.detect(data) else data
