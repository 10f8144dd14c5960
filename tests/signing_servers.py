"""Run by tests as processes: `python -m tests.signing_servers FOLDER`, a TSA and a remote signer.

The path says how it answers: `/tsa/good`, `/signer/hang`, … The port is the first line printed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from asn1crypto import keys, tsp, x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pyhanko.sign.timestamps import DummyTimeStamper

from tests.authorities import NOW

REPLY = "application/timestamp-reply"
TOKEN = "let me in"
STAMPED = NOW + timedelta(seconds=3)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Give the address of both services; `folder` has their keys (see `main`)."""
    command = [sys.executable, "-m", "tests.signing_servers", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


class Answers(BaseHTTPRequestHandler):
    folder: Path

    def do_GET(self) -> None:
        service, mode = self.path.strip("/").split("/")
        self._answer(service, mode, b"")

    def do_POST(self) -> None:
        service, mode = self.path.strip("/").split("/")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(service, mode, body)

    def _answer(self, service: str, mode: str, body: bytes) -> None:
        if mode == "hang":
            time.sleep(60)
        elif mode == "drip":
            self._drip()
        elif mode == "redirect":
            self._send(307, "text/plain", b"", Location=f"/{service}/good")
        elif mode == "error":
            self._send(500, "text/plain", b"out of order")
        elif mode == "page":
            self._send(200, "text/html", b"<h1>Welcome</h1>")
        elif mode == "flood":
            self._send(200, self._kind(service), bytes(3_000_000))
        elif mode == "junk":
            self._send(200, self._kind(service), b"0\x03junk")
        else:
            getattr(self, f"_{service}")(mode, body)

    def _kind(self, service: str) -> str:
        if service == "tsa":
            return REPLY
        chain, signature = "application/pem-certificate-chain", "application/octet-stream"
        return chain if self.command == "GET" else signature

    def _drip(self) -> None:
        """One byte a tenth of a second: no single wait is long."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in range(600):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def _tsa(self, mode: str, body: bytes) -> None:
        key = mode if mode in ("unfit", "stranger") else "tsa"
        certificate = x509.Certificate.load((self.folder / f"{key}.der").read_bytes())
        private = keys.PrivateKeyInfo.load((self.folder / "tsa.key").read_bytes())
        stamper = DummyTimeStamper(certificate, private, fixed_dt=STAMPED)
        asked = tsp.TimeStampReq.load(body)
        if mode == "nonce":
            asked["nonce"] = 7
        if mode == "imprint":
            asked["message_imprint"]["hashed_message"] = bytes(32)
        answer = stamper.request_tsa_response(asked)
        if mode == "refused":
            answer = tsp.TimeStampResp({"status": {"status": "rejection"}})
        if mode == "forged":
            signed = answer["time_stamp_token"]["content"]["signer_infos"][0]
            signed["signature"] = bytes(256)
        self._send(200, REPLY, answer.dump())

    def _signer(self, mode: str, body: bytes) -> None:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._send(401, "text/plain", b"who are you?")
            return
        if self.command == "GET":
            pem = (self.folder / "signer.pem").read_bytes()
            self._send(200, self._kind("signer"), pem)
            return
        asked = json.loads(body)
        assert asked["algorithm"] == "sha256"
        file = "signer.key" if mode == "good" else "other.key"
        key = load_der_private_key((self.folder / file).read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        method = ec.ECDSA(Prehashed(hashes.SHA256()))
        self._send(200, self._kind("signer"), key.sign(bytes.fromhex(asked["digest"]), method))

    def _send(self, status: int, kind: str, data: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def main() -> None:
    Answers.folder = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
