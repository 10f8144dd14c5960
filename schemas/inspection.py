"""XJ: the inspection file of one or more databases (handbook 2.A.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from schemas.backup import BackupFile, BackupPolicy
from schemas.envelope import CONTROL, Record, RecordType
from schemas.fields import Choice, Part, field, rule
from schemas.findings import CheckItem, FoundProblem
from schemas.problems import Problem, error, warning
from schemas.rows import repeated
from schemas.setting import Setting
from schemas.space import DataFile, Disk, Tablespace
from schemas.values import Amount, AnyText, Count, Day, Flag, Instant, LogText, Name, Number, Text
from schemas.vocabulary import AbsenceState, CheckState, Method, Role


class DefaultPassword(Choice):
    """Whether an account still has its default password."""

    yes = "yes", "是", "Yes", "bad"
    no = "no", "否", "No", "good"
    not_checked = "not_checked", "未检查", "Not checked", "muted"


class DatabaseAccount(Part):
    """One database account; never its password."""

    user: Name = field("用户", "User", aliases=("用户名", "账号"))
    status: Name | None = field("账号状态", "Account status", None)
    profile: Name | None = field("概要文件", "Profile", None)
    privilege_level: Name | None = field("权限级别", "Privileges", None)
    last_login_at: Instant | None = field("最近登录", "Last login", None)
    expires_on: Day | None = field("到期日", "Expires on", None)
    default_password: DefaultPassword | None = field("默认口令", "Default password", None)


class Audit(Part):
    """Whether the database's audit is on, and where it writes."""

    on: Flag = field("审计开启", "Audit on")
    trail: Name | None = field("审计目标", "Audit trail", None)


class Security(Part):
    """Accounts, audit, patches and exposure."""

    accounts: list[DatabaseAccount] = field("账号", "Accounts", [])
    audit: Audit | None = field("审计", "Audit", None)
    password_policy: Text | None = field("口令策略", "Password policy", None)
    current_patch: Name | None = field("当前补丁", "Current patch", None)
    latest_patch: Name | None = field("最新补丁", "Latest patch", None)
    exposure: Text | None = field("网络暴露面", "Exposure", None)
    tls: Flag | None = field("传输加密", "TLS", None)


class Metric(Part):
    """One performance figure and its threshold."""

    metric: Name = field("指标", "Metric")
    value: Number = field("数值", "Value")
    unit: Name | None = field("单位", "Unit", None)
    threshold: Name | None = field("阈值", "Threshold", None)
    status: CheckState | None = field("状态", "Status", None)


class TopSql(Part):
    """One expensive statement."""

    sql_id: Name | None = field("SQL 标识", "SQL id", None)
    sql_text: Text = field("SQL 文本", "SQL text", widget="wide")
    elapsed_s: Amount | None = field("耗时", "Elapsed", None, unit="s")
    executions: Count | None = field("执行次数", "Executions", None)
    module: Name | None = field("模块", "Module", None)
    advice: Text | None = field("建议", "Advice", None)


class Replication(Part):
    """One replica or standby."""

    role: Name = field("角色", "Role")
    mode: Name | None = field("模式", "Mode", None)
    lag_s: Amount | None = field("延迟", "Lag", None, unit="s")
    status: CheckState | None = field("状态", "Status", None)


class LogEvent(Part):
    """An event in a log, with an excerpt."""

    time: Instant | None = field("时间", "Time", None)
    code: Name = field("错误码", "Code", aliases=("错误代码",))
    count: Count | None = field("次数", "Count", None)
    excerpt: LogText | None = field("日志摘录", "Excerpt", None, widget="log")


class InspectionType(Choice):
    """Occasion of an inspection."""

    initial = "initial", "初始巡检", "Initial", "", "初次巡检", "导入期巡检"
    daily = "daily", "日巡检", "Daily", "", "日常巡检"
    weekly = "weekly", "周巡检", "Weekly"
    monthly = "monthly", "月度巡检", "Monthly", "", "月巡检"
    quarterly = "quarterly", "季度巡检", "Quarterly", "", "季巡检"
    special = "special", "专项巡检", "Special"
    closing_full = "closing_full", "结束期全面巡检", "Closing, full", "", "全面巡检"


class Overall(Choice):
    """Overall state; never better than the worst check item."""

    healthy = "healthy", "健康", "Healthy", "good"
    attention = "attention", "需关注", "Needs attention", "warn"
    abnormal = "abnormal", "异常", "Abnormal", "bad"


class AbsentSection(Choice):
    """The five sections of the handbook that need rows or a reason."""

    params = "params", "主要参数配置", "Main parameters"
    backup_policies = "backup_policies", "备份和恢复机制", "Backup and recovery"
    backup_files = "backup_files", "备份文件", "Backup files"
    data_files = "data_files", "数据文件", "Data files"
    security = "security", "数据库安全性", "Security"


class Absence(Part):
    """Why a section has no rows."""

    section: AbsentSection = field("章节", "Section")
    state: AbsenceState = field("情况", "State")
    reason: Text = field("原因", "Reason")


class Param(Part):
    """One database parameter."""

    asset_no: Name | None = field("资产编号", "Asset no.", None)
    name: Name = field("参数名", "Parameter", aliases=("参数名称", "参数"))
    current_value: AnyText | None = field(
        "当前值", "Current value", widget="setting", aliases=("参数值", "现值")
    )
    recommended: AnyText | None = field("建议值", "Recommended", None, aliases=("推荐值",))
    unit: Name | None = field("单位", "Unit", None)
    scope: Name | None = field("作用范围", "Scope", None)
    dynamic: Flag | None = field("动态", "Dynamic", None, aliases=("是否动态",))
    status: CheckState | None = field("状态", "Status", None)
    note: Text | None = field("备注", "Note", None)


class Inspection(Record):
    """The inspection file."""

    record_type: ClassVar[RecordType] = RecordType(
        code="XJ",
        name="inspection",
        zh="数据库巡检档案",
        en="Database inspection file",
        signers=(Role.engineer, Role.leader, Role.cust_owner),
        layout="archive",
        sections=(
            CONTROL,
            ("summary", "结论摘要", "Conclusion"),
            ("params", "主要参数配置", "Main parameters"),
            ("backup", "备份和恢复机制", "Backup and recovery"),
            ("backup_files", "备份文件", "Backup files"),
            ("data_files", "数据文件", "Data files"),
            ("security", "数据库安全性", "Security"),
            ("runtime", "运行状况", "Runtime"),
            ("checks", "检查项", "Check list"),
            ("problems", "问题清单", "Problems"),
            ("logs", "日志", "Logs"),
        ),
    )

    starts_with: ClassVar[tuple[str, ...]] = tuple(AbsentSection.__members__)

    type: InspectionType = field("巡检类型", "Inspection type", section="summary")
    asset_nos: list[Name] = field("巡检对象", "Assets", section="summary", min_length=1)
    started_at: Instant = field("开始时间", "Started", section="summary", aliases=("巡检开始时间",))
    ended_at: Instant = field("结束时间", "Ended", section="summary", aliases=("巡检结束时间",))
    inspectors: list[Name] = field("巡检人", "Inspectors", section="summary", min_length=1)
    method: Method | None = field("巡检方式", "Method", None, section="summary")
    authorization_no: Name = field("授权编号", "Authorisation no.", section="summary")
    overall: Overall | None = field("总体状况", "Overall", None, section="summary")
    summary: Text = field("结论", "Summary", section="summary", widget="wide")
    absences: list[Absence] = field(
        "未列内容", "Sections without rows", [], section="control", widget="hidden"
    )

    params: list[Param] = field("主要参数配置", "Main parameters", [], section="params")
    backup_policies: list[BackupPolicy] = field(
        "备份和恢复机制", "Backup and recovery", [], section="backup"
    )
    backup_files: list[BackupFile] = field("备份文件", "Backup files", [], section="backup_files")
    data_files: list[DataFile] = field("数据文件", "Data files", [], section="data_files")
    tablespaces: list[Tablespace] = field("表空间", "Tablespaces", [], section="data_files")
    security: Security | None = field("数据库安全性", "Security", None, section="security")

    disks: list[Disk] = field("磁盘空间", "Disks", [], section="runtime")
    performance: list[Metric] = field("性能指标", "Performance", [], section="runtime")
    top_sql: list[TopSql] = field("高耗 SQL", "Top SQL", [], section="runtime")
    replication: list[Replication] = field("复制状态", "Replication", [], section="runtime")
    check_items: list[CheckItem] = field("检查项", "Check list", section="checks", min_length=1)
    problems: list[FoundProblem] = field("问题清单", "Problems", [], section="problems")
    log_events: list[LogEvent] = field("日志事件", "Log events", [], section="logs")

    @rule("started_at", "ended_at")
    def ends_after_start(self) -> Iterator[Problem]:
        """Refuse an inspection that ends before it starts."""
        if self.ended_at < self.started_at:
            yield error("ended_at", "ended_before_started", self.ended_at, started=self.started_at)

    @rule("absences")
    def sections_are_filled_or_excused(self) -> Iterator[Problem]:
        """Demand rows or a reason of each section of the handbook, never both."""
        excused = {absence.section.value: index for index, absence in enumerate(self.absences)}
        filled = {name: bool(getattr(self, name)) for name in AbsentSection.__members__}
        filled["data_files"] = bool(self.data_files or self.tablespaces)
        for section in AbsentSection:
            if not filled[section.value] and section.value not in excused:
                yield error(section.value, "section_empty", section=section, name=section.value)
            if filled[section.value] and section.value in excused:
                yield error(
                    ("absences", excused[section.value]),
                    "section_not_empty",
                    section,
                    section=section,
                )

    @rule("overall")
    def overall_is_no_better_than_the_worst(self) -> Iterator[Problem]:
        """Refuse an overall state better than the worst item."""
        if self.overall is not None and _rank(self.overall) < _rank(self.computed_overall):
            worst = self.computed_overall
            yield error("overall", "overall_too_good", self.overall, worst=worst)

    @rule()
    def items_are_numbered_once(self) -> Iterator[Problem]:
        """Refuse a sequence number that stands twice."""
        yield from repeated(self.check_items, "check_items", "seq")

    @rule("asset_nos")
    def assets_are_in_the_contract(self, setting: Setting) -> Iterator[Problem]:
        """Warn of assets outside the contract."""
        if setting.contract is None:
            return
        known = set(setting.contract.asset_nos)
        for index, asset_no in enumerate(self.asset_nos):
            if asset_no not in known:
                yield warning(("asset_nos", index), "outside_contract", asset_no)

    @property
    def computed_overall(self) -> Overall:
        """Tell the overall state that the check items allow at best."""
        states = {item.state for item in self.check_items}
        if CheckState.abnormal in states:
            return Overall.abnormal
        return Overall.attention if CheckState.attention in states else Overall.healthy

    def fill(self, setting: Setting) -> None:
        """Say the overall state where it was left out."""
        if self.overall is None:
            self.overall = self.computed_overall


def _rank(overall: Overall) -> int:
    return list(Overall).index(overall)
