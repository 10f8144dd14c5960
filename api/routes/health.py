"""Health: `/health` says the process lives, `/ready` that a child can render."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

import docgen
from api.errors import problem_response
from api.openapi import problems
from docgen.errors import DocgenError

router = APIRouter(tags=["health"])


@router.get("/health", summary="进程存活 The process lives")
async def health() -> dict[str, Any]:
    """Answer at once, whatever the children do."""
    return {"status": "ok", "version": docgen.__version__}


@router.get(
    "/ready", summary="可以渲染 A child can render", response_model=None, responses=problems(503)
)
async def readiness(request: Request) -> dict[str, Any] | Response:
    """Ask a child to load theme and templates; 503 with the reason when it cannot."""
    try:
        found = await request.app.state.work.ready()
    except DocgenError as wrong:
        return problem_response(wrong, 503)
    return {"status": "ok", "templates": found}
