"""Health: `/health` says the process lives, `/ready` that a child can render."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import text
from starlette.concurrency import run_in_threadpool

import docgen
from api.http.observing import Metrics
from api.http.openapi import problems
from api.http.problems import problem_response
from docgen.batches.queue_metrics import batch_totals, gauges
from docgen.batches.worker import real_time
from docgen.errors import DocgenError, StoreFault
from docgen.store.unit_of_work import Store

router = APIRouter(tags=["health"])
log = logging.getLogger("docgen.api")


@router.get("/metrics", summary="Prometheus 指标 Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Answer counters in Prometheus' text format."""
    state = request.app.state
    state.metrics.work.set(state.work.taken)
    try:
        await run_in_threadpool(_count_jobs, state.metrics, state.store)
    except StoreFault as wrong:  # the other counters matter most when the database is gone
        log.warning("jobs cannot be counted: %s", wrong)
    return Response(state.metrics.text(), media_type="text/plain; version=0.0.4")


@router.get("/health", summary="进程存活 The process lives")
async def health() -> dict[str, Any]:
    """Answer at once, whatever the children do."""
    return {"status": "ok", "version": docgen.__version__}


@router.get(
    "/ready", summary="可以渲染 A child can render", response_model=None, responses=problems(503)
)
async def readiness(request: Request) -> dict[str, Any] | Response:
    """Ask the database, and a child to load theme and templates; 503 with what is wrong."""
    try:
        await run_in_threadpool(_check_database, request.app.state.store)
        found = await request.app.state.work.ready()
    except DocgenError as wrong:
        return problem_response(wrong, 503)
    return {"status": "ok", "templates": found}


def _count_jobs(metrics: Metrics, store: Store) -> None:
    """Look at the queue of jobs. Raises StoreFault."""
    with store.reading() as session:
        found, totals = gauges(session, real_time()), batch_totals(session)
    metrics.chunks.labels("waiting").set(found.waiting)
    metrics.chunks.labels("running").set(found.running)
    waited = (store.clock() - found.oldest).total_seconds() if found.oldest else 0
    metrics.oldest_s.set(max(0.0, waited))
    for gauge, counts in ((metrics.batches, totals.batches), (metrics.failures, totals.failures)):
        gauge.clear()
        for name, count in counts.items():
            gauge.labels(name).set(count)


def _check_database(store: Store) -> None:
    """Send the database a query that reads no table. Raises StoreFault."""
    with store.reading() as session:
        session.execute(text("SELECT 1"))
