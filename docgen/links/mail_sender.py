"""Sends the mail that changes have queued, and reminds people of links in time: a thread.

At least once: what was sent but not recorded (a crash) is sent again, under the same Message-ID.
"""

from __future__ import annotations

import logging
import ssl
from threading import Event, Thread

from sqlalchemy.exc import SQLAlchemyError

from docgen.access import SERVICE
from docgen.errors import DocgenError
from docgen.links import mail_outbox
from docgen.links.mail_outbox import MailClaim
from docgen.mail.messages import composed
from docgen.mail.smtp import MailServer, hand_over
from docgen.store.unit_of_work import Store

log = logging.getLogger("docgen.mail")

POLL_S, STOP_S = 2.0, 1.5  # seconds between two looks into the outbox; how long `stop` waits


class MailSender:
    """Sends from `start` to `stop`, one message after the other."""

    def __init__(
        self, store: Store, server: MailServer, *, trust: ssl.SSLContext | None = None
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
        """Queue reminders that are due, and send one message; how many were sent."""
        store = self._store
        with store.reading() as session:
            if not mail_outbox.due(session, store.clock()):
                return 0
        with store.change(SERVICE) as unit:
            mail_outbox.remind(unit, store)
            unit.session.flush()
            claims = mail_outbox.claim(unit, store)
        return sum(self._send(claimed) for claimed in claims)

    def _send(self, claimed: MailClaim) -> bool:
        message = composed(
            claimed.letter,
            self._server.sender,
            claimed.recipient,
            now=self._store.clock(),
            name=claimed.mail_id,
        )
        result = hand_over(self._server, message, trust=self._trust)
        with self._store.change(SERVICE) as unit:
            recorded = mail_outbox.record(unit, claimed, result)
        log.info("mail %s: %s", claimed.mail_id, result.failure or "sent")
        return recorded

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                sent = self.round()
            except (DocgenError, SQLAlchemyError):
                log.exception("mail cannot be sent")
                sent = 0
            if not sent:
                self._ending.wait(POLL_S)
