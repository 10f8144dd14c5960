"""Guards around every request: a body limit that holds before buffering, HEAD, and safe headers."""

from __future__ import annotations

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import SAFE_HEADERS, problem_response
from docgen.errors import DocgenError, RenderFailed
from docgen.pipeline.json_input import SIZE_LIMIT
from docgen.uploads import MOST_BYTES

HELD_LIMIT = 8 * SIZE_LIMIT  # of memory for bodies, so that large uploads cannot exhaust it
FILE_LIMIT = max(MOST_BYTES.values()) + 64 * 1024
"""A file with the parts around it that make a form."""
FILE_PATHS = re.compile(r"/(document|render/[A-Za-z]+)\.[a-z]+$|/files/|\.zip$|/pages/\d+\.png$")
FILES = re.compile(r"/api/v1/records/[^/]+/versions/[^/]+/files|(/api/v1)?/verify/[^/]+")


class BodyLimit:
    """Answers 413 by the declared length, and stops reading a chunked body at the limit.

    All bodies together may take HELD_LIMIT bytes; more is answered 503.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.held = app, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        limit = FILE_LIMIT if FILES.fullmatch(scope["path"]) else SIZE_LIMIT
        # RFC 9110 8.6: digits only; a value such as "1, 1" could be read in two ways.
        if not declared.isdecimal() or int(declared) > limit:
            await problem_response(DocgenError("too_large.request", limit=limit))(
                scope, receive, send
            )
            return
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self.held += size
            if received > limit:
                raise DocgenError("too_large.request", limit=limit)
            if self.held > HELD_LIMIT:
                raise RenderFailed("busy")
            return message

        try:
            await self.app(scope, counting, send)
        finally:
            self.held -= received


class Compressed(GZipMiddleware):
    """Compresses answers, but not files, which are compressed already."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, compressing what is answered where it helps."""
        if FILE_PATHS.search(scope.get("path", "")):
            await self.app(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


class HeadAsGet:
    """Answers HEAD like GET, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a HEAD request on as GET."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def headers_only(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET"}, receive, headers_only)


class SafeHeaders:
    """Adds headers that keep a browser from guessing types or running anything."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; headers join the answer's start."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded)
