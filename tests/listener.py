"""A small HTTP(S) listener on this machine that counts who connects, and an authority for its TLS.

Needs sockets: tests that open one are marked `enable_socket`.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
Answer = bytes | Callable[[socket.socket], Iterable[bytes]]
PATIENCE_S = 20


@dataclass(frozen=True)
class Heard:
    """A request as it arrived; header names in lower case."""

    line: str
    headers: dict[str, str]
    body: bytes


class Listener(socketserver.ThreadingTCPServer):
    """Answers every request alike: with some bytes, or piece by piece until the sender leaves.

    `reads=False` answers before anything was asked; `stays=True` lets the sender hang up.
    """

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        answer: Answer = NO_CONTENT,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        reads: bool = True,
        stays: bool = False,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Conversation)
        self.answer, self.tls, self.reads, self.stays = answer, tls, reads, stays
        self.requests: list[Heard] = []
        self.faults: list[BaseException] = []
        self._callers: list[Any] = []
        self._called = threading.Condition()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def callers(self) -> int:
        """How many connected, whatever they sent; one of our own, taken last, closes the count."""
        here = (str(self.server_address[0]), self.port)
        with socket.create_connection(here, PATIENCE_S) as own, self._called:
            name = own.getsockname()
            assert self._called.wait_for(lambda: name in self._callers, PATIENCE_S)
            self._callers.remove(name)
            return len(self._callers)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._called:
            self._callers.append(client_address)
            self._called.notify_all()
        return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong here for the end of the test."""
        fault = sys.exception()
        assert fault is not None
        self.faults.append(fault)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        wrong: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
        assert self.faults == []


class _Conversation(socketserver.BaseRequestHandler):
    server: Listener

    def handle(self) -> None:
        try:
            self._spoken()
        except OSError:
            return  # the sender hung up, or did not trust us: the test looks at the sender

    def _spoken(self) -> None:
        self.request.settimeout(PATIENCE_S)
        if self.server.tls is None:
            self._answered(self.request)
            return
        with self.server.tls.wrap_socket(self.request, server_side=True) as secured:
            self._answered(secured)

    def _answered(self, stream: socket.socket) -> None:
        if self.server.reads and not self._heard(stream):
            return
        answer = self.server.answer
        for piece in [answer] if isinstance(answer, bytes) else answer(stream):
            stream.sendall(piece)
        while self.server.stays and stream.recv(4096):
            pass

    def _heard(self, stream: socket.socket) -> bool:
        with stream.makefile("rb") as file:
            line = file.readline().decode("latin-1").strip()
            if " HTTP/" not in line:
                return False
            headers = {name.lower(): text for name, text in http.client.parse_headers(file).items()}
            body = file.read(int(headers.get("content-length", "0")))
        self.server.requests.append(Heard(line, headers, body))
        return True


class Authority:
    """A certificate authority made for one test run; `pem` is what a sender trusts."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = _named("docgen test authority")
        made = self._builder(self._name, self._key.public_key())
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = made.add_extension(_usage(signs_others=True), critical=True)
        self._certificate = made.sign(self._key, SHA256())
        self.pem = folder / "authority.pem"
        self.pem.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def context(self, *names: str, days: int = 1) -> ssl.SSLContext:
        """Return what a server of these host names or addresses serves with, for `days` to come."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._builder(_named(names[0]), key.public_key(), days)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(_usage(signs_others=False), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName([*map(_alternative, names)]), False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = made.add_extension(issuer, critical=False).sign(self._key, SHA256())
        file = self._folder / "server.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int = 1
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name)
        made = made.public_key(key).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(days=30))
        made = made.not_valid_after(now + timedelta(days=days))
        return made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
