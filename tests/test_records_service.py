"""Contracts and records over the API, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.service import Team, draft, picture
from tests.sizes import one_database

PDF = b"%PDF"


def test_a_contract_is_kept_and_changed_by_those_who_saw_it(team: Team) -> None:
    contract_id = team.contract()
    read = team.get("zhangwei", f"/contracts/{contract_id}")
    content = read.json()["content"]
    assert (read.headers["etag"], content["contract_no"]) == ('"1"', "HT-2026-017")

    content["project_name"] = "改名"
    path = f"/contracts/{contract_id}"
    assert team.ask("wangqiang", "PUT", path, json=content).status_code == 428
    stale = team.ask("wangqiang", "PUT", path, json=content, headers={"If-Match": '"9"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "overtaken")
    mine = team.ask("zhangwei", "PUT", path, json=content, headers={"If-Match": '"1"'})
    assert mine.status_code == 403
    changed = team.ask("wangqiang", "PUT", path, json=content, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["content"]["project_name"] == "改名"


def test_a_contract_number_is_used_once_and_stays(team: Team) -> None:
    contract_id = team.contract()
    content = team.get("wangqiang", f"/contracts/{contract_id}").json()["content"]
    again = team.post("otherpm", "/contracts", content)
    assert (again.status_code, again.json()["code"]) == (409, "contract_exists")
    content["contract_no"] = "HT-2026-018"
    renamed = team.ask(
        "wangqiang", "PUT", f"/contracts/{contract_id}", json=content, headers={"If-Match": '"1"'}
    )
    assert renamed.json()["errors"][0]["code"] == "fixed_field"


def test_only_members_see_a_contract(team: Team) -> None:
    contract_id = team.contract()
    assert team.get("other", f"/contracts/{contract_id}").status_code == 404
    assert team.get("other", "/contracts").json()["items"] == []
    assert len(team.get("lina", "/contracts").json()["items"]) == 1
    path = f"/contracts/{contract_id}/members"
    assert team.ask("wangqiang", "DELETE", f"{path}/lina").status_code == 204
    assert team.get("lina", "/contracts").json()["items"] == []
    names = [one["username"] for one in team.get("wangqiang", path).json()["items"]]
    assert names == ["chenjianguo", "wangqiang", "zhangwei"]


def test_a_draft_may_be_incomplete_and_tells_what_is_missing(team: Team) -> None:
    team.contract()
    record = team.made(
        team.post("zhangwei", "/records?code=XJ", {"contract_no": "HT-2026-017", "summary": "无"})
    )
    assert record["state"] == "draft"
    assert record["doc_no"] == "XJ-HDYD-20260310-001"
    assert {"missing"} <= {one["code"] for one in record["problems"]}
    path = f"/records/{record['id']}"
    checked = team.get("zhangwei", f"{path}/problems").json()
    assert not checked["valid"]
    assert checked["problems"] == record["problems"]
    refused = team.submit(record)
    assert refused.status_code == 422
    assert [one["code"] for one in refused.json()["errors"]] == [
        one["code"] for one in checked["problems"]
    ]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "archived"}, "status_is_the_services"),
        ({"signoffs": [{"role": "leader", "opinion": "agree"}]}, "signature_is_the_services"),
        ({"contract_no": "HT-0000-000"}, "unknown_contract"),
        ({"summary": "password=Abc#1234"}, "secret"),
        ({"doc_no": "XJ-OTHER-20260310-001"}, "doc_no_of_other_customer"),
        ({"doc_no": "XJ-HDYD-20260310-001-R1"}, "fixed_field"),
        ({"doc_no": 7}, "not_text"),
    ],
)
def test_what_a_draft_may_not_hold(office: Team, changes: dict[str, Any], code: str) -> None:
    office.contract()
    answer = office.post("zhangwei", "/records?code=XJ", draft("XJ", **changes))
    assert answer.status_code == 422, answer.text
    assert code in {one["code"] for one in answer.json()["errors"]}
    assert office.get("zhangwei", "/records").json()["items"] == []


def test_numbers_follow_without_gaps_or_doubles_under_parallel_writers(team: Team) -> None:
    team.contract()
    body = draft("ZX", doc_date="2026-03-09")

    def create(index: int) -> tuple[int, str]:
        # every fifth is refused in the middle of its transaction, and gives its number back
        content = body | ({"doc_no": "ZX-HDYD-20260309-900-R1"} if index % 5 == 4 else {})
        answer = team.post("zhangwei", "/records?code=ZX", content)
        return answer.status_code, answer.json().get("doc_no", "")

    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(create, range(100)))
    assert Counter(status for status, _ in found) == {201: 80, 422: 20}
    assert sorted(number for _, number in found if number) == [
        f"ZX-HDYD-20260309-{serial:03}" for serial in range(1, 81)
    ]


def test_a_given_number_is_taken_once_and_moves_the_series_on(team: Team) -> None:
    team.contract()
    given = {"doc_no": "ZX-HDYD-20260309-005", "doc_date": "2026-03-09"}
    assert team.record("ZX", **given)["doc_no"] == given["doc_no"]
    again = team.post("zhangwei", "/records", draft("ZX", **given))
    assert again.json()["errors"][0]["code"] == "number_taken"
    assert team.record("ZX", doc_date="2026-03-09")["doc_no"] == "ZX-HDYD-20260309-006"


def test_a_draft_changes_by_if_match(team: Team) -> None:
    team.contract()
    record = team.record("ZX")
    path = f"/records/{record['id']}"
    body = draft("ZX", description="改过的描述")
    for etag, status in (("", 428), ('"2"', 412), ('"1"', 200), ('"1"', 412), ('"2"', 200)):
        headers = {"If-Match": etag} if etag else {}
        answer = team.ask("zhangwei", "PUT", path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
    read = team.get("zhangwei", path)
    assert read.json()["current"]["content"]["description"] == "改过的描述"
    assert read.headers["etag"] == '"3"'
    other = team.ask("lina", "PUT", path, json=body, headers={"If-Match": '"3"'})
    assert other.status_code == 403


def test_a_repeated_request_is_carried_out_once(team: Team) -> None:
    team.contract()
    body = draft("ZX")

    def create(_: int) -> tuple[int, bytes]:
        answer = team.post(
            "zhangwei", "/records?code=ZX", body, headers={"Idempotency-Key": "abc-1"}
        )
        return answer.status_code, answer.content

    with ThreadPoolExecutor(50) as pool:
        answers = set(pool.map(create, range(50)))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 201
    assert len(team.get("zhangwei", "/records").json()["items"]) == 1

    changed = team.post(
        "zhangwei",
        "/records?code=ZX",
        body | {"description": "别的"},
        headers={"Idempotency-Key": "abc-1"},
    )
    assert (changed.status_code, changed.json()["code"]) == (422, "key_reused")
    theirs = team.post("lina", "/records?code=ZX", body, headers={"Idempotency-Key": "abc-1"})
    assert theirs.status_code == 201


def test_records_are_found_by_their_words_and_filters(team: Team) -> None:
    contract_id = team.contract()
    first = team.record("ZX", description="积分商城的表空间 USERS01.dbf 快满了")
    second = team.record("ZX", description="𠮷田䶮 问归档日志清理策略", doc_date="2026-03-02")
    third = team.record("XJ")

    def found(query: str, who: str = "zhangwei") -> list[str]:
        answer = team.get(who, f"/records?{query}")
        return [one["id"] for one in team.made(answer, 200)["items"]]

    assert found("") == [third["id"], second["id"], first["id"]]
    assert found("code=ZX&q=表空间 users01") == [first["id"]]
    assert found("code=ZX&q=归档日志") == [second["id"]]
    assert found("q=𠮷田") == [second["id"]]
    assert found("code=ZX&q=略") == [second["id"]]
    assert found("code=ZX&q=USERS") == [first["id"]]
    assert found(f"q={second['doc_no']}") == [second["id"]]
    assert found("q=完全没有的词") == []
    assert found("q=%22%27%3A%2A%26%7C%21") == []
    assert found("code=xj") == [third["id"]]
    assert found("until=2026-03-02&code=ZX") == [second["id"]]
    assert found(f"contract_id={contract_id}&state=draft&mine=true&code=ZX") == [
        second["id"],
        first["id"],
    ]
    assert found("mine=true", "lina") == []
    assert found("q=表空间", "other") == []
    asset = draft("XJ")["asset_nos"][0]
    assert third["id"] in found(f"asset_no={asset}")
    path = f"/records/{first['id']}"
    team.ask("zhangwei", "PUT", path, json=draft("ZX"), headers={"If-Match": '"1"'})
    assert found("code=ZX&q=USERS01") == []


def test_pages_follow_their_cursor(team: Team) -> None:
    team.contract()
    made = [team.record("ZX")["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = team.get("zhangwei", f"/records?limit=2&cursor={cursor}").json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == made[::-1]
    for bad in ("x", "WyJjb250cmFjdHMiLCAiYSJd", "W1tdXQ", "WyJyZWNvcmRzIiwgMWU5OTldCg"):
        answer = team.get("zhangwei", f"/records?cursor={bad}")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


def test_attachments_belong_to_a_draft(team: Team) -> None:
    team.contract()
    record = team.record("ZX")
    path = f"/records/{record['id']}/versions/1/files"
    name = "截图 <b>.png"
    answer = team.ask(
        "zhangwei", "POST", path, files={"file": (name, picture())}, data={"note": "现场"}
    )
    made = team.made(answer)
    assert (made["content_type"], made["note"]) == ("image/png", "现场")
    got = team.get("lina", f"{path}/{made['id']}")
    assert got.content == picture()
    assert got.headers["content-disposition"].startswith("attachment;")
    assert got.headers["x-content-type-options"] == "nosniff"
    refused = team.ask("zhangwei", "POST", path, files={"file": ("a.png", b"MZ\x90\0" + b"x" * 99)})
    assert refused.status_code in (415, 422)
    assert team.ask("lina", "POST", path, files={"file": ("a.png", picture())}).status_code == 403
    assert team.get("other", path).status_code == 404
    early = team.ask(
        "zhangwei", "POST", path, files={"file": ("a.png", picture())}, data={"purpose": "scan"}
    )
    assert (early.status_code, early.json()["code"]) == (409, "transition_refused")
    assert team.ask("zhangwei", "DELETE", f"{path}/{made['id']}").status_code == 204
    assert team.get("zhangwei", path).json()["items"] == []


@pytest.mark.slow
def test_what_was_submitted_is_fixed_and_a_revision_takes_its_place(team: Team) -> None:
    team.contract()
    record = team.record("XJ")
    path = f"/records/{record['id']}"
    answer = team.ask(
        "zhangwei", "POST", f"{path}/versions/1/files", files={"file": ("现场.png", picture())}
    )
    attached = team.made(answer)
    preview = team.get("zhangwei", f"{path}/versions/1/document.docx")
    assert preview.status_code == 200
    submitted = team.made(team.submit(record), 200)
    hashed = submitted["current"]["record_hash"]
    assert submitted["state"] == "submitted"
    assert submitted["current"]["content"]["attachments"][0]["sha256"] == attached["sha256"]

    first = team.get("lina", f"{path}/versions/1/document.pdf")
    again = team.get("zhangwei", f"{path}/versions/1/document.pdf")
    assert first.content == again.content
    assert first.content.startswith(PDF)
    assert team.get("other", f"{path}/versions/1/document.pdf").status_code == 404

    edit = team.ask("zhangwei", "PUT", path, json=draft("XJ"), headers={"If-Match": "*"})
    assert edit.status_code == 409
    assert "R1" in edit.json()["errors"][0]["hint"]["zh"] or "固定" in edit.text
    assert team.submit(record).status_code == 409

    word = {"opinion": "disagree", "comment": "备份一节缺恢复演练", "pointer": "/summary"}
    wrong = team.post("chenjianguo", f"{path}/versions/1/signoffs", {"opinion": "disagree"})
    assert wrong.json()["errors"][0]["code"] == "comment_required"
    returned = team.made(team.post("chenjianguo", f"{path}/versions/1/signoffs", word))
    assert (returned["state"], returned["current"]["reason"]) == ("returned", word["comment"])

    revised = team.made(team.post("zhangwei", f"{path}/revisions", {"reason": "补恢复演练"}))
    assert revised["doc_no"] == record["doc_no"] + "-R1"
    assert revised["version"] == 2
    content = revised["current"]["content"] | {"summary": "补充了恢复演练。"}
    seen = team.get("zhangwei", path).headers["etag"]
    team.made(team.ask("zhangwei", "PUT", path, json=content, headers={"If-Match": seen}), 200)
    told = team.get("lina", f"{path}/versions/2/difference").json()
    assert {"/summary"} <= {one["pointer"] for one in told["changes"]}
    change = next(one for one in told["changes"] if one["pointer"] == "/summary")
    assert (change["label"]["zh"], change["after"]) == ("结论", "补充了恢复演练。")
    kept = team.get("lina", f"{path}/versions/1").json()
    assert (kept["record_hash"], kept["state"]) == (hashed, "returned")
    assert [one["version"] for one in team.get("lina", f"{path}/versions").json()["items"]] == [
        1,
        2,
    ]


def test_a_revision_that_was_given_up_bars_no_other(office: Team) -> None:
    office.contract()
    record = office.record("XJ")
    path = f"/records/{record['id']}"
    office.made(office.submit(record), 200)
    office.made(office.post("zhangwei", f"{path}/void", {"reason": "错了"}), 403)
    word = {"opinion": "disagree", "comment": "缺恢复演练"}
    office.made(office.post("chenjianguo", f"{path}/versions/1/signoffs", word))
    reason = {"reason": "补恢复演练"}
    office.made(office.post("zhangwei", f"{path}/revisions", reason))
    office.made(office.post("zhangwei", f"{path}/void", {"reason": "先不改"}), 200)
    again = office.made(office.post("zhangwei", f"{path}/revisions", reason))
    assert (again["doc_no"], again["version"]) == (record["doc_no"] + "-R2", 3)
    lines = [one["version"] for one in again["current"]["content"]["revisions"]]
    assert lines[-1] == "R2"
    assert "R1" not in lines


def test_keys_that_mean_something_to_programs_are_plainly_refused(office: Team) -> None:
    office.contract()
    for name in ("__proto__", "__class__", "constructor"):
        body = json.dumps(draft("ZX"))[:-1] + f', "{name}": {{"x": 1}}}}'
        answer = office.ask(
            "zhangwei",
            "POST",
            "/records?code=ZX",
            content=body,
            headers={"Content-Type": "application/json"},
        )
        record = office.made(answer)
        assert "unknown_field" in {one["code"] for one in record["problems"]}
        assert office.submit(record).status_code == 422


@pytest.mark.slow
@one_database("team")
def test_three_requests_take_a_record_from_nothing_to_the_archive(team: Team) -> None:
    team.contract()
    again = {"Idempotency-Key": "hand-in-1"}
    first = team.post("zhangwei", "/records/hand-in?code=XJ", draft("XJ"), headers=again)
    doc_no = team.made(first)["doc_no"]
    repeated = team.post("zhangwei", "/records/hand-in?code=XJ", draft("XJ"), headers=again)
    assert (repeated.json(), repeated.headers["idempotency-replayed"]) == (first.json(), "true")
    path = f"/records/{doc_no}/versions/1"
    team.made(team.post("chenjianguo", f"{path}/signoffs", {"opinion": "agree"}))
    form = {"role": "cust_owner", "name": "刘洋", "signed_on": "2026-03-09", "opinion": "agree"}
    form |= {"unmatched": "true"}
    scan = {"file": ("签字页.png", picture())}
    missing = team.ask(
        "zhangwei", "POST", f"{path}/signed-papers", files=scan, data=form | {"role": "pm"}
    )
    assert missing.json()["errors"][0]["code"] == "not_a_signer"
    assert team.get("zhangwei", f"{path}/files").json()["items"] == []
    signed = team.ask(
        "zhangwei", "POST", f"{path}/signed-papers", files=scan, data=form | {"archive": "true"}
    )
    assert team.made(signed, 200)["state"] == "archived"
    got = team.get("lina", f"{path}/document.pdf?stage=archived")
    assert got.content.startswith(PDF)


def test_handing_in_keeps_nothing_of_what_is_refused(team: Team) -> None:
    team.contract()
    refused = team.post("zhangwei", "/records/hand-in?code=XJ", draft("XJ", asset_nos=[]))
    assert refused.status_code == 422
    assert refused.json()["errors"]
    assert team.get("zhangwei", "/records").json()["items"] == []
    assert team.record("XJ")["doc_no"].endswith("-001")
