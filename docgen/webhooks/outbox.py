"""Claim the messages to send next, and record the results: the database's part of delivery.

At most one message of a webhook is being sent at a time, however many processes there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Exists, and_, exists, select
from sqlalchemy.orm import Session, aliased

from docgen.store.tables import DeliveryRow, WebhookRow
from docgen.store.unit_of_work import UnitOfWork
from docgen.webhooks.request import Receipt
from docgen.webhooks.schedule import verdict_of
from docgen.webhooks.webhooks import disable

LEASE = timedelta(minutes=2)  # in which a message is looked up, sent and recorded
GIVEN_UP = 3  # messages in a row, and the webhook is disabled
IN_ORDER = 4  # attempts of a record's earlier message that later ones wait for, about 35 minutes


@dataclass(frozen=True)
class DeliveryClaim:
    """A message to send now; no other process claims it before `until`."""

    delivery_id: str
    webhook_id: str
    url: str
    sealed: tuple[str, ...]  # the secrets that sign it
    body: bytes
    until: datetime


def waiting(session: Session, now: datetime) -> bool:
    """Return whether there may be something to claim."""
    query = select(WebhookRow.id).where(_may_send(now), _has_due(now))
    return session.scalar(query.limit(1)) is not None


def claim(unit: UnitOfWork, most: int) -> list[DeliveryClaim]:
    """Claim the next message of up to `most` webhooks, those first that were served longest ago.

    Rows that another process is claiming are skipped (PostgreSQL; SQLite has one writer).
    """
    query = (
        select(WebhookRow)
        .where(_may_send(unit.now), _has_due(unit.now))
        .order_by(WebhookRow.busy_until, WebhookRow.id)
        .limit(most)
        .with_for_update(skip_locked=True, key_share=True)
    )
    hooks = unit.session.scalars(query).all()
    return [one for hook in hooks for one in _claimed(unit, hook)]


def record(unit: UnitOfWork, claimed: DeliveryClaim, receipt: Receipt, *, jitter: float) -> bool:
    """Record the result of a message and its consequences; False when the claim has expired.

    Then another process may have sent it again, and records that result.
    """
    session = unit.session
    hook = session.get(WebhookRow, claimed.webhook_id, with_for_update={"key_share": True})
    query = select(DeliveryRow).where(DeliveryRow.id == claimed.delivery_id)
    message = session.scalar(query)
    if hook is None or message is None or hook.busy_until != claimed.until:
        return False
    hook.busy_until = unit.now
    message.attempts += 1
    message.tried_at, message.took_ms = unit.now, receipt.ms
    message.status, message.failure = receipt.status, receipt.failure
    message.answer = receipt.answer or None
    verdict = verdict_of(receipt, message.attempts, unit.now, jitter)
    message.next_at = verdict.at
    if verdict.outcome != "again":
        message.state = "delivered" if verdict.outcome == "delivered" else "failed"
        message.done_at = unit.now
        hook.given_up = 0 if verdict.outcome == "delivered" else hook.given_up + 1
    if hook.disabled_at is None:
        if verdict.outcome == "disabled":
            disable(unit, hook, "receiver_gone")
        elif hook.given_up >= GIVEN_UP:
            disable(unit, hook, "given_up")
    return True


def _claimed(unit: UnitOfWork, hook: WebhookRow) -> list[DeliveryClaim]:
    """Claim the webhook's next message, unless another process has just sent it."""
    query = select(DeliveryRow).where(DeliveryRow.webhook_id == hook.id, _is_due(unit.now))
    message = unit.session.scalar(query.order_by(DeliveryRow.seq).limit(1))
    if message is None:
        return []
    hook.busy_until = unit.now + LEASE
    former = hook.previous_until is not None and hook.previous_until > unit.now
    secrets = (hook.secret_sealed, hook.previous_sealed if former else None)
    return [
        DeliveryClaim(
            message.id,
            hook.id,
            hook.url,
            tuple(one for one in secrets if one),
            message.body.encode(),
            hook.busy_until,
        )
    ]


def _may_send(now: datetime) -> ColumnElement[bool]:
    return and_(WebhookRow.disabled_at.is_(None), WebhookRow.busy_until <= now)


def _has_due(now: datetime) -> Exists:
    return exists().where(DeliveryRow.webhook_id == WebhookRow.id, _is_due(now))


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Select messages that are due, unless an earlier one of the same record must go first."""
    earlier = aliased(DeliveryRow)
    ahead = (
        exists()
        .where(
            earlier.webhook_id == DeliveryRow.webhook_id,
            earlier.subject_id == DeliveryRow.subject_id,
            earlier.seq < DeliveryRow.seq,
            earlier.state == "pending",
            earlier.attempts < IN_ORDER,
        )
        .correlate(DeliveryRow)
    )
    return and_(DeliveryRow.state == "pending", DeliveryRow.next_at <= now, ~ahead)
