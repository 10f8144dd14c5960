"""The seal: a PAdES signature in a field that is there already, appended to the bytes as they are.

What was signed before has to be intact, and everything has to be afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from asn1crypto import x509
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.pdf_signer import PdfSigningSession

from docgen.errors import Conflict, RenderFailed
from docgen.paths import templates_dir
from docgen.renderers.pdf.parts import Box
from docgen.signing.blocks import blocks
from docgen.signing.damaged_pdf import damage_refused
from docgen.signing.fields import field_name, field_names
from docgen.signing.incremental_update import Appending
from docgen.signing.keys import Sealer, is_trial, usable
from docgen.signing.long_term import Lasting, made_lasting
from docgen.signing.stamps import beside, drawn, style, written
from docgen.signing.timestamps import TimeAuthority
from docgen.signing.trust import Trust
from docgen.signing.verify import verify_pdf
from schemas.problems import SHANGHAI


class _Signer(PdfSigner):
    """A signer whose clock is the caller's."""

    now: datetime

    def init_signing_session(
        self, pdf_out: BasePdfFileWriter, existing_fields_only: bool = False
    ) -> PdfSigningSession:
        """Begin, at the moment that was given."""
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self.now
        return session


def seal(
    pdf: bytes,
    field: str,
    sealer: Sealer,
    *,
    image: bytes | None,
    name: str,
    reason: str,
    now: datetime,
    word: str = "",
    timestamper: TimeAuthority | None = None,
    lta: Lasting | None = None,
    trust: Trust | None = None,
    revisions: Sequence[str] = (),
) -> bytes:
    """Sign in `field` for `name`, written after `word`; `image` is a drawn one before that.

    `timestamper` stamps the time on the signature (PAdES B-T), as `lta` does, with which the proofs
    come into the file too, under a time stamp on all of it (B-LTA). `trust` says whose seals may be
    there already; by default this sealer's; `revisions` are the hashes of the file after each of
    them. Raises Conflict: no_field,
    already_signed, altered_before; SettingWrong: as `usable`, seal_mismatch, lta_incomplete;
    UploadRefused for the image; RenderFailed: tsa_failed, signer_failed, seal_failed;
    InputUnreadable.
    """
    certificate = sealer.certificate
    trust = trust or Trust((certificate,), tsa_roots=lta.roots if lta else ())
    signed = _checked(pdf, field, trust, revisions)
    usable(certificate, now)
    box = _box(pdf, field)
    moment = now.astimezone(SHANGHAI)
    picture = written(_lines(" ".join((word, name)).strip(), moment, certificate), _fonts())
    if image:
        picture = beside(drawn(image), picture)
    meta = PdfSignatureMetadata(
        field_name=field,
        subfilter=SigSeedSubFilter.PADES,
        name=name,
        reason=reason,
        certify=not signed,
        docmdp_permissions=MDPPerm.FILL_FORMS,
        md_algorithm="sha256",
    )
    look = style(picture, (box.x2 - box.x1, box.y2 - box.y1))
    authority = lta.authority if lta else timestamper
    signer = _Signer(meta, sealer.signer(), timestamper=authority, stamp_style=look)
    signer.now = moment
    made = _made(signer, pdf)
    if lta:
        made = made_lasting(made, sealer, lta, now)
    _still_whole(pdf, made, trust, [*signed, field])
    return made


def _made(signer: _Signer, pdf: bytes) -> bytes:
    try:
        with damage_refused():
            output = signer.sign_pdf(Appending(pdf), existing_fields_only=True)
            return bytes(output.getvalue())
    except SigningError as wrong:
        raise RenderFailed("seal_failed.seal", reason=str(wrong)) from wrong


def _checked(pdf: bytes, field: str, trust: Trust, revisions: Sequence[str]) -> list[str]:
    """Return the fields signed so far; refuse to sign what was altered, or what is signed."""
    names = field_names(pdf)
    if field not in names:
        raise Conflict("no_field", field=field)
    if names[field]:
        raise Conflict("already_signed.field", field=field)
    signed = [name for name, done in names.items() if done]
    if signed and verify_pdf(pdf, trust, expected=signed, revisions=revisions).alterations:
        raise Conflict("altered_before")
    return signed


def _still_whole(pdf: bytes, made: bytes, trust: Trust, fields: list[str]) -> None:
    verdict = verify_pdf(made, trust, expected=fields)
    if not made.startswith(pdf) or verdict.alterations:
        raise RenderFailed("seal_failed", reason=", ".join(one.code for one in verdict.findings))


def _box(pdf: bytes, field: str) -> Box:
    found = {field_name(block): box for block, box in blocks(pdf).items()}
    if field not in found:
        raise Conflict("no_field.block", field=field)
    return found[field]


def _lines(name: str, moment: datetime, certificate: x509.Certificate) -> tuple[str, ...]:
    trial = "（试用 trial）" if is_trial(certificate) else ""
    return (name, f"{moment:%Y-%m-%d %H:%M}{trial}")


def _fonts() -> Path:
    return templates_dir() / "theme" / "fonts"
