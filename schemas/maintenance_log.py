"""WH: the maintenance log: changed parameters, a row for each closed ticket (handbook 2.A.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from schemas.chronology import in_future, moments
from schemas.envelope import CONTROL, Record, RecordType
from schemas.fields import Part, field, rule
from schemas.param_change import ParamChange, continuity
from schemas.problems import Problem, error, warning
from schemas.rows import repeated
from schemas.setting import Setting
from schemas.ticket import TicketNo
from schemas.values import Day, Name, Text
from schemas.vocabulary import Phase, Role, ServiceMode


class MaintenanceEntry(ParamChange):
    """One changed parameter, with the customer's permission for it."""

    @rule("authorised_by", "authorization_no")
    def customer_allowed_it(self) -> Iterator[Problem]:
        """Demand a name or a number of the permission (handbook 4)."""
        if not self.authorised_by and not self.authorization_no:
            yield error("authorization_no", "authorisation_required")


class LoggedTicket(Part):
    """One closed ticket, consultation or defect."""

    occurred_on: Day = field("日期", "Date", aliases=("发生日期", "受理日期"))
    mode: ServiceMode | None = field("受理方式", "Mode", None, aliases=("服务方式", "来源"))
    ticket_no: TicketNo = field("单号", "Ticket", aliases=("问题单号", "单据编号"))
    raised_by: Name | None = field("提出人", "Raised by", None, aliases=("报障人", "客户联系人"))
    summary: Text = field("问题摘要", "Summary", aliases=("问题描述",))
    answer: Text | None = field("解答", "Answer", None, aliases=("解答方案", "处理结果"))
    engineer: Name | None = field("工程师", "Engineer", None, aliases=("处理人",))
    result: Name | None = field("结果", "Result", None)

    @rule()
    def nothing_occurs_in_the_future(self, setting: Setting) -> Iterator[Problem]:
        """Refuse a ticket of a day to come."""
        yield from in_future(moments(self, "occurred_on"), setting.now)


class MaintenanceLog(Record):
    """The maintenance log."""

    record_type: ClassVar[RecordType] = RecordType(
        code="WH",
        name="maintenance_log",
        zh="系统维护文档",
        en="Maintenance log",
        signers=(Role.engineer, Role.cust_contact),
        layout="archive",
        sections=(
            CONTROL,
            ("entries", "参数维护记录", "Changed parameters"),
            ("problem_log", "问题记录", "Problem log"),
        ),
    )
    starts_with: ClassVar[tuple[str, ...]] = ("entries",)

    entries: list[MaintenanceEntry] = field(
        "参数维护记录", "Changed parameters", [], section="entries"
    )
    problem_log: list[LoggedTicket] = field("问题记录", "Problem log", [], section="problem_log")

    @rule("entries")
    def values_continue(self) -> Iterator[Problem]:
        """Warn where a value before is not what the last change left."""
        yield from continuity(self.entries, "entries")

    @rule()
    def assets_are_in_the_contract(self, setting: Setting) -> Iterator[Problem]:
        """Warn of assets outside the contract."""
        known = set(setting.contract.asset_nos) if setting.contract else None
        for index, entry in enumerate(self.entries):
            if known is not None and entry.asset_no and entry.asset_no not in known:
                yield warning(("entries", index, "asset_no"), "outside_contract", entry.asset_no)

    @rule()
    def tickets_stand_once(self) -> Iterator[Problem]:
        """Refuse a ticket that stands twice."""
        yield from repeated(self.problem_log, "problem_log", "ticket_no")

    @rule("entries", "problem_log", "phase")
    def something_is_logged(self) -> Iterator[Problem]:
        """Warn of an empty log once the onboarding, which sets it up, is over."""
        if not self.entries and not self.problem_log and self.phase is not Phase.onboarding:
            yield warning("entries", "nothing_logged")
