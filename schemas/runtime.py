"""A database at work: performance figures, expensive statements, replicas, log events."""

from __future__ import annotations

from schemas.fields import Part, field
from schemas.values import Amount, Count, Instant, LogText, Name, Number, Text
from schemas.vocabulary import CheckState


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
