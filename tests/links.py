"""What tests of signing links share: a submitted record, links, and a person with a browser."""

from __future__ import annotations

import io
import re
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image, ImageDraw

import docgen
from docgen.pipeline import RenderedFile, render, skip_key
from docgen.records.documents import store_file
from docgen.workflow import submission
from tests.paperless import actor
from tests.service import Team

RENDERED: dict[str, RenderedFile] = {}
PERSON = {"role": "cust_owner", "name": "刘洋", "org": "华东移动信息部"}
FORM_KEY = re.compile(r'name="form_key" value="([0-9a-f]{64})"')
STROKES = b'{"width": 300, "height": 200, "strokes": [{"points": [{"x": 1, "y": 2}]}]}'
HOST = "http://testserver"


def submitted(team: Team, code: str = "XJ", **changes: Any) -> Any:
    """Make a record and submit it, with a PDF that is rendered once for all tests."""
    record = team.record(code, **changes)
    by = actor(team, "zhangwei")
    prepared = submission.prepare(team.store, by, record["id"], "*")
    key = skip_key(prepared.order, "pdf", docgen.__version__)
    if key not in RENDERED:
        children = team.client.app.state.work.children  # type: ignore[attr-defined]
        RENDERED[key] = children.run(render, prepared.order, "pdf", size_bytes=0)
    made = store_file(team.store, prepared.order, "pdf", RENDERED[key])
    with team.store.change(by) as unit:
        submission.finish(unit, prepared, {"pdf": made})
    return record


def link(team: Team, record: Any, who: str = "zhangwei", **more: Any) -> Any:
    """Make a link for the record's first version; returns the whole answer."""
    return team.made(team.post(who, f"/records/{record['id']}/versions/1/links", PERSON | more))


def path_of(made: Any) -> str:
    """Return the link's path."""
    return str(made["url"]).removeprefix(HOST)


class Customer:
    """Somebody with a link and a browser of their own."""

    def __init__(self, team: Team, made: Any) -> None:
        self.client = TestClient(team.client.app, headers={"User-Agent": "phone"})
        self.path = path_of(made)

    def get(self, below: str = "", **more: Any) -> Response:
        return self.client.get(self.path + below, **more)

    def opens(self, position: int = 1) -> Response:
        """Look at the first page of a document, so that it counts as opened."""
        answer = self.get(f"/{position}/pages/1.png")
        assert answer.status_code == 200, answer.text
        return answer

    def form_key(self) -> str:
        found = FORM_KEY.search(self.get().text)
        assert found
        return found[1]

    def posts(self, below: str, data: dict[str, str], **more: Any) -> Response:
        headers = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin"}
        headers |= more.pop("headers", {})
        return self.client.post(self.path + below, data=data, headers=headers, **more)

    def signs(self, position: int = 1, *, image: bytes | None = None, **changes: str) -> Response:
        """Sign by drawing, unless something else is said."""
        given = {"form_key": self.form_key(), "opinion": "agree", "consent": "yes", "lang": "zh"}
        drawn = "typed" not in changes
        files = {
            "image": ("signature.png", image or drawing(), "image/png"),
            "strokes": ("strokes.json", STROKES, "application/json"),
        }
        more = {"files": files} if drawn else {}
        return self.posts(f"/{position}/sign", given | changes, **more)


def drawing(size: tuple[int, int] = (600, 240)) -> bytes:
    """Return a signature as a browser draws it: dark lines on nothing."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    pen.line([(60, 180), (200, 60), (320, 190), (520, 70)], fill=(16, 26, 58, 255), width=6)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
