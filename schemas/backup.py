"""Backups of a database: policies with their restore drills, and backup files."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.fields import Choice, Part, field, rule
from schemas.problems import Problem, error
from schemas.values import Amount, Count, Day, Flag, Instant, Name


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
        """Refuse a backup that ends before it starts."""
        if self.started_at and self.finished_at and self.finished_at < self.started_at:
            yield error(
                "finished_at", "ended_before_started", self.finished_at, started=self.started_at
            )

    @rule("result", "size_gb")
    def success_has_size(self) -> Iterator[Problem]:
        """Refuse a successful backup without a size."""
        if self.result is BackupResult.success and not self.size_gb:
            yield error("size_gb", "empty_backup", self.size_gb)
