"""What every record has: number, contract, people, status, control tables, sign-offs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from schemas.chronology import day_of
from schemas.fields import Choice, Part, broken_fields, field, labels_of, rule
from schemas.problems import Problem, error, warning
from schemas.setting import Setting
from schemas.values import Count, Day, DocNo, Instant, Name, Sha256, Text
from schemas.vocabulary import Phase, Role

SCHEMA_VERSION = "1.0"


class Status(Choice):
    """State of a document (`workflow.md`)."""

    draft = "draft", "草稿", "Draft", "muted"
    submitted = "submitted", "已提交", "Submitted"
    in_review = "in_review", "审阅中", "In review"
    returned = "returned", "已退回", "Returned", "warn"
    approved = "approved", "已批准", "Approved", "good"
    archived = "archived", "已归档", "Archived", "good"
    void = "void", "作废", "Void", "bad"


class Confidentiality(Choice):
    """Mark on the paper; the legal terms 秘密, 机密, 绝密 are never used."""

    public = "public", "公开", "Public"
    internal = "internal", "内部", "Internal"
    customer_confidential = "customer_confidential", "客户保密", "Customer confidential"


class Opinion(Choice):
    """What a signer says."""

    agree = "agree", "同意", "Agree", "good"
    agree_with_changes = "agree_with_changes", "修改后同意", "Agree with changes", "warn"
    disagree = "disagree", "不同意", "Disagree", "bad"


class SignMethod(Choice):
    """How a signature was given."""

    handwritten = "handwritten", "手签", "Handwritten"
    seal = "seal", "盖章", "Seal"
    electronic = "electronic", "电子签", "Electronic"


class Revision(Part):
    """One line of the document's history."""

    version: Name = field("版本", "Version")
    date: Day = field("日期", "Date")
    author: Name = field("编制人", "Author")
    reviewer: Name | None = field("审阅人", "Reviewer", None)
    summary: Text = field("修订说明", "Summary", widget="wide")


class Recipient(Part):
    """Who gets how many copies."""

    name: Name = field("姓名", "Name")
    org: Name | None = field("单位", "Organisation", None)
    copies: Count = field("份数", "Copies", 1)


class Attachment(Part):
    """A file that belongs to the record; the file itself is kept beside it."""

    name: Name = field("文件名", "File")
    sha256: Sha256 = field("SHA-256", "SHA-256")
    size_bytes: Count = field("大小", "Size", unit="B")
    note: Text | None = field("说明", "Note", None)


class Signoff(Part):
    """A given or awaited signature."""

    role: Role = field("角色", "Role")
    name: Name | None = field("姓名", "Name", None)
    org: Name | None = field("单位", "Organisation", None)
    opinion: Opinion | None = field("意见", "Opinion", None)
    comment: Text | None = field("意见说明", "Comment", None)
    signed_on: Day | None = field("签署日期", "Signed on", None)
    method: SignMethod | None = field("签署方式", "Method", None)
    seal_required: bool = field("需盖章", "Seal required", False)

    @rule("opinion", "comment")
    def disagreement_has_comment(self) -> Iterator[Problem]:
        """Refuse a disagreement that does not say why."""
        if self.opinion is Opinion.disagree and not self.comment:
            yield error("comment", "comment_required", self.opinion)


@dataclass(frozen=True)
class RecordType:
    """What a record type is called, who signs it, and how its paper is laid out.

    `layout` is `archive` (cover, control, contents, sections) or `form` (one bordered form);
    `sections` are (key, zh, en) in the order of the paper.
    """

    code: str
    name: str
    zh: str
    en: str
    signers: tuple[Role, ...]
    layout: Literal["archive", "form"]
    sections: tuple[tuple[str, str, str], ...]

    def label(self, lang: str) -> str:
        """Give the document's title in `lang`."""
        return self.zh if lang == "zh" else self.en


FINISHED = frozenset({Status.approved, Status.archived})
CONTROL = ("control", "文档信息", "Document information")


class Record(Part):
    """Base of every record type; a concrete one sets `record_type`.

    `archive_needs` names the optional fields that an archived record must have (they are asked
    for when it is submitted, before anybody signs), `starts_with` those that `docgen new` shows
    beside the required ones.
    """

    record_type: ClassVar[RecordType]
    archive_needs: ClassVar[tuple[str, ...]] = ()
    starts_with: ClassVar[tuple[str, ...]] = ()

    doc_no: DocNo = field("文档编号", "Document no.", section="control")
    schema_version: Literal["1.0"] = field("模式版本", "Schema version", widget="hidden")
    contract_no: Name = field("合同编号", "Contract no.", section="control", aliases=("合同号",))
    phase: Phase = field("服务阶段", "Phase", section="control")
    customer_name: Name = field(
        "客户名称", "Customer", section="control", aliases=("客户", "客户单位")
    )
    customer_code: Name = field(
        "客户代码", "Customer code", section="control", pattern=r"^[A-Z0-9]{2,12}$"
    )
    project_name: Name | None = field("项目名称", "Project", None, section="control")
    provider_name: Name = field("服务单位", "Provider", section="control", aliases=("服务商",))
    doc_date: Day = field(
        "文档日期", "Document date", section="control", aliases=("制表日期", "日期")
    )
    prepared_by: Name = field("编制人", "Prepared by", section="control", aliases=("制表人",))
    prepared_at: Instant | None = field("编制时间", "Prepared at", None, section="control")
    status: Status = field("文档状态", "Status", section="control")
    confidentiality: Confidentiality = field("密级", "Confidentiality", section="control")
    revisions: list[Revision] = field("修订记录", "Revisions", [], section="control")
    distribution: list[Recipient] = field("分发范围", "Distribution", [], section="control")
    attachments: list[Attachment] = field("附件", "Attachments", [], section="control")
    signoffs: list[Signoff] = field("签署", "Sign-off", [], section="control")

    @rule("doc_no")
    def number_names_the_type(self) -> Iterator[Problem]:
        """Refuse a number that begins with another type's code."""
        if not self.doc_no.startswith(self.record_type.code + "-"):
            yield error(
                "doc_no", "doc_no_of_other_type", self.doc_no, code_expected=self.record_type.code
            )

    @rule("doc_no", "customer_code")
    def number_names_the_customer(self) -> Iterator[Problem]:
        """Refuse a number whose second part is another customer's code."""
        if self.doc_no.split("-")[1] != self.customer_code:
            yield error(
                "doc_no", "doc_no_of_other_customer", self.doc_no, customer_code=self.customer_code
            )

    @rule("doc_date", "signoffs")
    def signed_after_the_document(self, setting: Setting) -> Iterator[Problem]:
        """Refuse a signature before the document's day, or in the future."""
        for index, signoff in enumerate(self.signoffs):
            path, day = ("signoffs", index, "signed_on"), signoff.signed_on
            if day is not None and day < self.doc_date:
                yield error(path, "signed_before_document", day, doc_date=self.doc_date)
            if day is not None and day > day_of(setting.now):
                yield error(path, "in_future", day, now=day_of(setting.now))

    @rule("status", "signoffs")
    def finished_means_signed(self, setting: Setting) -> Iterator[Problem]:
        """Refuse to call approved or archived what somebody has not signed, or not agreed to."""
        if self.status not in FINISHED or setting.before_signing:
            return
        signed = self.signed_roles()
        if missing := [role for role in self.record_type.signers if role not in signed]:
            names = {lang: self._people(missing, lang, setting) for lang in ("zh", "en")}
            yield error("signoffs", "signature_missing", self.status, roles=names)
        for index, signoff in enumerate(self.signoffs):
            if signoff.opinion is Opinion.disagree:
                yield error(("signoffs", index, "opinion"), "disagreed", signoff.opinion)

    @rule("status")
    def archived_means_complete(self) -> Iterator[Problem]:
        """Refuse to call archived what lacks a field that archiving needs."""
        if self.status is not Status.archived:
            return
        for name in self.archive_needs:
            if not getattr(self, name) and name not in broken_fields(self):
                yield error(name, "archive_needs", label=labels_of(type(self), name))

    @rule("contract_no", "customer_code")
    def contract_is_the_one_given(self, setting: Setting) -> Iterator[Problem]:
        """Compare number and customer with the contract, where one is known."""
        contract = setting.contract
        if contract is None:
            return
        if self.contract_no != contract.contract_no:
            yield error(
                "contract_no", "other_contract", self.contract_no, expected=contract.contract_no
            )
        if self.customer_code != contract.customer_code:
            yield warning(
                "customer_code",
                "other_customer",
                self.customer_code,
                expected=contract.customer_code,
            )

    def signed_roles(self) -> set[Role]:
        """Name the roles that have signed; a type may add receipts that count as a signature."""
        return {signoff.role for signoff in self.signoffs if signoff.signed_on}

    def _people(self, roles: list[Role], lang: str, setting: Setting) -> str:
        """List roles with the names that are known: 客户负责人（刘洋）、公司领导."""
        known = setting.contract.people if setting.contract else []
        people = {person.role: person.name for person in known}
        people |= {awaited.role: awaited.name for awaited in self.signoffs if awaited.name}
        joint, wording = ("、", "{}（{}）") if lang == "zh" else (", ", "{} ({})")
        words = ((role.label(lang), people.get(role)) for role in roles)
        return joint.join(wording.format(role, name) if name else role for role, name in words)
