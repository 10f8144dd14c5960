"""Rules of the envelope: numbers, contract, signatures, archiving."""

from typing import Any

import pytest

from tests.records import contract, draft, errors, read_as, sample, warnings


def signed(record: dict[str, Any], role: str) -> dict[str, Any]:
    found: dict[str, Any] = next(s for s in record["signoffs"] if s["role"] == role)
    return found


def test_archiving_an_inspection_names_who_has_not_signed() -> None:
    """Acceptance 2: the leader signed on 03-10, the customer has not."""
    record = sample("XJ")
    signed(record, "cust_owner").pop("signed_on")
    found = read_as(record, contract())
    assert [(p.place, p.code) for p in found.errors] == [("signoffs", "signature_missing")]
    assert "客户负责人（刘洋）" in found.errors[0].message("zh")
    assert "Customer owner (刘洋)" in found.errors[0].message("en")
    assert "公司领导" not in found.errors[0].message("zh")


def test_signed_by_everyone_it_is_archived() -> None:
    assert not errors(sample("XJ"), contract())


def test_all_who_are_missing_are_named_at_once() -> None:
    record = sample("XJ", signoffs=[])
    (problem,) = read_as(record).errors
    assert "驻场工程师、公司领导、客户负责人" in problem.message("zh")


@pytest.mark.parametrize("status", ["approved", "archived"])
def test_who_disagrees_blocks(status: str) -> None:
    record = sample("XJ", status=status)
    signed(record, "leader").update(opinion="disagree", comment="数据不全")
    assert errors(record) == [("signoffs[1].opinion", "disagreed")]


@pytest.mark.parametrize("status", ["draft", "submitted", "in_review", "returned", "void"])
def test_before_approval_nobody_need_have_signed(status: str) -> None:
    assert not errors(draft("XJ", status=status))


def test_agreeing_with_changes_is_agreement() -> None:
    record = sample("XJ")
    signed(record, "leader").update(opinion="修改后同意", comment="补充容量计划")
    assert not errors(record)


def test_disagreement_needs_a_comment() -> None:
    record = draft("XJ", signoffs=[{"role": "leader", "opinion": "不同意"}])
    assert errors(record) == [("signoffs[0].comment", "comment_required")]


def test_signed_before_the_document_or_in_the_future() -> None:
    early = {"role": "leader", "signed_on": "2026-03-06"}
    late = {"role": "cust_owner", "signed_on": "2026-11-25"}
    record = draft("XJ", signoffs=[early, late])
    assert errors(record) == [
        ("signoffs[0].signed_on", "signed_before_document"),
        ("signoffs[1].signed_on", "in_future"),
    ]


def test_signed_on_the_day_it_is_in_shanghai() -> None:
    record = draft("XJ", signoffs=[{"role": "leader", "signed_on": "2026-11-24"}])
    assert not errors(record)


def test_the_number_names_type_and_customer() -> None:
    record = draft("XJ", doc_no="ZX-ABCD-20260307-001")
    found = {(p.place, p.code) for p in read_as(record, code="XJ").errors}
    assert found == {("doc_no", "doc_no_of_other_type"), ("doc_no", "doc_no_of_other_customer")}


@pytest.mark.parametrize(
    "number",
    ["XJ-HDYD-20260307-001-R1", "XJ-HDYD-20260307-999-R12"],
)
def test_revisions_are_numbers(number: str) -> None:
    assert not errors(draft("XJ", doc_no=number))


@pytest.mark.parametrize(
    "number",
    ["XJ-H-20260307-001", "XJ-HDYD-2026037-001", "XJ-HDYD-20260307-1", "XJ-HDYD-20260307-001\n"],
)
def test_other_forms_are_refused(number: str) -> None:
    assert ("doc_no", "wrong_form") in errors(draft("XJ", doc_no=number))


def test_another_contract_is_an_error_another_customer_a_warning() -> None:
    other = contract(contract_no="HT-2026-099", customer_code="ABCD")
    assert errors(draft("XJ"), other) == [("contract_no", "other_contract")]
    assert ("customer_code", "other_customer") in warnings(draft("XJ"), other)


@pytest.mark.parametrize("code", ["ZX", "QX"])
def test_the_receipt_of_the_project_manager_is_his_signature(code: str) -> None:
    record = sample(code)
    record["signoffs"] = [s for s in record["signoffs"] if s["role"] != "pm"]
    assert not errors(record)
    record["pm_delivery"].pop("received_at")
    assert errors(record) == [("signoffs", "signature_missing")]


def test_archiving_needs_what_the_type_says() -> None:
    record = sample("QX", verification=None, resolved_at=None)
    assert errors(record) == [("verification", "archive_needs"), ("resolved_at", "archive_needs")]
