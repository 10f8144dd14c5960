"""QX: the defect ticket (handbook 6.B): consent before work, the customer's signature after."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import ClassVar

from schemas.chronology import Moment, in_future, moments, out_of_order
from schemas.defect_steps import Consent, ConsentMethod, Stage, StageName, Submission, WorkStep
from schemas.envelope import CONTROL, FINISHED, Opinion, RecordType, Signoff, Status
from schemas.fields import Choice, field, labels_of, rule
from schemas.param_change import ParamChange, continuity
from schemas.problems import Problem, error
from schemas.rows import repeated
from schemas.setting import Setting
from schemas.ticket import ConsultationNo, Ticket
from schemas.values import Instant, Name, Text
from schemas.vocabulary import Level, Method, Role

STAGES = list(StageName)


class Severity(Choice):
    """How bad a defect is."""

    urgent = "urgent", "紧急", "Urgent", "bad"
    serious = "serious", "严重", "Serious", "bad"
    normal = "normal", "一般", "Normal", "warn"
    minor = "minor", "轻微", "Minor"


class CauseCategory(Choice):
    """Where a defect came from."""

    configuration = "configuration", "参数配置", "Configuration", "", "配置"
    application = "application", "应用与 SQL", "Application and SQL", "", "应用", "SQL"
    software = "software", "软件缺陷", "Software bug", "", "BUG"
    hardware = "hardware", "硬件", "Hardware"
    capacity = "capacity", "容量", "Capacity"
    network = "network", "网络", "Network"
    operation = "operation", "人为操作", "Operation"
    other = "other", "其他", "Other"


class Defect(Ticket):
    """The defect ticket."""

    record_type: ClassVar[RecordType] = RecordType(
        code="QX",
        name="defect",
        zh="系统缺陷类问题单",
        en="Defect ticket",
        signers=(Role.engineer, Role.cust_owner, Role.pm),
        layout="form",
        sections=(
            CONTROL,
            ("reporter", "提出与受理", "Report"),
            ("question", "问题", "Problem"),
            ("chain", "客户逐级提交", "Customer's chain of submission"),
            ("arrival", "响应与到场", "Response and arrival"),
            ("cause", "原因与影响", "Cause and impact"),
            ("stages", "处理环节", "Stages"),
            ("plan", "解决方案与客户意见", "Plan and consent"),
            ("work", "处理过程", "Work"),
            ("changes", "配置变更", "Changes of configuration"),
            ("result", "验证与结论", "Verification and result"),
            ("delivery", "递交项目经理", "Delivery"),
        ),
    )
    archive_needs: ClassVar[tuple[str, ...]] = ("work_started_at", "verification", "resolved_at")

    received_at: Instant | None = field(
        "受理时间", "Received", None, section="reporter", aliases=("接报时间", "来电时间")
    )
    severity: Severity | None = field(
        "严重程度", "Severity", None, section="question", aliases=("级别", "问题级别")
    )
    converted_from: ConsultationNo | None = field(
        "来源咨询单", "Converted from", None, section="question", aliases=("原咨询单",)
    )
    submit_chain: list[Submission] = field(
        "逐级提交", "Chain of submission", section="chain", min_length=1
    )
    reported_at: Instant = field(
        "上报时间", "Reported", section="arrival", aliases=("报障时间", "提交时间")
    )
    responded_at: Instant | None = field("响应时间", "Responded", None, section="arrival")
    location: Method = field("处理方式", "On site or remote", section="arrival")
    arrived_at: Instant | None = field(
        "到达现场时间", "Arrived", None, section="arrival", aliases=("到场时间",)
    )
    authorization_no: Name | None = field(
        "远程授权编号", "Authorisation no.", None, section="arrival", aliases=("授权编号",)
    )

    cause_category: CauseCategory | None = field("原因分类", "Cause", None, section="cause")
    root_cause: Text = field(
        "问题原因", "Root cause", section="cause", widget="wide", aliases=("根本原因",)
    )
    impact_scope: Text | None = field(
        "影响范围", "Scope of impact", None, section="cause", widget="wide"
    )
    impact_degree: Level = field("影响程度", "Degree of impact", section="cause")
    outage_from: Instant | None = field("业务中断开始", "Outage from", None, section="cause")
    outage_to: Instant | None = field("业务中断结束", "Outage to", None, section="cause")
    data_loss: Text | None = field("数据丢失情况", "Data loss", None, section="cause")

    stages: list[Stage] = field("处理环节", "Stages", section="stages", min_length=1)

    plan: Text = field("解决方案", "Plan", section="plan", widget="wide", aliases=("处理方案",))
    risk: Text | None = field("风险", "Risk", None, section="plan", widget="wide")
    rollback_plan: Text | None = field(
        "回退方案", "Rollback plan", None, section="plan", widget="wide"
    )
    pre_backup: Text | None = field(
        "操作前备份", "Backup before work", None, section="plan", widget="wide"
    )
    plan_submitted_at: Instant = field("方案提交时间", "Plan submitted", section="plan")
    consent: Consent = field("客户意见", "Consent", section="plan")

    work_started_at: Instant | None = field("开始处理时间", "Work started", None, section="work")
    steps: list[WorkStep] = field("处理步骤", "Steps", [], section="work")
    config_changes: list[ParamChange] = field(
        "配置变更", "Changes of configuration", [], section="changes"
    )
    config_changes_reason: Text | None = field(
        "无配置变更的原因", "Why nothing was changed", None, section="changes", widget="wide"
    )

    verification: Text | None = field(
        "验证情况", "Verification", None, section="result", widget="wide"
    )
    residual_risk: Text | None = field(
        "遗留风险", "Residual risk", None, section="result", widget="wide"
    )
    prevention: Text | None = field("预防措施", "Prevention", None, section="result", widget="wide")
    resolved_at: Instant | None = field(
        "解决时间", "Resolved", None, section="result", aliases=("恢复时间",)
    )
    vendor_refs: list[Name] = field("厂商工单号", "Vendor's references", [], section="result")

    @rule()
    def times_follow(self, setting: Setting) -> Iterator[Problem]:
        """Demand reported ≤ arrived ≤ plan ≤ consent ≤ work ≤ resolved ≤ signed ≤ submitted."""
        before = moments(self, "reported_at", "arrived_at", "plan_submitted_at", "consent.at")
        work = moments(self, "work_started_at", "resolved_at")
        delivery = moments(self, "pm_delivery.submitted_at")
        yield from out_of_order([*before, *work, *self._signed(), *delivery])
        yield from out_of_order(moments(self, "reported_at", "received_at", "responded_at"))
        yield from in_future([*before, *work], setting.now)

    @rule()
    def outage_ends_after_it_began(self) -> Iterator[Problem]:
        """Refuse an outage that ends before it begins."""
        yield from out_of_order(moments(self, "outage_from", "outage_to"))

    @rule("submit_chain")
    def chain_ascends(self) -> Iterator[Problem]:
        """Demand that each level is above the one before it, and no earlier."""
        for index, step in enumerate(self.submit_chain[1:], start=1):
            below = self.submit_chain[index - 1]
            if step.level <= below.level:
                path = ("submit_chain", index, "level")
                yield error(path, "chain_not_ascending", step.level, below=below.level)
        label = labels_of(Submission, "at")
        yield from out_of_order(
            [
                Moment(("submit_chain", i, "at"), label, s.at)
                for i, s in enumerate(self.submit_chain)
            ]
        )

    @rule("location", "arrived_at", "authorization_no")
    def presence_is_told(self) -> Iterator[Problem]:
        """Demand the arrival of work on site, and the permission of work from afar."""
        if self.location is Method.onsite and not self.arrived_at:
            yield error("arrived_at", "arrival_required")
        if self.location is Method.remote and not self.authorization_no:
            yield error("authorization_no", "authorisation_required")

    @rule("stages", "resolved_at", "status")
    def stages_are_the_four(self) -> Iterator[Problem]:
        """Demand 诊断, 确认, 处理, 回复 in this order; all four once the defect is resolved."""
        for index, step in enumerate(self.stages):
            expected = STAGES[index] if index < len(STAGES) else None
            if step.stage is not expected:
                yield error(("stages", index, "stage"), "stage_out_of_order", step.stage)
                return
        if len(self.stages) < len(STAGES) and (self.resolved_at or self.status in FINISHED):
            missing = STAGES[len(self.stages) :]
            zh, en = (" → ".join(s.label(lang) for s in missing) for lang in ("zh", "en"))
            yield error("stages", "stages_missing", len(self.stages), missing={"zh": zh, "en": en})

    @rule("stages")
    def stages_follow(self) -> Iterator[Problem]:
        """Refuse a stage before an earlier one."""
        label = labels_of(Stage, "at")
        yield from out_of_order(
            [Moment(("stages", i, "at"), label, stage.at) for i, stage in enumerate(self.stages)]
        )

    @rule("consent", "work_started_at", "steps")
    def consent_comes_before_work(self) -> Iterator[Problem]:
        """Refuse work on a plan that the customer does not agree to."""
        if self.consent.opinion is Opinion.disagree and (self.work_started_at or self.steps):
            yield error("work_started_at", "work_without_consent", self.work_started_at)

    @rule("consent", "status")
    def archived_consent_is_written(self) -> Iterator[Problem]:
        """Refuse to archive an oral consent that nobody wrote down."""
        oral = self.consent.method is ConsentMethod.oral and not self.consent.written_at
        if oral and self.status is Status.archived:
            label = labels_of(Consent, "written_at")
            yield error(("consent", "written_at"), "archive_needs", label=label)

    @rule("steps")
    def steps_follow(self) -> Iterator[Problem]:
        """Refuse a step number used twice, and a step before the work or an earlier step."""
        yield from repeated(self.steps, "steps", "seq")
        label = labels_of(WorkStep, "at")
        steps = [Moment(("steps", i, "at"), label, step.at) for i, step in enumerate(self.steps)]
        yield from out_of_order([*moments(self, "work_started_at"), *steps])

    @rule("config_changes", "config_changes_reason")
    def no_change_has_a_reason(self) -> Iterator[Problem]:
        """Demand changes of configuration, or why there are none."""
        if not self.config_changes and not self.config_changes_reason:
            yield error("config_changes_reason", "no_config_changes")

    @rule("config_changes")
    def changes_follow(self) -> Iterator[Problem]:
        """Refuse a change before the work; warn where values do not continue."""
        label = labels_of(ParamChange, "changed_at")
        for index, change in enumerate(self.config_changes):
            changed = Moment(("config_changes", index, "changed_at"), label, change.changed_at)
            yield from out_of_order([*moments(self, "work_started_at"), changed])
        yield from continuity(self.config_changes, "config_changes")

    def _signed(self) -> list[Moment]:
        """When the customer's owner signed, as a link of the chain."""
        label = labels_of(Signoff, "signed_on")
        for index, signoff in enumerate(self.signoffs):
            day: date | None = signoff.signed_on
            if signoff.role is Role.cust_owner and day:
                return [Moment(("signoffs", index, "signed_on"), label, day)]
        return []
