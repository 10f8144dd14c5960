"""A team at work: the application over a real store, its people with their tokens, and a clock.

`team` runs a test on SQLite and on PostgreSQL; `office` on SQLite alone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from api.app import create_app
from docgen.access import SERVICE
from docgen.accounts import tokens, users
from docgen.paths import samples_dir
from docgen.pipeline.children import children
from docgen.settings import Settings
from docgen.store.unit_of_work import Store
from tests.originals import Original
from tests.settings import NOW, SECRET
from tests.warm import PATIENT, lent

PEOPLE = {
    "zhangwei": ("张伟", "engineer"),
    "lina": ("李娜", "expert"),
    "wangqiang": ("王强", "pm"),
    "chenjianguo": ("陈建国", "leader"),
    "root": ("管理员", "admin"),
}
OWN_CHILDREN = {"theme", "memory_mb", "wall_s", "cpu_s"}
"""Settings that decide what children are; with them an application starts its own."""
OWN_NO = "HDYD-BG-2026-017"
"""A permission by the customer's own number, which nobody can look up."""
STRANGERS = {"other": ("外人", "engineer"), "otherpm": ("外人经理", "pm")}


@dataclass
class Clock:
    """A clock that tests set: `docgen` asks it for the present moment."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def at(self, text: str) -> None:
        """Set it, in Shanghai's time: `03-11 14:00`."""
        self.now = datetime.fromisoformat(f"2026-{text.replace(' ', 'T')}:00+08:00")

    def go(self, **much: float) -> None:
        self.now += timedelta(**much)


@dataclass
class Team:
    """People who call the application."""

    client: TestClient
    store: Store
    clock: Clock
    tokens: dict[str, str] = field(default_factory=dict)

    def add(self, username: str, name: str, role: str, scopes: tuple[str, ...] = ()) -> str:
        """Add an account with a token; returns the token."""
        self.tokens[username] = added(self.store, username, name, role, scopes)
        return self.tokens[username]

    def ask(self, who: str, method: str, path: str, **more: Any) -> Response:
        """Send a request as somebody ('' for nobody)."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who else {}
        headers |= more.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **more)

    def get(self, who: str, path: str, **more: Any) -> Response:
        return self.ask(who, "GET", path, **more)

    def post(self, who: str, path: str, body: Any = None, **more: Any) -> Response:
        return self.ask(who, "POST", path, json={} if body is None else body, **more)

    def made(self, answer: Response, status: int = 201) -> Any:
        """Return what was answered, when it is the expected status."""
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def contract(self, **changes: Any) -> str:
        """Make the acceptance contract with all its people; returns its id."""
        content = json.loads((samples_dir() / "contract/HT-2026-017.json").read_bytes()) | changes
        made = self.made(self.post("wangqiang", "/contracts", content))
        for username in ("zhangwei", "lina", "chenjianguo"):
            self.made(
                self.post("wangqiang", f"/contracts/{made['id']}/members", {"username": username})
            )
        return str(made["id"])

    def record(self, code: str = "XJ", who: str = "zhangwei", **changes: Any) -> Any:
        """Make a draft out of a basic sample; returns the whole answer."""
        return self.made(self.post(who, f"/records?code={code}", draft(code, **changes)))

    def submit(self, record: Any, who: str = "zhangwei") -> Response:
        """Submit the newest state of a record."""
        seen = self.get(who, f"/records/{record['id']}").headers["etag"]
        return self.post(who, f"/records/{record['id']}/submit", headers={"If-Match": seen})

    def scan(self, record: Any, who: str = "zhangwei") -> str:
        """Upload a scan for the newest version; returns its id."""
        files = {"file": ("签字页.png", picture(), "image/png")}
        version = self.get(who, f"/records/{record['id']}").json()["version"]
        answer = self.ask(
            who,
            "POST",
            f"/records/{record['id']}/versions/{version}/files",
            files=files,
            data={"purpose": "scan", "unmatched": "true", "note": "空白页"},
        )
        return str(self.made(answer)["id"])


def draft(code: str, name: str = "basic", **changes: Any) -> dict[str, Any]:
    """Return a sample as an engineer would hand it in: no number, no status, nothing signed."""
    plain: dict[str, Any] = json.loads((samples_dir() / code / f"{name}.json").read_bytes())
    for key in ("doc_no", "status", "attachments"):
        plain.pop(key, None)
    plain["signoffs"] = [
        {key: one[key] for key in ("role", "name", "org") if key in one}
        for one in plain.get("signoffs", ())
    ]
    if plain.get("authorization_no"):  # the sample's own authorisation is in no store of a test
        plain["authorization_no"] = OWN_NO
    return plain | changes


def picture(size: tuple[int, int] = (300, 400)) -> bytes:
    """Return a PNG."""
    out = io.BytesIO()
    Image.new("RGB", size, "white").save(out, "PNG")
    return out.getvalue()


def added(store: Store, username: str, name: str, role: str, scopes: tuple[str, ...] = ()) -> str:
    """Add an account with a token; returns the token."""
    given = scopes or (("read", "write", "admin") if role == "admin" else ("read", "write"))
    with store.change(SERVICE) as unit:
        user = users.add(unit, users.NewUser(username, name, role))
        return tokens.create(unit, user, "tests", scopes=given, days=366)[1]


def _with_people(store: Store) -> dict[str, str]:
    return {
        username: added(store, username, name, role)
        for username, (name, role) in (PEOPLE | STRANGERS).items()
    }


TEAM = Original(_with_people)


@contextmanager
def at_work(folder: Path, database: str = "", **settings: Any) -> Iterator[Team]:
    """Start the application with its people; `database` is a PostgreSQL URL, or empty."""
    chosen = Settings(
        jobs=2,
        data=folder,
        database=database,
        secret_key=SECRET if database else "",
        **PATIENT | settings,
    )
    given = TEAM.copy(folder, database)
    clock = Clock()
    pools = children if OWN_CHILDREN & settings.keys() else lent
    with TestClient(create_app(chosen, pools=pools)) as client:
        store: Store = client.app.state.store  # type: ignore[attr-defined]
        store.clock = clock
        yield Team(client, store, clock, given)


@pytest.fixture(params=["sqlite", "postgresql"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Team]:
    """The team over each database."""
    url = request.getfixturevalue("free_url") if request.param == "postgresql" else ""
    with at_work(tmp_path / "data", url) as made:
        yield made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Team]:
    """The team over SQLite."""
    with at_work(tmp_path / "data") as made:
        yield made
