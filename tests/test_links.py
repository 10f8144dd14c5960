"""Signing links as API and page make them: one person, one version, one signature with evidence."""

from __future__ import annotations

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event, select

from docgen.store.tables import AttachmentRow, AuditEntryRow, LinkItemRow, LinkRow, LinkTokenRow
from tests.links import PERSON, STROKES, Customer, drawing, link, path_of, submitted
from tests.service import Team, picture


def noted(team: Team, record: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what the trail says of a record's links: action, who, detail."""
    query = (
        select(AuditEntryRow)
        .where(AuditEntryRow.subject_id == record["id"])
        .order_by(AuditEntryRow.seq)
    )
    with team.store.reading() as session:
        return [
            (one.action, one.actor_name, json.loads(one.detail))
            for one in session.scalars(query)
            if one.action.startswith("link.")
        ]


def given(team: Team, record: Any) -> dict[str, Any]:
    """Return what others than its author said of a record, by role."""
    found = team.get("zhangwei", f"/records/{record['id']}").json()["current"]["signoffs"]
    return {one["role"]: one for one in found if one["role"] != "engineer"}


@pytest.fixture
def record(team: Team) -> Any:
    """A submitted record of the contract."""
    team.contract()
    return submitted(team)


def test_a_link_leads_to_a_signature_with_its_evidence(team: Team) -> None:
    team.contract()
    record = team.record()
    team.made(team.submit(record), 200)
    made = link(team, record)
    customer = Customer(team, made)
    page = customer.get()
    assert record["doc_no"] in page.text
    assert "华东移动通信有限公司" in page.text
    assert customer.opens().content.startswith(b"\x89PNG")
    assert customer.signs().json() == {"done": True}
    signoff = given(team, record)["cust_owner"]
    assert (signoff["name"], signoff["method"], signoff["opinion"]) == (
        "刘洋",
        "electronic",
        "agree",
    )
    assert "已签署" in customer.get().text
    pdf = customer.get("/1/document.pdf")
    assert pdf.content.startswith(b"%PDF")
    signed = team.get("zhangwei", f"/records/{record['id']}/versions/1/document.pdf?stage=signed")
    assert pdf.content == signed.content

    told = noted(team, record)
    assert [(action, who) for action, who, _ in told] == [
        ("link.made", "张伟"),
        ("link.opened", "刘洋"),
        ("link.consented", "刘洋"),
        ("link.signed", "刘洋"),
    ]
    with team.store.reading() as session:
        item = session.scalars(select(LinkItemRow)).one()
        image = session.get_one(AttachmentRow, item.image_id)
        strokes = session.get_one(AttachmentRow, item.strokes_id)
    assert (item.how, item.user_agent, item.signoff_id) == ("drawn", "phone", signoff["id"])
    assert str(item.consent) in page.text
    assert item.consent_hash == hashlib.sha256(str(item.consent).encode()).hexdigest()
    assert (image.purpose, strokes.purpose) == ("signature", "signature")
    assert team.store.blobs.get(strokes.sha256) == STROKES
    assert told[-1][2]["image"] == image.sha256


def test_a_token_is_shown_once_and_kept_as_a_hash(team: Team, record: Any) -> None:
    made = link(team, record)
    token = path_of(made).removeprefix("/s/")
    assert len(token) == 43
    listed = team.get("zhangwei", f"/records/{record['id']}/versions/1/links").json()["items"]
    read = team.get("wangqiang", f"/links/{made['id']}").json()
    assert listed == [read]
    assert read == {name: made[name] for name in made.keys() - {"url", "problems"}}
    with team.store.reading() as session:
        [kept] = session.scalars(select(LinkTokenRow.token_hash))
    assert kept == hashlib.sha256(token.encode()).hexdigest()
    assert token not in json.dumps([listed, noted(team, record)])


def test_the_same_key_gives_the_same_link(team: Team, record: Any) -> None:
    path, headers = f"/records/{record['id']}/versions/1/links", {"Idempotency-Key": "one"}
    first, second = (team.post("zhangwei", path, PERSON, headers=headers) for _ in range(2))
    assert first.json()["url"] == second.json()["url"]


def test_who_makes_links(team: Team, record: Any) -> None:
    for who in ("zhangwei", "lina", "wangqiang", "chenjianguo"):
        link(team, record, who)
    path = f"/records/{record['id']}/versions/1/links"
    assert team.post("other", path, PERSON).status_code == 404
    assert team.post("root", path, PERSON).status_code == 403


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"role": "leader"}, "not_a_signer"),
        ({"role": "vendor"}, "not_a_signer"),
        ({"email": "a@b.c\r\nBcc: x@y.z"}, "bad_body"),
        ({"email": "not an address"}, "bad_body"),
        ({"days": 0}, "bad_body"),
        ({"access_code": "12345"}, "bad_body"),
        ({"name": " "}, "bad_body"),
    ],
)
def test_links_that_cannot_be_made(
    team: Team, record: Any, changes: dict[str, Any], code: str
) -> None:
    answer = team.post("zhangwei", f"/records/{record['id']}/versions/1/links", PERSON | changes)
    assert answer.status_code == 422
    assert code in answer.text


@pytest.mark.parametrize(
    ("wish", "codes"),
    [
        ({}, []),
        ({"remind_days": []}, []),
        ({"email": "a@b.cn"}, ["mail_not_sent"]),
        ({"email": "a@b.cn", "remind_days": [3]}, ["mail_not_sent"]),
        ({"remind_days": [3]}, ["mail_not_sent"]),
    ],
)
def test_mail_that_will_not_be_sent_is_said(
    team: Team, record: Any, wish: dict[str, Any], codes: list[str]
) -> None:
    made = link(team, record, **wish)
    assert [one["code"] for one in made["problems"]] == codes
    assert {one["level"] for one in made["problems"]} <= {"warning"}
    assert made["remind_days"] == []
    again = team.made(team.post("zhangwei", f"/links/{made['id']}/resend", {}))
    assert [one["code"] for one in again["problems"]] == (codes if "email" in wish else [])


def test_a_draft_has_no_links(team: Team) -> None:
    team.contract()
    record = team.record()
    answer = team.post("zhangwei", f"/records/{record['id']}/versions/1/links", PERSON)
    assert answer.status_code == 422
    assert "wrong_state" in answer.text


# ---------------------------------------------------------------- refusals


def refused(customer: Customer, status: int, words: str) -> None:
    page = customer.get()
    assert page.status_code == status, page.text
    assert words in page.text
    assert "img" not in page.text


def test_links_that_do_not_count_say_why_to_their_owner_only(team: Team, record: Any) -> None:
    first = Customer(team, link(team, record))
    expiring = Customer(team, link(team, record, days=1))
    revoked = link(team, record)
    again = link(team, record)
    assert team.ask("wangqiang", "DELETE", f"/links/{revoked['id']}").status_code == 204
    assert team.ask("wangqiang", "DELETE", f"/links/{revoked['id']}").status_code == 204
    newer = team.made(team.post("zhangwei", f"/links/{again['id']}/resend"))
    assert newer["before_id"] == again["id"]
    assert team.post("zhangwei", f"/links/{again['id']}/resend").status_code == 409
    team.clock.go(days=1)
    refused(expiring, 410, "链接已过期")
    refused(Customer(team, revoked), 410, "链接已撤销")
    refused(Customer(team, again), 410, "已由新的链接代替")
    assert record["doc_no"] in Customer(team, newer).get().text

    known = Customer(team, revoked)
    known.path = known.path[:-1] + ("A" if known.path[-1] != "A" else "B")
    nobody = Customer(team, revoked)
    nobody.path = "/s/x"
    answers = [one.get(below) for one in (known, nobody) for below in ("", "/1", "/qr.svg")]
    assert {one.status_code for one in answers} == {404}
    assert len({one.text for one in answers}) == 1
    assert first.get().status_code == 200


def test_a_link_signs_once(team: Team, record: Any) -> None:
    customer = Customer(team, link(team, record))
    another = Customer(team, link(team, record))
    customer.opens()
    another.opens()
    key = another.form_key()
    assert customer.signs().status_code == 200
    again = customer.posts("/1/sign", {"form_key": "0" * 64})
    assert again.status_code == 403
    done = {"opinion": "agree", "consent": "yes", "typed": "刘洋"}
    late = another.posts("/1/sign", done | {"form_key": key})
    assert (late.status_code, late.json()["code"]) == (409, "link_role_signed")
    assert "已经以同一角色签署" in another.get().text
    assert len(given(team, record)) == 1


def test_of_two_at_the_same_moment_one_signs(team: Team, record: Any) -> None:
    customer = Customer(team, link(team, record))
    customer.opens()
    said = {
        "form_key": customer.form_key(),
        "opinion": "agree",
        "consent": "yes",
        "typed": "刘 洋",
    }
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: customer.posts("/1/sign", said), range(2)))
    codes = sorted(one.json().get("code", "") for one in answers)
    assert codes == ["", "link_used"]
    assert len(given(team, record)) == 1
    assert [action for action, *_ in noted(team, record)].count("link.signed") == 1


def test_a_disagreement_returns_the_document_and_ends_the_other_links(
    team: Team, record: Any
) -> None:
    customer = Customer(team, link(team, record))
    other = Customer(team, link(team, record))
    customer.opens()
    said = {"form_key": customer.form_key(), "opinion": "disagree", "consent": "yes"}
    silent = customer.posts("/1/sign", said)
    assert silent.status_code == 422
    answer = customer.posts("/1/sign", said | {"comment": "巡检结论与现场不符"})
    assert answer.status_code == 200, answer.text
    found = team.get("zhangwei", f"/records/{record['id']}").json()
    assert (found["state"], found["current"]["reason"]) == ("returned", "巡检结论与现场不符")
    assert noted(team, record)[-1][0] == "link.declined"
    assert "已退回" in customer.get().text
    refused(other, 409, "已经以同一角色签署")


def test_void_documents_are_not_signed(team: Team, record: Any) -> None:
    customer = Customer(team, link(team, record))
    key = customer.form_key()
    team.made(team.post("wangqiang", f"/records/{record['id']}/void", {"reason": "重复"}), 200)
    refused(customer, 409, "作废")
    answer = customer.posts(
        "/1/sign", {"form_key": key, "opinion": "agree", "consent": "yes", "typed": "刘洋"}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "link_document_closed")


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (picture((300, 100)), "signature_empty"),
        (b"GIF89a" + bytes(100), "signature_image_bad"),
        (drawing()[:-20], "image_broken"),
        (drawing() + b"<script>", "polyglot"),
        (b"\x89PNG" + bytes(3 * 1024 * 1024), "signature_image_bad"),
        (drawing((3000, 3000)), "signature_image_bad"),
    ],
    ids=["blank", "gif", "cut", "polyglot", "large", "pixels"],
)
def test_pictures_that_are_no_signature(office: Team, image: bytes, code: str) -> None:
    office.contract()
    customer = Customer(office, link(office, submitted(office)))
    customer.opens()
    answer = customer.signs(image=image)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"form_key": "0" * 64}, 403, "link_form_foreign"),
        ({"consent": ""}, 422, "link_consent_missing"),
        ({"opinion": "maybe"}, 422, "link_opinion_missing"),
        ({"typed": "别人"}, 422, "link_name_differs"),
        ({"typed": ""}, 422, "link_signature_missing"),
        ({"opinion": "agree_with_changes", "typed": "刘洋"}, 422, "link_comment_missing"),
    ],
)
def test_forms_that_are_refused(
    office: Team, changes: dict[str, str], status: int, code: str
) -> None:
    office.contract()
    record = submitted(office)
    customer = Customer(office, link(office, record))
    customer.opens()
    answer = customer.signs(1, image=None, **changes)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert given(office, record) == {}


def test_what_is_not_opened_or_not_the_links_is_not_signed(office: Team) -> None:
    office.contract()
    customer = Customer(office, link(office, submitted(office)))
    assert customer.signs(typed="刘洋").json()["code"] == "link_not_opened"
    assert customer.signs(2, typed="刘洋").json()["code"] == "link_other_document"
    assert customer.get("/2").status_code == 404
    assert customer.get("/1/pages/999.png").status_code == 404


def test_another_sites_form_is_refused(office: Team) -> None:
    office.contract()
    customer = Customer(office, link(office, submitted(office)))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = customer.posts("/1/sign", {"form_key": customer.form_key()}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused")


# ---------------------------------------------------------------- codes, colleagues, visits


def test_codes_are_locked_after_five_guesses(team: Team, record: Any) -> None:
    customer = Customer(team, link(team, record, access_code="314159"))
    page = customer.get()
    assert page.status_code == 401
    assert record["doc_no"] not in page.text
    assert customer.get("/1/pages/1.png").status_code == 401
    key = {"form_key": customer.form_key()}
    answers = [customer.posts("/code", key | {"code": f"00000{n}"}) for n in range(6)]
    assert [one.status_code for one in answers] == [403] * 5 + [429]
    assert "锁定" in answers[-1].json()["title_zh"]
    right = customer.posts("/code", key | {"code": "314159"})
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0
    team.clock.go(minutes=16)
    assert customer.posts("/code", key | {"code": " 314159 "}).status_code == 200
    assert record["doc_no"] in customer.get().text
    assert [action for action, *_ in noted(team, record)].count("link.code_wrong") == 4


def test_a_colleague_takes_over(team: Team, record: Any) -> None:
    made = link(team, record)
    customer = Customer(team, made)
    said = {"form_key": customer.form_key(), "name": "周敏", "reason": "出差", "lang": "zh"}
    assert customer.posts("/delegate", said | {"reason": ""}).status_code == 422
    handed = customer.posts("/delegate", said).json()
    refused(customer, 410, "已转交周敏签署")
    colleague = Customer(team, handed)
    colleague.opens()
    assert colleague.signs(typed="周敏").status_code == 200
    assert given(team, record)["cust_owner"]["name"] == "周敏"
    [trace] = [detail for action, _, detail in noted(team, record) if action == "link.delegated"]
    assert (trace["name"], trace["to"], trace["reason"]) == ("刘洋", "周敏", "出差")
    listed = team.get("zhangwei", f"/records/{record['id']}/versions/1/links").json()["items"]
    assert {one["ended_how"] for one in listed} == {"delegated", None}


def test_a_link_is_handed_on_three_times_at_most(office: Team) -> None:
    office.contract()
    made = link(office, submitted(office))
    for name in ("甲", "乙", "丙"):
        customer = Customer(office, made)
        said = {"form_key": customer.form_key(), "name": name, "reason": "出差"}
        made = customer.posts("/delegate", said).json()
    customer = Customer(office, made)
    said = {"form_key": customer.form_key(), "name": "丁", "reason": "出差"}
    assert customer.posts("/delegate", said).json()["code"] == "link_delegated_often"


def test_a_visit_signs_several_documents(team: Team) -> None:
    contract = team.contract()
    records = [submitted(team), submitted(team)]
    documents = [{"record_id": one["doc_no"]} for one in records]
    path = f"/contracts/{contract}/visits"
    made = team.made(team.post("zhangwei", path, PERSON | {"documents": documents}))
    assert [one["doc_no"] for one in made["documents"]] == [one["doc_no"] for one in records]
    customer = Customer(team, made)
    assert all(one["doc_no"] in customer.get().text for one in records)
    customer.opens(1)
    customer.opens(2)
    for position in (1, 2):
        assert customer.signs(position, statement="visit").status_code == 200
    for record in records:
        assert given(team, record)["cust_owner"]["name"] == "刘洋"
    twice = team.post("zhangwei", path, PERSON | {"documents": documents[:1] * 2})
    assert twice.json()["code"] == "visit_repeats"
    signed = team.post("zhangwei", path, PERSON | {"documents": documents})
    assert [one["pointer"] for one in signed.json()["errors"]] == [
        "/documents/0/role",
        "/documents/1/role",
    ]


def test_several_people_sign_in_parallel(team: Team, record: Any) -> None:
    customer = Customer(team, link(team, record))
    customer.opens()
    key = customer.form_key()
    path = f"/records/{record['id']}/versions/1/signoffs"
    team.made(team.post("chenjianguo", path, {"opinion": "agree"}))
    answer = customer.posts(
        "/1/sign", {"form_key": key, "opinion": "agree", "consent": "yes", "typed": "刘洋"}
    )
    assert answer.status_code == 200, answer.text
    assert given(team, record).keys() == {"leader", "cust_owner"}


# ---------------------------------------------------------------- what leaks


def test_headers_keep_the_link_to_itself(office: Team) -> None:
    office.contract()
    customer = Customer(office, link(office, submitted(office)))
    page = customer.get()
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert " onclick=" not in page.text


def test_tokens_are_in_no_log_and_no_metric(
    office: Team, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "docgen")
    office.contract()
    record = submitted(office)
    made = link(office, record)
    customer = Customer(office, made)
    customer.opens()
    with office.store.reading() as session:
        sha256 = session.scalars(select(LinkItemRow.shown_sha256)).one()
    blob = next((office.store.folder / "blobs").rglob(str(sha256)))
    blob.chmod(0o600)
    blob.unlink()
    assert customer.get().status_code == 500
    token = path_of(made).removeprefix("/s/")
    captured = capfd.readouterr()
    told = captured.out + captured.err + caplog.text + office.client.get("/metrics").text
    assert "/s/{token}" in told
    assert token not in told
    with office.store.reading() as session:
        trail = session.scalars(select(AuditEntryRow.detail)).all()
        rows = [
            vars(one) for kind in (LinkRow, LinkItemRow) for one in session.scalars(select(kind))
        ]
    assert token not in str(trail) + str(rows)


def test_names_are_shown_as_they_are_and_run_nothing(office: Team) -> None:
    office.contract()
    name = '<img src=x onerror="alert(1)">'
    page = Customer(office, link(office, submitted(office), name=name)).get().text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_pages_come_in_english(office: Team) -> None:
    office.contract()
    customer = Customer(office, link(office, submitted(office)))
    page = customer.get(headers={"Accept-Language": "en-GB,en;q=0.9"}).text
    assert "Your opinion" in page
    assert "您的意见" in customer.get("?lang=zh", headers={"Accept-Language": "en"}).text


@pytest.mark.slow
def test_a_visit_of_many_documents_is_no_more_work_for_each(office: Team) -> None:
    contract, engine = office.contract(), office.store.database.engine
    asked = []
    for count in (2, 4):
        documents = [{"record_id": submitted(office)["id"]} for _ in range(count)]
        wish = PERSON | {"documents": documents}
        made = office.made(office.post("zhangwei", f"/contracts/{contract}/visits", wish))
        customer = Customer(office, made)
        customer.opens()
        said = {"form_key": customer.form_key(), "opinion": "agree", "consent": "yes"}
        statements: list[str] = []

        def noting(*told: Any, kept: list[str] = statements) -> None:
            kept.append(told[2])

        event.listen(engine, "before_cursor_execute", noting)
        assert customer.posts("/1/sign", said | {"typed": "刘洋"}).status_code == 200
        event.remove(engine, "before_cursor_execute", noting)
        asked.append([one for one in statements if "link_items" in one])
    assert len(asked[0]) == len(asked[1]) > 0
