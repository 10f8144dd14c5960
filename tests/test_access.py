"""Every route × every role × another contract's data: refused without a hint (attack A1).

The routes are the application's own, so a new one is walked as well. One that names nobody's
data by an id must be said to be PUBLIC or OWN below, or the first test fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from httpx2 import Response

from api.app import create_app
from docgen.access import ROLES, SERVICE
from docgen.accounts import tokens, users
from docgen.batches import queue
from docgen.batches.queue import WorkOrder
from docgen.batches.rendering import KIND_RENDER
from docgen.paths import samples_dir
from docgen.settings import Settings
from docgen.store.tables import LinkRow, UserRow, WebhookRow
from docgen.store.unit_of_work import UnitOfWork
from tests.service import Team, draft, picture
from tests.signing_in import ORIGIN, browser, give_password, sign_in, trail
from tests.sizes import one_database

pytestmark = [pytest.mark.usefixtures("quick_passwords"), pytest.mark.no_cover]

API = "/api/v1"
PAGES = {
    "GET /verify",
    "GET /verify/{short_code}",
    "POST /verify/{short_code}",
    "GET /pages/{name}",
    "GET /s/{token}",
    "GET /s/{token}/qr.svg",
    "GET /s/{token}/{position}",
    "GET /s/{token}/{position}/document.pdf",
    "GET /s/{token}/{position}/pages/{page}.png",
    "POST /s/{token}/code",
    "POST /s/{token}/delegate",
    "POST /s/{token}/{position}/sign",
}
PUBLIC = PAGES | {
    "GET /health",
    "GET /ready",
    "GET /metrics",
    f"GET {API}/openapi.json",
    f"GET {API}/schemas",
    f"GET {API}/schemas/contract",
    f"GET {API}/schemas/{{record}}",
    f"POST {API}/render/{{record}}.{{format}}",
    f"POST {API}/validate/{{record}}",
    f"POST {API}/sessions",
    f"POST {API}/setup",
    f"GET {API}/oidc/login",
    f"GET {API}/oidc/callback",
    f"GET {API}/verify/{{short_code}}",
    f"POST {API}/verify/{{short_code}}",
}
OWN = {
    f"GET {API}/me",
    f"PUT {API}/me/password",
    f"GET {API}/me/tokens",
    f"POST {API}/me/tokens",
    f"DELETE {API}/sessions/current",
    f"GET {API}/users",
    f"POST {API}/users",
    f"GET {API}/contracts",
    f"POST {API}/contracts",
    f"GET {API}/records",
    f"POST {API}/records",
    f"POST {API}/records/hand-in",
    f"GET {API}/audit/head",
    f"GET {API}/batches",
    f"POST {API}/batches",
}
ADMINS = {f"GET {API}/users/{{username}}", f"PATCH {API}/users/{{username}}"}
BODIES: dict[str, Any] = {
    "PUT /contracts/{contract_id}": "contract",
    "POST /contracts/{contract_id}/members": {"username": "lina"},
    "POST /contracts/{contract_id}/webhooks": {"url": "https://example.com/", "events": ["*"]},
    "PUT /contracts/{contract_id}/webhooks/{webhook_id}": {
        "url": "https://example.com/",
        "events": ["*"],
        "enabled": True,
    },
    "PUT /records/{record_id}": "record",
    "POST /records": "record",
    "POST /records/hand-in": "record",
    "POST /records/{record_id}/revisions": {"reason": "x"},
    "POST /records/{record_id}/void": {"reason": "x"},
    "POST /records/{record_id}/versions/{number}/signoffs": {"opinion": "agree"},
    "POST /records/{record_id}/versions/{number}/paper-signatures": {
        "role": "cust_owner",
        "name": "刘洋",
        "signed_on": "2026-03-10",
        "opinion": "agree",
        "scan_id": "0" * 32,
    },
    "POST /records/{record_id}/versions/{number}/links": {"role": "cust_owner", "name": "刘洋"},
    "POST /contracts/{contract_id}/visits": {
        "role": "cust_owner",
        "name": "刘洋",
        "documents": [{"record_id": "0" * 32}],
    },
    "POST /records/{record_id}/versions/{number}/files": "file",
    "POST /records/{record_id}/versions/{number}/signed-papers": "file",
    "PUT /batches/{batch_id}/mapping": {"sheets": []},
}
NOT_READ = {
    f"DELETE {API}/sessions/current",
    f"POST {API}/contracts",
    f"POST {API}/records",
    f"POST {API}/records/hand-in",
}
CHOICES = {
    "number": "1",
    "row": "2",
    "format": "pdf",
    "record": "XJ",
    "short_code": "0" * 16,
    "position": "1",
    "page": "1",
    "name": "sign.css",
    "token": "x",
}
ID = re.compile(r"\{(\w+)\}")
REFUSED = {401, 403, 404}


@dataclass(frozen=True)
class Route:
    """A method at an address with places for ids."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def ids(self) -> list[str]:
        return [name for name in ID.findall(self.path) if name not in CHOICES]

    @property
    def body(self) -> Any:
        return BODIES.get(str(self).replace(API, "", 1), {})


def routes() -> Iterator[Route]:
    for found in iter_route_contexts(create_app(Settings()).routes):
        for method in sorted(found.methods or ()):
            if method not in ("HEAD", "OPTIONS"):
                yield Route(method, str(found.path))


ROUTES = list(routes())
HIDING = [route for route in ROUTES if route.ids]


def test_every_route_is_known_to_this_test() -> None:
    named = {str(route) for route in ROUTES if not route.ids}
    assert named == PUBLIC | OWN, "say in tests/test_access.py what a new route is"
    assert {str(route) for route in HIDING} >= ADMINS
    assert len(HIDING) > 30


def test_the_description_lists_the_same_routes() -> None:
    described = create_app(Settings()).openapi()["paths"]
    listed = {f"{method.upper()} {path}" for path, item in described.items() for method in item}
    assert {str(route) for route in ROUTES} - listed == {f"GET {API}/openapi.json"} | PAGES


# ---------------------------------------------------------------- the scene


@dataclass
class Scene:
    """A contract full of things, other people with a contract of their own, and all who call."""

    team: Team
    theirs: dict[str, str]
    own: dict[str, str]
    callers: dict[str, dict[str, str]]

    def ask(self, caller: str, route: Route, ids: dict[str, str]) -> Response:
        """Call a route, as valid as can be but for who calls."""
        path = ID.sub(lambda found: (CHOICES | ids)[found[1]], route.path)
        headers = {"If-Match": '"1"'} | self.callers[caller]
        client = TestClient(self.team.client.app, follow_redirects=False)
        if route.method in ("GET", "DELETE"):
            return client.request(route.method, path, headers=headers)
        if route.body == "file":
            files = {"file": ("a.png", PICTURE, "image/png")}
            return client.request(route.method, path, headers=headers, files=files, data=PAPER)
        body = MADE[route.body]() if isinstance(route.body, str) else route.body
        return client.request(route.method, path, headers=headers, json=body)


PICTURE = picture((8, 8))
PAPER = {"role": "cust_owner", "name": "刘洋", "signed_on": "2026-03-10", "opinion": "agree"}


def contract_body(**changes: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((samples_dir() / "contract/HT-2026-017.json").read_bytes())
    return content | changes


MADE = {"contract": contract_body, "record": lambda: draft("XJ")}


def things(team: Team, who: str, contract_id: str, **changes: str) -> dict[str, str]:
    """Fill a contract with a record, a file, a webhook and a message; the ids of it all."""
    record = team.record("XJ", who, **changes)
    files = {"file": ("a.png", PICTURE, "image/png")}
    file = team.made(
        team.ask(who, "POST", f"/records/{record['id']}/versions/1/files", files=files)
    )
    with team.store.change(SERVICE) as unit:
        user = users.by_username(unit.session, who)
        hook = WebhookRow(
            id=unit.new_id(),
            contract_id=contract_id,
            url="https://example.com/",
            events="*",
            secret_sealed="",
            etag=1,
            created_by=user.id,
            created_at=unit.now,
            disabled_at=unit.now,
            busy_until=unit.now,
        )
        unit.session.add(hook)
        unit.session.flush()
        message = unit.leave(hook, "record.created", id=record["id"])
        message.state, message.next_at = "failed", None
        _, text = tokens.create(unit, user, "secret")
        return {
            "contract_id": contract_id,
            "record_id": record["id"],
            "file_id": file["id"],
            "webhook_id": hook.id,
            "delivery_id": message.id,
            "token_id": tokens.listed(unit.session, user.id)[0].id,
            "username": who,
            "token": text,
            "doc_no": record["doc_no"],
            "batch_id": batch(unit, user, contract_id),
            "link_id": signing_link(unit, user, contract_id),
        }


def batch(unit: UnitOfWork, user: UserRow, contract_id: str) -> str:
    options = {"formats": ["docx"], "lang": "zh"}
    return queue.enqueue(unit, WorkOrder(KIND_RENDER, user.id, contract_id, options), [b"{}"]).id


def signing_link(unit: UnitOfWork, user: UserRow, contract_id: str) -> str:
    link = LinkRow(
        id=unit.new_id(),
        contract_id=contract_id,
        first_id="",
        role="cust_owner",
        name="刘洋",
        remind_days="",
        reminded=0,
        created_by=user.id,
        created_at=unit.now,
        expires_at=unit.now,
    )
    unit.session.add(link)
    return link.id


@pytest.fixture
def scene(team: Team) -> Scene:
    """Set it: strangers in every role, by token and by session, and some who are nobody."""
    for role in ("expert", "leader"):
        team.add(f"other{role}", "外人", role)
    team.add("otherreader", "外人", "pm", ("read",))
    theirs = things(team, "zhangwei", team.contract())
    own = team.made(
        team.post("otherpm", "/contracts", contract_body(contract_no="HT-9", customer_code="OWN"))
    )["id"]
    for username in ("other", "otherexpert", "otherleader", "otherreader"):
        team.made(team.post("otherpm", f"/contracts/{own}/members", {"username": username}))
    changes = {"contract_no": "HT-9", "customer_code": "OWN"}
    mine = things(team, "other", own, **changes)
    names = ("other", "otherexpert", "otherpm", "otherleader", "root", "otherreader")
    callers = {name: {"Authorization": f"Bearer {team.tokens[name]}"} for name in names}
    callers |= {
        "nobody": {},
        "wrong": {"Authorization": "Bearer dgt_nobodys"},
        "session": by_session(team, "otherpm"),
    }
    return Scene(team, theirs, mine, callers)


def by_session(team: Team, username: str) -> dict[str, str]:
    give_password(team, username)
    client = browser(team)
    token = sign_in(client, username).json()["csrf_token"]
    cookie = f"docgen_session={client.cookies['docgen_session']}"
    return {"Cookie": cookie, "X-CSRF-Token": token, "Origin": ORIGIN}


def told(answer: Response) -> tuple[object, ...]:
    """Return all that an answer tells, but for the request's own name."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, answer.content, headers


# ---------------------------------------------------------------- the walk


@one_database("team")
def test_the_scene_is_complete(scene: Scene) -> None:
    roles = {
        scene.team.get(name, "/me").json()["role"]
        for name in ("other", "otherexpert", "otherpm", "otherleader", "root")
    }
    assert roles == set(ROLES)
    assert {name for route in HIDING for name in route.ids} <= scene.theirs.keys()
    shown = f"{API}/records/{{record_id}}/versions/{{number}}/files/{{file_id}}"
    scene.callers["member"] = {"Authorization": f"Bearer {scene.team.tokens['zhangwei']}"}
    for path in (shown, f"{API}/records/{{record_id}}", f"{API}/contracts/{{contract_id}}"):
        assert scene.ask("member", Route("GET", path), scene.theirs).status_code == 200
        assert scene.ask("other", Route("GET", path), scene.own).status_code == 200


@one_database("team")
@pytest.mark.slow
def test_what_is_another_contracts_is_as_if_it_were_not(scene: Scene) -> None:
    wrong = [
        f"{caller}: {route}: {what} {real.status_code} {real.text[:200]}"
        for caller in scene.callers
        for route in HIDING
        if not (caller == "root" and str(route) in ADMINS)
        for what, ids, other in pairs(scene, route)
        for real in [scene.ask(caller, route, ids)]
        if real.status_code not in REFUSED or told(real) != told(scene.ask(caller, route, other))
    ]
    assert wrong == []


def pairs(scene: Scene, route: Route) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Yield ids of what is there, and ids alike of what is not: whole, and below one's own."""
    nothing = {name: "0" * len(value) for name, value in scene.theirs.items()}
    yield "theirs", scene.theirs, nothing
    *parents, last = route.ids
    if parents:
        ours = {name: scene.own[name] for name in parents}
        yield "theirs below ours", ours | {last: scene.theirs[last]}, ours | {last: nothing[last]}


@one_database("team")
def test_members_whose_tokens_only_read_change_nothing(scene: Scene) -> None:
    team, members = scene.team, f"/contracts/{scene.theirs['contract_id']}/members"
    for role in ("engineer", "expert", "pm", "leader"):
        token = team.add(f"read.{role}", "读者", role, ("read",))
        team.made(team.post("wangqiang", members, {"username": f"read.{role}"}))
        scene.callers[role] = {"Authorization": f"Bearer {token}"}
        before = len(trail(team))
        for route in ROUTES:
            if route.method != "GET" and str(route) not in PUBLIC:
                answer = scene.ask(role, route, scene.theirs)
                # a state that forbids a step may be told before the scope that does
                assert answer.status_code in (403, 409), f"{role}: {route}: {answer.text}"
        assert len(trail(team)) == before, role


@one_database("team")
@pytest.mark.slow
def test_lists_and_public_routes_tell_nothing_of_it(scene: Scene) -> None:
    secrets = {*scene.theirs.values(), "HT-2026-017", *scene.team.tokens.values()} - {"zhangwei"}
    in_samples = {"HT-2026-017", scene.theirs["doc_no"]}
    for route in ROUTES:
        if route.ids or str(route) in NOT_READ:
            continue
        for caller in scene.callers:
            answer = scene.ask(caller, route, {})
            if caller in ("nobody", "wrong") and str(route) in OWN:
                assert answer.status_code == 401, f"{caller}: {route}: {answer.status_code}"
            hidden = secrets if str(route) in OWN else secrets - in_samples
            found = [secret for secret in hidden if secret in answer.text]
            assert not found, f"{caller}: {route}: {found}"


@one_database("team")
def test_a_record_for_another_contract_is_refused_as_for_none(scene: Scene) -> None:
    for caller in ("other", "otherpm"):
        answers = [
            scene.team.client.post(
                f"{API}/records?code=XJ",
                json=draft("XJ", contract_no=number),
                headers=scene.callers[caller],
            )
            for number in ("HT-2026-017", "HT-2026-000")
        ]
        assert {answer.status_code for answer in answers} <= REFUSED | {422}, caller
        texts = {answer.text.replace("2026-017", "2026-000") for answer in answers}
        assert len(texts) == 1, caller
