"""A contract with webhooks, on a store whose clock tests set; `shop` is on both databases."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from docgen.access import SERVICE, Actor
from docgen.accounts import users
from docgen.contracts import contracts
from docgen.paths import samples_dir
from docgen.settings import Settings
from docgen.store.tables import DeliveryRow, WebhookRow
from docgen.store.unit_of_work import Store
from docgen.webhooks import outbox, webhooks
from docgen.webhooks.outbox import DeliveryClaim
from docgen.webhooks.request import trusted
from docgen.webhooks.sender import Deliverer
from docgen.webhooks.webhooks import WebhookPlace, WebhookWish
from tests.listener import Listener
from tests.originals import Original
from tests.service import Clock
from tests.settings import SECRET
from tests.webhooks import LOOPBACK, answering


@cache
def trust() -> ssl.SSLContext:
    return trusted()


@dataclass
class Shop:
    """A contract whose project manager has webhooks made, over a store with a clock to set."""

    store: Store
    clock: Clock
    manager: Actor
    contract_id: str

    def hook(self, url: str, *events: str) -> tuple[str, str]:
        """Make a webhook; its id and its secret."""
        wish = WebhookWish(url, events or ["*"])
        place = WebhookPlace(self.contract_id)
        wanted = webhooks.check(
            self.store, self.manager, place, wish, resolve=answering("127.0.0.1")
        )
        with self.store.change(self.manager) as unit:
            row, secret = webhooks.create(unit, self.contract_id, wanted, self.store.key)
            return row.id, secret

    def tell(self, *records: str) -> None:
        """Let something happen to each of some records."""
        for record_id in records:
            with self.store.change(SERVICE) as unit:
                unit.tell("record.created", self.contract_id, id=record_id, doc_no=record_id)

    def claim(self, most: int = 100) -> list[DeliveryClaim]:
        with self.store.change(SERVICE) as unit:
            return outbox.claim(unit, most)

    def deliver(self, **wishes: Any) -> int:
        """Send whatever is due, one after the other; how many that were."""
        deliverer = Deliverer(self.store, trust=trust(), jitter=lambda: 0.0, **wishes)
        for sent in count():
            claims = self.claim(1)
            if not claims:
                return sent
            assert deliverer.deliver(claims[0])
        raise AssertionError

    def log(self) -> Sequence[DeliveryRow]:
        with self.store.reading() as session:
            return session.scalars(select(DeliveryRow).order_by(DeliveryRow.seq)).all()

    def row(self, hook_id: str) -> WebhookRow:
        with self.store.reading() as session:
            return session.get_one(WebhookRow, hook_id)

    def resend(self, hook_id: str, message_id: str) -> None:
        with self.store.change(self.manager) as unit:
            webhooks.resend(unit, WebhookPlace(self.contract_id, hook_id), message_id)

    def enable(self, hook_id: str) -> None:
        place = WebhookPlace(self.contract_id, hook_id)
        wanted = webhooks.check(
            self.store, self.manager, place, WebhookWish(self.row(hook_id).url, ["*"])
        )
        with self.store.change(self.manager) as unit:
            webhooks.change(unit, place, wanted, "*")


def chosen(folder: Path, url: str) -> Settings:
    return Settings(data=folder, database=url, secret_key=SECRET, webhook_networks=LOOPBACK)


def _fill(store: Store) -> tuple[Actor, str]:
    content = (samples_dir() / "contract/HT-2026-017.json").read_bytes()
    with store.change(SERVICE) as unit:
        user = users.add(unit, users.NewUser("wangqiang", "王强", "pm"))
        manager = Actor(user.id, user.name, user.role)
    with store.change(manager) as unit:
        return manager, contracts.create(unit, content).id


SHOP = Original(_fill)


@contextmanager
def opened(folder: Path, url: str = "") -> Iterator[Shop]:
    manager, contract_id = SHOP.copy(folder, url)
    store = Store.open(chosen(folder, url))
    store.clock = clock = Clock()
    yield Shop(store, clock, manager, contract_id)
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    url = request.getfixturevalue("free_url") if request.param == "postgresql" else ""
    with opened(tmp_path / "data", url) as made:
        yield made


@contextmanager
def delivering_by(store: Store, **wishes: Any) -> Iterator[Deliverer]:
    deliverer = Deliverer(store, **wishes)
    deliverer.start()
    try:
        yield deliverer
    finally:
        deliverer.stop()


def address(listener: Listener, path: str = "/hook") -> str:
    return f"http://127.0.0.1:{listener.port}{path}"


def doc_nos(listener: Listener) -> list[str]:
    return [json.loads(one.body)["data"]["doc_no"] for one in listener.requests]
