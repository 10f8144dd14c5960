"""The contract: its phases, customer, calendar, object list and people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from schemas.fields import Choice, Part, field, rule
from schemas.problems import Problem, error
from schemas.values import Day, DigitsText, Email, Name, Text
from schemas.vocabulary import Phase, Role


class Calendar(Choice):
    """How days of a deadline are counted: natural days, or workdays with 调休."""

    natural = "natural", "自然日", "Natural days"
    workday = "workday", "工作日", "Workdays"


class PhaseDates(Part):
    """First and last day of a phase."""

    phase: Phase = field("阶段", "Phase")
    starts_on: Day = field("开始日期", "Starts on")
    ends_on: Day = field("结束日期", "Ends on")

    @rule("starts_on", "ends_on")
    def ends_after_start(self) -> Iterator[Problem]:
        """Refuse a phase that ends before it starts."""
        if self.ends_on < self.starts_on:
            yield error("ends_on", "ended_before_started", self.ends_on, started=self.starts_on)


class ContractObject(Part):
    """A database that the contract covers."""

    asset_no: Name = field("资产编号", "Asset no.")
    name: Name | None = field("名称", "Name", None)
    not_inspected_reason: Text | None = field("免检原因", "Reason for no inspection", None)


class Person(Part):
    """Somebody of the provider or the customer, in a role."""

    name: Name = field("姓名", "Name")
    role: Role = field("角色", "Role")
    org: Name | None = field("单位", "Organisation", None)
    title: Name | None = field("职务", "Title", None)
    phone: DigitsText | None = field("电话", "Phone", None)
    email: Email | None = field("邮箱", "E-mail", None)


class Contract(Part):
    """A service contract with its object list."""

    contract_no: Name = field("合同编号", "Contract no.")
    customer_name: Name = field("客户名称", "Customer")
    customer_code: Name = field("客户代码", "Customer code", pattern=r"^[A-Z0-9]{2,12}$")
    project_name: Name | None = field("项目名称", "Project", None)
    provider_name: Name = field("服务单位", "Provider")
    calendar: Calendar = field("计日方式", "Calendar", Calendar.natural)
    phases: list[PhaseDates] = field("阶段", "Phases", min_length=1)
    objects: list[ContractObject] = field("维保对象", "Objects", min_length=1)
    people: list[Person] = field("人员", "People", [])
    verification_shows_names: bool = field("核验页显示姓名", "Verification page shows names", False)

    @property
    def starts_on(self) -> date:
        """First day of the contract."""
        return min(phase.starts_on for phase in self.phases)

    @property
    def ends_on(self) -> date:
        """Last day of the contract."""
        return max(phase.ends_on for phase in self.phases)

    @property
    def asset_nos(self) -> list[str]:
        """The object list's numbers in its order."""
        return [item.asset_no for item in self.objects]

    @rule("objects")
    def objects_are_unique(self) -> Iterator[Problem]:
        """No asset stands twice on the list."""
        seen: dict[str, int] = {}
        for index, item in enumerate(self.objects):
            if item.asset_no in seen:
                first = f"objects[{seen[item.asset_no]}]"
                yield error(("objects", index, "asset_no"), "duplicate", item.asset_no, first=first)
            seen.setdefault(item.asset_no, index)
