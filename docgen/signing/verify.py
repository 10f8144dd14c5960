"""Verification of a PDF's signatures, offline: intact, by whom, when, over the whole file.

pyHanko misses edits of the metadata, junk after the end and a roll-back to an earlier revision:
the last signature, or a time stamp, has to cover the entire file, and the fields expected have to
be signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import (
    DocumentTimestampStatus,
    ModificationInfo,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    TimestampSignatureStatus,
)
from pyhanko_certvalidator import ValidationContext

from docgen.signing.damaged_pdf import DAMAGES
from docgen.signing.keys import is_trial
from docgen.signing.pdf_reader import SignedPdfReader
from docgen.signing.timestamps import moment_of
from schemas.problems import SHANGHAI
from schemas.wording import Worded


@dataclass(frozen=True)
class SignatureFinding(Worded):
    """Something that is not as it should be; `place` names the field, if it is one's."""

    entry: str
    place: str = ""

    @property
    def code(self) -> str:
        """What programs know it by."""
        return self.entry.partition(".")[0]

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return its entry in the catalogues; the place fills it."""
        return self.entry, {"place": self.place}

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {"code": self.code, "place": self.place, "message": self.messages()}


@dataclass(frozen=True)
class Stamp:
    """When something was there at the latest, and by whose word."""

    at: str
    by: str
    trusted: bool

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return dict(vars(self))


@dataclass(frozen=True)
class FileStamp(Stamp):
    """A time stamp on the file as it was in `field`'s revision, signatures and proofs included."""

    field: str
    covers_file: bool


@dataclass(frozen=True)
class Signature:
    """One signature. `signed_at` is what it says itself; `name` whom the seal was set for.

    `stamp` is the word of a time-stamping service for it.
    """

    field: str
    name: str
    signer: str
    fingerprint: str
    signed_at: str
    trial: bool
    intact: bool
    trusted: bool
    covers_file: bool
    stamp: Stamp | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return vars(self) | {"stamp": self.stamp and self.stamp.as_json()}


@dataclass
class SignatureVerdict:
    """What was found in a file; without findings it is what was signed."""

    sha256: str
    signatures: list[Signature] = field(default_factory=list)
    timestamps: list[FileStamp] = field(default_factory=list)
    findings: list[SignatureFinding] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def untouched(self) -> bool:
        """Whether nothing was altered, whoever signed."""
        return all(one.code == "signer_unknown" for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "sha256": self.sha256,
            "good": self.good,
            "signatures": [one.as_json() for one in self.signatures],
            "timestamps": [one.as_json() for one in self.timestamps],
            "findings": [one.as_json() for one in self.findings],
        }


def verify_pdf(
    data: bytes,
    roots: Sequence[x509.Certificate],
    *,
    expected: Sequence[str] = (),
    sha256: str = "",
) -> SignatureVerdict:
    """Verify every signature against the certificates to be trusted; never raises.

    `expected` are the fields that have to be signed, `sha256` that of the file as it was kept.
    """
    verdict = SignatureVerdict(hashlib.sha256(data).hexdigest())
    if sha256 and sha256 != verdict.sha256:
        verdict.findings.append(SignatureFinding("hash_differs"))
    try:
        reader = SignedPdfReader(data)
        embedded = list(reader.embedded_signatures)
        empty = [name for name, value, _ in enumerate_sig_fields(reader) if value is None]
        trust = Trust(roots, reader)
    except DAMAGES:
        verdict.findings.append(SignatureFinding("unreadable"))
        return verdict
    for one in embedded:
        _examine(one, trust, verdict)
    signed = [one for one in embedded if not _is_stamp(one)]
    verdict.findings += _completeness(verdict, signed, [*expected], empty)
    return verdict


def _examine(one: EmbeddedPdfSignature, trust: Trust, verdict: SignatureVerdict) -> None:
    name = str(one.field_name)
    try:
        if _is_stamp(one):
            _examine_stamp(name, one, trust, verdict)
            return
        stamp = stamp_of(one)
        moment = moment_of(stamp) if stamp else one.self_reported_timestamp
        status = validate_pdf_signature(one, trust.at(moment), diff_policy=FOLLOWING)
        assert isinstance(status, PdfSignatureStatus)
        verdict.signatures.append(_told(name, one, status))
        verdict.findings += _faults(name, status)
    except Exception:  # noqa: BLE001 # pyHanko may raise anything for a broken signature
        verdict.findings.append(SignatureFinding("signature_broken", name))


def _examine_stamp(
    name: str, one: EmbeddedPdfSignature, trust: Trust, verdict: SignatureVerdict
) -> None:
    context = trust.at(moment_of(one.signed_data))
    status = validate_pdf_timestamp(one, context, diff_policy=FOLLOWING)
    assert isinstance(status, DocumentTimestampStatus)
    if not _unaltered(status):
        verdict.findings.append(SignatureFinding("signature_broken", name))
        return
    told = _stamp(status)
    covers = _covers_file(status)
    verdict.timestamps.append(FileStamp(told.at, told.by, told.trusted, name, covers))


def _is_stamp(one: EmbeddedPdfSignature) -> bool:
    return bool(one.sig_object_type != "/Sig")


def _told(name: str, one: EmbeddedPdfSignature, status: PdfSignatureStatus) -> Signature:
    certificate = status.signing_cert
    moment = one.self_reported_timestamp
    return Signature(
        field=name,
        name=str(one.sig_object.get("/Name", "")),
        signer=_common_name(certificate),
        fingerprint=certificate.sha256.hex(),
        signed_at=moment.isoformat() if moment else "",
        trial=is_trial(certificate),
        intact=_unaltered(status),
        trusted=status.trusted,
        covers_file=_covers_file(status),
        stamp=_stamp(status.timestamp_validity) if status.timestamp_validity else None,
    )


def _stamp(status: TimestampSignatureStatus) -> Stamp:
    moment = status.timestamp.astimezone(SHANGHAI)
    return Stamp(moment.isoformat(), _common_name(status.signing_cert), status.trusted)


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.native.get("common_name", ""))


def _covers_file(status: ModificationInfo) -> bool:
    return bool(status.coverage == SignatureCoverageLevel.ENTIRE_FILE)


def _unaltered(status: PdfSignatureStatus | DocumentTimestampStatus) -> bool:
    """Return whether it is sound, and only what may follow a signature came after it."""
    following = status.docmdp_ok
    if isinstance(status, DocumentTimestampStatus):
        following = status.modification_level != ModificationLevel.OTHER
    whole = status.coverage is not None and (
        status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
    )
    return bool(status.intact and status.valid and whole and following)


def _faults(name: str, status: PdfSignatureStatus) -> Iterator[SignatureFinding]:
    if not _unaltered(status):
        yield SignatureFinding("signature_broken", name)
    stamp = status.timestamp_validity
    if stamp and not (stamp.intact and stamp.valid):
        yield SignatureFinding("timestamp_broken", name)
    if not status.trusted:
        yield SignatureFinding("signer_unknown", name)


def _completeness(
    verdict: SignatureVerdict,
    embedded: Sequence[EmbeddedPdfSignature],
    expected: list[str],
    empty: list[str],
) -> Iterator[SignatureFinding]:
    """Find what no single signature tells: none at all, bytes after the last, one that is gone."""
    if not embedded and not expected:
        yield SignatureFinding("not_signed")
    covering = [one.covers_file for one in verdict.signatures]
    covering += [one.covers_file for one in verdict.timestamps]
    if embedded and verdict.signatures and not any(covering):
        yield SignatureFinding("bytes_after_signature")
    signed = {str(one.field_name) for one in embedded}
    for name in expected:
        if name not in signed:
            yield SignatureFinding(
                "signature_absent.empty" if name in empty else "signature_absent", name
            )


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
