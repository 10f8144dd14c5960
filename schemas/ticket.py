"""What consultation and defect tickets share: the reporter, the numbers, the delivery to the pm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import StringConstraints

from schemas.chronology import moments, out_of_order
from schemas.envelope import Record, Status
from schemas.fields import Part, field, labels_of, rule
from schemas.problems import Problem, error, warning
from schemas.setting import Setting
from schemas.values import DigitsText, Email, Instant, Name, Text
from schemas.vocabulary import Role, ServiceMode

_REST = r"-[A-Z0-9]{2,12}-\d{8}-\d{3}(-R\d{1,2})?$"
TicketNo = Annotated[str, StringConstraints(pattern=rf"^(ZX|QX){_REST}")]
"""The number of a consultation or a defect ticket."""
ConsultationNo = Annotated[str, StringConstraints(pattern=rf"^ZX{_REST}")]
DefectNo = Annotated[str, StringConstraints(pattern=rf"^QX{_REST}")]


class PmDelivery(Part):
    """The closed ticket on its way to the project manager (handbook 6.C)."""

    submitted_at: Instant | None = field("递交时间", "Submitted", None)
    received_by: Name | None = field("签收人", "Received by", None)
    received_at: Instant | None = field("签收时间", "Received", None)

    @rule()
    def received_after_submitted(self) -> Iterator[Problem]:
        """Refuse a receipt before the delivery."""
        yield from out_of_order(moments(self, "submitted_at", "received_at"))

    @rule("received_by", "received_at", "submitted_at")
    def receipt_is_whole(self) -> Iterator[Problem]:
        """Refuse a receipt that does not say who received it, or that nothing was submitted."""
        if self.received_at and not self.received_by:
            yield error("received_by", "receipt_without_name")
        if self.received_at and not self.submitted_at:
            yield error("submitted_at", "receipt_without_delivery")


class Ticket(Record):
    """Base of both classes of tickets; the project manager's receipt counts as a signature."""

    raised_by: Name = field(
        "提出人", "Raised by", section="reporter", aliases=("报障人", "客户联系人")
    )
    dept: Name | None = field("部门", "Department", None, section="reporter", aliases=("所属部门",))
    phone: DigitsText | None = field(
        "联系电话", "Phone", None, section="reporter", aliases=("电话", "手机")
    )
    email: Email | None = field("邮箱", "E-mail", None, section="reporter", aliases=("电子邮箱",))
    mode: ServiceMode = field("受理方式", "Mode", section="reporter", aliases=("服务方式", "来源"))
    handler: Name = field("受理人", "Handler", section="reporter", aliases=("处理人", "受理工程师"))
    asset_no: Name | None = field("资产编号", "Asset no.", None, section="reporter")
    description: Text = field(
        "问题描述", "Description", section="question", widget="wide", aliases=("故障现象",)
    )
    pm_delivery: PmDelivery | None = field("递交项目经理", "Delivery", None, section="delivery")

    @rule("asset_no")
    def asset_is_in_the_contract(self, setting: Setting) -> Iterator[Problem]:
        """Warn of an asset outside the contract."""
        contract = setting.contract
        if contract and self.asset_no and self.asset_no not in contract.asset_nos:
            yield warning("asset_no", "outside_contract", self.asset_no)

    @rule("status", "pm_delivery")
    def archived_means_delivered(self, setting: Setting) -> Iterator[Problem]:
        """Refuse to archive a ticket that was never handed to the project manager."""
        awaited = self.pm_delivery is None and not setting.before_signing
        if awaited and self.status is Status.archived:
            label = labels_of(type(self), "pm_delivery")
            yield error("pm_delivery", "archive_needs", label=label)

    def signed_roles(self) -> set[Role]:
        """Count the project manager's receipt as his signature."""
        received = self.pm_delivery and self.pm_delivery.received_at
        return super().signed_roles() | ({Role.pm} if received else set())
