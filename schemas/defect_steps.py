"""The steps of a defect ticket: the customer's chain, the stages, consent, and the work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from schemas.chronology import moments, out_of_order
from schemas.envelope import Opinion
from schemas.fields import Choice, Part, field, rule
from schemas.problems import Problem, error, warning
from schemas.values import Count, Instant, Name, Text

# Consent by word of mouth is to be put in writing within a day; later is warned of.
WRITTEN_WITHIN = timedelta(hours=24)


class StageName(Choice):
    """The four stages of the handbook (6), in their order."""

    diagnosis = "diagnosis", "诊断", "Diagnosis"
    confirmation = "confirmation", "确认", "Confirmation"
    handling = "handling", "处理", "Handling"
    reply = "reply", "回复", "Reply"


class ConsentMethod(Choice):
    """How the customer consented; an oral consent is written down within 24 hours."""

    written = "written", "书面", "Written"
    email = "email", "电子邮件", "E-mail", "", "邮件"
    oral = "oral", "口头", "Oral", "warn", "电话"


class Submission(Part):
    """One level of the customer's own chain, lowest first."""

    level: Count = field("级次", "Level", ge=1)
    person: Name = field("姓名", "Name")
    title: Name | None = field("职务", "Title", None)
    at: Instant = field("提交时间", "At")
    opinion: Text | None = field("意见", "Opinion", None)


class Stage(Part):
    """One of the four stages."""

    stage: StageName = field("环节", "Stage")
    at: Instant | None = field("时间", "At", None)
    person: Name | None = field("人员", "Person", None)
    note: Text | None = field("说明", "Note", None)


class Consent(Part):
    """The customer's word on the plan; without it no work starts (handbook 6.B)."""

    by: Name = field("同意人", "Consent by")
    at: Instant = field("客户意见时间", "Consent at")
    method: ConsentMethod = field("方式", "Method")
    opinion: Opinion = field("意见", "Opinion")
    comment: Text | None = field("意见说明", "Comment", None)
    written_at: Instant | None = field("书面补签时间", "Written down at", None)

    @rule("opinion", "comment")
    def disagreement_has_comment(self) -> Iterator[Problem]:
        """Refuse a disagreement that does not say why."""
        if self.opinion is Opinion.disagree and not self.comment:
            yield error("comment", "comment_required", self.opinion)

    @rule()
    def written_after_spoken(self) -> Iterator[Problem]:
        """Refuse a confirmation before the word that it confirms."""
        yield from out_of_order(moments(self, "at", "written_at"))

    @rule("at", "method", "written_at")
    def oral_consent_is_written_down(self) -> Iterator[Problem]:
        """Warn of an oral consent that was not written down within 24 hours."""
        if self.method is not ConsentMethod.oral:
            return
        if self.written_at is None:
            yield warning("written_at", "oral_consent_unwritten")
        elif self.written_at - self.at > WRITTEN_WITHIN:
            yield warning("written_at", "oral_consent_written_late", self.written_at, at=self.at)


class WorkStep(Part):
    """One operation of the work."""

    seq: Count = field("序号", "No.")
    at: Instant | None = field("时间", "At", None)
    operation: Text = field("操作", "Operation")
    operator: Name | None = field("操作人", "Operator", None)
    result: Text | None = field("结果", "Result", None)
