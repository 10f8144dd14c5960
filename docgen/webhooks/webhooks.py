"""Webhooks of a contract: their addresses, events and secrets, and the log of their messages.

Sends nothing: `docgen.webhooks.sender` sends the messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_bytes
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from docgen.access import Ability, Actor
from docgen.contracts import contracts
from docgen.errors import Conflict, InputUnreadable, NotFound
from docgen.store.etags import check_etag
from docgen.store.pagination import LIMIT, Page, decoded, paged
from docgen.store.sealing import sealed
from docgen.store.tables import DeliveryRow, WebhookRow
from docgen.store.unit_of_work import ALL_EVENTS, Store, UnitOfWork
from docgen.webhooks.address import Resolve, public_addresses, system_addresses
from docgen.webhooks.signature import new_secret

EVENTS = (
    "record.created",
    "record.submitted",
    "record.signed",
    "record.returned",
    "record.approved",
    "record.archived",
    "record.voided",
    "record.revised",
)
PING = "webhook.ping"
MOST = 20  # of a contract
BOTH_SIGN = timedelta(hours=24)  # after a secret was replaced
KIND = "deliveries"


class WebhookPlace(NamedTuple):
    """The contract and id of a webhook; without an id, of one to be created."""

    contract_id: str
    webhook_id: str = ""


@dataclass(frozen=True)
class WebhookWish:
    """The address and events that a user wants, not checked yet."""

    url: str
    events: Sequence[str]
    enabled: bool = True


@dataclass(frozen=True)
class CheckedWebhook:
    """A checked WebhookWish: its address was looked up and is allowed."""

    url: str
    events: str
    enabled: bool


def check(
    store: Store,
    actor: Actor,
    place: WebhookPlace,
    wish: WebhookWish,
    *,
    resolve: Resolve = system_addresses,
) -> CheckedWebhook:
    """Check events and address; the look-up must be outside of a transaction.

    An address that does not change is not looked up again.

    Raises NotFound, NotAllowed (webhook_address_refused, webhook_host_unknown), InputUnreadable
    (unknown_event).
    """
    with store.reading() as session:
        if place.webhook_id:
            current_url = visible(session, actor, place).url
        else:
            contracts.visible(session, actor, place.contract_id)
            actor.need(Ability.manage_webhooks)
            current_url = ""
    events = _check_events(wish.events)
    if wish.url != current_url:
        public_addresses(wish.url, networks=store.settings.webhook_networks, resolve=resolve)
    return CheckedWebhook(wish.url, events, wish.enabled)


def create(
    unit: UnitOfWork, contract_id: str, webhook: CheckedWebhook, key: bytes
) -> tuple[WebhookRow, str]:
    """Create a webhook; its secret is returned once and stored sealed under `key`.

    Raises NotFound, NotAllowed, Conflict (too_many_webhooks).
    """
    contract = contracts.visible(unit.session, unit.actor, contract_id, lock=True)
    unit.actor.need(Ability.manage_webhooks)
    # The contract is locked, so that nobody adds another meanwhile.
    count = select(func.count()).where(WebhookRow.contract_id == contract.id)
    if unit.session.execute(count).scalar_one() >= MOST:
        raise Conflict("too_many_webhooks", limit=MOST)
    secret = new_secret(token_bytes)
    assert unit.actor.user_id
    row = WebhookRow(
        id=unit.new_id(),
        contract_id=contract.id,
        url=webhook.url,
        events=webhook.events,
        secret_sealed=sealed(key, secret),
        etag=1,
        created_by=unit.actor.user_id,
        created_at=unit.now,
        given_up=0,
        busy_until=unit.now,
    )
    unit.session.add(row)
    unit.session.flush()
    _note(unit, "created", row)
    return row, secret


def change(unit: UnitOfWork, place: WebhookPlace, webhook: CheckedWebhook, etag: str) -> WebhookRow:
    """Replace address, events, and whether it is enabled. NotFound, NotAllowed, Conflict."""
    row = visible(unit.session, unit.actor, place, lock=True)
    check_etag(etag, row.etag)
    row.url, row.events = webhook.url, webhook.events
    if webhook.enabled:
        row.disabled_at = row.disabled_reason = None
        row.given_up, unit.told = 0, True
    elif row.disabled_at is None:
        row.disabled_at, row.disabled_reason = unit.now, "by_hand"
    row.etag += 1
    _note(unit, "changed", row)
    return row


def remove(unit: UnitOfWork, place: WebhookPlace) -> None:
    """Delete a webhook with all its messages. Raises NotFound, NotAllowed."""
    row = visible(unit.session, unit.actor, place, lock=True)
    _note(unit, "deleted", row)
    unit.session.refresh(row, with_for_update=True)  # waits for transactions that add a message
    unit.session.execute(delete(DeliveryRow).where(DeliveryRow.webhook_id == row.id))
    unit.session.delete(row)


def rotate(unit: UnitOfWork, place: WebhookPlace, key: bytes) -> tuple[WebhookRow, str]:
    """Replace the secret; the former one also signs for a day. Raises NotFound, NotAllowed."""
    row = visible(unit.session, unit.actor, place, lock=True)
    secret = new_secret(token_bytes)
    row.previous_sealed, row.previous_until = row.secret_sealed, unit.now + BOTH_SIGN
    row.secret_sealed = sealed(key, secret)
    row.etag += 1
    _note(unit, "secret_rotated", row)
    return row, secret


def ping(unit: UnitOfWork, place: WebhookPlace) -> DeliveryRow:
    """Queue a test message. Raises NotFound, NotAllowed, Conflict (webhook_disabled)."""
    row = visible(unit.session, unit.actor, place, lock=True)
    _check_enabled(row)
    return unit.leave(row, PING, id=row.id)


def resend(unit: UnitOfWork, place: WebhookPlace, delivery_id: str) -> DeliveryRow:
    """Queue a message again, due at once, under the same id, its attempts counted from zero.

    Raises NotFound, NotAllowed, Conflict (webhook_disabled).
    """
    row = visible(unit.session, unit.actor, place, lock=True)
    query = select(DeliveryRow).where(
        DeliveryRow.id == delivery_id, DeliveryRow.webhook_id == row.id
    )
    message = unit.session.scalar(query)
    if message is None:
        raise NotFound("not_found.message")
    _check_enabled(row)
    message.state, message.attempts = "pending", 0
    message.next_at, message.done_at = unit.now, None
    unit.told = True
    return message


def visible(
    session: Session, actor: Actor, place: WebhookPlace, *, lock: bool = False
) -> WebhookRow:
    """Return a webhook of the actor's contract. Raises NotFound, NotAllowed."""
    contracts.visible(session, actor, place.contract_id)
    actor.need(Ability.manage_webhooks)
    query = _of(place.contract_id).where(WebhookRow.id == place.webhook_id)
    row = session.scalar(query.with_for_update(key_share=True) if lock else query)
    if row is None:
        raise NotFound("not_found.webhook")
    return row


def listed(session: Session, actor: Actor, contract_id: str) -> Sequence[WebhookRow]:
    """List a contract's webhooks, the oldest first. Raises NotFound, NotAllowed."""
    contracts.visible(session, actor, contract_id)
    actor.need(Ability.manage_webhooks)
    query = _of(contract_id).order_by(WebhookRow.created_at, WebhookRow.id)
    return session.scalars(query).all()


def deliveries(
    session: Session, actor: Actor, place: WebhookPlace, *, cursor: str = "", limit: int = LIMIT
) -> Page[DeliveryRow]:
    """List a webhook's messages, the newest first. Raises NotFound, NotAllowed."""
    row = visible(session, actor, place)
    query = (
        select(DeliveryRow).where(DeliveryRow.webhook_id == row.id).order_by(DeliveryRow.seq.desc())
    )
    if cursor:
        query = query.where(DeliveryRow.seq < int(decoded(cursor, KIND)))
    return paged(session.scalars(query.limit(limit + 1)), limit, KIND, lambda row: row.seq)


def disable(unit: UnitOfWork, row: WebhookRow, reason: str) -> None:
    """Disable a webhook until somebody enables it; `reason` is receiver_gone or given_up."""
    row.disabled_at, row.disabled_reason = unit.now, reason
    row.etag += 1
    _note(unit, "disabled", row, reason=reason)


def _check_events(events: Sequence[str]) -> str:
    """Return the names, each once, as they are stored. InputUnreadable: unknown_event."""
    unknown = [event for event in events if event not in (*EVENTS, ALL_EVENTS)]
    if events and not unknown:
        return " ".join(dict.fromkeys(events))
    choices = ", ".join((*EVENTS, ALL_EVENTS))
    raise InputUnreadable("unknown_event", place="events", value=" ".join(unknown), choices=choices)


def _check_enabled(row: WebhookRow) -> None:
    if row.disabled_at:
        raise Conflict("webhook_disabled")


def _of(contract_id: str) -> Select[WebhookRow]:
    return select(WebhookRow).where(WebhookRow.contract_id == contract_id)


def _note(unit: UnitOfWork, action: str, row: WebhookRow, **detail: str) -> None:
    """Audit an action with the address's host; the rest of an address may hold secrets."""
    host = urlsplit(row.url).hostname or ""
    unit.note(
        f"webhook.{action}",
        ("webhook", row.id),
        row.contract_id,
        host=host,
        events=row.events,
        enabled=row.disabled_at is None,
        **detail,
    )
