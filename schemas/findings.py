"""What an inspection found: items of the check list, and problems carried until closed."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.fields import Choice, Part, field, rule
from schemas.problems import Problem, error
from schemas.values import Count, Day, Name, Text
from schemas.vocabulary import CheckState, Level


class ProblemState(Choice):
    """Whether a problem is new, open or closed."""

    new = "new", "新增", "New", "warn"
    open = "open", "遗留", "Open", "bad"
    closed = "closed", "已关闭", "Closed", "good"


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
        """Demand a result, an advice or a reason, as the state asks."""
        if self.state in (CheckState.attention, CheckState.abnormal) and not self.advice:
            yield error("advice", "advice_required", self.advice, state=self.state)
        if self.state in (CheckState.not_checked, CheckState.not_applicable) and not self.reason:
            yield error("reason", "reason_required", self.reason, state=self.state)
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
