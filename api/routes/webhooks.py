"""Webhooks of a contract: who is told of what, tests, the log of messages, and sending again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Response
from pydantic import BeforeValidator, Field

from api.http.bodies import (
    AnswerBody,
    EmptyBody,
    ItemsBody,
    JsonBody,
    PageBody,
    RequestBody,
    parsed,
    words_of,
)
from api.http.callers import TheActor, TheStore
from api.http.changes import Answer, TheRunner
from api.http.openapi import EMPTY_CONTENT, answers, content, problems
from api.routes.contracts import Cursor, Limit
from docgen.store import tables
from docgen.store.pagination import LIMIT
from docgen.store.unit_of_work import UnitOfWork
from docgen.webhooks import webhooks
from docgen.webhooks.webhooks import WebhookPlace, WebhookWish


class WebhookOut(AnswerBody):
    """A webhook; its secret is shown to nobody again."""

    id: str
    url: str
    events: Annotated[list[str], BeforeValidator(words_of)]
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None = Field(description="by_hand, receiver_gone (410) or given_up")
    former_secret_until: datetime | None = Field(
        validation_alias="previous_until",
        description="until when the secret before this one signs as well",
    )
    created_at: datetime

    @classmethod
    def from_row(cls, row: tables.WebhookRow, **secret: str) -> Self:
        """Make it; with its `secret` only when that was just made."""
        return cls.of(row, enabled=row.disabled_at is None, **secret)


class WebhookMade(WebhookOut):
    """A webhook with its new secret, shown this once."""

    secret: str = Field(description="whsec_… (Standard Webhooks)")


class Webhooks(ItemsBody[WebhookOut]):
    """All webhooks of a contract."""


class DeliveryOut(AnswerBody):
    """A message to a webhook, and what came of its last attempt."""

    id: str = Field(description="webhook-id, the same at every attempt")
    event: str
    message: dict[str, Any] = Field(description="the body as it is sent")
    state: str = Field(description="pending, delivered or failed")
    attempts: int
    next_at: datetime | None = Field(description="when it is sent or tried again")
    tried_at: datetime | None
    status: int | None = Field(description="of the receiver's answer")
    answer: str | None = Field(description="the beginning of its body")
    failure: str | None = Field(description="why there is no status, or why it does not count")
    took_ms: int | None
    created_at: datetime
    done_at: datetime | None

    @classmethod
    def from_row(cls, row: tables.DeliveryRow) -> DeliveryOut:
        """Make it; the message is kept as the text that is sent."""
        return cls.of(row, message=json.loads(row.body))


class DeliveryPage(PageBody[DeliveryOut]):
    """A page of messages."""


router = APIRouter(prefix="/contracts/{contract_id}/webhooks", tags=["webhooks"])

READING = problems(401, 403, 404, 429, 503)
CHANGING = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


class NewWebhook(RequestBody):
    """An address, and the events that it is told of."""

    url: str = Field(max_length=2000, description="https 公网地址 a public https address")
    events: list[str] = Field(
        max_length=50, description="事件，`*` 为全部 " + ", ".join(webhooks.EVENTS)
    )


class ChangedWebhook(NewWebhook):
    """All of a webhook that can be changed."""

    enabled: bool


def place_of(contract_id: str, webhook_id: str) -> WebhookPlace:
    """Return where a webhook is."""
    return WebhookPlace(contract_id, webhook_id)


ThePlace = Annotated[WebhookPlace, Depends(place_of)]


@router.post(
    "",
    status_code=201,
    summary="建立回调 Make a webhook",
    responses=answers(WebhookMade, 201) | CHANGING,
    openapi_extra=content(NewWebhook),
)
def create_webhook(runner: TheRunner, contract_id: str, data: JsonBody) -> Response:
    """Keep an address to be told; the answer shows its secret, this once."""
    wish = WebhookWish(**parsed(NewWebhook, data).model_dump())
    if done := runner.earlier(data):
        return done
    wanted = webhooks.check(runner.store, runner.actor, WebhookPlace(contract_id), wish)

    def create(unit: UnitOfWork) -> Answer:
        row, secret = webhooks.create(unit, contract_id, wanted, runner.store.key)
        return _answer(row, WebhookMade.from_row(row, secret=secret), 201)

    return runner.change(data, create)


@router.get("", summary="回调列表 List webhooks", responses=answers(Webhooks) | READING)
def list_webhooks(store: TheStore, actor: TheActor, contract_id: str) -> Response:
    """List a contract's webhooks."""
    with store.reading() as session:
        found = webhooks.listed(session, actor, contract_id)
        return Answer(Webhooks(items=[WebhookOut.from_row(row) for row in found])).response()


@router.get(
    "/{webhook_id}", summary="读取回调 Read a webhook", responses=answers(WebhookOut) | READING
)
def read_webhook(store: TheStore, actor: TheActor, place: ThePlace) -> Response:
    """Answer a webhook with its ETag."""
    with store.reading() as session:
        row = webhooks.visible(session, actor, place)
        return _answer(row, WebhookOut.from_row(row)).response()


@router.put(
    "/{webhook_id}",
    summary="修改回调 Change a webhook",
    responses=answers(WebhookOut) | CHANGING | problems(412, 428),
    openapi_extra=content(ChangedWebhook),
)
def change_webhook(runner: TheRunner, place: ThePlace, data: JsonBody) -> Response:
    """Replace address and events, enable or disable it; If-Match says which state was seen."""
    wish = WebhookWish(**parsed(ChangedWebhook, data).model_dump())
    if done := runner.earlier(data):
        return done
    wanted = webhooks.check(runner.store, runner.actor, place, wish)

    def change(unit: UnitOfWork) -> Answer:
        row = webhooks.change(unit, place, wanted, runner.if_match)
        return _answer(row, WebhookOut.from_row(row))

    return runner.change(data, change)


@router.delete(
    "/{webhook_id}",
    status_code=204,
    summary="删除回调 Delete a webhook",
    responses=problems(401, 403, 404, 422, 429, 503),
)
def delete_webhook(runner: TheRunner, place: ThePlace) -> Response:
    """Delete a webhook with its log; what is not sent yet never will be."""
    return runner.delete(lambda unit: webhooks.remove(unit, place))


@router.post(
    "/{webhook_id}/secret",
    summary="更换密钥 Replace the secret",
    responses=answers(WebhookMade) | CHANGING,
    openapi_extra=EMPTY_CONTENT,
)
def rotate_secret(runner: TheRunner, place: ThePlace, data: EmptyBody) -> Response:
    """Answer a new secret, this once; for 24 hours the former one signs as well."""

    def rotate(unit: UnitOfWork) -> Answer:
        row, secret = webhooks.rotate(unit, place, runner.store.key)
        return _answer(row, WebhookMade.from_row(row, secret=secret))

    return runner.change(data, rotate)


@router.post(
    "/{webhook_id}/ping",
    status_code=202,
    summary="发送测试消息 Send a test message",
    responses=answers(DeliveryOut, 202) | CHANGING,
    openapi_extra=EMPTY_CONTENT,
)
def ping_webhook(runner: TheRunner, place: ThePlace, data: EmptyBody) -> Response:
    """Send `webhook.ping`; the log of messages tells what came of it."""
    return runner.change(data, lambda unit: _sending(unit, webhooks.ping(unit, place)))


@router.get(
    "/{webhook_id}/deliveries",
    summary="消息记录 List messages",
    responses=answers(DeliveryPage) | READING | problems(422),
)
def list_deliveries(
    store: TheStore, actor: TheActor, place: ThePlace, cursor: Cursor = "", limit: Limit = LIMIT
) -> Response:
    """List a webhook's messages and what came of them, the newest first."""
    with store.reading() as session:
        page = webhooks.deliveries(session, actor, place, cursor=cursor, limit=limit)
        items = [DeliveryOut.from_row(row) for row in page.items]
    return Answer(DeliveryPage.of(page, items=items)).response()


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    status_code=202,
    summary="重发 Send a message again",
    responses=answers(DeliveryOut, 202) | CHANGING,
    openapi_extra=EMPTY_CONTENT,
)
def resend(runner: TheRunner, place: ThePlace, delivery_id: str, data: EmptyBody) -> Response:
    """Send a message again, under the same webhook-id."""
    return runner.change(
        data, lambda unit: _sending(unit, webhooks.resend(unit, place, delivery_id))
    )


def _answer(row: tables.WebhookRow, body: WebhookOut, status: int = 200) -> Answer:
    place = f"/api/v1/contracts/{row.contract_id}/webhooks/{row.id}"
    return Answer(body, status, row.etag, place)


def _sending(unit: UnitOfWork, message: tables.DeliveryRow) -> Answer:
    unit.session.flush()
    return Answer(DeliveryOut.from_row(message), 202)
