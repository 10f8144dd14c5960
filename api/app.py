"""The web application: the JSON API under /api/v1 and health, over rendering children."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

import docgen
from api.errors import install_errors
from api.limits import BodyLimit, HeadAsGet, SafeHeaders
from api.openapi import described
from api.routes import health, records
from api.work import QUEUE, Work
from docgen.settings import Settings, load_settings


def create_app(settings: Settings | None = None, *, queue: int = QUEUE) -> FastAPI:
    """Make the application; its rendering children start and stop with it.

    `queue` is how many requests may wait or work at once; one more is answered 503.
    """
    chosen = settings or load_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        work = Work(chosen, queue)
        app.state.settings, app.state.work = chosen, work
        try:
            yield
        finally:
            work.stop()

    app = FastAPI(
        title="docgen",
        version=docgen.__version__,
        summary="一份单据，三种一致的文档。One record, three identical documents.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.include_router(records.router, prefix="/api/v1")
    app.include_router(health.router)
    install_errors(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(HeadAsGet)
    app.add_middleware(SafeHeaders)
    app.openapi = partial(described, app)  # type: ignore[method-assign]
    return app
