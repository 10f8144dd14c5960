"""DJ: the list of tickets handed to the project manager (handbook 6.C), both classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from schemas.chronology import in_future, moments, out_of_order
from schemas.envelope import CONTROL, Record, RecordType, Status
from schemas.fields import Part, field, rule
from schemas.problems import Problem, error
from schemas.rows import repeated
from schemas.setting import Setting
from schemas.ticket import DefectNo, TicketNo
from schemas.values import Count, Day, Instant, Name, Text, base_number
from schemas.vocabulary import Role, TicketClass

# A ticket's number begins with the code of its record type.
PREFIXES = {TicketClass.consultation: "ZX-", TicketClass.defect: "QX-"}


class HandedTicket(Part):
    """One closed ticket, and the project manager's receipt for it."""

    doc_no: TicketNo = field("单据编号", "Ticket", aliases=("单号", "问题单号"))
    ticket_class: TicketClass = field("问题类别", "Class", aliases=("类别", "问题分类"))
    title: Name = field("问题标题", "Title", aliases=("标题", "问题摘要"))
    closed_at: Instant = field("关闭时间", "Closed", aliases=("解决时间",))
    received_by: Name | None = field("签收人", "Received by", None)
    received_at: Instant | None = field("签收时间", "Received", None)
    converted_to: DefectNo | None = field("转缺陷单", "Converted to", None)
    note: Text | None = field("备注", "Note", None)

    @rule("doc_no", "ticket_class")
    def number_names_the_class(self) -> Iterator[Problem]:
        """Refuse a number of the other class."""
        if not self.doc_no.startswith(PREFIXES[self.ticket_class]):
            expected = PREFIXES[self.ticket_class]
            yield error("ticket_class", "class_differs", self.ticket_class, expected=expected)

    @rule("ticket_class", "converted_to")
    def only_consultations_convert(self) -> Iterator[Problem]:
        """Refuse a defect that became a defect."""
        if self.converted_to and self.ticket_class is TicketClass.defect:
            yield error("converted_to", "defect_converted", self.converted_to)

    @rule()
    def times_follow(self, setting: Setting) -> Iterator[Problem]:
        """Demand that a ticket is closed before it is received, nothing in the future."""
        chain = moments(self, "closed_at", "received_at")
        yield from out_of_order(chain)
        yield from in_future(chain, setting.now)

    @rule("received_by", "received_at")
    def receipt_is_whole(self) -> Iterator[Problem]:
        """Refuse a receipt that does not say who received it."""
        if self.received_at and not self.received_by:
            yield error("received_by", "receipt_without_name")


class TicketHandover(Record):
    """The hand-over list; a consultation that became a defect counts once, as the defect."""

    record_type: ClassVar[RecordType] = RecordType(
        code="DJ",
        name="handover_list",
        zh="问题单据递交清单",
        en="Ticket hand-over list",
        signers=(Role.engineer, Role.pm),
        layout="form",
        sections=(
            CONTROL,
            ("totals", "递交概况", "Overview"),
            ("tickets", "递交单据", "Tickets"),
        ),
    )

    period_from: Day | None = field("统计起始", "From", None, section="totals")
    period_to: Day | None = field("统计截止", "To", None, section="totals")
    consultations: Count | None = field("咨询类件数", "Consultations", None, section="totals")
    defects: Count | None = field("系统缺陷类件数", "Defects", None, section="totals")
    total: Count | None = field("合计件数", "Total", None, section="totals")
    note: Text | None = field("说明", "Note", None, section="totals", widget="wide")
    tickets: list[HandedTicket] = field("递交单据", "Tickets", section="tickets", min_length=1)

    @rule()
    def period_ends_after_it_began(self) -> Iterator[Problem]:
        """Refuse a period that ends before it begins."""
        yield from out_of_order(moments(self, "period_from", "period_to"))

    @rule()
    def tickets_stand_once(self) -> Iterator[Problem]:
        """Refuse a ticket that stands twice, whatever its revision."""
        yield from repeated(self.tickets, "tickets", "doc_no", base_number)

    @rule("tickets", "consultations", "defects", "total")
    def counts_agree(self) -> Iterator[Problem]:
        """Refuse a given count that is not the number of tickets."""
        for name, computed in self.computed_counts.items():
            given = getattr(self, name)
            if given is not None and given != computed:
                yield error(name, "count_differs", given, computed=computed)

    @rule("tickets", "status")
    def archived_means_received(self, setting: Setting) -> Iterator[Problem]:
        """Refuse to archive a list with tickets that nobody received."""
        if self.status is not Status.archived or setting.before_signing:
            return
        for index, ticket in enumerate(self.tickets):
            if not ticket.received_at:
                yield error(("tickets", index, "received_at"), "not_received", ticket.doc_no)

    def fill(self, setting: Setting) -> None:
        """Count the tickets."""
        for name, computed in self.computed_counts.items():
            setattr(self, name, computed)

    @property
    def computed_counts(self) -> dict[str, int]:
        """The number of tickets by class; a converted consultation counts with its defect only."""
        listed = {base_number(ticket.doc_no) for ticket in self.tickets}
        counted = [t for t in self.tickets if base_number(t.converted_to or "") not in listed]
        defects = sum(ticket.ticket_class is TicketClass.defect for ticket in counted)
        total = len(counted)
        return {"consultations": total - defects, "defects": defects, "total": total}
