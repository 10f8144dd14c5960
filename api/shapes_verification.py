"""What the verification answers as JSON."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field

from api.shapes import Wording
from docgen.service.verification import Checked, Standing
from docgen.signing.verify import Signature


class StandingOut(BaseModel):
    """How a version stands."""

    doc_no: str
    title: Wording
    state: str
    doc_date: date
    record_sha256: str
    signers: list[str] = Field(
        description="姓名，合同未许可时只显首字 masked unless the contract permits"
    )

    @classmethod
    def of(cls, one: Standing) -> StandingOut:
        """Make it."""
        return cls(
            doc_no=one.doc_no,
            title=Wording(**one.title),
            state=one.state.value,
            doc_date=one.doc_date,
            record_sha256=one.sha256,
            signers=list(one.signers),
        )


class SealOut(BaseModel):
    """A seal in a file; `name` is whom it was set for, `signed_at` what it says itself."""

    field: str
    name: str
    signer: str
    fingerprint: str
    signed_at: str
    stamped_at: str | None
    trial: bool
    intact: bool
    trusted: bool
    covers_file: bool

    @classmethod
    def of(cls, one: Signature) -> SealOut:
        """Make it."""
        same = {name: getattr(one, name) for name in cls.model_fields if name != "stamped_at"}
        return cls(**same, stamped_at=one.stamp.at if one.stamp else None)


class FindingOut(BaseModel):
    """Something that is not as it should be."""

    code: str
    place: str
    message: Wording


class FileOut(BaseModel):
    """What was found of a file, and the version that it was compared with."""

    outcome: str = Field(
        description="on_record, earlier, not_on_record, altered, signer_unknown, unsigned or "
        "unreadable"
    )
    stage: str = Field(
        description="which file on record: submitted, signed or archived; else empty"
    )
    sha256: str
    seals: list[SealOut]
    findings: list[FindingOut]
    version: StandingOut

    @classmethod
    def of(cls, one: Standing, checked: Checked) -> FileOut:
        """Make it."""
        verdict = checked.verdict
        return cls(
            outcome=checked.outcome,
            stage=checked.stage,
            sha256=verdict.sha256,
            seals=[SealOut.of(seal) for seal in verdict.signatures],
            findings=[FindingOut.model_validate(found.as_json()) for found in verdict.findings],
            version=StandingOut.of(one),
        )
