"""Routes of pages: refusals are answered as people read them, in the language they chose."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from docgen.errors import DocgenError


def page_route_class(
    refused: Callable[[Request, Exception], Response], *kinds: type[Exception]
) -> type[APIRoute]:
    """Return the class of routes whose errors of these kinds `refused` answers."""

    class PageRoute(APIRoute):
        """Answers refusals as pages."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """Wrap the route."""
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                try:
                    return await handle(request)
                except kinds as error:
                    return refused(request, error)

            return handled

    return PageRoute


def language(request: Request, given: str = "") -> str:
    """Return the language that was chosen, else the browser's first, else Chinese."""
    chosen = given or request.query_params.get("lang", "")
    accepted = request.headers.get("accept-language", "")
    if chosen in ("zh", "en"):
        return chosen
    return "en" if accepted.lower().startswith("en") else "zh"


def refusal_lines(error: DocgenError, lang: str) -> list[str]:
    """Return the message of a refusal and its hint, without the empty ones."""
    return [line for line in (error.message(lang), error.hint(lang)) if line]
