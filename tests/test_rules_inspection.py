"""Inspections: computed percentages, findings, overall state, sections (acceptance 2 and 3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.inspection import Inspection
from tests.records import contract, draft, errors, read_as, warnings


def valid(record: dict[str, Any]) -> Inspection:
    found = read_as(record)
    assert isinstance(found.value, Inspection), found.problems
    return found.value


def test_percentages_are_computed_of_size_and_of_maximum() -> None:
    """Acceptance 2: USERS01.dbf, 29.5 of 30, at most 32."""
    file = valid(draft("XJ")).data_files[3]
    assert (file.name, file.used_pct, file.max_pct) == ("USERS01.dbf", 98.33, 92.19)


@pytest.mark.parametrize(
    ("given", "fits"), [(98.33, True), (97.84, True), (98.8, True), (97.8, False)]
)
def test_a_given_percentage_agrees_within_half_a_point(given: float, fits: bool) -> None:
    record = draft("XJ")
    record["data_files"][3]["used_pct"] = given
    expected = [] if fits else [("data_files[3].used_pct", "percentage_differs")]
    assert errors(record) == expected


def test_a_percentage_of_nothing_is_refused() -> None:
    record = draft("XJ")
    record["data_files"][0] |= {"size_gb": 0, "used_gb": 0, "used_pct": 50}
    record["data_files"][4]["max_pct"] = 10
    assert errors(record) == [
        ("data_files[0].used_pct", "percentage_differs"),
        ("data_files[4].max_pct", "percentage_differs"),
    ]


def test_sizes_that_cannot_be() -> None:
    record = draft("XJ")
    record["data_files"][0]["used_gb"] = 4.1
    record["tablespaces"][0]["max_gb"] = 29
    record["disks"][0]["used_gb"] = 201
    record["backup_files"][0] |= {"size_gb": 0, "finished_at": "2026-03-01 00:59"}
    assert errors(record) == [
        ("backup_files[0].size_gb", "empty_backup"),
        ("backup_files[0].finished_at", "ended_before_started"),
        ("data_files[0].used_gb", "used_over_size"),
        ("tablespaces[0].max_gb", "max_under_size"),
        ("disks[0].used_gb", "used_over_size"),
    ]


def test_an_abnormal_item_without_advice_is_told_at_its_place() -> None:
    """Acceptance 3."""
    record = draft("XJ", overall="健康")
    item = record["check_items"][7]
    item |= {"item": "备份", "state": "异常"}
    item.pop("advice", None)
    assert errors(record) == [
        ("overall", "overall_too_good"),
        ("check_items[7].advice", "advice_required"),
    ]


@pytest.mark.parametrize(
    ("state", "lacks", "code"),
    [
        ("attention", "advice", "advice_required"),
        ("abnormal", "advice", "advice_required"),
        ("not_checked", "reason", "reason_required"),
        ("not_applicable", "reason", "reason_required"),
        ("normal", "result", "result_required"),
    ],
)
def test_a_finding_has_what_its_state_asks(state: str, lacks: str, code: str) -> None:
    record = draft("XJ", check_items=[{"seq": 1, "item": "x", "standard": "y", "state": state}])
    assert errors(record) == [(f"check_items[0].{lacks}", code)]


@pytest.mark.parametrize(
    ("states", "overall"),
    [
        (["normal"], "healthy"),
        (["normal", "attention"], "attention"),
        (["attention", "abnormal", "normal"], "abnormal"),
        (["not_checked"], "healthy"),
    ],
)
def test_overall_is_computed_when_left_out(states: list[str], overall: str) -> None:
    item = {"item": "x", "standard": "y", "result": "r", "advice": "a", "reason": "b"}
    items = [item | {"seq": n, "state": state} for n, state in enumerate(states)]
    assert valid(draft("XJ", overall=None, check_items=items)).overall == overall


def test_overall_may_be_worse() -> None:
    items = [{"seq": 1, "item": "x", "standard": "y", "result": "r", "state": "normal"}]
    assert valid(draft("XJ", overall="异常", check_items=items)).overall == "abnormal"


@pytest.mark.parametrize(
    "section", ["params", "backup_policies", "backup_files", "data_files", "security"]
)
def test_a_section_has_rows_or_a_reason_never_both(section: str) -> None:
    excuse = {"section": section, "state": "none", "reason": "未提供"}
    assert errors(draft("XJ", absences=[excuse])) == [("absences[0]", "section_not_empty")]
    without = draft("XJ", **{section: None, "tablespaces": None})
    without |= {"tablespaces": []} if section == "data_files" else {}
    assert errors(without) == [(section, "section_empty")]
    assert not errors(without | {"absences": [excuse]})


def test_tablespaces_alone_fill_the_section() -> None:
    assert not errors(draft("XJ", data_files=None))


def test_other_rules() -> None:
    record = draft("XJ", ended_at="2026-03-07 08:59", asset_nos=["HDYD-DB-01", "X"])
    record["check_items"][1]["seq"] = 1
    assert errors(record, contract()) == [
        ("ended_at", "ended_before_started"),
        ("check_items[1].seq", "duplicate"),
    ]
    assert warnings(record, contract()) == [("asset_nos[1]", "outside_contract")]


sizes = st.floats(0.01, 1e6, allow_nan=False)


@given(sizes, st.floats(0, 1))
def test_a_computed_percentage_is_read_again(size: float, share: float) -> None:
    record = draft("XJ")
    record["data_files"] = [{"name": "a", "size_gb": size, "used_gb": size * share}]
    file = valid(record).data_files[0]
    assert file.used_pct == pytest.approx(share * 100, abs=0.006)
    record["data_files"][0]["used_pct"] = file.used_pct
    assert valid(record).data_files[0] == file
