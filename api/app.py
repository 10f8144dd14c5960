"""The web application: the JSON API under /api/v1 and health, over rendering children."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache, partial

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

import docgen
from api.http.limits import BodyLimit, Compressed, HeadAsGet, SafeHeaders
from api.http.observing import Metrics, Observed
from api.http.openapi import described
from api.http.problems import install_errors
from api.http.rates import RateLimit
from api.http.work import QUEUE, Pools, Work
from api.routes import (
    accounts,
    attachments,
    audit,
    batches,
    batches_sheets,
    contracts,
    documents,
    health,
    links,
    packages,
    records,
    rendering,
    sessions,
    signing_page,
    tickets,
    verification,
    webhooks,
    workflow,
)
from docgen.accounts import oidc
from docgen.audit import trail
from docgen.batches.handlers import handlers
from docgen.batches.worker import WorkerContext, Workers
from docgen.links.mail_sender import MailSender
from docgen.mail.smtp import server_of
from docgen.operations.sweeping import Sweeper
from docgen.pipeline.children import children
from docgen.settings import Settings, load_settings
from docgen.store.unit_of_work import Store
from docgen.webhooks.sender import Deliverer

# Bytes: below one packet compression gains nothing. Levels above 5 cost time for little.
GZIP_FROM, GZIP_LEVEL = 1000, 5


# Routes are tried in order: what is read most comes first.
ROUTERS = (
    records.router,
    rendering.router,
    contracts.router,
    webhooks.router,
    tickets.router,
    workflow.router,
    links.router,
    documents.router,
    verification.router,
    attachments.router,
    audit.router,
    packages.router,
    batches.router,
    batches_sheets.router,
    workflow.hand_in,
    sessions.router,
    sessions.oidc_router,
    accounts.router,
)


def create_app(
    settings: Settings | None = None, *, queue: int = QUEUE, pools: Pools = children
) -> FastAPI:
    """Make the application; its children, and what sends its webhooks, start and stop with it.

    `queue` is how many requests may wait or work at once; one more is answered 503. `pools`
    makes the children.
    """
    chosen = settings or load_settings()
    app = FastAPI(
        title="docgen",
        version=docgen.__version__,
        summary="一份单据，三种一致的文档。One record, three identical documents.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        routes=_routes(),
        lifespan=lambda app: _running(app, chosen, queue, pools),
    )
    install_errors(app)
    _wrap(app, chosen)
    app.openapi = partial(described, app)  # type: ignore[method-assign]
    return app


@cache
def _routes() -> list[BaseRoute]:
    """Return the routes of every application of this process.

    FastAPI works out parameters and models of a route at its first use, which takes a tenth of a
    second for all of them; whoever starts several applications, as tests do, pays once.
    """
    root = APIRouter()
    for router in ROUTERS:
        root.include_router(router, prefix="/api/v1")
    for router in (health.router, signing_page.router, verification.page_router):
        root.include_router(router)
    return root.routes


@asynccontextmanager
async def _running(
    app: FastAPI, settings: Settings, queue: int, pools: Pools
) -> AsyncIterator[None]:
    """Open the store and start what works beside the requests; end it all in order."""
    oidc.provider_of(settings)  # half a set of settings is told now, not at the first sign-in
    mail = server_of(settings)
    store = Store.open(settings)
    trail.begin(store)
    work = Work(settings, queue, pools=pools)
    deliverer, sweeper = Deliverer(store), Sweeper(store)
    app.state.settings, app.state.work, app.state.store = settings, work, store
    workers = _workers(settings, store, work)
    deliverer.start()
    sweeper.start()
    postman = MailSender(store, mail) if mail else None
    if postman:
        postman.start()
    if workers:
        workers.start()
    try:
        yield
    finally:
        if workers:
            workers.stop()  # before the children, whose end is no item's fault
        work.stop()
        deliverer.stop()
        sweeper.stop()
        if postman:
            postman.stop()
        store.close()


def _wrap(app: FastAPI, settings: Settings) -> None:
    """Put the guards around the routes, the innermost first."""
    app.state.metrics = Metrics()
    app.add_middleware(BodyLimit)
    app.add_middleware(RateLimit, per_minute=settings.requests_per_minute)
    app.add_middleware(Compressed, minimum_size=GZIP_FROM, compresslevel=GZIP_LEVEL)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Observed, metrics=app.state.metrics)


def _workers(settings: Settings, store: Store, work: Work) -> Workers | None:
    """Return what works on batches; beside PostgreSQL `docgen worker` does."""
    if not store.database.is_sqlite:
        return None
    return Workers(WorkerContext(store, handlers(store, work.children), at_once=settings.jobs))
