"""What archiving will demand is told before anybody signs, and only signing is left for later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from docgen.errors import TransitionRefused
from docgen.records.records import visible
from docgen.workflow import review
from docgen.workflow.review import StatedOpinion
from schemas.envelope import Opinion
from schemas.vocabulary import Role
from tests.paperless import AGREED, actor, archive, change, paper, problems, sign, submit
from tests.service import Team, draft

CASES = Path(__file__).parent / "cases"


def case(name: str, **changes: Any) -> dict[str, Any]:
    """A ticket as it was typed, its number left to the service."""
    plain: dict[str, Any] = json.loads((CASES / name).read_bytes()) | changes
    del plain["doc_no"], plain["status"]
    return plain


def codes(answer: Any) -> set[tuple[str, str]]:
    return {(one["pointer"], one["code"]) for one in answer.json()["errors"]}


UNFINISHED = {
    ("/work_started_at", "archive_needs"),
    ("/verification", "archive_needs"),
    ("/resolved_at", "archive_needs"),
    ("/stages", "stages_missing"),
}
UNANSWERED = {
    ("/answer", "archive_needs"),
    ("/answered_at", "archive_needs"),
    ("/closed_at", "archive_needs"),
}


@pytest.mark.parametrize(
    ("name", "changes", "demanded"),
    [
        ("QX-unfinished.json", {"converted_from": None}, UNFINISHED),
        ("ZX-unanswered.json", {}, UNANSWERED),
    ],
)
def test_an_unfinished_ticket_is_not_submitted(
    office: Team, name: str, changes: dict[str, Any], demanded: set[tuple[str, str]]
) -> None:
    office.contract()
    office.clock.at("11-30 10:00")
    path = f"/records?code={name[:2]}"
    record = office.made(office.post("zhangwei", path, case(name, **changes)))
    refused = office.submit(record)
    assert (refused.status_code, codes(refused)) == (422, demanded)
    for one in refused.json()["errors"]:
        assert one["message"]["zh"]
        assert one["message"]["en"]
        assert one["hint"]["zh"]
    assert demanded <= set(problems(office, record))
    assert office.get("zhangwei", f"/records/{record['id']}").json()["state"] == "draft"


def test_what_only_signing_brings_is_not_asked_for(office: Team) -> None:
    """A ticket's receipt, a list's receipts, and the sign-offs come after submission."""
    office.contract()
    for code in ("ZX", "QX"):
        more: dict[str, Any] = {"converted_from": None} if code == "QX" else {}
        office.clock.at("03-31 18:00")
        record = office.record(code, pm_delivery=None, **more)
        asked = {code for _, code in problems(office, record)}
        assert not asked & {"signature_missing", "archive_needs", "not_received"}


def test_a_list_is_submitted_before_it_is_received(office: Team) -> None:
    contract = office.contract()
    office.clock.at("03-09 09:00")
    ticket = office.record("ZX", pm_delivery=None, prepared_at=None)
    submit(office, ticket)
    sign(office, ticket, "wangqiang")
    archive(office, ticket)
    listed = office.made(office.post("zhangwei", f"/contracts/{contract}/handover"))
    assert problems(office, listed) == []
    submit(office, listed)


def test_an_oral_consent_and_an_open_session_are_mended_before_submission(office: Team) -> None:
    office.contract()
    office.clock.at("04-30 10:00")
    consent = draft("QX")["consent"] | {"method": "oral", "written_at": None}
    defect = office.record("QX", converted_from=None, pm_delivery=None, consent=consent)
    assert ("/consent/written_at", "archive_needs") in problems(office, defect)
    sessions = draft("SQ")["sessions"]
    sessions[-1]["end"] = None
    granted = office.record("SQ", sessions=sessions, written_at=None)
    last = f"/sessions/{len(sessions) - 1}/end"
    assert {("/written_at", "archive_needs"), (last, "archive_needs")} <= set(
        problems(office, granted)
    )


# ---------------------------------------------------------------- authorisations


def inspection(office: Team, number: str) -> Any:
    office.clock.at("03-10 10:00")
    return office.record("XJ", authorization_no=number)


def granted(office: Team) -> Any:
    """The authorisation of the sample's inspection, as a draft."""
    office.contract()
    return office.made(office.post("zhangwei", "/records?code=SQ", draft("SQ", "read_only")))


def about(office: Team, record: Any) -> list[tuple[str, str]]:
    """What a record is told of its authorisation: code and level."""
    shown = office.get("zhangwei", f"/records/{record['id']}/problems").json()["problems"]
    return [(one["code"], one["level"]) for one in shown if one["pointer"] == "/authorization_no"]


def by_customer(office: Team, record: Any, word: StatedOpinion = AGREED) -> None:
    paper(office, record, Role.cust_owner, "刘洋", "2026-03-10", word)


def agreed(office: Team, record: Any) -> None:
    """Sign an inspection: its leader, and the customer on paper."""
    sign(office, record, "chenjianguo")
    by_customer(office, record)


def archive_codes(office: Team, record: Any) -> set[str]:
    with pytest.raises(TransitionRefused) as refused:
        archive(office, record)
    return {one.code for one in refused.value.problems}


def test_an_authorisation_that_does_not_exist_is_refused_at_once(office: Team) -> None:
    office.contract()
    record = inspection(office, "SQ-HDYD-20260306-777")
    assert about(office, record) == [("authorisation_unknown", "error")]
    refused = office.submit(record)
    assert refused.status_code == 422
    assert ("/authorization_no", "authorisation_unknown") in codes(refused)


def test_a_customers_own_number_is_told_and_taken(office: Team) -> None:
    office.contract()
    record = inspection(office, "移动授权〔2026〕17号")
    assert about(office, record) == [("authorisation_not_ours", "warning")]
    submit(office, record)
    agreed(office, record)
    archive(office, record)


def test_an_unsigned_authorisation_may_be_signed_until_archiving(office: Team) -> None:
    permit = granted(office)
    record = inspection(office, permit["doc_no"])
    assert about(office, record) == [("authorisation_unsigned", "warning")]
    submit(office, record)
    agreed(office, record)
    assert archive_codes(office, record) == {"authorisation_unsigned"}
    submit(office, permit)
    asked = office.post("zhangwei", f"/records/{record['id']}/archive")
    assert (asked.status_code, codes(asked)) == (
        409,
        {("/authorization_no", "authorisation_unsigned")},
    )
    by_customer(office, permit)
    archive(office, record)


def test_a_void_authorisation_stops_both_steps(office: Team) -> None:
    permit = granted(office)
    record, later = inspection(office, permit["doc_no"]), inspection(office, permit["doc_no"])
    submit(office, record)
    agreed(office, record)
    with office.store.change(actor(office, "zhangwei")) as unit:
        review.void(unit, permit["id"], "误建")
    assert archive_codes(office, record) == {"authorisation_refused"}
    assert about(office, later) == [("authorisation_refused", "error")]
    refused = office.submit(later)
    assert ("/authorization_no", "authorisation_refused") in codes(refused)


def test_a_refused_authorisation_stops_both_steps_until_it_is_revised(office: Team) -> None:
    permit = granted(office)
    record, later = inspection(office, permit["doc_no"]), inspection(office, permit["doc_no"])
    submit(office, record)
    agreed(office, record)
    submit(office, permit)
    by_customer(office, permit, StatedOpinion(Opinion.disagree, "时段不对"))
    assert archive_codes(office, record) == {"authorisation_refused"}
    assert about(office, later) == [("authorisation_refused", "error")]
    path = f"/records/{permit['id']}/revisions"
    office.made(office.post("zhangwei", path, {"reason": "改时段"}))
    assert about(office, later) == [("authorisation_unsigned", "warning")]
    submit(office, permit)
    by_customer(office, permit)
    assert about(office, later) == []
    archive(office, record)


def test_a_window_that_moved_meanwhile_is_found_at_archiving(office: Team) -> None:
    permit = granted(office)
    record = inspection(office, permit["doc_no"])
    submit(office, record)
    agreed(office, record)
    change(office, permit, valid_from="2026-03-07 17:59", sessions=[])
    submit(office, permit)
    by_customer(office, permit)
    assert archive_codes(office, record) == {"outside_authorisation_of"}
    with office.store.looking(actor(office, "zhangwei")) as unit:
        assert visible(unit.session, unit.actor, record["id"])[1].state == "approved"
