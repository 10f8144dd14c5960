"""The judgement on a signed PDF, offline: intact, by whom, when, and nothing added that may not be.

Commands, the verification page, signing, archiving and packages all ask `verify_pdf`. pyHanko
validates each signature and compares the revisions up to the last seal that is trusted; of what
follows that seal `docgen.signing.updates` is the judge. A roll-back shows in the fields that are
expected to be signed, or in the hashes of the revisions on record.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from asn1crypto import cms, x509
from asn1crypto.parser import parse
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DSSCompareRule,
    FieldComparisonContext,
    FormUpdatingRule,
    GenericFieldModificationRule,
    ModificationLevel,
    ObjectStreamRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.general import extract_signer_info
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import (
    DocumentTimestampStatus,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    TimestampSignatureStatus,
)

from docgen.signing.damaged_pdf import DAMAGES
from docgen.signing.keys import is_trial
from docgen.signing.pdf_reader import SignedPdfReader
from docgen.signing.seal_reason import SealReason
from docgen.signing.timestamps import moment_of
from docgen.signing.trust import Contexts, Trust
from docgen.signing.updates import NotAllowed, check_updates, is_invisible
from schemas.problems import SHANGHAI
from schemas.wording import Worded

_UNKNOWN = ("signer_unknown", "timestamp_unknown")
_HEX = re.compile(rb"<(?:[0-9A-F]*|[0-9a-f]*)>")  # in one case: both would hide something


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
    """When something was there at the latest, by the word of which service."""

    at: str
    by: str
    trusted: bool

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return dict(vars(self))


@dataclass(frozen=True)
class FileStamp(Stamp):
    """A time stamp on the file as it was in `field`'s revision, signatures and proofs included.

    `revision_sha256` is the hash of the file up to its end.
    """

    field: str
    covers_file: bool
    revision_sha256: str


@dataclass(frozen=True)
class Signature:
    """One signature. `signed_at` is what it says itself; `name` whom the seal was set for.

    `stamp` is a time-stamping service's word for it; `revision_sha256` is the hash of the file up
    to its end, which is that of the bytes stored when the seal was set (without long-term proofs).
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
    reason: str
    revision_sha256: str
    stamp: Stamp | None = None

    @property
    def statement(self) -> SealReason | None:
        """What it says of the sign-off, where its reason is one of ours."""
        return SealReason.parse(self.reason)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        stated = self.statement
        return vars(self) | {
            "stamp": self.stamp and self.stamp.as_json(),
            "statement": stated and stated.as_json(),
        }


@dataclass
class SignatureVerdict:
    """What was found in a file; without findings it is what was signed.

    `sealed_bytes` is where the last seal ends that is trusted, or the last one of anybody's.
    """

    sha256: str
    signatures: list[Signature] = field(default_factory=list)
    timestamps: list[FileStamp] = field(default_factory=list)
    findings: list[SignatureFinding] = field(default_factory=list)
    sealed_bytes: int = 0

    @property
    def good(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def revisions(self) -> set[str]:
        """The hashes of the file up to the end of each seal and time stamp."""
        sealed: list[Signature | FileStamp] = [*self.signatures, *self.timestamps]
        return {one.revision_sha256 for one in sealed}

    @property
    def alterations(self) -> list[SignatureFinding]:
        """What was found but that it is unknown who signed, or stamped."""
        return [one for one in self.findings if one.code not in _UNKNOWN]

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
    trust: Trust,
    *,
    expected: Sequence[str] = (),
    sha256: str = "",
    revisions: Sequence[str] = (),
) -> SignatureVerdict:
    """Verify every signature, and what was added after the last one; never raises.

    `expected` are the fields that have to be signed, `sha256` is that of the file as it was stored,
    `revisions` are those of its earlier states as they were stored, one for each seal.
    """
    verdict = SignatureVerdict(hashlib.sha256(data).hexdigest())
    if sha256 and sha256 != verdict.sha256:
        verdict.findings.append(SignatureFinding("hash_differs"))
    try:
        reader = SignedPdfReader(data)
        fields = [(str(name), value, one) for name, value, one in enumerate_sig_fields(reader)]
        contexts = Contexts(trust, reader)
    except DAMAGES:
        verdict.findings.append(SignatureFinding("unreadable"))
        return verdict
    filled = [(name, one) for name, value, one in fields if value is not None]
    _Examination(data, contexts, verdict).run(reader, filled)
    verdict.findings += _completeness(verdict, len(filled), fields, expected)
    known = verdict.revisions | {verdict.sha256}
    verdict.findings += [
        SignatureFinding("revision_differs", one) for one in revisions if one not in known
    ]
    return verdict


@dataclass(frozen=True)
class _Seal:
    """A sound signature or time stamp, and where the bytes end that it signs."""

    field: str
    end: int
    is_stamp: bool
    trusted: bool


@dataclass
class _Examination:
    """A file being examined; what is found goes into the verdict."""

    data: bytes
    contexts: Contexts
    verdict: SignatureVerdict
    sound: list[_Seal] = field(default_factory=list)

    def run(self, reader: SignedPdfReader, filled: Sequence[tuple[str, Any]]) -> None:
        """Examine each signature by itself, in the order in which they were set, then the whole."""
        embedded = []
        for name, one in filled:
            try:
                embedded.append(EmbeddedPdfSignature(reader, one, name))
            except Exception:  # noqa: BLE001 # pyHanko and asn1crypto may raise anything
                self._find("signature_broken", name)
        for one in sorted(embedded, key=lambda each: each.signed_revision):
            try:
                (self._stamp if _is_stamp(one) else self._signature)(one)
            except Exception:  # noqa: BLE001 # as above, for what is broken further inside
                self._find("signature_broken", str(one.field_name))
        signed = [one for one in self.sound if not one.is_stamp]
        # Where none is trusted it is the last one of anybody's; whose it is, was found already.
        if anchors := [one for one in signed if one.trusted] or signed:
            self._around(max(one.end for one in anchors))

    def _signature(self, one: EmbeddedPdfSignature) -> None:
        name, end = str(one.field_name), self._end(one)
        status = _validated(one, self.contexts)
        certificate, moment = status.signing_cert, one.self_reported_timestamp
        stamp = status.timestamp_validity
        found = Signature(
            field=name,
            name=str(one.sig_object.get("/Name", "")),
            signer=_common_name(certificate),
            fingerprint=certificate.sha256.hex(),
            signed_at=moment.isoformat() if moment else "",
            trial=is_trial(certificate),
            intact=_intact(status),
            trusted=status.trusted and self.contexts.trust.names(certificate),
            covers_file=end == len(self.data),
            reason=str(one.sig_object.get("/Reason", "")),
            revision_sha256=self._revision(end),
            stamp=_stamp(stamp) if stamp else None,
        )
        self.verdict.signatures.append(found)
        if not found.intact:
            self._find("signature_broken", name)
        else:
            self.sound.append(_Seal(name, end, is_stamp=False, trusted=found.trusted))
        if stamp and not (stamp.intact and stamp.valid):
            self._find("timestamp_broken", name)
        if not found.trusted:
            self._find("signer_unknown", name)

    def _stamp(self, one: EmbeddedPdfSignature) -> None:
        name, end = str(one.field_name), self._end(one)
        context = self.contexts.stamps(moment_of(one.signed_data))
        status = validate_pdf_timestamp(one, context, skip_diff=True)
        if not _intact(status):
            self._find("signature_broken", name)
            return
        found = FileStamp(
            **vars(_stamp(status)),
            field=name,
            covers_file=end == len(self.data),
            revision_sha256=self._revision(end),
        )
        self.verdict.timestamps.append(found)
        self.sound.append(_Seal(name, end, is_stamp=True, trusted=found.trusted))

    def _end(self, one: EmbeddedPdfSignature) -> int:
        """Return where the bytes end that are signed: all from the first but its own contents.

        Raises ValueError where its byte range leaves out anything else.
        """
        first, size, second, rest = (int(number) for number in one.byte_range)
        contents = self.data[size:second]
        if first or not _HEX.fullmatch(contents) or second + rest > len(self.data):
            raise ValueError("byte range")
        if bytes.fromhex(contents[1:-1].decode()) != one.pkcs7_content:
            raise ValueError("contents")
        if _is_padded(one):
            self._find("signature_padding", str(one.field_name))
        return second + rest

    def _revision(self, end: int) -> str:
        return hashlib.sha256(memoryview(self.data)[:end]).hexdigest()

    def _around(self, sealed: int) -> None:
        """Find what came between the seals, and after the last one, that ends at `sealed`."""
        self.verdict.sealed_bytes = sealed
        altered = _altered(self.data[:sealed], {one.field for one in self.sound})
        for name in sorted(altered):
            self._find("signature_broken", name)
        try:
            names = check_updates(self.data, sealed)
        except NotAllowed as wrong:
            names, altered = [], frozenset(one.field for one in self.verdict.signatures)
            self._find(wrong.entry, wrong.place)
        trusted = {one.field for one in self.sound if one.trusted and one.is_stamp}
        for name in [one for one in names if one not in trusted]:
            self._find("timestamp_unknown", name)
        self.verdict.signatures = [
            replace(one, intact=one.intact and one.field not in altered)
            for one in self.verdict.signatures
        ]

    def _find(self, entry: str, place: str) -> None:
        self.verdict.findings.append(SignatureFinding(entry, place))


def _validated(one: EmbeddedPdfSignature, contexts: Contexts) -> PdfSignatureStatus:
    """Validate a signature as of its time stamp where that is trusted, else as of its own word."""
    stamp, stated = stamp_of(one), one.self_reported_timestamp
    stamped = moment_of(stamp) if stamp else stated

    def validated(moment: datetime | None) -> PdfSignatureStatus:
        signers = contexts.signers(one.signer_cert, moment)
        stamps = contexts.stamps(stamped)
        status = validate_pdf_signature(one, signers, stamps, skip_diff=True)
        assert isinstance(status, PdfSignatureStatus)
        return status

    status = validated(stamped)
    if status.timestamp_validity and not status.timestamp_validity.trusted:
        return validated(stated)
    return status


# What _altered found lately, by the bytes' sha256 and the fields. It depends on nothing else, takes
# seconds for many pages, and sealing, archiving, packing and the page ask it of the same bytes.
_found_altered: dict[tuple[bytes, frozenset[str]], frozenset[str]] = {}
_REMEMBERED = 256


def _altered(sealed: bytes, fields: set[str]) -> frozenset[str]:
    """Compare each revision that was signed with the last one, in the bytes that this one signs."""
    key = hashlib.sha256(sealed).digest(), frozenset(fields)
    if (known := _found_altered.get(key)) is not None:
        return known
    try:
        embedded = [*SignedPdfReader(sealed).embedded_signatures]
        named = {str(one.field_name): one for one in embedded}
        found = {name for name in fields & named.keys() if not _is_followed_well(named[name])}
    except Exception:  # noqa: BLE001 # pyHanko may raise anything for what is broken
        return key[1]
    while len(_found_altered) >= _REMEMBERED:
        _found_altered.pop(next(iter(_found_altered)), None)
    return _found_altered.setdefault(key, frozenset(found))


def _is_followed_well(one: EmbeddedPdfSignature) -> bool:
    """Whether pyHanko finds nothing after a signature but what FOLLOWING allows."""
    one.compute_integrity_info(FOLLOWING)  # type: ignore[no-untyped-call]
    found = one.summarise_integrity_info()
    level = getattr(one.diff_result, "modification_level", ModificationLevel.OTHER)
    return level != ModificationLevel.OTHER if _is_stamp(one) else bool(found["docmdp_ok"])


def _is_padded(one: EmbeddedPdfSignature) -> bool:
    """Whether anything but zeros fills up a signature's contents, or hides beside the signature.

    Neither the padding nor the unsigned attributes are covered by any signature, but by later ones.
    """
    header, content, trailer = parse(one.pkcs7_content)[3:]
    padding = one.pkcs7_content[len(header) + len(content) + len(trailer) :]
    attributes = extract_signer_info(one.signed_data)["unsigned_attrs"]
    kinds = [each["type"].native for each in attributes] if attributes.native is not None else []
    allowed = [] if _is_stamp(one) else ["signature_time_stamp_token"]
    return bool(padding.strip(b"\0")) or kinds not in ([], allowed)


def _is_stamp(one: EmbeddedPdfSignature) -> bool:
    return bool(one.sig_object_type != "/Sig")


def _stamp(status: TimestampSignatureStatus) -> Stamp:
    moment = status.timestamp.astimezone(SHANGHAI)
    return Stamp(moment.isoformat(), _common_name(status.signing_cert), status.trusted)


def _common_name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.native.get("common_name", ""))


def _intact(status: PdfSignatureStatus | DocumentTimestampStatus) -> bool:
    """Whether a signature is sound, over the whole of the revision that it signs."""
    whole = status.coverage is not None and (
        status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
    )
    return bool(status.intact and status.valid and whole)


def _completeness(
    verdict: SignatureVerdict,
    filled: int,
    fields: Sequence[tuple[str, Any, Any]],
    expected: Sequence[str],
) -> Iterator[SignatureFinding]:
    """Find what no single signature shows: that there is none at all, or that one is gone."""
    signed = {one.field for one in verdict.signatures}
    broken = filled > len(verdict.signatures) + len(verdict.timestamps)
    if not signed and not expected and not broken:
        yield SignatureFinding("not_signed")
    empty = {name for name, value, _ in fields if value is None}
    for name in expected:
        if name not in signed:
            yield SignatureFinding(
                "signature_absent.empty" if name in empty else "signature_absent", name
            )


class _InvisibleFields(SigFieldCreationRule):
    """Fields that come between seals hold time stamps, and show nothing, as after the last one.

    pyHanko calls a field invisible whose rectangle is null, whatever its appearance is; MuPDF
    painted over the whole page.
    """

    def apply(self, context: FieldComparisonContext) -> Iterator[tuple[ModificationLevel, Any]]:
        """Give the updates that are allowed. Raises SuspiciousModification."""
        for name, one in context.field_specs.items():
            if one.old_field_ref is None and not is_invisible(one.new_field):
                raise SuspiciousModification(f"{name} is no invisible field")
        yield from super().apply(context)


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
            _InvisibleFields(),  # type: ignore[no-untyped-call]
            SigFieldModificationRule(),
            GenericFieldModificationRule(),
        ]
    ),
)


def stamp_of(one: EmbeddedPdfSignature) -> cms.SignedData | None:
    """Return the time stamp that a signature carries."""
    attributes = extract_signer_info(one.signed_data)["unsigned_attrs"]
    for attribute in attributes if attributes.native is not None else ():
        if attribute["type"].native == "signature_time_stamp_token":
            return attribute["values"][0]["content"]
    return None
