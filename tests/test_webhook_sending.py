"""One sending of a webhook, over real sockets: whatever the receiver does becomes a receipt."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from http.client import HTTPException
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from docgen.webhooks.address import WebhookAddress, public_addresses
from docgen.webhooks.request import KEPT_BYTES, Receipt, _Connection, send, trusted
from docgen.webhooks.signature import sign, verify
from tests.listener import Answer, Authority, Heard, Listener
from tests.webhooks import LOOPBACK, NOW, answering, refusal, secret

NAME = "receiver.example"

needs_sockets = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def here(listener: Listener, scheme: str = "https", path: str = "/hook?a=1") -> WebhookAddress:
    return public_addresses(
        f"{scheme}://{NAME}:{listener.port}{path}",
        networks=LOOPBACK,
        resolve=answering(str(listener.server_address[0])),
    )


def sent(target: WebhookAddress, body: bytes = b"{}", timeout_s: float = 20) -> Receipt:
    headers = {"content-type": "application/json"}
    return send(target, headers, body, timeout_s=timeout_s, trust=trusted())


def answered(answer: Answer, timeout_s: float = 20, *, stays: bool = False) -> Receipt:
    with Listener(answer, stays=stays) as listener:
        return sent(here(listener, "http"), timeout_s=timeout_s)


@needs_sockets
def test_a_signed_request_arrives_and_verifies(authority: Authority) -> None:
    body = '{"event":"文档已归档"}'.encode()
    headers = sign([secret()], "msg_1", NOW, body) | {"content-type": "application/json"}
    with Listener(tls=authority.context(NAME)) as listener:
        target = here(listener)
        receipt = send(target, headers, body, timeout_s=20, trust=trusted(authority.pem))
    assert receipt.delivered
    assert (receipt.status, receipt.answer, receipt.failure) == (204, "", None)
    [request] = listener.requests
    assert request.line == "POST /hook?a=1 HTTP/1.1"
    assert request.headers["host"] == f"{NAME}:{listener.port}"
    verify([secret()], request.headers, request.body, now=NOW)
    assert refusal([secret()], request.headers, request.body + b" ") == "webhook_signature_wrong"
    assert refusal([secret(1)], request.headers, request.body) == "webhook_signature_wrong"


@needs_sockets
def test_a_large_body_arrives_whole(authority: Authority) -> None:
    body = os.urandom(3_000_000)
    with Listener(tls=authority.context(NAME)) as listener:
        receipt = send(here(listener), {}, body, timeout_s=20, trust=trusted(authority.pem))
    assert receipt.delivered
    assert [request.body == body for request in listener.requests] == [True]


def certified(listener: Listener, trust: Path | None) -> Receipt:
    return send(here(listener), {}, b"", timeout_s=20, trust=trusted(trust))


@needs_sockets
def test_a_receiver_that_cannot_prove_its_name_gets_nothing(authority: Authority) -> None:
    receipts = []
    for context, trust in (
        (authority.context("other.example", "127.0.0.1"), authority.pem),
        (authority.context(NAME, days=-1), authority.pem),
        (authority.context(NAME), None),
    ):
        with Listener(tls=context) as listener:
            receipts.append(certified(listener, trust))
        assert listener.requests == []
    assert [(one.failure, one.status) for one in receipts] == [("tls", None)] * 3


@needs_sockets
def test_a_receiver_that_speaks_no_tls(authority: Authority) -> None:
    with Listener(b"HTTP/1.1 200 OK\r\n\r\n", reads=False) as listener:
        assert certified(listener, authority.pem).failure == "tls"


@needs_sockets
def test_an_address_as_host_must_stand_in_the_certificate(authority: Authority) -> None:
    with Listener(tls=authority.context("127.0.0.1")) as listener:
        url = f"https://127.0.0.1:{listener.port}/"
        target = public_addresses(url, networks=LOOPBACK)
        assert send(target, {}, b"", timeout_s=20, trust=trusted(authority.pem)).delivered


@needs_sockets
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_followed_nowhere(status: int) -> None:
    with Listener() as canary:
        answer = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:{canary.port}/\r\n\r\n"
        receipt = answered(answer.encode())
        assert (receipt.status, receipt.failure, receipt.delivered) == (status, "redirect", False)
        assert canary.callers == 0


@needs_sockets
def test_a_name_that_moves_inside_after_the_look_up() -> None:
    """Rebinding: the second answer is never asked for."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    with Listener() as canary, Listener(host="127.0.0.2", port=canary.port) as receiver:
        target = public_addresses(
            f"http://{NAME}:{receiver.port}/",
            networks=(ip_network("127.0.0.2/32"),),
            resolve=rebinding,
        )
        assert [sent(target).delivered for _ in range(3)] == [True] * 3
        assert canary.callers == 0
    assert asked == [NAME]
    assert len(receiver.requests) == 3


@needs_sockets
def test_the_surroundings_name_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Listener() as canary, Listener() as receiver:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert sent(here(receiver, "http")).delivered
        assert canary.callers == 0


@needs_sockets
def test_cookies_are_not_kept() -> None:
    with Listener(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\n\r\n") as listener:
        for _ in range(2):
            assert sent(here(listener, "http")).delivered
    assert all("cookie" not in request.headers for request in listener.requests)
    assert [*map(names, listener.requests)] == [HEADER_NAMES] * 2


HEADER_NAMES = {
    "host",
    "accept-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
}


def names(request: Heard) -> set[str]:
    return set(request.headers)


@needs_sockets
def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with Listener(host="127.0.0.2") as listener:
        for addresses, failure in (
            (("127.0.0.3", "127.0.0.2"), None),
            (("127.0.0.3", "127.0.0.4"), "unreachable"),
        ):
            target = public_addresses(
                f"http://{NAME}:{listener.port}/",
                networks=LOOPBACK,
                resolve=answering(*addresses),
            )
            assert sent(target).failure == failure
    assert len(listener.requests) == 1


@needs_sockets
def test_an_address_that_keeps_silent_leaves_time_for_the_next() -> None:
    with ExitStack() as stack:
        receiver = stack.enter_context(Listener(host="127.0.0.2"))
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.3", receiver.port))
        full.listen(0)
        for _ in range(4):  # a queue that nobody empties: the system drops whoever knocks next
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        target = public_addresses(
            f"http://{NAME}:{receiver.port}/",
            networks=LOOPBACK,
            resolve=answering("127.0.0.3", "127.0.0.2"),
        )
        assert sent(target, timeout_s=2).delivered


@needs_sockets
def test_a_closed_connection_is_not_opened_by_name() -> None:
    with Listener() as canary:
        connection = _Connection("localhost", canary.port)
        with pytest.raises(HTTPException):
            connection.request("POST", "/")
        assert canary.callers == 0


@needs_sockets
@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_an_error_is_told_with_its_words(status: int) -> None:
    answer = f"HTTP/1.1 {status} X\r\nRetry-After: 120\r\nContent-Length: 9\r\n\r\n出错\n\0x"
    receipt = answered(answer.encode())
    assert (receipt.status, receipt.failure, receipt.delivered) == (status, None, False)
    assert (receipt.answer, receipt.retry_after) == ("出错\n\ufffdx", "120")


@needs_sockets
def test_an_answer_is_cut_between_characters() -> None:
    receipt = answered(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" + "字".encode() * 1000)
    assert receipt.delivered
    assert receipt.answer == "a" + "字" * ((KEPT_BYTES - 1) // 3)


def endless(start: bytes, piece: bytes, pause_s: float = 0) -> Answer:
    def pieces(stream: socket.socket) -> Iterator[bytes]:
        yield start
        while True:
            yield piece
            time.sleep(pause_s)

    return pieces


@needs_sockets
def test_a_long_answer_is_not_heard_out() -> None:
    receipt = answered(endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 9000))
    assert receipt.delivered
    assert receipt.answer == "x" * KEPT_BYTES


LONG = {
    "status line": (b"", b"x" * 9000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 999),
    "one header": (b"HTTP/1.1 200 OK\r\na: ", b"x" * 9000),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99),
    "negative chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 9000),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"a: b\r\n" * 999,
    ),
}


@needs_sockets
@pytest.mark.parametrize("part", LONG)
def test_an_answer_without_end_is_broken_off(part: str) -> None:
    receipt = answered(endless(*LONG[part]))
    assert (receipt.failure, receipt.answer) == ("broken", "")


DRIPS = {
    "status line": b"HTTP/1.1 ",
    "headers": b"HTTP/1.1 200 OK\r\na: ",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n",
}


@needs_sockets
@pytest.mark.parametrize("part", DRIPS)
def test_a_slow_drip_ends_with_the_time(part: str) -> None:
    """Each drop comes well within the time; a timeout that begins anew would wait for ever."""
    receipt = answered(endless(DRIPS[part], b"1", 0.05), timeout_s=0.4)
    assert (receipt.failure, receipt.delivered) == ("timeout", False)
    assert receipt.status == (200 if part == "body" else None)


@needs_sockets
@pytest.mark.parametrize("start", [b"", b"\x16\x03\x03\x40\x00"], ids=["silence", "drip"])
def test_a_slow_handshake_ends_with_the_time(start: bytes, authority: Authority) -> None:
    drops = endless(start, b"\x02", 0.05) if start else b""
    with Listener(drops, reads=False, stays=True) as listener:
        target = here(listener)
        receipt = send(target, {}, b"", timeout_s=0.4, trust=trusted(authority.pem))
    assert receipt.failure == "timeout"


@needs_sockets
def test_a_receiver_that_never_answers_or_never_listens() -> None:
    assert answered(b"", 0.3, stays=True).failure == "timeout"
    with Listener() as listener:
        assert sent(here(listener, "http"), timeout_s=0).failure == "timeout"


@needs_sockets
def test_a_receiver_that_takes_the_message_in_sips() -> None:
    sips: list[int] = []

    def sipping(stream: socket.socket) -> Iterator[bytes]:
        while sip := len(stream.recv(65536)):
            sips.append(sip)
            time.sleep(0.005)
            yield b""

    body = b"x" * 50_000_000
    with Listener(sipping, reads=False) as listener:
        assert sent(here(listener, "http"), body, 0.4).failure == "timeout"
    assert sum(sips) < len(body)


@needs_sockets
def test_a_receiver_that_hangs_up() -> None:
    assert answered(b"").failure == "broken"
    assert answered(b"HTTP/1.1 200").failure is None
    cut = answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")
    assert (cut.status, cut.failure, cut.delivered) == (200, "broken", False)


@needs_sockets
def test_nobody_there() -> None:
    with Listener() as listener:
        target = here(listener, "http")
    receipt = sent(target)
    assert (receipt.status, receipt.failure) == (None, "unreachable")


@needs_sockets
def test_headers_that_http_cannot_carry() -> None:
    with Listener() as listener:
        for headers in ({"a": "b\r\nc: d"}, {"a b:": "c"}, {"a": "消息"}):
            with pytest.raises(ValueError):  # noqa: PT011 - http.client's own, of several kinds
                send(here(listener, "http"), headers, b"", timeout_s=20, trust=trusted())
    assert listener.requests == []


@needs_sockets
def test_whatever_comes_back_becomes_a_receipt() -> None:
    trust = trusted()

    with Listener() as listener:
        target = here(listener, "http")

        @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(STARTS), st.binary(max_size=200))
        @example(b"", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc")
        @example(b"", b"HTTP/1.1 999999 OK\r\n\r\n")
        @example(b"", b"HTTP/9.9 200 OK\r\n\r\n")
        def fuzzed(start: bytes, rest: bytes) -> None:
            listener.answer = start + rest
            receipt = send(target, {}, b"{}", timeout_s=20, trust=trust)
            assert len(receipt.answer) <= KEPT_BYTES
            assert "\0" not in receipt.answer + receipt.retry_after

        fuzzed()


STARTS = (
    b"",
    b"HTTP/1.1 ",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 429 X\r\nRetry-After: ",
    b"HTTP/1.1 200 OK\r\nContent-Length: ",
    b"HTTP/1.1 200 OK\r\nContent-Type: ",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
)
