"""Changed parameters and the maintenance log (acceptance 4)."""

from typing import Any

import pytest

from schemas.maintenance_log import MaintenanceLog
from schemas.param_change import same_quantity
from tests.records import contract, draft, errors, read_as, warnings


def log(*changes: dict[str, Any], **top: Any) -> dict[str, Any]:
    """A log of sga_target 32G → 48G, each entry changed; a change to None leaves a field out."""
    record = draft("WH", problem_log=[], **top)
    entry = record["entries"][0]
    entries = [entry | change for change in changes or ({},)]
    record["entries"] = [{k: v for k, v in e.items() if v is not None} for e in entries]
    return record


def test_the_change_of_the_acceptance_case() -> None:
    found = read_as(log(), contract())
    assert isinstance(found.value, MaintenanceLog)
    assert not found.problems


@pytest.mark.parametrize(
    ("before", "after"), [("16G", " 16G "), ("", " "), ("16G", "16G"), ("\tON", "ON")]
)
def test_what_did_not_change(before: str, after: str) -> None:
    record = log({"value_before": before, "value_after": after})
    assert errors(record) == [("entries[0].value_after", "unchanged")]


def test_null_to_null_did_not_change() -> None:
    record = log()
    record["entries"][0] |= {"value_before": None, "value_after": None}
    assert errors(record) == [("entries[0].value_after", "unchanged")]


@pytest.mark.parametrize(("before", "after"), [(None, ""), ("", None), ("", "x"), (None, "0")])
def test_not_set_and_empty_are_two_values(before: str | None, after: str | None) -> None:
    record = log()
    record["entries"][0] |= {"value_before": before, "value_after": after}
    found = read_as(record)
    assert isinstance(found.value, MaintenanceLog), found.problems
    entry = found.value.entries[0]
    assert (entry.value_before, entry.value_after) == (before, after)


@pytest.mark.parametrize("name", ["value_before", "value_after"])
def test_both_values_must_be_given(name: str) -> None:
    assert errors(log({name: None})) == [(f"entries[0].{name}", "missing")]


def test_the_same_size_in_other_units_is_a_warning() -> None:
    record = log({"value_before": "8G", "value_after": "8192M"})
    assert not errors(record)
    assert warnings(record) == [("entries[0].value_after", "same_quantity")]


@pytest.mark.parametrize(
    ("one", "other", "unit", "expected"),
    [
        ("8G", "8192M", "", True),
        ("8 GB", "8192mb", "", True),
        ("8589934592", "8G", "", True),
        ("8GiB", "8,192 MiB", "", True),
        ("８Ｇ", "8192M", "", True),
        ("1T", "1024G", "", True),
        ("0.5G", "512M", "", True),
        ("8", "8192M", "GB", True),
        ("4", "4.0", "MB", True),
        ("300s", "5min", "", True),
        ("300", "5min", "s", True),
        ("8G", "8191M", "", False),
        ("8G", "8000M", "", False),
        ("5min", "5M", "", False),
        ("1.8.3", "1.8.30", "", False),
        ("ON", "1", "", False),
        ("10个", "10", "", False),
        ("10", "20", "个", False),
        ("", "0", "", False),
    ],
)
def test_quantities(one: str, other: str, unit: str, expected: bool) -> None:
    assert same_quantity(one, other, unit) is expected
    assert same_quantity(other, one, unit) is expected


def test_a_date_in_2099_is_an_error() -> None:
    change = {"changed_at": "2099-03-05 22:30", "authorised_from": None, "authorised_to": None}
    record = log(change | {"effective_at": None})
    assert errors(record) == [("entries[0].changed_at", "in_future")]
    codes = errors(record, contract())
    assert ("entries[0].changed_at", "outside_contract_dates") in codes


@pytest.mark.parametrize(
    ("day", "inside"),
    [
        ("2026-02-28 23:59", False),
        ("2026-03-01 00:00", True),
        ("2026-11-23 10:00", True),
    ],
)
def test_changes_are_within_the_contract(day: str, inside: bool) -> None:
    change = {"changed_at": day, "effective_at": None}
    record = log(change | {"authorised_from": None, "authorised_to": None})
    expected = [] if inside else [("entries[0].changed_at", "outside_contract_dates")]
    assert errors(record, contract()) == expected
    assert not errors(record)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-03-05 21:59", False),
        ("2026-03-05 22:00", True),
        ("2026-03-06 00:00", True),
        ("2026-03-06 00:01", False),
    ],
)
def test_changes_are_within_the_authorised_hours(moment: str, inside: bool) -> None:
    """22:00 to 24:00: the end is the first minute of the next day."""
    record = log({"changed_at": moment, "effective_at": None})
    expected = [] if inside else [("entries[0].changed_at", "outside_authorisation")]
    assert errors(record) == expected


def test_one_bound_of_the_hours_is_enough() -> None:
    record = log({"authorised_from": None}, {"authorised_to": None})
    record["entries"][1]["param_name"] = "other"
    assert not errors(record)


def test_hours_that_end_before_they_begin() -> None:
    record = log({"authorised_to": "2026-03-05 21:00"})
    assert errors(record) == [("entries[0].authorised_to", "ended_before_started")]


def test_a_name_or_a_number_of_the_permission() -> None:
    nobody = {"authorised_by": None, "authorization_no": None}
    assert errors(log(nobody)) == [("entries[0].authorization_no", "authorisation_required")]
    assert not errors(log({"authorised_by": None}))
    assert not errors(log({"authorization_no": None}))


def test_effect_comes_after_the_change() -> None:
    record = log({"effective_at": "2026-03-05 22:29"})
    assert errors(record) == [("entries[0].effective_at", "out_of_order")]


def test_no_change_under_a_consultation() -> None:
    record = log({"ticket_no": "ZX-HDYD-20260306-001"}, {"ticket_no": "QX-HDYD-20260306-001"})
    record["entries"][1]["param_name"] = "other"
    assert errors(record) == [("entries[0].ticket_no", "change_under_consultation")]


def later(**changes: Any) -> dict[str, Any]:
    hours = {"authorised_from": None, "authorised_to": None, "effective_at": None}
    return {"changed_at": "2026-03-06 22:30"} | hours | changes


@pytest.mark.parametrize("before", ["48G", " 48G", "49152M"])
def test_values_that_continue(before: str) -> None:
    record = log({}, later(value_before=before, value_after="64G"))
    assert not warnings(record)


def test_values_that_do_not_continue_are_a_warning_in_the_order_of_time() -> None:
    record = log(later(value_before="40G", value_after="64G"), {})
    assert warnings(record) == [("entries[0].value_before", "value_before_differs")]
    assert "48G" in read_as(record).problems[0].message("zh")


def test_other_assets_and_parameters_have_their_own_history() -> None:
    other = later(asset_no="HDYD-DB-02", value_before="1G", value_after="2G")
    record = log({}, other, later(param_name="x", value_before="1", value_after="2"))
    assert not warnings(record)


def test_a_change_rolled_back_leaves_the_value_before() -> None:
    first = {"verify_result": "已回退", "rollback_value": None}
    assert not warnings(log(first, later(value_before="32G", value_after="40G")))
    assert warnings(log(first, later(value_before="48G", value_after="64G")))


def test_tickets_of_the_log_stand_once_and_not_in_the_future() -> None:
    record = draft("WH")
    record["problem_log"][1]["ticket_no"] = record["problem_log"][0]["ticket_no"]
    record["problem_log"][2]["occurred_on"] = "2026-11-25"
    assert errors(record) == [
        ("problem_log[1].ticket_no", "duplicate"),
        ("problem_log[2].occurred_on", "in_future"),
    ]


def test_an_empty_log_is_a_warning_after_onboarding() -> None:
    empty: dict[str, Any] = {"entries": [], "problem_log": []}
    assert warnings(draft("WH", **empty)) == [("entries", "nothing_logged")]
    assert not warnings(draft("WH", phase="导入期", **empty))


def test_assets_outside_the_contract_are_a_warning() -> None:
    assert warnings(log({"asset_no": "X"}), contract()) == [
        ("entries[0].asset_no", "outside_contract")
    ]
