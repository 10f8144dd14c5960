"""XJ: the inspection file of one or more databases (handbook 2.A.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from schemas.envelope import CONTROL, Record, RecordType, Role
from schemas.fields import Choice, Part, Setting, field, rule
from schemas.problems import Problem, error, warning
from schemas.values import Amount, AnyText, Count, Day, Flag, Instant, LogText, Name, Number, Percent, Text
from schemas.vocabulary import AbsenceState, CheckState, Level, Method

PERCENT_TOLERANCE = 0.5


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


class BackupTool(Choice):
    """Tools for backup and recovery."""

    rman = "rman", "RMAN", "RMAN"
    expdp = "expdp", "expdp", "expdp"
    xtrabackup = "xtrabackup", "XtraBackup", "XtraBackup"
    mysqldump = "mysqldump", "mysqldump", "mysqldump"
    pg_basebackup = "pg_basebackup", "pg_basebackup", "pg_basebackup"
    pgbackrest = "pgbackrest", "pgBackRest", "pgBackRest"
    maintenance_plan = "maintenance_plan", "维护计划", "Maintenance plan"
    dmrman = "dmrman", "dmrman", "dmrman"
    br = "br", "BR", "BR"
    gs_basebackup = "gs_basebackup", "gs_basebackup", "gs_basebackup"
    other = "other", "其他", "Other"


class BackupType(Choice):
    """What a backup holds."""

    full = "full", "全量", "Full", "", "全备"
    incremental = "incremental", "增量", "Incremental", "", "增备"
    differential = "differential", "差异", "Differential"
    archive_log = "archive_log", "归档", "Archive log", "", "归档日志"
    logical = "logical", "逻辑", "Logical"


class RestoreResult(Choice):
    """Outcome of the last restore drill."""

    success = "success", "成功", "Success", "good"
    failed = "failed", "失败", "Failed", "bad"
    not_tested = "not_tested", "未演练", "Not tested", "warn"


class BackupResult(Choice):
    """Outcome of one backup."""

    success = "success", "成功", "Success", "good"
    failed = "failed", "失败", "Failed", "bad"


class DefaultPassword(Choice):
    """Whether an account still has its default password."""

    yes = "yes", "是", "Yes", "bad"
    no = "no", "否", "No", "good"
    not_checked = "not_checked", "未检查", "Not checked", "muted"


class ProblemState(Choice):
    """Whether a problem is new, open or closed."""

    new = "new", "新增", "New", "warn"
    open = "open", "遗留", "Open", "bad"
    closed = "closed", "已关闭", "Closed", "good"


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
    current_value: AnyText | None = field("当前值", "Current value", widget="setting", aliases=("参数值", "现值"))
    recommended: AnyText | None = field("建议值", "Recommended", None, aliases=("推荐值",))
    unit: Name | None = field("单位", "Unit", None)
    scope: Name | None = field("作用范围", "Scope", None)
    dynamic: Flag | None = field("动态", "Dynamic", None, aliases=("是否动态",))
    status: CheckState | None = field("状态", "Status", None)
    note: Text | None = field("备注", "Note", None)


class BackupPolicy(Part):
    """One backup policy and its last restore drill."""

    object: Name = field("备份对象", "Object")
    tool: BackupTool | None = field("工具", "Tool", None, aliases=("备份工具",))
    type: BackupType | None = field("类型", "Type", None, aliases=("备份类型",))
    schedule: Name | None = field("计划", "Schedule", None, aliases=("备份计划", "备份周期"))
    retention_days: Count | None = field("保留", "Retention", None, unit="d", aliases=("保留天数",))
    location: Name | None = field("位置", "Location", None, aliases=("备份位置",))
    offsite: Flag | None = field("异地", "Off-site", None)
    encrypted: Flag | None = field("加密", "Encrypted", None)
    rpo_min: Amount | None = field("RPO", "RPO", None, unit="min")
    rto_min: Amount | None = field("RTO", "RTO", None, unit="min")
    last_restore_test_on: Day | None = field("最近恢复演练", "Last restore test", None)
    restore_result: RestoreResult | None = field("演练结果", "Restore result", None)


class BackupFile(Part):
    """One backup file or piece."""

    file: Name = field("文件", "File", aliases=("备份文件", "文件名"))
    type: BackupType | None = field("类型", "Type", None)
    path: Name | None = field("路径", "Path", None)
    size_gb: Amount | None = field("大小", "Size", None, unit="GB")
    started_at: Instant | None = field("开始时间", "Started", None)
    finished_at: Instant | None = field("结束时间", "Finished", None)
    result: BackupResult = field("结果", "Result", aliases=("备份结果",))
    verified: Flag | None = field("已校验", "Verified", None)

    @rule("started_at", "finished_at")
    def finishes_after_start(self) -> Iterator[Problem]:
        """A backup ends no earlier than it starts."""
        if self.started_at and self.finished_at and self.finished_at < self.started_at:
            yield error("finished_at", "ended_before_started", self.finished_at, started=self.started_at)

    @rule("result", "size_gb")
    def success_has_size(self) -> Iterator[Problem]:
        """A successful backup is larger than nothing."""
        if self.result is BackupResult.success and not self.size_gb:
            yield error("size_gb", "empty_backup", self.size_gb)


class Space(Part):
    """A file or tablespace with its size, use and limit; percentages are computed."""

    name: Name = field("名称", "Name")
    path: Name | None = field("路径", "Path", None)
    size_gb: Amount = field("大小", "Size", unit="GB")
    used_gb: Amount = field("已用", "Used", unit="GB")
    used_pct: Percent | None = field("使用率", "Used", None, unit="%")
    autoextend: Flag | None = field("自动扩展", "Autoextend", None)
    max_gb: Amount | None = field("上限", "Maximum", None, unit="GB")
    max_pct: Percent | None = field("占上限", "Of maximum", None, unit="%")
    status: CheckState | None = field("状态", "Status", None)

    @rule("size_gb", "used_gb")
    def used_fits(self) -> Iterator[Problem]:
        """No more is used than there is."""
        if self.used_gb > self.size_gb:
            yield error("used_gb", "used_over_size", self.used_gb, size_gb=self.size_gb)

    @rule("size_gb", "max_gb")
    def size_fits(self) -> Iterator[Problem]:
        """A file that may grow is no larger than its maximum."""
        if self.max_gb is not None and self.max_gb < self.size_gb:
            yield error("max_gb", "max_under_size", self.max_gb, size_gb=self.size_gb)

    @rule("size_gb", "used_gb", "used_pct", "max_gb", "max_pct", "autoextend")
    def given_percentages_agree(self) -> Iterator[Problem]:
        """A percentage that was given agrees with the computed one within 0.5."""
        for name, computed in (("used_pct", self.computed_used_pct), ("max_pct", self.computed_max_pct)):
            given = getattr(self, name)
            if given is not None and (computed is None or abs(given - computed) > PERCENT_TOLERANCE):
                yield error(name, "percentage_differs", given, computed="—" if computed is None else computed)

    def fill(self) -> None:
        """Print the computed percentages."""
        self.used_pct = self.computed_used_pct
        self.max_pct = self.computed_max_pct

    @property
    def computed_used_pct(self) -> float | None:
        """Used of size, per cent, two decimals."""
        return round(self.used_gb / self.size_gb * 100, 2) if self.size_gb else None

    @property
    def computed_max_pct(self) -> float | None:
        """Used of the maximum when the file may grow, per cent, two decimals."""
        if not self.autoextend or not self.max_gb:
            return None
        return round(self.used_gb / self.max_gb * 100, 2)


class DataFile(Space):
    """One data file."""


class Tablespace(Space):
    """One tablespace."""


class Account(Part):
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

    accounts: list[Account] = field("账号", "Accounts", [])
    audit: Audit | None = field("审计", "Audit", None)
    password_policy: Text | None = field("口令策略", "Password policy", None)
    current_patch: Name | None = field("当前补丁", "Current patch", None)
    latest_patch: Name | None = field("最新补丁", "Latest patch", None)
    exposure: Text | None = field("网络暴露面", "Exposure", None)
    tls: Flag | None = field("传输加密", "TLS", None)


class Disk(Part):
    """One file system."""

    host: Name | None = field("主机", "Host", None)
    mount: Name = field("挂载点", "Mount point")
    size_gb: Amount = field("大小", "Size", unit="GB")
    used_gb: Amount = field("已用", "Used", unit="GB")
    used_pct: Percent | None = field("使用率", "Used", None, unit="%")
    status: CheckState | None = field("状态", "Status", None)

    @rule("size_gb", "used_gb", "used_pct")
    def used_fits(self) -> Iterator[Problem]:
        """No more is used than there is, and a given percentage agrees."""
        if self.used_gb > self.size_gb:
            yield error("used_gb", "used_over_size", self.used_gb, size_gb=self.size_gb)
        computed = self.computed_used_pct
        if self.used_pct is not None and (computed is None or abs(self.used_pct - computed) > PERCENT_TOLERANCE):
            yield error("used_pct", "percentage_differs", self.used_pct, computed=computed)

    @property
    def computed_used_pct(self) -> float | None:
        """Used of size, per cent, two decimals."""
        return round(self.used_gb / self.size_gb * 100, 2) if self.size_gb else None

    def fill(self) -> None:
        """Print the computed percentage."""
        self.used_pct = self.computed_used_pct


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


class CheckItem(Part):
    """One item of the check list with its finding."""

    seq: Count = field("序号", "No.")
    category: Name | None = field("类别", "Category", None, aliases=("检查类别",))
    item: Name = field("检查项", "Item", aliases=("检查项目", "巡检项"))
    standard: Text = field("标准", "Standard", aliases=("检查标准",))
    method: Text | None = field("方法", "Method", None, aliases=("检查方法",))
    result: Text | None = field("结果", "Result", None, aliases=("检查结果",))
    state: CheckState = field("状态", "State", aliases=("结论",))
    risk: Level | None = field("风险", "Risk", None, aliases=("风险等级",))
    advice: Text | None = field("建议", "Advice", None, aliases=("处理建议",))
    reason: Text | None = field("原因", "Reason", None)
    owner: Name | None = field("责任人", "Owner", None)
    due_on: Day | None = field("期限", "Due on", None, aliases=("完成期限",))

    @rule("state", "advice", "reason", "result")
    def finding_is_complete(self) -> Iterator[Problem]:
        """A finding has its result, its advice or its reason."""
        label = {lang: self.state.label(lang) for lang in ("zh", "en")}
        if self.state in (CheckState.attention, CheckState.abnormal) and not self.advice:
            yield error("advice", "advice_required", self.advice, state=label)
        if self.state in (CheckState.not_checked, CheckState.not_applicable) and not self.reason:
            yield error("reason", "reason_required", self.reason, state=label)
        if self.state is CheckState.normal and not self.result:
            yield error("result", "result_required", self.result)


class FoundProblem(Part):
    """A problem found, carried from inspection to inspection until closed."""

    no: Name = field("编号", "No.", aliases=("问题编号",))
    asset_no: Name | None = field("资产编号", "Asset no.", None)
    description: Text = field("问题描述", "Description")
    level: Level | None = field("级别", "Level", None)
    impact: Text | None = field("影响", "Impact", None)
    advice: Text | None = field("建议", "Advice", None)
    owner: Name | None = field("责任人", "Owner", None)
    state: ProblemState = field("状态", "State")
    first_found_doc: Name | None = field("首次发现文档", "First found in", None)


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

    type: InspectionType = field("巡检类型", "Inspection type", section="summary")
    asset_nos: list[Name] = field("巡检对象", "Assets", section="summary", min_length=1)
    started_at: Instant = field("开始时间", "Started", section="summary", aliases=("巡检开始时间",))
    ended_at: Instant = field("结束时间", "Ended", section="summary", aliases=("巡检结束时间",))
    inspectors: list[Name] = field("巡检人", "Inspectors", section="summary", min_length=1)
    method: Method | None = field("巡检方式", "Method", None, section="summary")
    authorization_no: Name = field("授权编号", "Authorisation no.", section="summary")
    overall: Overall | None = field("总体状况", "Overall", None, section="summary")
    summary: Text = field("结论", "Summary", section="summary", widget="wide")
    absences: list[Absence] = field("未列内容", "Sections without rows", [], section="control", widget="hidden")

    params: list[Param] = field("主要参数配置", "Main parameters", [], section="params")
    backup_policies: list[BackupPolicy] = field("备份和恢复机制", "Backup and recovery", [], section="backup")
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
        """An inspection ends no earlier than it starts."""
        if self.ended_at < self.started_at:
            yield error("ended_at", "ended_before_started", self.ended_at, started=self.started_at)

    @rule("absences")
    def sections_are_filled_or_excused(self) -> Iterator[Problem]:
        """Each section of the handbook has rows, or a reason, never both."""
        excused = {absence.section.value: index for index, absence in enumerate(self.absences)}
        filled = {name: bool(getattr(self, name)) for name in AbsentSection.__members__}
        filled["data_files"] = bool(self.data_files or self.tablespaces)
        for section in AbsentSection:
            label = {"zh": section.zh, "en": section.en}
            if not filled[section.value] and section.value not in excused:
                yield error(section.value, "section_empty", section=label, name=section.value)
            if filled[section.value] and section.value in excused:
                yield error(("absences", excused[section.value]), "section_not_empty", section.value, section=label)

    @rule("overall", "check_items")
    def overall_is_no_better_than_the_worst(self) -> Iterator[Problem]:
        """`overall` may be worse than its worst item, never better."""
        if self.overall is not None and _rank(self.overall) < _rank(self.computed_overall):
            worst = {lang: self.computed_overall.label(lang) for lang in ("zh", "en")}
            yield error("overall", "overall_too_good", self.overall.value, worst=worst)

    @rule("check_items")
    def items_are_numbered_once(self) -> Iterator[Problem]:
        """No sequence number stands twice."""
        seen: dict[int, int] = {}
        for index, item in enumerate(self.check_items):
            if item.seq in seen:
                yield error(("check_items", index, "seq"), "duplicate", item.seq, first=f"check_items[{seen[item.seq]}]")
            seen.setdefault(item.seq, index)

    @rule("asset_nos")
    def assets_are_in_the_contract(self, setting: Setting) -> Iterator[Problem]:
        """Inspecting an asset outside the contract is a warning."""
        if setting.contract is None:
            return
        known = set(setting.contract.asset_nos)
        for index, asset_no in enumerate(self.asset_nos):
            if asset_no not in known:
                yield warning(("asset_nos", index), "outside_contract", asset_no)

    @property
    def computed_overall(self) -> Overall:
        """The overall state that the check items allow at best."""
        states = {item.state for item in self.check_items}
        if CheckState.abnormal in states:
            return Overall.abnormal
        return Overall.attention if CheckState.attention in states else Overall.healthy

    def fill(self) -> None:
        """Say the overall state where it was left out."""
        if self.overall is None:
            self.overall = self.computed_overall


def _rank(overall: Overall) -> int:
    return list(Overall).index(overall)
