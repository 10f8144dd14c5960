"""A changed parameter: what it was, what it is, why, when, by whom (handbook 2.A.3)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from schemas.chronology import day_of, in_future, moments, out_of_order
from schemas.fields import Choice, Part, field, rule
from schemas.problems import Problem, error, warning
from schemas.setting import Setting
from schemas.values import AnyText, DocNo, Flag, Instant, Name, Text
from schemas.vocabulary import ParamScope

# Binary multiples, as Oracle and PostgreSQL read K, M and G in their parameters.
_BYTES = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40, "p": 2**50}
_SIZES = {
    letter + tail: factor
    for letter, factor in _BYTES.items()
    for tail in (("", "b", "ib") if letter else ("", "b"))
}
# In seconds: units of PostgreSQL's parameters (its manual, 19.1.1), and `sec`.
_SECONDS = {"ms": 0.001, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"([+-]?\d{1,18}(?:\.\d{1,9})?)\s*([a-z]{0,3})")


def same_quantity(one: str, other: str, unit: str = "") -> bool:
    """Tell whether two values mean the same size or time; a bare number counts in `unit`."""
    first, second = _quantity(one, unit), _quantity(other, unit)
    return first is not None and first == second


def _quantity(text: str, unit: str) -> tuple[str, float] | None:
    found = _QUANTITY.fullmatch(_folded(text))
    if not found:
        return None
    suffix = found[2] or _folded(unit)
    if suffix in _SECONDS:
        return "time", float(found[1]) * _SECONDS[suffix]
    if found[2] and suffix not in _SIZES:
        return None
    return "size", float(found[1]) * _SIZES.get(suffix, 1)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().replace(",", "").lower()


class VerifyResult(Choice):
    """What came of a change."""

    effective = "effective", "有效", "Effective", "good"
    no_change = "no_change", "无明显变化", "No clear change", "", "无变化"
    negative = "negative", "负面影响", "Negative", "bad"
    rolled_back = "rolled_back", "已回退", "Rolled back", "warn", "回退"


class ParamChange(Part):
    """One parameter that was changed; null was not set, '' was empty."""

    asset_no: Name = field("资产编号", "Asset no.", aliases=("编号",))
    param_name: Name = field("维护参数名称", "Parameter", aliases=("参数名", "参数", "参数名称"))
    value_before: AnyText | None = field(
        "修改前参数值",
        "Value before",
        widget="setting",
        aliases=("原值", "旧值", "变更前", "修改前"),
    )
    value_after: AnyText | None = field(
        "修改后参数值", "Value after", widget="setting", aliases=("新值", "变更后", "修改后")
    )
    unit: Name | None = field("单位", "Unit", None)
    reason: Text = field("参数修改原因", "Reason", widget="wide", aliases=("变更原因", "修改原因"))
    changed_at: Instant = field(
        "参数修改时间", "Changed at", aliases=("变更时间", "执行时间", "修改时间")
    )
    analysis: Text = field(
        "参数调整分析", "Analysis", widget="wide", aliases=("效果分析", "调整分析")
    )
    scope: ParamScope | None = field("生效范围", "Scope", None)
    restart_required: Flag | None = field("需重启", "Restart required", None, aliases=("是否重启",))
    effective_at: Instant | None = field("生效时间", "Effective at", None)
    operator: Name = field("操作人", "Operator", aliases=("执行人", "实施人"))
    authorised_by: Name | None = field("授权人", "Authorised by", None, aliases=("批准人",))
    authorization_no: Name | None = field(
        "授权编号", "Authorisation no.", None, aliases=("授权单号",)
    )
    authorised_from: Instant | None = field("授权开始", "Authorised from", None)
    authorised_to: Instant | None = field("授权截止", "Authorised to", None)
    ticket_no: DocNo | None = field("关联单号", "Ticket", None, aliases=("问题单号", "单号"))
    rollback_value: AnyText | None = field("回退值", "Rollback value", None)
    verify_result: VerifyResult | None = field("验证结果", "Verification", None)

    @rule("value_before", "value_after", "unit")
    def something_changed(self) -> Iterator[Problem]:
        """Refuse a change to the same value; warn of 8G after 8192M."""
        before, after = self.value_before, self.value_after
        if _trimmed(before) == _trimmed(after):
            yield error("value_after", "unchanged", after)
        elif _same(before, after, self.unit):
            yield warning("value_after", "same_quantity", after, before=before)

    @rule()
    def times_follow(self, setting: Setting) -> Iterator[Problem]:
        """Refuse a change in the future, or one that took effect before it was made."""
        yield from out_of_order(moments(self, "changed_at", "effective_at"))
        yield from in_future(moments(self, "changed_at"), setting.now)

    @rule("changed_at")
    def changed_within_the_contract(self, setting: Setting) -> Iterator[Problem]:
        """Refuse a change outside the contract's days, where the contract is known."""
        contract = setting.contract
        if contract and not contract.starts_on <= day_of(self.changed_at) <= contract.ends_on:
            told = {"starts_on": contract.starts_on, "ends_on": contract.ends_on}
            yield error("changed_at", "outside_contract_dates", self.changed_at, **told)

    @rule("changed_at", "authorised_from", "authorised_to")
    def changed_within_the_authorisation(self) -> Iterator[Problem]:
        """Refuse a change outside the hours that the customer allowed, where they are given."""
        starts, ends = self.authorised_from, self.authorised_to
        if starts and ends and ends <= starts:
            yield error("authorised_to", "ended_before_started", ends, started=starts)
        elif (starts and self.changed_at < starts) or (ends and self.changed_at > ends):
            told = {"starts": starts or "—", "ends": ends or "—"}
            yield error("changed_at", "outside_authorisation", self.changed_at, **told)

    @rule("ticket_no")
    def ticket_allows_changes(self) -> Iterator[Problem]:
        """Refuse a change under a consultation: it must have become a defect ticket."""
        if self.ticket_no and self.ticket_no.startswith("ZX-"):
            yield error("ticket_no", "change_under_consultation", self.ticket_no)

    @property
    def value_left(self) -> str | None:
        """The value that the parameter has after this change, rolled back or not."""
        if self.verify_result is not VerifyResult.rolled_back:
            return self.value_after
        return self.value_before if self.rollback_value is None else self.rollback_value


def continuity(changes: Sequence[ParamChange], list_name: str) -> Iterator[Problem]:
    """Warn of a change that starts from another value than the last one of that parameter left."""
    last: dict[tuple[str, str], ParamChange] = {}
    for index, change in sorted(enumerate(changes), key=lambda item: item[1].changed_at):
        key = (change.asset_no, change.param_name.casefold())
        earlier = last.get(key)
        last[key] = change
        if earlier and not _continues(earlier, change):
            told = {"left": _quoted(earlier.value_left), "at": earlier.changed_at}
            path = (list_name, index, "value_before")
            yield warning(path, "value_before_differs", _quoted(change.value_before), **told)


def _continues(earlier: ParamChange, later: ParamChange) -> bool:
    left, found = earlier.value_left, later.value_before
    return _trimmed(left) == _trimmed(found) or _same(left, found, later.unit)


def _same(one: str | None, other: str | None, unit: str | None) -> bool:
    return one is not None and other is not None and same_quantity(one, other, unit or "")


def _trimmed(value: str | None) -> str | None:
    return None if value is None else value.strip()


def _quoted(value: str | None) -> str:
    return "null" if value is None else repr(value) if not value.strip() else value
