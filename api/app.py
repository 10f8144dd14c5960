"""The web application: the JSON API under /api/v1 and health, over rendering children."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI

import docgen
from api.errors import install_errors
from api.limits import BodyLimit, SafeHeaders
from api.routes import health, records
from docgen.service import children
from docgen.settings import Settings, load_settings
from docgen.templates import FORMATS

LEAST_CHILDREN = 2


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application; its rendering children start and stop with it."""
    chosen = settings or load_settings()
    chosen = replace(chosen, jobs=max(LEAST_CHILDREN, chosen.jobs))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = children(chosen, FORMATS)
        app.state.settings, app.state.children = chosen, pool
        try:
            yield
        finally:
            pool.stop()

    app = FastAPI(
        title="docgen",
        version=docgen.__version__,
        summary="一份单据，三种一致的文档。One record, three identical documents.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.include_router(records.router, prefix="/api/v1")
    app.include_router(health.router)
    install_errors(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(SafeHeaders)
    return app
