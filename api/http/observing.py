"""What operators see: a name for each request, one log line for each, and counters.

Neither holds personal data or secrets: no query, no body, no header, no name; addresses of things
appear as the route's pattern.
"""

from __future__ import annotations

import re
import time
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# What a proxy may send as X-Request-Id; anything else could forge lines of the log.
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
API = "/api/v1/"
# Upper ends in seconds, as the unit in the name of the metric has it.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

log = structlog.get_logger("docgen.request")


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "docgen_http_requests",
            "Requests by route, method and status",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "docgen_http_request_seconds",
            "Time to answer, by route",
            ("route",),
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.running = Gauge(
            "docgen_http_requests_running", "Requests being answered", registry=self.registry
        )
        self.work = Gauge(
            "docgen_work_places_taken",
            "Renders and checks that work or wait",
            registry=self.registry,
        )

        self.chunks = Gauge(
            "docgen_job_chunks",
            "Chunks of batches that wait or are worked on",
            ("state",),
            registry=self.registry,
        )
        self.oldest_s = Gauge(
            "docgen_job_oldest_seconds",
            "Age of the chunk that has waited longest",
            registry=self.registry,
        )
        self.batches = Gauge(
            "docgen_batches", "Batches that are kept", ("state",), registry=self.registry
        )
        self.failures = Gauge(
            "docgen_batch_failures",
            "Items of kept batches that failed, by their first error",
            ("code",),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Return them in Prometheus' text format."""
        return generate_latest(self.registry)


class Observed:
    """Names every request, and tells log and counters what became of it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; its name is answered as X-Request-Id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        name = Headers(scope=scope).get("x-request-id", "")
        if not REQUEST_ID.fullmatch(name):
            name = uuid4().hex
        scope.setdefault("state", {})["request_id"] = name
        status = 500

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = name
            await send(message)

        start = time.perf_counter()
        self.metrics.running.inc()
        try:
            with structlog.contextvars.bound_contextvars(request_id=name):
                await self.app(scope, receive, named)
        finally:
            self.metrics.running.dec()
            self._count(scope, status, time.perf_counter() - start, name)

    def _count(self, scope: Scope, status: int, seconds: float, name: str) -> None:
        route = _pattern(scope)
        # Any word may come as a method, and each would be a time series of its own.
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.metrics.requests.labels(route, method, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        log.info(
            "request",
            request_id=name,
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 1),
        )


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _pattern(scope: Scope) -> str:
    """Return the pattern of the route that answers, as the API's description has it."""
    path = str(getattr(scope.get("route"), "path", "unknown"))
    inside = scope["path"].startswith(API) and path.startswith("/")
    return API.rstrip("/") + path if inside and not path.startswith(API) else path
