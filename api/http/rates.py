"""How many requests one caller may make a minute, by token, session or address."""

from __future__ import annotations

import hashlib
import math
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.problems import problem_response
from docgen.errors import Overloaded

MINUTE_S = 60.0
MOST_CALLERS = 50_000  # about 10 MB; beyond it, callers that may ask again are forgotten
# Asked by orchestrators and monitors every few seconds, without credentials.
FREE = frozenset({"/health", "/ready", "/metrics"})


class RateLimit:
    """Answers 429 once a caller has used up a minute's requests; 0 means no limit.

    For each caller only one moment is kept: when all requests so far would have been made, had
    they come evenly (the generic cell rate algorithm). A minute's worth may come at once.
    """

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self.app, self.per_minute = app, per_minute
        self._interval_s = MINUTE_S / max(1, per_minute)
        self._due: dict[str, float] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it before its body is read."""
        limited = scope["type"] == "http" and self.per_minute and scope["path"] not in FREE
        wait_s = self._wait_s(_caller(scope), time.monotonic()) if limited else 0
        if wait_s <= 0:
            await self.app(scope, receive, send)
            return
        refused = Overloaded(
            "too_many_requests", retry_after_s=math.ceil(wait_s), per_minute=self.per_minute
        )
        await problem_response(refused)(scope, receive, send)

    def _wait_s(self, caller: str, now: float) -> float:
        """Count a request; how long it must wait, 0 when it need not."""
        due = max(self._due.get(caller, now), now) + self._interval_s
        # Half an interval absorbs the rounding of sums of floating-point seconds.
        if due - now > MINUTE_S + self._interval_s / 2:
            return due - now - MINUTE_S
        self._due[caller] = due
        if len(self._due) > MOST_CALLERS:
            self._due = {one: at for one, at in self._due.items() if at > now}
        return 0


def _caller(scope: Scope) -> str:
    """Tell callers apart by their credentials (hashed), or by their address."""
    headers = Headers(scope=scope)
    credentials = headers.get("authorization") or headers.get("cookie") or ""
    host = scope["client"][0] if scope.get("client") else ""
    return hashlib.sha256(f"{host} {credentials}".encode()).hexdigest()
