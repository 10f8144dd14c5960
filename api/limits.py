"""Guards around every request: a body limit that holds before buffering, HEAD, and safe headers."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import SAFE_HEADERS, problem_response
from api.work import busy
from docgen.errors import DocgenError
from docgen.intake import SIZE_LIMIT

HELD_LIMIT = 8 * SIZE_LIMIT


class BodyTooLarge(DocgenError):
    """A request body over the limit, found by its length or while it arrives."""

    def __init__(self) -> None:
        super().__init__(
            "too_large",
            f"请求超过 {SIZE_LIMIT} 字节",
            f"The request is over {SIZE_LIMIT} bytes",
            hint_zh="请拆分单据，或把大段日志改为附件。",
            hint_en="Split the record, or attach long logs as files.",
        )


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
        if not declared.isdecimal() or int(declared) > SIZE_LIMIT:
            await problem_response(BodyTooLarge())(scope, receive, send)
            return
        received = 0

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self.held += size
            if received > SIZE_LIMIT:
                raise BodyTooLarge
            if self.held > HELD_LIMIT:
                raise busy()
            return message

        try:
            await self.app(scope, counting, send)
        finally:
            self.held -= received


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
