"""Tickets over the store: converted, logged, handed over, counted; and who may do what at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, text, update

from docgen.errors import Conflict, DocgenError, RecordRefused, TransitionRefused
from docgen.store.tables import RecordRow, UserRow
from docgen.workflow import archiving, review, submission
from docgen.workflow.review import StatedOpinion
from schemas.envelope import Opinion
from schemas.vocabulary import Role
from tests.paperless import AGREED, actor, archive, change, paper, problems, sign, submit
from tests.service import Team

OPEN = {"answer": None, "answered_at": None, "feedback_at": None, "satisfaction": None} | {
    "closed_at": None,
    "closed_by": None,
    "pm_delivery": None,
}


@pytest.fixture
def at_work(team: Team) -> Team:
    """The team two days after the samples' tickets, with its contract."""
    team.clock.at("03-13 09:00")
    team.contract()
    return team


def contract_id(team: Team) -> str:
    return str(team.get("wangqiang", "/contracts").json()["items"][0]["id"])


def consultation(team: Team, **changes: Any) -> Any:
    return team.record("ZX", **({"pm_delivery": None, "prepared_at": None} | changes))


def defect(team: Team, **changes: Any) -> Any:
    return team.record("QX", **({"pm_delivery": None, "converted_from": None} | changes))


def close(team: Team, ticket: Any) -> None:
    """Submit a ticket, have it signed, and archive it."""
    submit(team, ticket)
    if ticket["code"] == "QX":
        paper(team, ticket, Role.cust_owner, "刘洋", "2026-03-11")
    sign(team, ticket, "wangqiang")
    archive(team, ticket)


def logs(team: Team) -> list[dict[str, Any]]:
    found = team.get("zhangwei", "/records?code=WH").json()["items"]
    return [
        team.get("zhangwei", f"/records/{one['id']}").json()["current"]["content"] for one in found
    ]


def tickets_of(team: Team) -> Any:
    return team.get("wangqiang", f"/contracts/{contract_id(team)}/tickets").json()


# ---------------------------------------------------------------- conversion


def test_a_consultation_becomes_a_defect_and_counts_once(at_work: Team) -> None:
    asked = consultation(at_work, **OPEN)
    consultation(at_work, **OPEN)
    made = at_work.made(at_work.post("zhangwei", f"/records/{asked['id']}/conversion"))
    zx, qx = made["consultation"], made["defect"]
    assert qx["doc_no"] == "QX-HDYD-20260313-001"
    content = qx["current"]["content"]
    assert content["converted_from"] == asked["doc_no"]
    assert zx["current"]["content"]["converted_to"] == qx["doc_no"]
    before = asked["current"]["content"]
    for name in ("raised_by", "dept", "phone", "email", "mode", "handler", "description"):
        assert content[name] == before[name]
    assert content["phase"] == "service"
    assert "received_at" not in content
    found = tickets_of(at_work)
    assert (found["total"], found["consultation"]["total"], found["defect"]["total"]) == (2, 1, 1)
    assert (found["open"], found["converted"]) == (2, 1)
    for record in (zx, qx):
        assert not {"no_such_ticket", "conversion_one_sided", "converted_otherwise"} & {
            code for _, code in problems(at_work, record)
        }
    again = at_work.post("zhangwei", f"/records/{asked['id']}/conversion")
    assert (again.status_code, again.json()["code"]) == (409, "already_converted")
    wrong = at_work.post("zhangwei", f"/records/{qx['id']}/conversion")
    assert wrong.json()["errors"][0]["code"] == "not_a_consultation"
    for who, status in (("wangqiang", 403), ("lina", 403), ("other", 404)):
        assert at_work.post(who, f"/records/{asked['id']}/conversion").status_code == status


def test_a_fixed_consultation_is_revised_to_be_converted(at_work: Team) -> None:
    asked = consultation(at_work)
    submit(at_work, asked)
    path = f"/records/{asked['id']}/conversion"
    early = at_work.post("zhangwei", path)
    assert (early.status_code, early.json()["errors"][0]["code"]) == (409, "wrong_state")
    sign(at_work, asked, "wangqiang")
    archive(at_work, asked)
    made = at_work.made(at_work.post("zhangwei", path))
    assert made["consultation"]["doc_no"] == f"{asked['doc_no']}-R1"
    assert made["consultation"]["state"] == "draft"
    assert made["defect"]["current"]["content"]["converted_from"] == asked["doc_no"]
    first = at_work.get("zhangwei", f"/records/{asked['id']}/versions/1").json()
    assert "converted_to" not in first["content"]
    assert first["state"] == "archived"


def test_references_of_tickets_are_checked(at_work: Team) -> None:
    first = consultation(at_work, converted_to="QX-HDYD-20260311-009")
    assert ("/converted_to", "no_such_ticket") in problems(at_work, first)
    alone = defect(at_work, converted_from=first["doc_no"])
    assert ("/converted_from", "converted_otherwise") in problems(at_work, alone)
    change(at_work, first, converted_to=None)
    assert ("/converted_from", "conversion_one_sided") in problems(at_work, alone)
    change(at_work, first, converted_to=alone["doc_no"])
    assert not [code for _, code in problems(at_work, alone) if "convers" in code]
    at_work.made(at_work.post("zhangwei", f"/records/{alone['id']}/void", {"reason": "误建"}), 200)
    assert ("/converted_to", "no_such_ticket") in problems(at_work, first)
    # the way is free again
    at_work.made(at_work.post("zhangwei", f"/records/{first['id']}/conversion"))


# ---------------------------------------------------------------- the log


def test_closed_tickets_leave_their_rows_in_one_log(at_work: Team) -> None:
    asked, broken = consultation(at_work), defect(at_work)
    close(at_work, asked)
    (log,) = logs(at_work)
    assert log["doc_no"] == "WH-HDYD-20260313-001"
    (row,) = log["problem_log"]
    assert row["ticket_no"] == asked["doc_no"]
    assert (row["occurred_on"], row["result"]) == ("2026-03-06", "满意")
    close(at_work, broken)
    (log,) = logs(at_work)
    assert [one["ticket_no"] for one in log["problem_log"]] == [asked["doc_no"], broken["doc_no"]]
    (entry,) = log["entries"]
    assert (entry["param_name"], entry["ticket_no"]) == ("processes", broken["doc_no"])
    record = at_work.get("zhangwei", "/records?code=WH").json()["items"][0]
    found = [code for _, code in problems(at_work, record)]
    assert not {"value_before_differs_from", "duplicate", "missing"} & set(found)
    submit(at_work, record)


def test_a_revisions_rows_take_the_place_of_the_earlier_ones(at_work: Team) -> None:
    asked, broken = consultation(at_work), defect(at_work)
    close(at_work, broken)
    close(at_work, asked)
    revised = at_work.made(
        at_work.post("zhangwei", f"/records/{broken['id']}/revisions", {"reason": "更正"})
    )
    changes = revised["current"]["content"]["config_changes"]
    changes[0]["value_after"] = "2200"
    change(at_work, broken, config_changes=changes)
    close(at_work, broken)
    (log,) = logs(at_work)
    assert [one["ticket_no"] for one in log["problem_log"]] == [
        f"{broken['doc_no']}-R1",
        asked["doc_no"],
    ]
    assert [one["value_after"] for one in log["entries"]] == ["2200"]


def test_a_change_without_permission_is_logged_on_the_customers_consent(at_work: Team) -> None:
    broken = defect(at_work)
    changes = broken["current"]["content"]["config_changes"]
    del changes[0]["authorised_by"], changes[0]["ticket_no"]
    change(at_work, broken, config_changes=changes)
    close(at_work, broken)
    (log,) = logs(at_work)
    assert log["entries"][0]["authorised_by"] == "刘洋"
    assert log["entries"][0]["ticket_no"] == broken["doc_no"]


def test_the_log_goes_to_an_engineer_who_is_still_there(at_work: Team) -> None:
    asked = consultation(at_work)
    submit(at_work, asked)
    sign(at_work, asked, "wangqiang")
    members = f"/contracts/{contract_id(at_work)}/members"
    at_work.ask("wangqiang", "DELETE", f"{members}/zhangwei")
    at_work.ask("wangqiang", "DELETE", f"{members}/lina")
    with pytest.raises(Conflict, match="no engineer"):
        archive(at_work, asked, "wangqiang")
    state = at_work.get("wangqiang", f"/records/{asked['id']}").json()["state"]
    assert state == "approved"  # nothing was half done
    at_work.made(at_work.post("wangqiang", members, {"username": "lina"}))
    archive(at_work, asked, "wangqiang")
    (log,) = at_work.get("lina", "/records?code=WH&mine=true").json()["items"]
    assert log["prepared_by"] == "李娜"


def test_tickets_archived_at_once_begin_one_log(at_work: Team) -> None:
    asked = [consultation(at_work) for _ in range(4)]
    for one in asked:
        submit(at_work, one)
        sign(at_work, one, "wangqiang")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: archive(at_work, one), asked))
    (log,) = logs(at_work)
    assert {one["ticket_no"] for one in log["problem_log"]} == {one["doc_no"] for one in asked}


# ---------------------------------------------------------------- hand-over


def test_archived_tickets_are_handed_over_once(at_work: Team) -> None:
    path = f"/contracts/{contract_id(at_work)}/handover"
    empty = at_work.post("zhangwei", path)
    assert (empty.status_code, empty.json()["code"]) == (409, "nothing_to_hand_over")
    asked, waiting = consultation(at_work), consultation(at_work)
    close(at_work, asked)
    made = at_work.made(at_work.post("zhangwei", path))
    content = made["current"]["content"]
    assert [row["doc_no"] for row in content["tickets"]] == [asked["doc_no"]]
    assert (content["period_from"], content["period_to"]) == ("2026-03-07", "2026-03-07")
    assert at_work.post("zhangwei", path).status_code == 409  # it stands on the draft
    assert at_work.post("wangqiang", path).status_code == 403
    assert at_work.post("other", path).status_code == 404
    rows = content["tickets"]
    change(at_work, made, tickets=[*rows, rows[0] | {"doc_no": waiting["doc_no"]}])
    assert problems(at_work, made) == [("/tickets/1/doc_no", "ticket_not_closed")]
    change(at_work, made, tickets=[rows[0] | {"received_by": "王强"}])
    assert problems(at_work, made) == [("/tickets/0", "receipt_is_the_services")]
    change(at_work, made, tickets=rows)
    submit(at_work, made)
    with pytest.raises(TransitionRefused) as refused:
        archive(at_work, made)
    assert "signature_missing" in {one.code for one in refused.value.problems}
    sign(at_work, made, "wangqiang")
    archive(at_work, made)
    final = at_work.get("zhangwei", f"/records/{made['id']}").json()["current"]["content"]
    (row,) = final["tickets"]
    assert (row["received_by"], row["received_at"]) == ("王强", "2026-03-13T01:00:00Z")


def test_a_converted_consultation_waits_for_its_defect(at_work: Team) -> None:
    asked = consultation(at_work)
    made = at_work.made(at_work.post("zhangwei", f"/records/{asked['id']}/conversion"))
    close(at_work, asked)
    path = f"/contracts/{contract_id(at_work)}/handover"
    assert at_work.post("zhangwei", path).status_code == 409
    content = defect(at_work)["current"]["content"]
    keep = {name: made["defect"]["current"]["content"][name] for name in ("doc_no", "doc_date")}
    changes = [row | {"ticket_no": keep["doc_no"]} for row in content["config_changes"]]
    filled = content | keep | {"converted_from": asked["doc_no"], "config_changes": changes}
    change(at_work, made["defect"], **filled | {"doc_date": "2026-03-11"})
    close(at_work, made["defect"])
    listed = at_work.made(at_work.post("zhangwei", path))
    assert [row["doc_no"] for row in listed["current"]["content"]["tickets"]] == [
        asked["doc_no"],
        keep["doc_no"],
    ]
    assert problems(at_work, listed) == []
    submit(at_work, listed)
    shown = at_work.get("zhangwei", f"/records/{listed['id']}").json()["current"]["content"]
    assert (shown["consultations"], shown["defects"], shown["total"]) == (0, 1, 1)


def test_of_two_lists_with_one_ticket_one_is_submitted(at_work: Team) -> None:
    close(at_work, consultation(at_work))
    first = at_work.made(at_work.post("zhangwei", f"/contracts/{contract_id(at_work)}/handover"))
    content = {
        name: value for name, value in first["current"]["content"].items() if name != "doc_no"
    }
    second = at_work.made(at_work.post("zhangwei", "/records?code=DJ", content))
    by = actor(at_work, "zhangwei")
    prepared = [submission.prepare(at_work.store, by, one["id"], "*") for one in (first, second)]

    def finish(one: submission.PreparedSubmission) -> str:
        try:
            with at_work.store.change(by) as unit:
                submission.finish(unit, one, {})
        except RecordRefused as refused:
            return refused.problems[0].code
        return ""

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(finish, prepared)) == ["", "already_handed_over"]


# ---------------------------------------------------------------- clocks


def test_answers_that_are_due_are_listed_by_the_contracts_calendar(at_work: Team) -> None:
    path = f"/contracts/{contract_id(at_work)}/deadlines"
    at_work.clock.at("03-07 23:00")
    due = consultation(at_work, **OPEN, received_at="2026-03-06 16:40")
    consultation(at_work, **OPEN, doc_date="2026-03-07", received_at="2026-03-07 09:00")
    answered = OPEN | {"answer": "见附件", "answered_at": "2026-03-06 23:50"}
    consultation(at_work, **answered)
    consultation(at_work, **OPEN | {"received_at": "昨天"})
    first, second = at_work.get("wangqiang", path).json()["items"]
    assert (first["doc_no"], first["state"], first["handler"]) == (due["doc_no"], "pending", "张伟")
    assert first["target"] == "2026-03-06T23:59:59+08:00"
    assert first["limit"] == "2026-03-07T23:59:59+08:00"
    assert second["limit"] == "2026-03-08T23:59:59+08:00"
    at_work.clock.at("03-08 00:00")
    states = [one["state"] for one in at_work.get("wangqiang", path).json()["items"]]
    assert states == ["overdue", "pending"]
    found = tickets_of(at_work)["responses"]
    assert found == {"pending": 1, "same_day": 1, "next_day": 0, "overdue": 1, "unknown": 1}
    counted_in(at_work, "workday")
    limits = [one["limit"] for one in at_work.get("wangqiang", path).json()["items"]]
    assert limits == ["2026-03-09T23:59:59+08:00"] * 2
    assert at_work.get("other", path).status_code == 404


def counted_in(team: Team, calendar: str) -> None:
    path = f"/contracts/{contract_id(team)}"
    content = team.get("wangqiang", path).json()["content"] | {"calendar": calendar}
    team.made(team.ask("wangqiang", "PUT", path, json=content, headers={"If-Match": "*"}), 200)


def test_unknown_workdays_leave_the_limit_open(office: Team) -> None:
    office.contract()
    counted_in(office, "workday")
    consultation(office, **OPEN | {"received_at": "2040-01-02 09:00"})
    (one,) = office.get("wangqiang", f"/contracts/{contract_id(office)}/deadlines").json()["items"]
    assert (one["limit"], one["state"]) == (None, None)
    assert tickets_of(office)["responses"]["unknown"] == 1


# ---------------------------------------------------------------- who may, and at once


def test_an_expert_works_on_records_that_name_them(at_work: Team) -> None:
    record = consultation(at_work)
    content = record["current"]["content"]
    path = f"/records/{record['id']}"
    put = {"json": content | {"desired_goal": "更快"}, "headers": {"If-Match": "*"}}
    refused = at_work.ask("lina", "PUT", path, **put)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_the_author")
    change(at_work, record, handler="李娜")
    put["json"]["handler"] = "李娜"
    assert at_work.ask("lina", "PUT", path, **put).status_code == 200
    submit(at_work, record, "lina")
    (signed,) = at_work.get("lina", path).json()["current"]["signoffs"]
    assert (signed["role"], signed["name"]) == ("engineer", "李娜")


def test_nobody_reviews_what_they_wrote(at_work: Team) -> None:
    record = consultation(at_work)
    submit(at_work, record)
    with at_work.store.change(actor(at_work, "zhangwei")) as unit:
        unit.session.execute(
            update(UserRow).where(UserRow.username == "zhangwei").values(role="pm")
        )
    answer = at_work.post(
        "zhangwei", f"/records/{record['id']}/versions/1/signoffs", {"opinion": "agree"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "own_record")


def test_the_pm_receives_what_the_customer_has_signed(at_work: Team) -> None:
    record = defect(at_work)
    submit(at_work, record)
    with pytest.raises(RecordRefused) as refused:
        sign(at_work, record, "wangqiang")
    (problem,) = refused.value.problems
    assert problem.code == "receipt_before_signature"
    assert "客户负责人" in problem.message("zh")
    # a day on which the work was not done yet: it could never be archived
    changed = at_work.post(
        "zhangwei",
        f"/records/{record['id']}/versions/1/paper-signatures",
        {
            "role": "cust_owner",
            "name": "刘洋",
            "signed_on": "2026-03-10",
            "opinion": "agree",
            "scan_id": at_work.scan(record),
        },
    )
    assert changed.status_code == 422
    paper(at_work, record, Role.cust_owner, "刘洋", "2026-03-11")
    sign(at_work, record, "wangqiang")
    archive(at_work, record)


def test_a_signature_that_contradicts_the_work_is_refused(at_work: Team) -> None:
    record = defect(at_work, doc_date="2026-03-10")
    submit(at_work, record)
    with pytest.raises(RecordRefused) as refused:
        paper(at_work, record, Role.cust_owner, "刘洋", "2026-03-10")
    assert [(one.place, one.code) for one in refused.value.problems] == [
        ("signed_on", "out_of_order")
    ]


def test_receipts_are_the_project_managers(at_work: Team) -> None:
    receipt = {"submitted_at": "2026-03-09 09:20", "received_by": "王强"}
    record = consultation(at_work, pm_delivery=receipt)
    assert problems(at_work, record) == [("/pm_delivery", "receipt_is_the_services")]
    with pytest.raises(RecordRefused):
        submit(at_work, record)


def test_a_draft_made_void_while_it_is_submitted_stays_void(at_work: Team) -> None:
    record = consultation(at_work)
    by = actor(at_work, "zhangwei")
    prepared = submission.prepare(at_work.store, by, record["id"], "*")
    with at_work.store.change(by) as unit:
        review.void(unit, record["id"], "误建")
    with pytest.raises(TransitionRefused), at_work.store.change(by) as unit:
        submission.finish(unit, prepared, {})
    assert at_work.get("zhangwei", f"/records/{record['id']}").json()["state"] == "void"


def test_a_returned_version_takes_no_paper(at_work: Team) -> None:
    record = at_work.record("XJ")
    submit(at_work, record)
    scan = at_work.scan(record)
    sign(at_work, record, "chenjianguo", StatedOpinion(Opinion.disagree, "请补充"))
    given = {"role": "cust_owner", "name": "刘洋", "signed_on": "2026-03-10", "scan_id": scan}
    answer = at_work.post(
        "zhangwei",
        f"/records/{record['id']}/versions/1/paper-signatures",
        given | {"opinion": "agree"},
    )
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "wrong_state")


# Two at once: the second waits for the first one's lock, and sees what the first one did.


def test_who_signs_after_a_disagreement_sees_it(at_work: Team) -> None:
    record = at_work.record("XJ")
    submit(at_work, record)
    scan = at_work.scan(record)
    given = review.PaperSignature(Role.cust_owner, "刘洋", at_work.clock().date(), scan)

    def second() -> None:
        with at_work.store.change(actor(at_work, "zhangwei")) as unit:
            where = (record["id"], 1)
            review.record_signoff(
                unit, review.paper_signoff(unit, where, given, AGREED, lock=True), None
            )

    with at_work.store.change(actor(at_work, "chenjianguo")) as unit:
        stated = StatedOpinion(Opinion.disagree, "请补充")
        review.record_signoff(
            unit, review.own_signoff(unit, (record["id"], 1), stated, lock=True), None
        )
        unit.session.flush()
        waiting = begun(at_work, second)
    assert isinstance(waiting(), TransitionRefused)
    found = at_work.get("zhangwei", f"/records/{record['id']}").json()
    assert (found["state"], found["current"]["state"]) == ("returned", "returned")


def test_what_was_archived_meanwhile_is_not_signed(at_work: Team) -> None:
    record = consultation(at_work)
    submit(at_work, record)
    sign(at_work, record, "wangqiang")
    by = actor(at_work, "zhangwei")
    prepared = archiving.prepare(at_work.store, by, record["id"])

    def second() -> None:
        with at_work.store.change(actor(at_work, "wangqiang")) as unit:
            review.void(unit, record["id"], "误归档")

    with at_work.store.change(by) as unit:
        archiving.finish(unit, prepared, {})
        unit.session.flush()
        waiting = begun(at_work, second)
    assert isinstance(waiting(), TransitionRefused)
    found = at_work.get("zhangwei", f"/records/{record['id']}").json()
    assert (found["state"], found["current"]["state"]) == ("archived", "archived")


def begun(team: Team, work: Callable[[], None]) -> Callable[[], DocgenError | None]:
    """Begin work that has to wait for the caller's transaction; returns how to await its end."""
    found: list[DocgenError | None] = []

    def run() -> None:
        try:
            work()
            found.append(None)
        except DocgenError as refused:
            found.append(refused)

    thread = threading.Thread(target=run)
    thread.start()
    if not team.store.database.is_sqlite:
        while thread.is_alive() and not _somebody_waits(team):
            time.sleep(0.01)

    def ended() -> DocgenError | None:
        thread.join()
        return found[0]

    return ended


def _somebody_waits(team: Team) -> bool:
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with team.store.reading() as session:
        return bool(session.scalar(query))


def test_a_converted_ticket_is_locked_with_its_number(at_work: Team) -> None:
    asked = consultation(at_work)

    def convert(_: int) -> int:
        return at_work.post("zhangwei", f"/records/{asked['id']}/conversion").status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(convert, range(4))) == [201, 409, 409, 409]
    with at_work.store.reading() as session:
        query = select(RecordRow.doc_no).where(RecordRow.code == "QX")
        assert session.scalars(query).all() == ["QX-HDYD-20260313-001"]
