"""Sends mail that changes have left, and reminds people of links in time: a thread.

At least once: what was sent but not recorded (a crash) is sent again, under the same Message-ID.
"""

from __future__ import annotations

import logging
import ssl
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from docgen.access import SERVICE
from docgen.errors import DocgenError
from docgen.mail.messages import composed
from docgen.mail.sending import hand_over
from docgen.mail.server import Server
from docgen.service import inviting
from docgen.service.inviting import Claim
from docgen.service.unit import Store

log = logging.getLogger("docgen.mail")

POLL_S, STOP_S = 2.0, 1.5


class Postman:
    """Sends from `start` to `stop`, one message after the other."""

    def __init__(
        self, store: Store, server: Server, *, trust: ssl.SSLContext | None = None
    ) -> None:
        """Prepare; `trust` checks the server (else the system's authorities do)."""
        self._store, self._server = store, server
        self._trust = trust or ssl.create_default_context()
        self._ending = Event()
        self._thread = Thread(target=self._run, name="docgen-mail", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; what is on its way then is sent again after its lease."""
        self._ending.set()
        self._thread.join(STOP_S)

    def round(self) -> int:
        """Leave reminders that are due, and send one message; how many were sent."""
        store = self._store
        with store.reading() as session:
            if not inviting.due(session, store.clock()):
                return 0
        with store.change(SERVICE) as unit:
            inviting.remind(unit, store)
            unit.session.flush()
            claims = inviting.claim(unit, store)
        return sum(self._sent(claimed) for claimed in claims)

    def _sent(self, claimed: Claim) -> bool:
        message = composed(
            claimed.letter,
            self._server.sender,
            claimed.recipient,
            now=self._store.clock(),
            name=claimed.mail_id,
        )
        handed = hand_over(self._server, message, trust=self._trust)
        with self._store.change(SERVICE) as unit:
            kept = inviting.record(unit, claimed, handed)
        log.info("mail %s: %s", claimed.mail_id, handed.failure or "sent")
        return kept

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                sent = self.round()
            except (DocgenError, SQLAlchemyError):
                log.exception("mail cannot be sent")
                sent = 0
            if not sent:
                self._ending.wait(POLL_S)
