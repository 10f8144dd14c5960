"""Send one POST request to an allowed address, and return the answer within a fixed time.

Must not look up names, follow redirects, use proxies or keep cookies: each would lead elsewhere.
"""

from __future__ import annotations

import codecs
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from docgen.webhooks.address import WebhookAddress

if TYPE_CHECKING:
    from typing_extensions import Buffer

KEPT_BYTES = 1000  # of an answer's body
READ_BYTES = 64 * 1024  # of an answer in all; http.client alone would take megabytes of headers
TRIED_ADDRESSES = 4  # of a host, which share the time
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # PostgreSQL keeps no NUL

Failure = Literal[
    "unreachable",
    "tls",
    "timeout",
    "broken",
    "redirect",
    # why nothing was sent at all
    "address_refused",
    "host_unknown",
    "secret_sealed",
]


@dataclass(frozen=True)
class Receipt:
    """The result of one request; `ms` is how long it took."""

    ms: int
    status: int | None = None  # None when no status came
    answer: str = ""  # the first 1,000 bytes of the body, unprintable characters replaced
    retry_after: str = ""  # the header
    failure: Failure | None = None  # why a status is missing, or does not count

    @property
    def delivered(self) -> bool:
        """Return whether the receiver took the message: a whole answer with a 2xx status."""
        return self.failure is None and self.status is not None and 200 <= self.status < 300


class _Failed(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure: Failure = failure


@cache
def trusted(authorities: Path | None = None) -> ssl.SSLContext:
    """Return the TLS context with the system's authorities, or those of a PEM file.

    Loaded once a process, because the system's are hundreds.
    """
    return ssl.create_default_context(cafile=authorities)


def send(
    target: WebhookAddress,
    headers: Mapping[str, str],
    body: bytes,
    *,
    timeout_s: float,
    trust: ssl.SSLContext,
) -> Receipt:
    """POST `body` to `target` and return the result within `timeout_s` seconds.

    Failures of receiver or network are part of the receipt. Raises ValueError for headers that
    HTTP cannot carry.
    """
    started = time.monotonic()
    try:
        with _opened(target, started + timeout_s, trust) as stream:
            receipt = _exchange(target, headers, body, stream=stream)
    except _Failed as failed:
        receipt = Receipt(0, failure=failed.failure)
    return replace(receipt, ms=round((time.monotonic() - started) * 1000))


@contextmanager
def _opened(target: WebhookAddress, deadline: float, trust: ssl.SSLContext) -> Iterator[_Stream]:
    with _failing_as("unreachable"):
        plain = _connect(target, deadline)
    with closing(plain), _failing_as("broken"):
        if target.scheme == "http":
            yield _Stream(plain, deadline)
            return
        plain.settimeout(_left_s(deadline))  # of the whole handshake, however slowly it comes
        with closing(trust.wrap_socket(plain, server_hostname=target.host)) as secured:
            yield _Stream(secured, deadline)


def _connect(target: WebhookAddress, deadline: float) -> socket.socket:
    """Connect to the first address that answers; each gets its share of the remaining time."""
    *others, last = [(str(one), target.port) for one in target.addresses[:TRIED_ADDRESSES]]
    for rest, end in zip(range(len(others) + 1, 1, -1), others, strict=True):
        try:
            return socket.create_connection(end, _left_s(deadline) / rest)
        except OSError:
            continue  # only the last one's failure is reported
    return socket.create_connection(last, _left_s(deadline))


def _exchange(
    target: WebhookAddress, headers: Mapping[str, str], body: bytes, *, stream: _Stream
) -> Receipt:
    connection = _Connection(target.host, target.port)
    connection.sock = cast(socket.socket, stream)
    ours = {"Host": target.authority, "User-Agent": "docgen", "Connection": "close"}
    connection.request("POST", target.path, body, {**headers, **ours})
    with closing(connection.getresponse()) as response:
        return _read_answer(response)


def _read_answer(response: HTTPResponse) -> Receipt:
    """Read the answer; its status is returned even if the body is cut off."""
    data = b""
    failure: Failure | None = None
    try:
        with _failing_as("broken"):
            data = response.read(KEPT_BYTES)[:KEPT_BYTES]  # a chunk of negative size brings more
    except _Failed as failed:
        failure = failed.failure
    if failure is None and 300 <= response.status < 400:
        failure = "redirect"
    retry_after = _printable((response.getheader("Retry-After") or "")[:64])
    # An incremental decoder leaves out a character that the limit cut in two.
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(data)
    return Receipt(0, response.status, _printable(text), retry_after, failure)


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\ufffd", text)


def _left_s(deadline: float) -> float:
    left_s = deadline - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


@contextmanager
def _failing_as(otherwise: Failure) -> Iterator[None]:
    try:
        yield
    except TimeoutError as wrong:
        raise _Failed("timeout") from wrong
    except ssl.SSLError as wrong:  # a subclass of OSError
        raise _Failed("tls") from wrong
    except (OSError, HTTPException) as wrong:
        raise _Failed(otherwise) from wrong


class _Connection(HTTPConnection):
    """An HTTPConnection over a given socket, which never opens one of its own."""

    def connect(self) -> None:
        raise HTTPException("the connection is closed")


class _Stream:
    """A socket for http.client that ends at the deadline and after READ_BYTES.

    A socket's own timeout restarts with every byte, so slow bytes would keep it open for ever.
    """

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self.socket, self.deadline = connected, deadline

    def sendall(self, data: Buffer) -> None:
        """Write all of `data`, or raise TimeoutError."""
        view = memoryview(data)
        while view:
            self.socket.settimeout(_left_s(self.deadline))
            view = view[self.socket.send(view) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return a reader of the answer."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Leave the socket open: http.client closes it before it reads; `_opened` closes it."""


class _Reader(io.RawIOBase):
    def __init__(self, stream: _Stream) -> None:
        super().__init__()
        self._stream, self._rest = stream, READ_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Read some bytes; TimeoutError after the deadline, HTTPException past the limit."""
        if not self._rest:
            raise HTTPException("the answer is too long")
        connected = self._stream.socket
        connected.settimeout(_left_s(self._stream.deadline))
        count = connected.recv_into(memoryview(buffer)[: self._rest])
        self._rest -= count
        return count
