"""Health: `/health` says the process lives, `/ready` that a child can render."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request

import docgen
from docgen.pipeline import ready

router = APIRouter(tags=["health"])


@router.get("/health", summary="进程存活 The process lives")
async def health() -> dict[str, Any]:
    """Answer at once, whatever the children do."""
    return {"status": "ok", "version": docgen.__version__}


@router.get("/ready", summary="可以渲染 A child can render")
async def readiness(request: Request) -> dict[str, Any]:
    """Ask a child to load theme and templates."""
    settings = request.app.state.settings
    future = request.app.state.children.submit(
        ready, settings.template_folders, settings.theme_folder, size_bytes=0
    )
    found = await asyncio.wrap_future(future)
    return {"status": "ok", "templates": found}
