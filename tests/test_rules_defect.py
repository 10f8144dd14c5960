"""Defect tickets: chronology, chain, stages, consent, changes, archiving (acceptance 8)."""

from typing import Any

import pytest

from tests.records import contract, draft, errors, read_as, sample, warnings


def test_the_acceptance_case_is_archived() -> None:
    assert not read_as(sample("QX"), contract()).problems


def test_work_before_consent_is_an_error() -> None:
    """Plan 14:00, consent 15:00, work 14:30."""
    found = read_as(sample("QX", work_started_at="2026-03-11 14:30"))
    (problem,) = found.errors
    assert (problem.place, problem.code) == ("work_started_at", "out_of_order")
    assert "14:30" in problem.message("zh")
    assert "15:00" in problem.message("zh")


def test_without_the_owners_signature_archiving_fails() -> None:
    record = sample("QX")
    record["signoffs"] = [s for s in record["signoffs"] if s["role"] != "cust_owner"]
    (problem,) = read_as(record, contract()).errors
    assert (problem.place, problem.code) == ("signoffs", "signature_missing")
    assert "客户负责人（刘洋）" in problem.message("zh")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"arrived_at": "2026-03-11 10:59"}, "arrived_at"),
        ({"plan_submitted_at": "2026-03-11 11:39"}, "plan_submitted_at"),
        ({"resolved_at": "2026-03-11 15:09"}, "resolved_at"),
        ({"responded_at": "2026-03-11 10:59"}, "responded_at"),
        ({"received_at": "2026-03-11 10:59"}, "received_at"),
        ({"outage_to": "2026-03-11 10:39"}, "outage_to"),
    ],
)
def test_each_time_follows_the_one_before(change: dict[str, Any], place: str) -> None:
    assert (place, "out_of_order") in errors(sample("QX", **change))


def test_consent_follows_the_plan() -> None:
    record = sample("QX")
    record["consent"]["at"] = "2026-03-11 13:59"
    assert errors(record) == [("consent.at", "out_of_order")]


def test_the_owner_signs_after_the_work_and_before_the_delivery() -> None:
    record = sample("QX", resolved_at="2026-03-12 09:00")
    assert errors(record) == [
        ("signoffs[1].signed_on", "out_of_order"),
        ("pm_delivery.submitted_at", "out_of_order"),
    ]
    record = sample("QX")
    record["signoffs"][1]["signed_on"] = "2026-03-12"
    assert errors(record) == [("pm_delivery.submitted_at", "out_of_order")]


def test_a_gap_in_the_chain_of_times_hides_nothing() -> None:
    record = draft("QX", work_started_at=None, steps=[], resolved_at="2026-03-11 14:00")
    assert ("resolved_at", "out_of_order") in errors(record)


def test_times_in_the_future_are_refused() -> None:
    record = draft("QX", resolved_at="2026-11-24 10:01", pm_delivery=None)
    assert errors(record) == [("resolved_at", "in_future")]


def test_the_chain_ascends_in_level_and_time() -> None:
    record = sample("QX")
    record["submit_chain"].reverse()
    assert errors(record) == [
        ("submit_chain[1].level", "chain_not_ascending"),
        ("submit_chain[1].at", "out_of_order"),
    ]
    record["submit_chain"] = []
    assert errors(record) == [("submit_chain", "list_too_short")]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ("诊断 确认 处理 回复", None),
        ("诊断 确认 处理", ("stages", "stages_missing")),
        ("诊断", ("stages", "stages_missing")),
        ("诊断 处理 确认 回复", ("stages[1].stage", "stage_out_of_order")),
        ("确认 处理 回复", ("stages[0].stage", "stage_out_of_order")),
        ("诊断 确认 处理 回复 回复", ("stages[4].stage", "stage_out_of_order")),
        ("诊断 诊断 确认 处理", ("stages[1].stage", "stage_out_of_order")),
    ],
)
def test_the_stages_are_the_four(stages: str, expected: tuple[str, str] | None) -> None:
    record = sample("QX", stages=[{"stage": name} for name in stages.split()])
    assert errors(record) == ([expected] if expected else [])


def test_later_stages_are_to_come_until_the_defect_is_resolved() -> None:
    stages = [{"stage": "诊断"}, {"stage": "确认"}]
    changes: dict[str, Any] = {
        "steps": [],
        "work_started_at": None,
        "resolved_at": None,
        "config_changes": [],
    }
    reason = "等待客户同意方案。"
    record = draft("QX", stages=stages, config_changes_reason=reason, pm_delivery=None, **changes)
    assert not errors(record)
    assert errors(record | {"resolved_at": "2026-03-11 16:20"}) == [("stages", "stages_missing")]


def test_stages_follow_in_time() -> None:
    record = sample("QX")
    record["stages"][2]["at"] = "2026-03-11 13:19"
    assert errors(record) == [("stages[2].at", "out_of_order")]


def test_who_disagrees_blocks_the_work() -> None:
    record = draft("QX")
    record["consent"] |= {"opinion": "不同意", "comment": "请改到周末"}
    assert errors(record) == [("work_started_at", "work_without_consent")]
    record["consent"].pop("comment")
    assert ("consent.comment", "comment_required") in errors(record)


def test_an_oral_consent_is_written_down_within_a_day() -> None:
    record = sample("QX")
    record["consent"]["method"] = "口头"
    assert warnings(record) == [("consent.written_at", "oral_consent_unwritten")]
    assert errors(record) == [("consent.written_at", "archive_needs")]
    record["consent"]["written_at"] = "2026-03-12 15:00"
    assert not read_as(record).problems
    record["consent"]["written_at"] = "2026-03-12 15:01"
    assert warnings(record) == [("consent.written_at", "oral_consent_written_late")]
    record["consent"]["written_at"] = "2026-03-11 14:59"
    assert errors(record) == [("consent.written_at", "out_of_order")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"arrived_at": None}, [("arrived_at", "arrival_required")]),
        ({"location": "远程"}, [("authorization_no", "authorisation_required")]),
        ({"location": "远程", "authorization_no": "SQ-1", "arrived_at": None}, []),
    ],
)
def test_on_site_has_an_arrival_remote_a_permission(
    change: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert errors(sample("QX", **change)) == expected


def test_no_change_of_configuration_has_a_reason() -> None:
    record = sample("QX", config_changes=[])
    assert errors(record) == [("config_changes_reason", "no_config_changes")]
    assert not errors(record | {"config_changes_reason": "只重建索引。"})


def test_changes_and_steps_come_after_the_start() -> None:
    record = sample("QX")
    record["config_changes"][0] |= {"changed_at": "2026-03-11 15:09"}
    record["steps"][0]["at"] = "2026-03-11 15:09"
    record["steps"][2]["seq"] = 2
    record["steps"][3]["at"] = "2026-03-11 15:11"
    assert errors(record) == [
        ("steps[0].at", "out_of_order"),
        ("steps[2].seq", "duplicate"),
        ("steps[3].at", "out_of_order"),
        ("config_changes[0].changed_at", "out_of_order"),
    ]


def test_changes_have_the_rules_of_the_log() -> None:
    record = sample("QX")
    change = record["config_changes"][0]
    record["config_changes"] = [change, change | {"value_after": " 1500 "}]
    assert errors(record) == [("config_changes[1].value_after", "unchanged")]
    assert warnings(record) == [("config_changes[1].value_before", "value_before_differs")]


@pytest.mark.parametrize("number", ["QX-HDYD-20260310-001", "ZX-HDYD-2026"])
def test_it_comes_from_a_consultation(number: str) -> None:
    assert ("converted_from", "wrong_form") in errors(draft("QX", converted_from=number))


def test_a_broken_time_hides_no_other_rule() -> None:
    record = sample("QX", arrived_at="3月11日", work_started_at="2026-03-11 14:30")
    record["consent"].pop("by")
    assert errors(record) == [
        ("arrived_at", "day_without_year"),
        ("consent.by", "missing"),
        ("work_started_at", "out_of_order"),
    ]
