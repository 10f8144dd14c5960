"""A server that speaks S3, as a process of its own (moto), whose objects can be made older.

Run as a module it serves until its standard input ends; each line there is a number of seconds
by which every object grows older.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection

BUCKET = "docgen-test"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "a secret of the test"}


@dataclass(frozen=True)
class S3Server:
    process: subprocess.Popen[str]
    endpoint: str

    @property
    def environ(self) -> dict[str, str]:
        """What a client needs to be told."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": "us-east-1"}

    def age(self, by: timedelta) -> None:
        """Make every object older than it is."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{by.total_seconds()}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "aged\n"


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Serve an empty bucket on a free port until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield S3Server(process, process.stdout.readline().strip())
        finally:
            process.kill()


def _serve() -> None:
    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    connection = HTTPConnection(host, port)
    connection.request("PUT", f"/{BUCKET}")
    assert connection.getresponse().status == 200
    _say(f"http://{host}:{port}")
    for line in sys.stdin:
        for account in s3_backends.values():
            for backend in account.values():
                for bucket in backend.buckets.values():
                    for key in bucket.keys.values():
                        key.last_modified -= timedelta(seconds=float(line))
        _say("aged")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve()
