"""Webhooks over the API: made by those who may, told of every event, signed, listed, sent again."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads
from typing import Any, get_args

import pytest
from sqlalchemy import select, text

from docgen.access import SERVICE
from docgen.operations.sweeping import MESSAGES_KEPT as KEPT
from docgen.paths import samples_dir
from docgen.store.tables import AuditEntryRow, DeliveryRow, IdempotencyKeyRow
from docgen.webhooks.request import Failure
from docgen.webhooks.sender import MOST as AT_ONCE
from docgen.webhooks.sender import TIMEOUT_S
from docgen.webhooks.signature import verify
from docgen.webhooks.webhooks import EVENTS, MOST
from tests.listener import NO_CONTENT, Heard, Listener
from tests.service import Team, at_work, draft
from tests.webhooks import LOOPBACK, until

pytestmark = pytest.mark.enable_socket
PM = "wangqiang"


@pytest.fixture(params=["sqlite", "postgresql"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    """The team over each database; its webhooks may lead to this machine."""
    url = request.getfixturevalue("database") if request.param == "postgresql" else ""
    with at_work(tmp_path / "data", url, webhook_networks=LOOPBACK) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


def address(listener: Listener, path: str = "/hook?token=t0ken") -> str:
    return f"http://127.0.0.1:{listener.port}{path}"


def made(team: Team, path: str, url: str, *events: str) -> Any:
    return team.made(team.post(PM, path, {"url": url, "events": events or ["*"]}))


def hooks_of(team: Team) -> str:
    return f"/contracts/{team.contract()}/webhooks"


def bodies(heard: list[Heard]) -> list[Any]:
    return [json.loads(one.body) for one in heard]


def test_an_event_arrives_signed_and_verifies(team: Team, receiver: Listener) -> None:
    path = hooks_of(team)
    hook = made(team, path, address(receiver))
    record = team.record("XJ")
    team.made(team.post("zhangwei", f"/records/{record['id']}/void", {"reason": "重复"}), 200)
    until(lambda: len(receiver.requests) == 2)
    for heard in receiver.requests:
        assert heard.line == "POST /hook?token=t0ken HTTP/1.1"
        assert heard.headers["content-type"] == "application/json"
        verify([hook["secret"]], heard.headers, heard.body, now=team.clock.now)
    data = {"id": record["id"], "doc_no": record["doc_no"]}
    at = team.clock.now.astimezone(tz=None).timestamp()
    told = bodies(receiver.requests)
    assert [(one["type"], one["data"]) for one in told] == [
        ("record.created", data),
        ("record.voided", data),
    ]
    assert {one["timestamp"] for one in told} == {"2026-03-10T02:00:00+00:00"}
    assert int(receiver.requests[0].headers["webhook-timestamp"]) == at
    log = f"{path}/{hook['id']}/deliveries"
    until(lambda: all(one["done_at"] for one in team.get(PM, log).json()["items"]))
    newest, oldest = team.get(PM, log).json()["items"]
    assert [newest["message"], oldest["message"]] == [told[1], told[0]]
    assert (oldest["state"], oldest["status"], oldest["attempts"]) == ("delivered", 204, 1)
    assert oldest["id"] == receiver.requests[0].headers["webhook-id"]


@pytest.mark.slow
def test_every_event_is_told_and_no_person_is(team: Team, receiver: Listener) -> None:
    made(team, hooks_of(team), address(receiver))
    ticket = team.record("ZX", pm_delivery={"submitted_at": "2026-03-09 09:20"})
    agreed, refused = team.record("XJ"), team.record("XJ")
    for record in (ticket, agreed, refused):
        team.made(team.submit(record), 200)
    for who, record, body in (
        (PM, ticket, {"opinion": "agree"}),
        ("chenjianguo", agreed, {"opinion": "agree"}),
        ("chenjianguo", refused, {"opinion": "disagree", "comment": "请补充截图"}),
    ):
        team.made(team.post(who, f"/records/{record['id']}/versions/1/signoffs", body))
    reason = {"reason": "客户要求"}
    team.made(team.post("zhangwei", f"/records/{ticket['id']}/archive"), 200)
    team.made(team.post("zhangwei", f"/records/{ticket['id']}/revisions", reason))
    team.made(team.post(PM, f"/records/{agreed['id']}/void", reason), 200)
    until(lambda: bodies(receiver.requests)[-1]["type"] == "record.voided")
    told = bodies(receiver.requests)
    assert {one["type"] for one in told} == set(EVENTS)
    known = {"id", "doc_no", "role", "opinion", "record_hash"}
    assert set().union(*(one["data"] for one in told)) == known
    assert {one["data"].get("opinion") for one in told} == {None, "agree", "disagree"}
    of_ticket = [one["type"] for one in told if one["data"]["id"] == ticket["id"]]
    assert of_ticket == [
        f"record.{event}" for event in ("created", "submitted", "approved", "archived", "revised")
    ]


def test_only_chosen_events_of_the_own_contract_are_told(team: Team, receiver: Listener) -> None:
    path = hooks_of(team)
    made(team, path, address(receiver), "record.voided")
    other = team.contract(contract_no="HT-2026-018", customer_code="ABCD")
    made(team, f"/contracts/{other}/webhooks", address(receiver, "/other"))
    record = team.record("XJ")
    team.made(team.post("zhangwei", f"/records/{record['id']}/void", {"reason": "重复"}), 200)
    until(lambda: receiver.requests)
    assert [one["type"] for one in bodies(receiver.requests)] == ["record.voided"]
    assert receiver.requests[0].line.split()[1] == "/hook?token=t0ken"


def test_a_change_that_is_rolled_back_tells_nobody(team: Team, receiver: Listener) -> None:
    path = hooks_of(team)
    hook = made(team, path, address(receiver))
    given = draft("XJ", doc_no="XJ-HDYD-20260310-001-R1")
    assert team.post("zhangwei", "/records?code=XJ", given).status_code == 422
    with pytest.raises(ZeroDivisionError):
        told_and_rolled_back(team, path.split("/")[2])
    assert team.get(PM, f"{path}/{hook['id']}/deliveries").json()["items"] == []
    team.made(team.post(PM, f"{path}/{hook['id']}/ping"), 202)
    until(lambda: receiver.requests)
    assert bodies(receiver.requests)[0]["type"] == "webhook.ping"


def told_and_rolled_back(team: Team, contract_id: str) -> None:
    with team.store.change(SERVICE) as unit:
        unit.tell("record.created", contract_id, id="1", doc_no="x")
        unit.session.flush()
        raise ZeroDivisionError


def test_a_secret_is_shown_once_and_kept_sealed(team: Team) -> None:
    path = hooks_of(team)
    body = {"url": "https://8.8.8.8/", "events": ["*"]}
    headers = {"Idempotency-Key": "k1"}
    first = team.post(PM, path, body, headers=headers)
    again = team.post(PM, path, body, headers=headers)
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    place = f"{path}/{first.json()['id']}"
    for shown in (team.get(PM, path), team.get(PM, place)):
        assert secret not in shown.text
        assert "secret" not in shown.json()
    with team.store.reading() as session:
        for table in ("webhooks", "idempotency_keys", "audit", "deliveries"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608
            assert secret not in str(rows)
        assert session.scalar(select(IdempotencyKeyRow.body)) is not None


def test_for_a_day_the_former_secret_signs_too(team: Team, receiver: Listener) -> None:
    path = hooks_of(team)
    hook = made(team, path, address(receiver))
    place = f"{path}/{hook['id']}"
    renewed = team.made(team.post(PM, f"{place}/secret"), 200)
    assert renewed["secret"] != hook["secret"]
    assert renewed["former_secret_until"] == "2026-03-11T02:00:00Z"
    for wait, count in ((timedelta(), 2), (timedelta(hours=24), 1)):
        team.clock.now += wait
        receiver.requests.clear()
        team.made(team.post(PM, f"{place}/ping"), 202)
        until(lambda: receiver.requests)
        heard = receiver.requests[0]
        assert heard.headers["webhook-signature"].count("v1,") == count
        verify([renewed["secret"]], heard.headers, heard.body, now=team.clock.now)


def test_project_manager_and_leader_of_the_contract_manage_its_webhooks(team: Team) -> None:
    path = hooks_of(team)
    hook = made(team, path, "https://8.8.8.8/")
    body = {"url": "https://8.8.8.8/", "events": ["*"]}
    team.made(team.post("chenjianguo", path, body))
    for who, status in (("zhangwei", 403), ("lina", 403), ("root", 403), ("otherpm", 404)):
        assert team.post(who, path, body).status_code == status
        for shown in (path, f"{path}/{hook['id']}", f"{path}/{hook['id']}/deliveries"):
            assert team.get(who, shown).status_code == status
        for action in ("ping", "secret", "deliveries/x/resend"):
            assert team.post(who, f"{path}/{hook['id']}/{action}").status_code == status
        assert team.ask(who, "DELETE", f"{path}/{hook['id']}").status_code == status
    other = team.made(team.post("otherpm", "/contracts", CONTRACT | {"contract_no": "HT-2026-019"}))
    assert team.get("otherpm", f"/contracts/{other['id']}/webhooks/{hook['id']}").status_code == 404


CONTRACT = json.loads((samples_dir() / "contract/HT-2026-017.json").read_bytes())


REFUSED = (
    "http://8.8.8.8/",
    "https://10.0.0.1/",
    "https://169.254.169.254/",
    "ftp://a",
    "https://a b",
)


def test_an_address_that_messages_may_not_go_to_is_refused(team: Team) -> None:
    path = hooks_of(team)
    hook = made(team, path, "https://8.8.8.8/")
    for url in REFUSED:
        body = {"url": url, "events": ["*"]}
        answer = team.post(PM, path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "webhook_address_refused")
        again = team.ask(
            PM,
            "PUT",
            f"{path}/{hook['id']}",
            json=body | {"enabled": True},
            headers={"If-Match": '"1"'},
        )
        assert (again.status_code, again.json()["code"]) == (422, "webhook_address_refused")
    assert team.get(PM, path).json()["items"] == [one_without_secret(hook)]


def one_without_secret(hook: Any) -> Any:
    return {name: value for name, value in hook.items() if name != "secret"}


def test_this_machine_is_closed_unless_an_operator_opens_it(tmp_path: Path) -> None:
    with at_work(tmp_path / "data") as office, Listener() as canary:
        path = hooks_of(office)
        for scheme in ("http", "https"):
            url = f"{scheme}://127.0.0.1:{canary.port}/"
            answer = office.post(PM, path, {"url": url, "events": ["*"]})
            assert answer.json()["code"] == "webhook_address_refused"
        assert canary.callers == 0


def test_unknown_events_are_refused(team: Team) -> None:
    path = hooks_of(team)
    for events in ([], ["record.eaten"], ["*", ""], ["record.created *"]):
        answer = team.post(PM, path, {"url": "https://8.8.8.8/", "events": events})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_event")


def test_a_contract_has_so_many_webhooks_and_no_more(team: Team) -> None:
    path = hooks_of(team)
    hooks = [made(team, path, "https://8.8.8.8/") for _ in range(MOST)]
    body = {"url": "https://8.8.8.8/", "events": ["*"]}
    answer = team.post(PM, path, body)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")
    assert team.ask(PM, "DELETE", f"{path}/{hooks[0]['id']}").status_code == 204
    team.made(team.post(PM, path, body))


def test_a_webhook_is_changed_by_those_who_saw_it(team: Team, receiver: Listener) -> None:
    path = hooks_of(team)
    place = f"{path}/{made(team, path, address(receiver))['id']}"

    def put(etag: str, **changes: Any) -> Any:
        body = {"url": address(receiver), "events": ["*"], "enabled": True} | changes
        return team.ask(PM, "PUT", place, json=body, headers={"If-Match": etag} if etag else {})

    assert put("").status_code == 428
    assert put('"7"').status_code == 412
    disabled = team.made(put('"1"', enabled=False), 200)
    assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "by_hand")
    team.record("XJ")
    refused = team.post(PM, f"{place}/ping")
    assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
    enabled = put('"2"', url=address(receiver, "/new"), events=["record.created"] * 2)
    assert (enabled.headers["etag"], enabled.json()["events"]) == ('"3"', ["record.created"])
    record = team.record("XJ")
    until(lambda: receiver.requests)
    assert [one["data"]["id"] for one in bodies(receiver.requests)] == [record["id"]]
    assert receiver.requests[0].line == "POST /new HTTP/1.1"


def test_messages_are_listed_by_page_and_sent_again(team: Team, receiver: Listener) -> None:
    path = hooks_of(team)
    place = f"{path}/{made(team, path, address(receiver))['id']}"
    pings = [team.made(team.post(PM, f"{place}/ping"), 202)["id"] for _ in range(5)]
    until(lambda: len(receiver.requests) == 5)
    assert [one.headers["webhook-id"] for one in receiver.requests] == pings
    found: list[str] = []
    cursor = ""
    while cursor or not found:
        page = team.get(PM, f"{place}/deliveries?limit=2&cursor={cursor}").json()
        found += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert found == pings[::-1]
    assert team.get(PM, f"{place}/deliveries?cursor=x").json()["code"] == "bad_cursor"
    first, sixth = receiver.requests[0], f"{place}/deliveries/{pings[0]}/resend"
    until(lambda: team.get(PM, f"{place}/deliveries").json()["items"][-1]["done_at"])
    assert team.made(team.post(PM, sixth), 202)["state"] == "pending"
    until(lambda: len(receiver.requests) == 6)
    assert receiver.requests[5].headers["webhook-id"] == pings[0]
    assert receiver.requests[5].body == first.body
    assert team.post(PM, f"{place}/deliveries/{'0' * 32}/resend").status_code == 404


def test_a_deleted_webhook_takes_its_messages_along(team: Team) -> None:
    gone = Event()

    def waiting(stream: socket.socket) -> Iterator[bytes]:
        gone.wait(60)
        yield NO_CONTENT

    with Listener(waiting) as listener:
        path = hooks_of(team)
        place = f"{path}/{made(team, path, address(listener))['id']}"
        for _ in range(3):
            team.made(team.post(PM, f"{place}/ping"), 202)
        until(lambda: listener.requests)
        assert team.ask(PM, "DELETE", place).status_code == 204
        assert team.get(PM, place).status_code == 404
        gone.set()
        until(lambda: not [one for one in enumerate_threads() if one.name == "docgen-webhook"])
        with team.store.reading() as session:
            assert session.scalars(select(DeliveryRow)).all() == []
    assert len(listener.requests) == 1


def test_the_audit_trail_has_what_people_did_and_no_address(team: Team, receiver: Listener) -> None:
    path = hooks_of(team)
    hook = made(team, path, address(receiver, "/s3cret?token=t0ken"))
    place = f"{path}/{hook['id']}"
    team.made(team.post(PM, f"{place}/ping"), 202)
    team.made(team.post(PM, f"{place}/secret"), 200)
    body = {"url": address(receiver, "/s3cret"), "events": ["record.voided"], "enabled": False}
    team.made(team.ask(PM, "PUT", place, json=body, headers={"If-Match": '"2"'}), 200)
    assert team.ask(PM, "DELETE", place).status_code == 204
    with team.store.reading() as session:
        trail = session.scalars(
            select(AuditEntryRow)
            .where(AuditEntryRow.subject_id == hook["id"])
            .order_by(AuditEntryRow.seq)
        ).all()
    assert [one.action.removeprefix("webhook.") for one in trail] == [
        "created",
        "secret_rotated",
        "changed",
        "deleted",
    ]
    for one in trail:
        assert "127.0.0.1" in one.detail
        assert "s3cret" not in one.detail
        assert "t0ken" not in one.detail


DOCS = Path(__file__).resolve().parent.parent / "docs/webhooks.md"


def test_the_documentation_names_the_events_and_failures() -> None:
    text = DOCS.read_text("utf-8")
    assert tuple(re.findall(r"^\| `(record\.\w+)` \|", text, re.MULTILINE)) == EVENTS
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == set(get_args(Failure))
    for known in (f"最多 {MOST} 个", f"{TIMEOUT_S} 秒", f"最多 {AT_ONCE} 条", f"{KEPT.days} 天"):
        assert known in text


def test_the_documented_check_verifies_what_is_sent(office: Team) -> None:
    fence = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    [source] = fence.findall(DOCS.read_text("utf-8"))
    known: dict[str, Any] = {}
    exec(compile(source, "webhooks.md", "exec"), known)  # noqa: S102
    with Listener() as listener:
        office.store.settings = replace(office.store.settings, webhook_networks=LOOPBACK)
        office.clock.now = datetime.now(UTC)
        hook = made(office, path := hooks_of(office), address(listener))
        office.made(office.post(PM, f"{path}/{hook['id']}/secret"), 200)
        office.made(office.post(PM, f"{path}/{hook['id']}/ping"), 202)
        until(lambda: listener.requests)
    [heard] = listener.requests
    assert known["verified"](hook["secret"], heard.headers, heard.body)
    assert not known["verified"](hook["secret"], heard.headers, heard.body + b" ")
    late = heard.headers | {"webhook-timestamp": "1600000000"}
    assert not known["verified"](hook["secret"], late, heard.body)
