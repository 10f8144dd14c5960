"""Send the messages of the outbox: one thread claims them, a few threads send.

At least once: a message that was sent but not recorded (a crash) is sent again under its id.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from datetime import timedelta
from random import SystemRandom
from threading import Event, Thread, current_thread
from time import monotonic

from sqlalchemy.exc import SQLAlchemyError

from docgen.access import SERVICE
from docgen.errors import DocgenError, NotAllowed, StoreFault
from docgen.store.sealing import opened
from docgen.store.unit_of_work import Store
from docgen.webhooks import outbox
from docgen.webhooks.address import Resolve, public_addresses, system_addresses
from docgen.webhooks.outbox import DeliveryClaim
from docgen.webhooks.request import Receipt, send, trusted
from docgen.webhooks.signature import sign

log = logging.getLogger("docgen.webhooks")

MOST = 8  # messages on their way at once, each to another webhook
TIMEOUT_S = 15  # from the connection to the end of the answer
POLL_S = 3.0
STOP_S = 1.5
_random = SystemRandom().random


class Deliverer:
    """Sends messages from `start` to `stop`; a change that adds some wakes it."""

    def __init__(
        self,
        store: Store,
        *,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve = system_addresses,
        jitter: Callable[[], float] = _random,
    ) -> None:
        """Prepare; `trust` checks receivers (else the system's authorities do)."""
        self._store, self._trust = store, trust or trusted()
        self._resolve, self._jitter = resolve, jitter
        self._stopping, self._left = Event(), Event()
        self._sending: set[Thread] = set()
        self._claiming = Thread(target=self._run, name="docgen-webhooks", daemon=True)

    def start(self) -> None:
        """Start the claiming thread."""
        self._claiming.start()

    def stop(self) -> None:
        """End within two seconds; a message still being sent is sent again after its lease."""
        end = monotonic() + STOP_S
        self._stopping.set()
        self._store.told.set()
        for thread in (self._claiming, *self._sending.copy()):
            thread.join(max(0.0, end - monotonic()))
        self._left.set()

    def deliver(self, claimed: DeliveryClaim) -> bool:
        """Send one message and record the result; False when the claim has expired."""
        receipt = self._receipt(claimed)
        if receipt is None or self._left.is_set():
            return False
        with self._store.change(SERVICE) as unit:
            recorded = outbox.record(unit, claimed, receipt, jitter=self._jitter())
        result = receipt.failure or receipt.status
        log.info("webhook %s: %s: %s", claimed.webhook_id, claimed.delivery_id, result)
        return recorded

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._store.told.clear()
            try:
                busy = self._round()
            except (DocgenError, SQLAlchemyError):
                log.exception("messages cannot be claimed")
                self._stopping.wait(POLL_S)
                continue
            if not busy:
                self._store.told.wait(POLL_S)

    def _round(self) -> bool:
        """Start sending the messages that are due, as far as there is room; False for none."""
        store = self._store
        with store.reading() as session:
            waiting = outbox.waiting(session, store.clock())
        room = MOST - len(self._sending)
        if not waiting or room <= 0:
            return False
        with store.change(SERVICE) as unit:
            claims = outbox.claim(unit, room)
        for claimed in claims:
            thread = Thread(target=self._sent, args=(claimed,), name="docgen-webhook", daemon=True)
            self._sending.add(thread)
            thread.start()
        return bool(claims)

    def _sent(self, claimed: DeliveryClaim) -> None:
        try:
            self.deliver(claimed)
        except (DocgenError, SQLAlchemyError):
            log.exception("webhook %s: %s: not recorded", claimed.webhook_id, claimed.delivery_id)
        finally:
            self._sending.discard(current_thread())
            self._store.told.set()

    def _receipt(self, claimed: DeliveryClaim) -> Receipt | None:
        """Send a message; None when the look-up took so long that the claim has expired."""
        store = self._store
        try:
            secrets = [opened(store.key, one) for one in claimed.sealed]
            networks = store.settings.webhook_networks
            target = public_addresses(claimed.url, networks=networks, resolve=self._resolve)
        except StoreFault:
            return Receipt(0, failure="secret_sealed")
        except NotAllowed as refused:
            unknown = refused.code == "webhook_host_unknown"
            return Receipt(0, failure="host_unknown" if unknown else "address_refused")
        now = store.clock()
        if now + timedelta(seconds=TIMEOUT_S) > claimed.until:
            return None
        headers = sign(secrets, claimed.delivery_id, now, claimed.body)
        headers["content-type"] = "application/json"
        return send(target, headers, claimed.body, timeout_s=TIMEOUT_S, trust=self._trust)
