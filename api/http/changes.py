"""One change by request: a transaction, the same answer for the same Idempotency-Key, an ETag."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.http.callers import TheActor, TheStore
from docgen.access import Actor
from docgen.errors import InputUnreadable
from docgen.store import idempotency
from docgen.store.etags import etag_of
from docgen.store.idempotency import Repeatable
from docgen.store.sealing import opened, sealed
from docgen.store.tables import IdempotencyKeyRow
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.uploads import content_disposition

# Visible ASCII only, as in a header (RFC 9110 5.5); with the name of a step it fits the column.
KEY = re.compile(r"[\x21-\x7e]{1,200}")
REPLAYED = "Idempotency-Replayed"


@dataclass(frozen=True)
class Answer:
    """An answer: a model (none: 204), its status, the ETag counter and address of what it shows."""

    body: BaseModel | None
    status: int = 200
    etag: int | None = None
    location: str = ""

    def response(self) -> Response:
        """Return it as a response."""
        if self.body is None:
            return Response(status_code=204)
        return Response(
            self.body.model_dump_json(),
            self.status,
            self.headers(),
            media_type="application/json",
        )

    def headers(self) -> dict[str, str]:
        """Return ETag and Location, where there are any."""
        headers = {"ETag": etag_of(self.etag) if self.etag else "", "Location": self.location}
        return {name: value for name, value in headers.items() if value}


def download(
    data: bytes | Iterator[bytes], name: str, media: str, *, sha256: str = "", **headers: str
) -> Response:
    """Answer a file to be saved under `name`; an iterator is sent while it is made."""
    headers["Content-Disposition"] = content_disposition(name)
    if sha256:
        headers["ETag"] = f'"{sha256}"'
    if isinstance(data, bytes):
        return Response(data, media_type=media, headers=headers)
    return StreamingResponse(data, media_type=media, headers=headers)


class ChangeRunner:
    """Makes the changes of one request, for its caller."""

    def __init__(self, request: Request, store: Store, actor: Actor) -> None:
        """Serve one request."""
        self.request, self.store, self.actor = request, store, actor

    @property
    def if_match(self) -> str:
        """The state that the caller has seen."""
        return self.request.headers.get("if-match", "")

    def change(
        self, content: bytes, work: Callable[[UnitOfWork], Answer], *, step: str = ""
    ) -> Response:
        """Do `work` in one transaction, once for each key; `content` is the request's body.

        A request that takes several transactions names each as a `step`; the last has no name.
        """
        repeatable = self._repeatable(content, step)
        with self.store.change(self.actor) as unit:
            if repeatable:
                idempotency.wait_for(unit.session, repeatable)
                if found := idempotency.earlier(unit.session, repeatable):
                    return self._replayed(found)
            answer = work(unit)
            response = answer.response()
            if repeatable:
                idempotency.keep(
                    unit,
                    repeatable,
                    status=response.status_code,
                    headers=json.dumps(answer.headers()),
                    body=sealed(self.store.key, bytes(response.body).decode()),
                )
        return response

    def delete(self, work: Callable[[UnitOfWork], object]) -> Response:
        """Do `work` in one transaction, as `change` does; the answer is 204 without a body."""

        def deleted(unit: UnitOfWork) -> Answer:
            work(unit)
            return Answer(None)

        return self.change(b"", deleted)

    def earlier(self, content: bytes) -> Response | None:
        """Return the answer given to this key before, so that long work is not begun again."""
        repeatable = self._repeatable(content)
        if repeatable is None:
            return None
        with self.store.reading() as session:
            found = idempotency.earlier(session, repeatable)
            return self._replayed(found) if found else None

    def _repeatable(self, content: bytes, step: str = "") -> Repeatable | None:
        key = self.request.headers.get("idempotency-key")
        if key is None or self.actor.user_id is None:
            return None
        if not KEY.fullmatch(key):
            raise InputUnreadable("bad_key", place="Idempotency-Key", value=key)
        url = self.request.url
        digest = hashlib.sha256(f"{self.request.method} {url.path}?{url.query}\n".encode())
        digest.update(content)
        return Repeatable(self.actor.user_id, f"{step}{key}", digest.hexdigest())

    def _replayed(self, found: IdempotencyKeyRow) -> Response:
        """Return a kept answer; it is kept sealed, for it may hold a secret that is shown once."""
        headers = json.loads(found.headers) | {REPLAYED: "true"}
        body = opened(self.store.key, found.body)
        media = "application/json" if body else None
        return Response(body, found.status, headers, media_type=media)


async def change_runner(request: Request, store: TheStore, actor: TheActor) -> ChangeRunner:
    """Return the caller's runner; async, since it takes no thread's time."""
    return ChangeRunner(request, store, actor)


TheRunner = Annotated[ChangeRunner, Depends(change_runner)]
