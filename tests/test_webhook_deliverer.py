"""Delivering by a thread of each process: at least once, one at a time, whatever ends or hangs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from docgen.access import SERVICE
from docgen.errors import StoreFault
from docgen.store.unit_of_work import Store
from docgen.webhooks import sender, webhooks
from docgen.webhooks.outbox import LEASE
from docgen.webhooks.sender import Deliverer
from docgen.webhooks.signature import verify
from docgen.webhooks.webhooks import WebhookPlace
from tests.listener import NO_CONTENT, Listener
from tests.postgres import Server
from tests.settings import SECRET
from tests.shop import Shop, address, chosen, delivering_by, doc_nos, opened
from tests.webhooks import until

pytestmark = pytest.mark.enable_socket


# ---------------------------------------------------------------- at least once


def test_a_claim_is_nobody_elses_until_it_runs_out(shop: Shop) -> None:
    with Listener() as listener:
        shop.hook(address(listener))
        shop.tell("a", "b")
        [first] = shop.claim()
        assert shop.claim() == []
        shop.clock.now = first.until - timedelta(microseconds=1)
        assert shop.claim() == []
        shop.clock.now = first.until
        [second] = shop.claim()
        assert second.delivery_id == first.delivery_id
        deliverer = Deliverer(shop.store)
        assert not deliverer.deliver(first)
        assert listener.requests == []
        assert deliverer.deliver(second)
        [third] = shop.claim()
        assert deliverer.deliver(third)
    assert [one.attempts for one in shop.log()] == [1, 1]


PROCESS = """
import time
from docgen.webhooks.sender import Deliverer
from docgen.store.unit_of_work import Store
from docgen.settings import load_settings
Deliverer(Store.open(load_settings())).start()
time.sleep(600)
"""


@pytest.mark.slow
def test_a_kill_between_sending_and_recording_sends_the_same_again(
    shop: Shop, tmp_path: Path
) -> None:
    held = threading.Event()

    def holding(stream: socket.socket) -> Iterator[bytes]:
        held.wait(60)
        yield NO_CONTENT

    with Listener(holding) as listener:
        _, secret = shop.hook(address(listener))
        shop.tell("a")
        with process(shop, tmp_path) as first:
            until(lambda: listener.requests)
            first.send_signal(signal.SIGKILL)
            first.wait()
        held.set()
        assert [one.state for one in shop.log()] == ["pending"]
        shop.clock.now += LEASE
        with process(shop, tmp_path):
            until(lambda: shop.log()[0].state == "delivered")
    sent, again = listener.requests
    assert sent.headers["webhook-id"] == again.headers["webhook-id"] == shop.log()[0].id
    assert sent.body == again.body
    verify([secret], again.headers, again.body, now=shop.clock.now)


@contextmanager
def process(shop: Shop, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Deliver in a process of its own, at the shop's moment."""
    settings = shop.store.settings
    env = os.environ | {
        "DOCGEN_DATA": str(settings.data),
        "DOCGEN_DATABASE": settings.database,
        "DOCGEN_SECRET_KEY": SECRET,
        "DOCGEN_WEBHOOK_NETWORKS": "127.0.0.0/8",
        "DOCGEN_NOW": shop.clock.now.isoformat(),
    }
    made = subprocess.Popen([sys.executable, "-c", PROCESS], cwd=folder, env=env)
    try:
        yield made
    finally:
        made.kill()
        made.wait()


@pytest.mark.slow
def test_two_of_them_send_each_message_once_and_one_at_a_time(
    database: str, tmp_path: Path
) -> None:
    busy: Counter[str] = Counter()
    overlaps: list[str] = []
    lock = threading.Lock()

    with opened(tmp_path / "a", database) as shop, ExitStack() as stack:
        listeners = [
            stack.enter_context(Listener(alone(busy, overlaps, lock, str(one)))) for one in range(4)
        ]
        for listener in listeners:
            shop.hook(address(listener))
        other = Store.open(chosen(tmp_path / "b", database))
        other.clock = shop.clock
        shop.tell(*(f"r{number}" for number in range(40)))
        with delivering_by(shop.store), delivering_by(other):
            until(lambda: all(one.state == "delivered" for one in shop.log()))
        other.close()
    assert overlaps == []
    for listener in listeners:
        assert doc_nos(listener) == [f"r{number}" for number in range(40)]


def alone(
    busy: Counter[str], overlaps: list[str], lock: threading.Lock, name: str
) -> Callable[[socket.socket], Iterator[bytes]]:
    """Answer, and tell when two are answered at once."""

    def answer(stream: socket.socket) -> Iterator[bytes]:
        with lock:
            busy[name] += 1
            if busy[name] > 1:
                overlaps.append(name)
        threading.Event().wait(0.002)
        with lock:
            busy[name] -= 1
        yield NO_CONTENT

    return answer


def test_deleting_waits_for_whoever_leaves_a_message(shop: Shop) -> None:
    hook_id, _ = shop.hook("http://127.0.0.1:9/")
    deleted = threading.Event()

    def delete() -> None:
        with shop.store.change(shop.manager) as unit:
            webhooks.remove(unit, WebhookPlace(shop.contract_id, hook_id))
        deleted.set()

    thread = threading.Thread(target=delete)
    with shop.store.change(SERVICE) as unit:
        unit.tell("record.created", shop.contract_id, id="a", doc_no="a")
        thread.start()
        assert not deleted.wait(0.2)
    thread.join()
    assert deleted.is_set()
    assert shop.log() == []


# ---------------------------------------------------------------- the thread


def test_a_change_wakes_it_at_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "POLL_S", 1e5)
    with Listener() as listener, delivering_by(shop.store):
        shop.hook(address(listener))
        for number in range(3):
            shop.tell(f"r{number}")
            until(partial(arrived, listener, number + 1))


def arrived(listener: Listener, number: int) -> bool:
    return len(listener.requests) == number


def test_it_finds_what_another_process_left(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "POLL_S", 0.05)
    with Listener() as listener, delivering_by(shop.store):
        shop.hook(address(listener))
        other = Store.open(shop.store.settings)
        other.clock = shop.clock
        replace(shop, store=other).tell("a")
        until(lambda: listener.requests)
        other.close()


def test_a_receiver_that_hangs_holds_up_neither_others_nor_the_end(shop: Shop) -> None:
    ended = threading.Event()

    def hanging(stream: socket.socket) -> Iterator[bytes]:
        ended.wait(60)
        yield NO_CONTENT

    with Listener(hanging) as slow, Listener() as quick:
        shop.hook(address(slow))
        shop.hook(address(quick))
        with delivering_by(shop.store):
            shop.tell(*(f"r{number}" for number in range(5)))
            until(lambda: len(quick.requests) == 5)
            until(lambda: slow.requests)
            until(lambda: sum(one.state == "delivered" for one in shop.log()) == 5)
        assert not ended.is_set()
        ended.set()
        assert len(slow.requests) == 1
    waiting = [one for one in shop.log() if one.state == "pending"]
    assert [one.attempts for one in waiting] == [0] * 5


@pytest.mark.slow
def test_it_goes_on_after_the_database_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sender, "POLL_S", 0.05)
    with Server() as server, opened(tmp_path / "data", server.new_database()) as shop:
        with Listener() as listener, delivering_by(shop.store):
            shop.hook(address(listener))
            server.stop(immediate=True)
            until(lambda: "messages cannot be claimed" in caplog.text)
            with pytest.raises(StoreFault):
                shop.tell("a")
            server.start()
            shop.tell("b")
            until(lambda: listener.requests)
            until(lambda: shop.log()[0].state == "delivered")
        assert doc_nos(listener) == ["b"]


def test_logs_name_messages_and_no_address(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with Listener() as listener:
        _, secret = shop.hook(address(listener, "/s3cret"))
        shop.tell("a")
        shop.deliver()
    assert shop.log()[0].id in caplog.text
    assert "s3cret" not in caplog.text
    assert secret not in caplog.text
