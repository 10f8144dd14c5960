"""Load on an HTTP server: connections kept open, each asking again as soon as it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Result:
    """What came of a load: seconds, answers by status, and each answer's latency in seconds."""

    seconds: float
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return sum(self.statuses.values()) / self.seconds

    @property
    def errors(self) -> int:
        """Answers other than 200."""
        return sum(count for status, count in self.statuses.items() if status != 200)

    def percentile(self, share: float) -> float:
        """Latency that `share` of the answers do not exceed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def load(
    port: int, paths: Callable[[int], str], *, token: str, connections: int, seconds: float
) -> Result:
    """Ask for `paths(0)`, `paths(1)`, … over `connections` for `seconds`."""
    return asyncio.run(_load(port, paths, token=token, connections=connections, seconds=seconds))


async def _load(
    port: int, paths: Callable[[int], str], *, token: str, connections: int, seconds: float
) -> Result:
    start = time.perf_counter()
    result = Result(seconds)
    counter = iter(range(10**9))
    end = start + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (began := time.perf_counter()) < end:
            head = (
                f"GET {paths(next(counter))} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {token}\r\n\r\n"
            )
            writer.write(head.encode())
            status = await _answer(reader)
            result.latencies.append(time.perf_counter() - began)
            result.statuses[status] = result.statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    result.seconds = time.perf_counter() - start
    return result


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    await reader.readexactly(length)
    return int(head[9:12])
