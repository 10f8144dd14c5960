"""What follows an attempt: another by the waits, an order that is kept while that is reasonable."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import select

from docgen.store.tables import AuditEntryRow
from docgen.webhooks import webhooks
from docgen.webhooks.outbox import IN_ORDER
from docgen.webhooks.schedule import WAITS
from docgen.webhooks.signature import verify
from docgen.webhooks.webhooks import WebhookPlace
from tests.listener import NO_CONTENT, Listener
from tests.shop import Shop, address, doc_nos
from tests.webhooks import answering

pytestmark = pytest.mark.enable_socket
DOWN = b"HTTP/1.1 503 Down\r\nContent-Length: 4\r\n\r\ndown"
GONE = b"HTTP/1.1 410 Gone\r\n\r\n"


# ---------------------------------------------------------------- again, and no more


def test_a_failing_receiver_is_tried_again_by_the_waits_and_given_up(shop: Shop) -> None:
    with Listener(DOWN) as listener:
        hook_id, secret = shop.hook(address(listener))
        shop.tell("a")
        for wait in (*WAITS, None):
            assert shop.deliver() == 1
            assert shop.deliver() == 0
            heard, now = listener.requests[-1], shop.clock.now
            verify([secret], heard.headers, heard.body, now=now)
            [message] = shop.log()
            assert (message.status, message.answer, message.tried_at) == (503, "down", now)
            if wait is None:
                break
            assert (message.state, message.next_at) == ("pending", now + wait)
            shop.clock.now += wait - timedelta(microseconds=1)
            assert shop.deliver() == 0
            shop.clock.now += timedelta(microseconds=1)
        [message] = shop.log()
        assert (message.state, message.next_at, message.attempts) == ("failed", None, 8)
        assert {one.headers["webhook-id"] for one in listener.requests} == {message.id}
        shop.clock.go(days=30)
        assert shop.deliver() == 0

        listener.answer = NO_CONTENT
        shop.resend(hook_id, message.id)
        assert shop.deliver() == 1
    [message] = shop.log()
    assert (message.state, message.attempts, message.answer) == ("delivered", 1, None)
    assert shop.row(hook_id).given_up == 0


def worn_out(shop: Shop) -> None:
    """Let every attempt of what is pending be made."""
    shop.deliver()
    for wait in WAITS:
        shop.clock.now += wait
        shop.deliver()


def test_three_messages_given_up_in_a_row_disable_it(shop: Shop) -> None:
    with Listener(DOWN) as listener:
        hook_id, _ = shop.hook(address(listener))
        for record_id in ("a", "b"):
            shop.tell(record_id)
            worn_out(shop)
        listener.answer = NO_CONTENT
        shop.tell("c")
        shop.deliver()
        listener.answer = DOWN
        for record_id in ("d", "e", "f"):
            assert shop.row(hook_id).disabled_at is None
            shop.tell(record_id)
            worn_out(shop)
        row = shop.row(hook_id)
        assert (row.disabled_reason, row.disabled_at) == ("given_up", shop.clock.now)
        shop.tell("g")
        shop.enable(hook_id)
        shop.tell("h")
        listener.answer = NO_CONTENT
        shop.deliver()
        assert doc_nos(listener)[-1] == "h"
    assert [one.event for one in shop.log()] == ["record.created"] * 7
    assert shop.row(hook_id).disabled_reason is None
    with shop.store.reading() as session:
        query = (
            select(AuditEntryRow)
            .where(AuditEntryRow.subject_id == hook_id)
            .order_by(AuditEntryRow.seq)
        )
        trail = session.scalars(query).all()
    assert [one.action for one in trail] == [
        "webhook.created",
        "webhook.disabled",
        "webhook.changed",
    ]
    assert (trail[1].actor_role, json.loads(trail[1].detail)["reason"]) == ("service", "given_up")


def test_a_receiver_that_is_gone_is_told_nothing_more(shop: Shop) -> None:
    with Listener(GONE) as listener:
        hook_id, _ = shop.hook(address(listener))
        shop.tell("a", "b")
        assert shop.deliver() == 1
        assert shop.row(hook_id).disabled_reason == "receiver_gone"
        assert [one.state for one in shop.log()] == ["failed", "pending"]
        listener.answer = NO_CONTENT
        shop.enable(hook_id)
        assert shop.deliver() == 1
    assert doc_nos(listener) == ["a", "b"]


def test_a_name_that_comes_to_lead_inside_is_sent_nothing(shop: Shop) -> None:
    with Listener() as canary, Listener(host="127.0.0.2", port=canary.port) as receiver:
        shop.hook(f"http://receiver.example:{canary.port}/")
        only = (ip_network("127.0.0.2/32"),)
        shop.store.settings = replace(shop.store.settings, webhook_networks=only)
        shop.tell("a")
        assert shop.deliver(resolve=answering("127.0.0.2", "127.0.0.1")) == 1
        [message] = shop.log()
        assert (message.state, message.failure) == ("pending", "address_refused")
        shop.clock.now += WAITS[0]

        def silent(host: str, port: int) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")

        assert shop.deliver(resolve=silent) == 1
        assert shop.log()[0].failure == "host_unknown"
        shop.clock.now += WAITS[1]
        assert shop.deliver(resolve=answering("127.0.0.2")) == 1
        assert canary.callers == 0
    assert shop.log()[0].state == "delivered"
    assert len(receiver.requests) == 1


def test_a_secret_that_cannot_be_opened_is_told(shop: Shop) -> None:
    with Listener() as listener:
        hook_id, _ = shop.hook(address(listener))
        shop.store.key = shop.store.key[::-1].replace(b"=", b"") + b"="
        shop.tell("a")
        assert shop.deliver() == 1
        [message] = shop.log()
        assert (message.failure, message.attempts) == ("secret_sealed", 1)
        with shop.store.change(shop.manager) as unit:
            place = WebhookPlace(shop.contract_id, hook_id)
            _, secret = webhooks.rotate(unit, place, shop.store.key)
        shop.clock.go(hours=24)
        assert shop.deliver() == 1
    verify([secret], listener.requests[0].headers, listener.requests[0].body, now=shop.clock.now)


# ---------------------------------------------------------------- order


def test_a_records_messages_keep_their_order_while_that_is_reasonable(shop: Shop) -> None:
    with Listener(DOWN) as listener:
        shop.hook(address(listener))
        shop.tell("a")
        shop.deliver()
        shop.tell("a", "b", "a")
        listener.answer = NO_CONTENT
        assert shop.deliver() == 1
        assert doc_nos(listener) == ["a", "b"]
        shop.clock.now += WAITS[0]
        assert shop.deliver() == 3
        assert [one.headers["webhook-id"] for one in listener.requests[2:]] == [
            one.id for one in shop.log() if one.subject_id == "a"
        ]


def test_a_message_that_fails_for_long_holds_up_nothing_more(shop: Shop) -> None:
    with Listener(DOWN) as listener:
        shop.hook(address(listener))
        shop.tell("a", "a")
        for wait in WAITS[: IN_ORDER - 1]:
            assert shop.deliver() == 1
            shop.clock.now += wait
        assert len({one.headers["webhook-id"] for one in listener.requests}) == 1
        assert shop.deliver() == 2
        assert len({one.headers["webhook-id"] for one in listener.requests}) == 2
