"""ZX: the consultation ticket (handbook 6.A), with the clock of its answer (handbook 2.B)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from schemas.chronology import in_future, moments, out_of_order
from schemas.clocks import LAST_SECOND, CalendarUnknown, Response, respond_state
from schemas.contract import Calendar
from schemas.envelope import CONTROL, RecordType
from schemas.fields import Choice, field, labels_of, rule
from schemas.problems import Problem, error, warning
from schemas.setting import Setting
from schemas.statements import config_change_in
from schemas.ticket import DefectNo, Ticket
from schemas.values import Instant, Name, Text
from schemas.vocabulary import Role


class Category(Choice):
    """What a question is about."""

    install_config = "install_config", "安装配置", "Installation and configuration"
    sql = "sql", "SQL", "SQL", "", "SQL 开发", "SQL编写"
    performance = "performance", "性能", "Performance", "", "性能优化"
    backup_recovery = "backup_recovery", "备份恢复", "Backup and recovery"
    security = "security", "安全", "Security"
    other = "other", "其他", "Other"


class Satisfaction(Choice):
    """What the customer says of the answer."""

    satisfied = "satisfied", "满意", "Satisfied", "good"
    mostly = "mostly", "基本满意", "Mostly satisfied", "good"
    unsatisfied = "unsatisfied", "不满意", "Unsatisfied", "bad"
    no_feedback = "no_feedback", "未反馈", "No feedback", "muted", "无反馈"


# Answers after which closing needs no reason.
CONTENT = frozenset({Satisfaction.satisfied, Satisfaction.mostly})


class Consultation(Ticket):
    """The consultation ticket; `response` is computed from its times."""

    record_type: ClassVar[RecordType] = RecordType(
        code="ZX",
        name="consultation",
        zh="咨询类问题单",
        en="Consultation ticket",
        signers=(Role.engineer, Role.pm),
        layout="form",
        sections=(
            CONTROL,
            ("reporter", "提出与受理", "Report"),
            ("question", "问题与需求", "Question and need"),
            ("answer", "解答", "Answer"),
            ("feedback", "反馈与关闭", "Feedback and closing"),
            ("delivery", "递交项目经理", "Delivery"),
        ),
    )
    archive_needs: ClassVar[tuple[str, ...]] = ("answer", "answered_at", "closed_at")
    foreign: ClassVar[Mapping[str, str]] = {"config_changes": "config_changes_in_consultation"}

    received_at: Instant = field(
        "受理时间", "Received", section="reporter", aliases=("接报时间", "来电时间")
    )
    category: Category | None = field(
        "问题分类", "Category", None, section="question", aliases=("咨询分类",)
    )
    customer_need: Text = field(
        "客户的需求", "Customer's need", section="question", widget="wide", aliases=("客户需求",)
    )
    desired_goal: Text | None = field(
        "想要达到的目标",
        "Desired goal",
        None,
        section="question",
        widget="wide",
        aliases=("目标", "期望目标"),
    )
    answer: Text | None = field(
        "解答方案",
        "Answer",
        None,
        section="answer",
        widget="wide",
        aliases=("处理结果", "解决办法"),
    )
    answered_at: Instant | None = field(
        "解答时间", "Answered", None, section="answer", aliases=("答复时间", "回复时间")
    )
    response: Response | None = field("答复时效", "Response", None, section="answer")
    feedback_at: Instant | None = field("反馈时间", "Feedback at", None, section="feedback")
    satisfaction: Satisfaction | None = field(
        "满意度", "Satisfaction", None, section="feedback", aliases=("客户满意度",)
    )
    converted_to: DefectNo | None = field(
        "转系统缺陷类问题单", "Converted to", None, section="feedback", aliases=("转缺陷单",)
    )
    closed_at: Instant | None = field("关闭时间", "Closed", None, section="feedback")
    closed_by: Name | None = field("关闭人", "Closed by", None, section="feedback")
    close_reason: Text | None = field(
        "未获满意而关闭的原因", "Reason for closing", None, section="feedback", widget="wide"
    )

    @rule()
    def times_follow(self, setting: Setting) -> Iterator[Problem]:
        """Demand received ≤ answered ≤ feedback ≤ closed ≤ submitted, nothing in the future."""
        names = ("received_at", "answered_at", "feedback_at", "closed_at")
        chain = moments(self, *names, "pm_delivery.submitted_at")
        yield from out_of_order(chain)
        yield from in_future(chain[: len(names)], setting.now)

    @rule("answer", "answered_at")
    def answer_has_its_time(self) -> Iterator[Problem]:
        """Demand the time of an answer, and the answer of a time."""
        if bool(self.answer) != bool(self.answered_at):
            missing = "answered_at" if self.answer else "answer"
            yield error(missing, "answer_incomplete", label=labels_of(type(self), missing))

    @rule("received_at", "answered_at", "response", "doc_date", "prepared_at")
    def response_agrees(self, setting: Setting) -> Iterator[Problem]:
        """Refuse a given response that the times contradict."""
        try:
            expected = self._responses(setting)
        except CalendarUnknown as unknown:
            yield warning("received_at", "calendar_unknown", self.received_at, year=unknown.year)
            return
        if self.response is not None and self.response not in expected:
            yield error("response", "response_differs", self.response, computed=expected[0])

    @rule("closed_at", "closed_by", "satisfaction", "close_reason", "converted_to", "answer")
    def closing_is_earned(self) -> Iterator[Problem]:
        """Demand an answer and a content customer, or a reason, or a defect ticket, to close."""
        if self.closed_at is None:
            return
        if not self.closed_by:
            yield error("closed_by", "closed_by_required")
        if self.converted_to:
            return
        if not self.answer:
            yield error("answer", "closing_needs_answer")
        if self.satisfaction not in CONTENT and not self.close_reason:
            yield error("satisfaction", "closing_needs_satisfaction", self.satisfaction)

    @rule("answer", "converted_to")
    def configuration_is_left_alone(self) -> Iterator[Problem]:
        """Warn of an answer that seems to change the configuration without a defect ticket.

        What is written as rows (`config_changes`) is refused; prose is only a guess.
        """
        found = config_change_in(self.answer or "")
        if found and not self.converted_to:
            yield warning("answer", "config_change_in_consultation", found)

    def fill(self, setting: Setting) -> None:
        """Say how the answer stands to its clock; unknown workdays leave it open."""
        if self.response is None:
            try:
                self.response = self._responses(setting)[0]
            except CalendarUnknown:
                self.response = None

    @property
    def as_of(self) -> datetime:
        """When the sheet was made: an answer is pending or overdue as of then."""
        return self.prepared_at or datetime.combine(self.doc_date, LAST_SECOND)

    def _responses(self, setting: Setting) -> list[Response]:
        """Judge by the contract's calendar; without a contract, a given value may be by either."""
        calendars = [setting.contract.calendar] if setting.contract else list(Calendar)
        if setting.contract is None and self.response is None:
            calendars = [Calendar.natural]
        times = (self.received_at, self.answered_at, self.as_of)
        return [respond_state(*times, calendar) for calendar in calendars]
