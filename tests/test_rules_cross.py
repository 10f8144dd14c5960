"""What only other records can tell: each rule by itself, and over the store on both databases."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from docgen.errors import RecordRefused
from docgen.records.records import visible
from docgen.rules.authorisation import Grant, authorised, uses
from docgen.rules.continuity import Logged, Previous, continuing, first_found, reappearing
from docgen.rules.contract import covering, named_in, phase_on
from docgen.rules.partial import rows
from docgen.rules.tickets import Listed, Other, converting, handing_over, replaced
from schemas.catalog import record_types
from schemas.envelope import Status
from schemas.param_change import ParamChange
from schemas.problems import errors_of
from schemas.values import parse_instant
from schemas.vocabulary import Role
from tests.paperless import actor, archive, change, paper, problems, sign, submit
from tests.records import contract, sample
from tests.service import Team

CHANGE: dict[str, Any] = {
    "asset_no": "HDYD-DB-01",
    "param_name": "processes",
    "value_before": "1500",
    "value_after": "2000",
    "reason": "会话数超过上限",
    "changed_at": "2026-03-05 22:30",
    "analysis": "正常",
    "operator": "张伟",
    "authorised_by": "刘洋",
}


def told(found: Any) -> list[tuple[str, str, str]]:
    return [(one.place, one.code, one.level) for one in found]


def changes(*rows_given: dict[str, Any]) -> list[tuple[int, ParamChange]]:
    return rows({"entries": [CHANGE | row for row in rows_given]}, "entries", ParamChange)


def logged(doc_no: str, **row: Any) -> Logged:
    return Logged(doc_no, ParamChange.model_validate(CHANGE | row))


LATER = {"changed_at": "2026-03-06 22:30", "value_before": "1500", "value_after": "1800"}


@pytest.mark.parametrize(
    ("own", "earlier", "found"),
    [
        ([LATER], {}, True),
        ([LATER], {"value_after": "1500", "value_before": "900"}, False),
        ([LATER], {"param_name": "PROCESSES"}, True),
        ([LATER], {"param_name": "sessions"}, False),
        ([LATER], {"asset_no": "HDYD-DB-02"}, False),
        # what came later does not bind, and the same change is not compared with itself
        ([LATER], {"changed_at": "2026-03-07 22:30"}, False),
        ([LATER], {"changed_at": "2026-03-06 22:30"}, False),
        ([LATER], {"verify_result": "rolled_back", "rollback_value": "1500"}, False),
        # units: the same quantity
        ([LATER | {"value_before": "2048M"}], {"value_after": "2G"}, False),
        # a change in between in the same record is that record's own matter
        ([{"changed_at": "2026-03-06 08:00", "value_before": "2000", "value_after": "7"}, LATER],
         {}, False),
        # a copy of one ticket's change
        ([LATER | {"ticket_no": "QX-HDYD-20260305-001"}],
         {"ticket_no": "QX-HDYD-20260305-001-R1"}, False),
    ],
)  # fmt: skip
def test_values_continue_across_records(
    own: list[dict[str, Any]], earlier: dict[str, Any], found: bool
) -> None:
    other = logged("WH-HDYD-20260305-001", **earlier)
    result = list(continuing("WH-HDYD-20260306-001", "entries", changes(*own), [other]))
    assert bool(result) is found
    for one in result:
        assert (one.place, one.level) == (f"entries[{len(own) - 1}].value_before", "warning")
        assert "WH-HDYD-20260305-001" in one.message("zh")
        assert "WH-HDYD-20260305-001" in one.message("en")


ITEM: dict[str, Any] = {"seq": 1, "item": "表空间使用率", "standard": "< 85 %", "state": "正常"}
FOUND: dict[str, Any] = {
    "no": "P-1",
    "description": "表空间使用率仍为 97 %",
    "state": "遗留",
    "first_found_doc": "XJ-HDYD-20260307-001",
}


@pytest.mark.parametrize(
    ("plain", "silent"),
    [
        ({}, True),
        ({"check_items": [ITEM | {"result": "70 %"}]}, False),
        ({"check_items": [ITEM | {"item": "表空间 使用率", "result": "70 %"}]}, False),
        ({"check_items": [ITEM | {"item": "磁盘"}]}, True),
        ({"check_items": [ITEM | {"state": "未检查", "reason": "无权限"}]}, True),
        # what cannot be read is the schema's to tell
        ({"check_items": [ITEM | {"state": "?"}]}, False),
        ({"problems": [FOUND]}, False),
        ({"problems": [FOUND | {"state": "closed"}]}, False),
        ({"problems": [FOUND | {"state": "new"}]}, True),
        ({"problems": [FOUND | {"first_found_doc": None}]}, True),
        ({"problems": [FOUND | {"description": "磁盘满"}]}, True),
        ({"check_items": "x", "problems": [7]}, True),
    ],
)
def test_abnormal_items_reappear(plain: dict[str, Any], silent: bool) -> None:
    last = Previous("XJ-HDYD-20260307-001", ("表空间使用率",))
    found = list(reappearing(plain, [last, last]))
    assert told(found) == ([("check_items", "abnormal_item_vanished", "error")] if silent else [])
    for one in found:
        assert "表空间使用率" in one.message("zh")
        assert "XJ-HDYD-20260307-001" in one.message("en")


def test_problems_were_first_found_in_a_document_that_exists() -> None:
    plain = {"problems": [FOUND, FOUND | {"first_found_doc": "XJ-HDYD-20260101-001"}, {"no": "2"}]}
    found = first_found(plain, "XJ-HDYD-20260307-001-R1", set())
    assert told(found) == [("problems[1].first_found_doc", "first_found_unknown", "error")]
    known = {"XJ-HDYD-20260101-001", "XJ-HDYD-20260307-001"}
    assert not list(first_found(plain, "XJ-HDYD-20260407-001", known))


SQ = "SQ-HDYD-20260305-001"
HOURS = (parse_instant("2026-03-05 22:00"), parse_instant("2026-03-05 24:00"))
GRANTS = {SQ: Grant(Status.approved, *HOURS)}


@pytest.mark.parametrize(
    ("plain", "found"),
    [
        ({"entries": [CHANGE | {"authorization_no": SQ}]}, []),
        (
            {"entries": [CHANGE, CHANGE | {"authorization_no": SQ, "changed_at": "2026-03-06"}]},
            [],  # midnight is 24:00 of the day before
        ),
        (
            {"entries": [CHANGE | {"authorization_no": SQ, "changed_at": "2026-03-05 21:59"}]},
            [("entries[0].changed_at", "outside_authorisation_of", "error")],
        ),
        (
            {
                "authorization_no": SQ,
                "started_at": "2026-03-05 22:10",
                "ended_at": "2026-03-06 01:00",
                # what a backup job did is not the inspectors' work
                "backup_files": [{"started_at": "2026-03-05 01:00"}],
            },
            [("ended_at", "outside_authorisation_of", "error")],
        ),
        (
            {
                "authorization_no": f"{SQ}-R1",
                "config_changes": [{"changed_at": "2026-03-05 21:00"}],
                "sessions": [{"start": "2026-03-05 22:00", "end": "2026-03-06 00:30"}],
            },
            [
                ("config_changes[0].changed_at", "outside_authorisation_of", "error"),
                ("sessions[0].end", "outside_authorisation_of", "error"),
            ],
        ),
        (
            {"authorization_no": "SQ-HDYD-20260401-001", "started_at": "2026-03-01"},
            [("authorization_no", "authorisation_unknown", "error")],
        ),
        (
            {"authorization_no": "口头同意", "started_at": "2026-03-01"},
            [("authorization_no", "authorisation_not_ours", "warning")],
        ),
        ({"authorization_no": 7, "entries": {"authorization_no": None}}, []),
    ],
)
def test_work_lies_inside_the_authorisation(
    plain: dict[str, Any], found: list[tuple[str, str, str]]
) -> None:
    assert sorted(told(authorised(uses(plain), GRANTS, archiving=False))) == sorted(found)


@pytest.mark.parametrize("archiving", [False, True])
@pytest.mark.parametrize(
    ("state", "code"),
    [
        *((state, "authorisation_unsigned") for state in ("draft", "submitted", "in_review")),
        *((state, "authorisation_refused") for state in ("returned", "void")),
        *((state, "") for state in ("approved", "archived")),
    ],
)
def test_an_authorisation_is_given_and_signed(state: str, code: str, archiving: bool) -> None:
    level = "warning" if code == "authorisation_unsigned" and not archiving else "error"
    grants = {SQ: Grant(Status[state], None, None)}
    found = list(authorised(uses({"authorization_no": SQ}), grants, archiving=archiving))
    assert told(found) == ([("authorization_no", code, level)] if code else [])
    for one in found:
        assert SQ in one.message("zh")
        assert Status[state].label("zh") in one.message("zh")
        assert SQ in one.message("en")
        assert one.hint("zh")
        assert one.hint("en")


@pytest.mark.parametrize(
    ("other", "code"),
    [
        (None, "no_such_ticket"),
        (Other("QX-HDYD-20260311-001", ""), "conversion_one_sided"),
        (Other("QX-HDYD-20260311-001", "ZX-HDYD-20260301-009"), "converted_otherwise"),
        (Other("QX-HDYD-20260311-001", "ZX-HDYD-20260310-001-R1"), ""),
    ],
)
def test_converted_tickets_name_each_other(other: Other | None, code: str) -> None:
    plain = {"converted_to": "QX-HDYD-20260311-001"}
    found = list(converting("ZX", "ZX-HDYD-20260310-001", plain, other))
    assert told(found) == ([("converted_to", code, "error")] if code else [])
    assert all(one.message("zh") and one.hint("en") for one in found)


ROW: dict[str, Any] = {
    "doc_no": "ZX-HDYD-20260306-001",
    "ticket_class": "咨询类",
    "title": "分页慢",
    "closed_at": "2026-03-07 11:00",
}
QX_ROW = ROW | {"doc_no": "QX-HDYD-20260311-001", "ticket_class": "defect"}


@pytest.mark.parametrize(
    ("tickets", "found"),
    [
        ([ROW], []),
        ([ROW | {"doc_no": "ZX-HDYD-20260306-009"}], [("tickets[0].doc_no", "no_such_ticket")]),
        ([ROW | {"doc_no": "ZX-HDYD-20260306-002"}], [("tickets[0].doc_no", "ticket_not_closed")]),
        ([QX_ROW], [("tickets[0].doc_no", "already_handed_over")]),
        (
            [ROW | {"doc_no": "ZX-HDYD-20260306-003"}],
            [("tickets[0].converted_to", "ticket_differs")],
        ),
        (
            [ROW | {"doc_no": "ZX-HDYD-20260306-003", "converted_to": "QX-HDYD-20260312-001"}],
            [("tickets[0].converted_to", "converted_apart")],
        ),
        (
            [
                ROW | {"doc_no": "ZX-HDYD-20260306-003", "converted_to": "QX-HDYD-20260312-001"},
                QX_ROW | {"doc_no": "QX-HDYD-20260312-001"},
            ],
            [],
        ),
    ],
)
def test_a_list_holds_closed_tickets_once(
    tickets: list[dict[str, Any]], found: list[tuple[str, str]]
) -> None:
    known = {
        "ZX-HDYD-20260306-001": Listed("archived", ""),
        "ZX-HDYD-20260306-002": Listed("in_review", ""),
        "ZX-HDYD-20260306-003": Listed("approved", "QX-HDYD-20260312-001"),
        "QX-HDYD-20260311-001": Listed("archived", ""),
        "QX-HDYD-20260312-001": Listed("archived", ""),
    }
    handed = {"QX-HDYD-20260311-001": "DJ-HDYD-20260331-001"}
    result = list(handing_over({"tickets": tickets}, known, handed))
    assert [(one.place, one.code) for one in result] == found
    assert all(one.message("zh") and one.message("en") for one in result)


def test_an_archive_covers_what_no_other_one_does() -> None:
    agreed = contract()
    numbers = agreed.asset_nos
    plain = {"objects": [{"asset_no": numbers[0]}, {"asset_no": numbers[1]}, {"asset_no": None}]}
    elsewhere: dict[str, Any] = {
        numbers[1]: "WB-HDYD-20260301-001",
        numbers[2]: "WB-HDYD-20260301-001",
    }
    found = list(covering(agreed, plain, elsewhere, {numbers[3]}))
    assert [(one.place, one.code, one.value) for one in found] == [
        ("objects", "object_without_form", numbers[4]),
        ("objects[1].asset_no", "duplicate", numbers[1]),
    ]


def test_who_works_on_a_record() -> None:
    plain = {
        "inspectors": ["张伟", " 李娜 ", 7],
        "handler": "王五",
        "raised_by": "赵敏",
        "stages": [{"person": "陈七"}],
        "submit_chain": [{"person": "刘洋"}],
        "entries": [{"operator": "钱六", "authorised_by": "刘洋"}],
    }
    assert named_in(plain) == {"张伟", "李娜", "王五", "陈七", "钱六"}


@pytest.mark.parametrize(
    ("day", "phase"),
    [
        (date(2026, 3, 10), "onboarding"),
        (date(2026, 3, 11), "service"),
        (date(2027, 2, 28), "closing"),
        (date(2026, 1, 1), "onboarding"),
        (date(2028, 1, 1), "closing"),
    ],
)
def test_the_phase_of_a_day(day: date, phase: str) -> None:
    assert phase_on(contract(), day) == phase


def test_rows_of_a_ticket_are_replaced_where_they_stand() -> None:
    kept: list[dict[str, Any]] = [{"ticket_no": "A", "n": 1}, {"ticket_no": "B", "n": 2}, {"n": 3}]
    kept += [{"ticket_no": "B-R1", "n": 4}]
    assert replaced(kept, "B-R2", [{"n": 9}]) == [{"ticket_no": "A", "n": 1}, {"n": 9}, {"n": 3}]
    assert replaced(kept, "C", [{"n": 9}]) == [*kept, {"n": 9}]
    assert replaced([], "C", []) == []


# ---------------------------------------------------------------- over the store


def log(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"entries": [CHANGE | one for one in entries], "problem_log": []} | more


def test_the_log_continues_earlier_records(team: Team) -> None:
    team.contract()
    first = team.record("WH", **log({}))
    second = team.record("WH", **log(LATER))
    assert problems(team, second) == []  # a draft binds nobody
    submit(team, first)
    assert problems(team, second) == [("/entries/0/value_before", "value_before_differs_from")]
    shown = team.get("zhangwei", f"/records/{second['id']}/problems").json()
    assert shown["valid"]
    assert first["doc_no"] in shown["problems"][0]["message"]["zh"]
    other = team.record("WH", **log(LATER | {"asset_no": "HDYD-DB-02"}))
    assert problems(team, other) == []


def test_an_inspection_speaks_of_what_was_abnormal_before(team: Team) -> None:
    team.contract()
    first = team.record("XJ")
    submit(team, first)
    items = first["current"]["content"]["check_items"]
    abnormal = [one["item"] for one in items if one["state"] == "abnormal"]
    assert abnormal

    def told_of(team: Team, record: Any) -> list[tuple[str, str]]:
        """The customer's own number, which nobody can look up, is told of every one."""
        return [one for one in problems(team, record) if one[1] != "authorisation_not_ours"]

    rest = [one for one in items if one["item"] not in abnormal]
    times: dict[str, Any] = {
        "authorization_no": "客户口头许可",
        "started_at": "2026-03-09 09:00",
        "ended_at": "2026-03-09 10:00",
        "doc_date": "2026-03-09",
        "overall": None,
    }
    second = team.record("XJ", **times, check_items=rest, problems=[])
    silent = [("/check_items", "abnormal_item_vanished")] * len(abnormal)
    assert told_of(team, second) == silent
    with pytest.raises(RecordRefused) as refused:
        submit(team, second)
    assert [one.value for one in errors_of(refused.value.problems)] == abnormal
    carried = [
        {
            "no": f"P-{index}",
            "description": f"{item}：未处理",
            "state": "open",
            "first_found_doc": first["doc_no"],
        }
        for index, item in enumerate(abnormal)
    ]
    change(team, second, problems=carried)
    assert told_of(team, second) == []
    carried[0]["first_found_doc"] = "XJ-HDYD-20250101-001"
    change(team, second, problems=carried)
    assert told_of(team, second) == [("/problems/0/first_found_doc", "first_found_unknown")]
    # another asset, and an inspection before the first one, are not concerned
    elsewhere: dict[str, Any] = {"asset_nos": ["HDYD-DB-02"], "check_items": rest, "problems": []}
    assert told_of(team, team.record("XJ", **times, **elsewhere)) == []
    before = elsewhere | {"asset_nos": ["HDYD-DB-01"], "started_at": "2026-03-06 09:00"}
    assert told_of(team, team.record("XJ", **(times | before))) == []


def test_a_revision_that_is_a_draft_leaves_the_version_before_in_force(team: Team) -> None:
    team.contract()
    first = team.record("XJ")
    submit(team, first)
    sign(team, first, "chenjianguo")
    paper(team, first, Role.cust_owner, "刘洋", "2026-03-10")
    archive(team, first)
    items = first["current"]["content"]["check_items"]
    rest = [one for one in items if one["state"] != "abnormal"]
    team.made(team.post("zhangwei", f"/records/{first['id']}/revisions", {"reason": "更正"}))
    change(team, first, asset_nos=["HDYD-DB-03"])
    times: dict[str, Any] = {"started_at": "2026-03-09 09:00", "ended_at": "2026-03-09 10:00"}
    second = team.record("XJ", **times, doc_date="2026-03-09", check_items=rest, problems=[])
    assert ("/check_items", "abnormal_item_vanished") in problems(team, second)


FIVE = {
    name: value
    for name, value in sample("contract", "WB-five-objects").items()
    if name not in ("doc_no", "status", "signoffs", "objects")
}


def test_archives_cover_the_contract_together(team: Team) -> None:
    contract_id = team.contract()
    forms = sample("contract", "WB-five-objects")["objects"]
    four = team.record("WB", **FIVE, objects=forms[:4])
    path = f"/contracts/{contract_id}/coverage"
    assert ("/objects", "object_without_form") in problems(team, four)
    with pytest.raises(RecordRefused) as refused:
        submit(team, four)
    assert [one.value for one in refused.value.problems] == ["HDYD-DB-05"]
    fifth = team.record("WB", **FIVE, objects=forms[4:])  # its form is on its way
    assert [code for _, code in problems(team, four) if code != "outside_contract"] == []
    submit(team, four)
    shown = team.get("zhangwei", path).json()
    assert (shown["covered"], shown["objects"], shown["archives"]) == (False, 5, [four["doc_no"]])
    assert [(one["pointer"], one["value"]) for one in shown["problems"]] == [
        ("/objects/4", "HDYD-DB-05")
    ]
    change(team, fifth, objects=forms[3:])
    assert problems(team, fifth) == [("/objects/0/asset_no", "duplicate")]
    change(team, fifth, objects=forms[4:])
    submit(team, fifth)
    assert team.get("zhangwei", path).json()["covered"]
    assert team.get("other", path).status_code == 404


def test_everything_is_told_at_once(office: Team) -> None:
    office.contract()
    record = office.record("ZX", converted_to="QX-HDYD-20260311-009", customer_need=7)
    assert {"not_text", "no_such_ticket", "receipt_is_the_services"} <= {
        code for _, code in problems(office, record)
    }


def authorisation(office: Team, **changes: Any) -> dict[str, Any]:
    """Keep an authorisation directly: what one must hold is not this test's business."""
    made = office.made(
        office.post("zhangwei", "/records?code=SQ", {"contract_no": "HT-2026-017"} | changes)
    )
    with office.store.change(actor(office, "zhangwei")) as unit:
        record, version = visible(unit.session, unit.actor, made["id"], lock=True)
        record.state = version.state = "submitted"
    return dict(made)


@pytest.mark.skipif("SQ" not in record_types(), reason="no authorisations are kept")
def test_work_is_held_to_the_authorisation_that_it_names(team: Team) -> None:
    team.contract()
    window = {"valid_from": "2026-03-05 22:00", "valid_to": "2026-03-05 24:00"}
    named = team.record("WH", **log({"authorization_no": "SQ-HDYD-20260305-001"}))
    unknown = [("/entries/0/authorization_no", "authorisation_unknown")]
    assert problems(team, named) == unknown
    granted = authorisation(team, doc_date="2026-03-05", **window)
    assert granted["doc_no"] == "SQ-HDYD-20260305-001"
    unsigned = ("/entries/0/authorization_no", "authorisation_unsigned")
    assert problems(team, named) == [unsigned]
    late = log({"authorization_no": granted["doc_no"], "changed_at": "2026-03-06 00:01"})
    change(team, named, **late)
    outside = [("/entries/0/changed_at", "outside_authorisation_of")]
    assert problems(team, named) == [unsigned, *outside]


UNREADABLE: dict[str, dict[str, Any]] = {
    "ZX": {"converted_to": "QX\x00"},
    "QX": {"converted_from": ["ZX"]},
    "DJ": {"tickets": [{"doc_no": "ZX\x00"}, 7, {"doc_no": None}]},
    "XJ": {"problems": [{"first_found_doc": "XJ\x00-R9"}], "asset_nos": [3, None]},
    "WH": {"entries": {"0": {}}, "problem_log": None},
    "WB": {"objects": [[], "x", {"asset_no": 5}]},
}


def test_what_cannot_be_read_is_passed_over(team: Team) -> None:
    team.contract()
    for code, changes in UNREADABLE.items():
        given = {"contract_no": "HT-2026-017", "authorization_no": "SQ\x00"} | changes
        record = team.made(team.post("zhangwei", f"/records?code={code}", given))
        assert problems(team, record), code
