"""The outbox of mail about signing links: written with a change, claimed by a sender, retried.

A waiting message is sealed, for it holds the link; once it is sent or given up, its
content is erased.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.links.links import (
    IssuedLink,
    documents_of,
    named,
    new_token,
    next_reminder,
    note,
)
from docgen.mail.messages import Letter, until
from docgen.mail.smtp import SendResult
from docgen.records.states import OPEN
from docgen.store.sealing import opened, sealed
from docgen.store.tables import ContractRow, LinkRow, MailRow, UserRow
from docgen.store.unit_of_work import Store, UnitOfWork
from schemas.problems import Problem, warning

LEASE = timedelta(minutes=2)  # after it another process may send the message
# RFC 5321 4.5.4.1: half an hour between tries, and no giving up within days; people who wait
# for a link ask sooner, so the first tries come faster and the last after some 20 hours.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720))


@dataclass(frozen=True)
class MailClaim:
    """A message claimed for sending; no other process sends it before `until`."""

    mail_id: str
    recipient: str
    letter: Letter
    until: datetime


def invite(unit: UnitOfWork, store: Store, made: IssuedLink, base_url: str) -> MailRow | None:
    """Queue an invitation for a link's person, if they have an e-mail and we a mail server."""
    if not made.link.email or not store.settings.smtp:
        return None
    return _queue_mail(unit, store, made, base_url, kind="invitation")


def mail_warnings(store: Store, link: LinkRow, *, wished: bool) -> list[Problem]:
    """Warn that nobody gets mail, where an e-mail or reminders (`wished`) were given."""
    if not store.settings.smtp and (link.email or wished):
        return [warning("email" if link.email else "remind_days", "mail_not_sent")]
    if wished and not link.email:
        return [warning("remind_days", "reminders_need_email")]
    return []


def remind(unit: UnitOfWork, store: Store) -> int:
    """Queue the reminders that are due, each with a new token of its link; return how many."""
    query = select(LinkRow).where(LinkRow.remind_at <= unit.now, LinkRow.ended_at.is_(None))
    links = unit.session.scalars(query.limit(100).with_for_update(skip_locked=True)).all()
    return sum(_queue_reminder(unit, store, link) for link in links)


def claim(unit: UnitOfWork, store: Store, most: int = 1) -> list[MailClaim]:
    """Claim messages that are due; those that another process is claiming are skipped."""
    query = (
        select(MailRow)
        .where(
            MailRow.state == "pending", MailRow.next_at <= unit.now, MailRow.busy_until <= unit.now
        )
        .order_by(MailRow.next_at, MailRow.seq)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    claims = []
    for mail in unit.session.scalars(query):
        mail.busy_until = unit.now + LEASE
        plain = json.loads(opened(store.key, mail.sealed))
        letter = Letter(**plain | {"documents": tuple(plain["documents"])})
        claims.append(MailClaim(mail.id, mail.recipient, letter, mail.busy_until))
    return claims


def due(session: Session, now: datetime) -> bool:
    """Return whether there is anything to send, or anybody to remind."""
    mails = select(MailRow.id).where(
        MailRow.state == "pending", MailRow.next_at <= now, MailRow.busy_until <= now
    )
    links = select(LinkRow.id).where(LinkRow.remind_at <= now, LinkRow.ended_at.is_(None))
    return any(session.scalar(query.limit(1)) is not None for query in (mails, links))


def record(unit: UnitOfWork, claimed: MailClaim, result: SendResult) -> bool:
    """Record the result of sending a message; False when the claim ran out."""
    query = select(MailRow).where(MailRow.id == claimed.mail_id).with_for_update()
    mail = unit.session.scalars(query).one()
    if mail.busy_until != claimed.until or mail.state != "pending":
        return False
    mail.busy_until, mail.failure = unit.now, result.failure or None
    mail.attempts += 1
    if not result.failure:
        _close(unit, mail, "sent")
    elif result.for_good or mail.attempts > len(WAITS):
        _close(unit, mail, "failed")
    else:
        mail.next_at = unit.now + WAITS[mail.attempts - 1]
    return True


def newest_mails(session: Session, link_ids: list[str]) -> dict[str, MailRow]:
    """Return the last message of each link that has one."""
    query = select(MailRow).where(MailRow.link_id.in_(link_ids)).order_by(MailRow.seq)
    return {mail.link_id: mail for mail in session.scalars(query)}


def _close(unit: UnitOfWork, mail: MailRow, state: str) -> None:
    """End a message as `sent` or `failed`; its content is erased."""
    mail.state, mail.next_at, mail.done_at, mail.sealed = state, None, unit.now, ""
    link = unit.session.get_one(LinkRow, mail.link_id)
    action = "sent" if state == "sent" else "not_sent"
    for one in documents_of(unit.session, link):
        note(unit, action, link, one.item, kind=mail.kind, to=mail.recipient, why=mail.failure)


def _queue_mail(
    unit: UnitOfWork, store: Store, made: IssuedLink, base_url: str, *, kind: str
) -> MailRow:
    session, link = unit.session, made.link
    documents = documents_of(session, link)
    letter = Letter(
        kind,
        link.name,
        session.get_one(ContractRow, link.contract_id).customer_name,
        session.get_one(UserRow, link.created_by).name,
        f"{base_url}/s/{made.token}",
        until(link.expires_at),
        link.code_hash is not None,
        tuple(one.version.doc_no for one in documents if one.item.done_at is None),
    )
    mail = MailRow(
        id=unit.new_id(),
        link_id=link.id,
        kind=kind,
        recipient=link.email,
        sealed=sealed(store.key, json.dumps(letter.as_json(), ensure_ascii=False)),
        state="pending",
        attempts=0,
        next_at=unit.now,
        busy_until=unit.now,
        created_at=unit.now,
    )
    session.add(mail)
    return mail


def _queue_reminder(unit: UnitOfWork, store: Store, link: LinkRow) -> int:
    """Queue a reminder of what still waits, if anything does; return how many were queued."""
    link.reminded += 1
    link.remind_at = next_reminder(link, link.reminded)
    waiting = [
        one
        for one in documents_of(unit.session, link)
        if one.item.done_at is None and one.version.state in OPEN
    ]
    if not waiting or link.expires_at <= unit.now:
        link.remind_at = None
        return 0
    items = [one.item for one in waiting]
    made = IssuedLink(link, items, new_token(unit, link))
    _queue_mail(unit, store, made, store.settings.public_url.rstrip("/"), kind="reminder")
    for item in items:
        told = {"to": link.email, "times": link.reminded, "opens": named(made.token)}
        note(unit, "reminded", link, item, **told)
    return 1
