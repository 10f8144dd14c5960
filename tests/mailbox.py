"""A real mail server (aiosmtpd in a process of its own), which keeps what it takes in a folder."""

from __future__ import annotations

import email
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

PATIENCE_S = 60
PROGRAM = """
import asyncio, sys
from pathlib import Path
from aiosmtpd.smtp import SMTP, AuthResult

folder, port = Path(sys.argv[1]), int(sys.argv[2])
certificate, key = sys.argv[3:5] if len(sys.argv) > 3 else ("", "")

class Keeping:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        if address.startswith("later@"):
            return "450 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        count = len(list(folder.glob("*.eml")))
        (folder / f"{count:04}.part").write_bytes(envelope.content)
        (folder / f"{count:04}.part").rename(folder / f"{count:04}.eml")
        return "250 OK"

def may(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (b"docgen", b"s3cret")
    return AuthResult(success=right, handled=False)

def protocol():
    more = {}
    if certificate:
        import ssl
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        more = dict(tls_context=context, require_starttls=True, authenticator=may,
                    auth_required=True)
    return SMTP(Keeping(), **more)

async def main():
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    await server.serve_forever()

asyncio.run(main())
"""


@dataclass(frozen=True)
class Mailbox:
    """The server's port, and the folder that it fills."""

    port: int
    folder: Path

    def messages(self) -> list[EmailMessage]:
        """Return what was taken, the oldest first."""
        taken = sorted(self.folder.glob("*.eml"))
        return [email.message_from_bytes(one.read_bytes(), policy=default) for one in taken]


@contextmanager
def mailbox(folder: Path, certificate: tuple[Path, Path] | None = None) -> Iterator[Mailbox]:
    """Start a mail server; with a certificate (and its key) it wants STARTTLS and a password."""
    folder.mkdir()
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port = int(made.getsockname()[1])
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), str(port)]
    process = subprocess.Popen([*command, *(str(one) for one in certificate or ())])
    try:
        _wait(process, port)
        yield Mailbox(port, folder)
    finally:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
