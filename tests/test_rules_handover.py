"""The hand-over list: classes, receipts, counting (acceptance 6 and 7)."""

from typing import Any

import pytest

from schemas.handover_list import TicketHandover
from tests.records import contract, draft, errors, read_as, sample


def listed(**changes: Any) -> TicketHandover:
    found = read_as(draft("DJ", **changes))
    assert isinstance(found.value, TicketHandover), found.problems
    return found.value


def test_a_converted_consultation_counts_once() -> None:
    found = listed()
    assert len(found.tickets) == 7
    assert (found.consultations, found.defects, found.total) == (4, 2, 6)


def test_it_counts_itself_where_its_defect_is_not_listed() -> None:
    tickets = [t for t in draft("DJ")["tickets"] if not t["doc_no"].startswith("QX")]
    found = listed(tickets=tickets)
    assert (found.consultations, found.defects, found.total) == (5, 0, 5)


def test_given_counts_agree() -> None:
    assert not errors(draft("DJ", total=6, consultations=4, defects=2))
    assert errors(draft("DJ", total=7)) == [("total", "count_differs")]


def test_the_handbooks_slip_is_read_and_never_printed() -> None:
    record = draft("DJ")
    record["tickets"][0]["ticket_class"] = "资讯类"
    found = read_as(record).value
    assert isinstance(found, TicketHandover)
    assert found.tickets[0].ticket_class.label("zh") == "咨询类"


@pytest.mark.parametrize("word", ["系统缺陷类", "缺陷", "BUG", "bug", "defect"])
def test_words_for_a_defect(word: str) -> None:
    record = draft("DJ")
    record["tickets"][3]["ticket_class"] = word
    assert not errors(record)
    record["tickets"][0]["ticket_class"] = word
    assert errors(record) == [("tickets[0].ticket_class", "class_differs")]


def test_tickets_stand_once_whatever_their_revision() -> None:
    record = draft("DJ")
    record["tickets"][1]["doc_no"] = record["tickets"][0]["doc_no"] + "-R1"
    assert errors(record) == [("tickets[1].doc_no", "duplicate")]


@pytest.mark.parametrize("number", ["WH-HDYD-20260306-001", "ZX-HDYD-20260306", ""])
def test_only_tickets_are_handed_over(number: str) -> None:
    record = draft("DJ")
    record["tickets"][0]["doc_no"] = number
    assert errors(record) == [("tickets[0].doc_no", "wrong_form")]


def test_received_after_closed_by_somebody_and_not_in_the_future() -> None:
    record = draft("DJ")
    record["tickets"][0]["received_at"] = "2026-03-07 10:59"
    record["tickets"][1].pop("received_by")
    record["tickets"][2]["received_at"] = "2026-11-24 10:01"
    assert errors(record) == [
        ("tickets[0].received_at", "out_of_order"),
        ("tickets[1].received_by", "receipt_without_name"),
        ("tickets[2].received_at", "in_future"),
    ]


def test_archiving_needs_every_receipt() -> None:
    record = sample("DJ")
    record["tickets"][5].pop("received_at")
    assert errors(record, contract()) == [("tickets[5].received_at", "not_received")]
    assert not errors(record | {"status": "draft"})


def test_other_rules() -> None:
    record = draft("DJ", period_to="2026-02-28")
    record["tickets"][3]["converted_to"] = "QX-HDYD-20260326-001"
    assert errors(record) == [
        ("period_to", "out_of_order"),
        ("tickets[3].converted_to", "defect_converted"),
    ]
    assert errors(draft("DJ", tickets=[])) == [("tickets", "list_too_short")]
