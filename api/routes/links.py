"""Signing links, for the staff: made for a version or for a visit, listed, sent anew, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Response
from pydantic import BeforeValidator, Field, StringConstraints

from api.http.bodies import (
    AnswerBody,
    EmptyBody,
    ItemsBody,
    JsonBody,
    RequestBody,
    parsed,
    words_of,
)
from api.http.callers import TheActor, TheStore
from api.http.changes import Answer, ChangeRunner, TheRunner
from api.http.openapi import EMPTY_CONTENT, answers, content, problems
from api.pages.forms import EMAIL
from api.pages.showing import base_url
from api.routes.record_bodies import ProblemOut, entries
from api.routes.records import Number
from docgen.links import links
from docgen.links.links import (
    DAYS,
    MOST_DAYS,
    MOST_DOCUMENTS,
    REMIND_DAYS,
    IssuedLink,
    LinkedDocument,
    LinkRecipient,
    LinkTerms,
)
from docgen.links.mail_outbox import invite, mail_warnings, newest_mails
from docgen.store import tables
from docgen.store.unit_of_work import UnitOfWork
from schemas.vocabulary import Role


class LinkDocument(AnswerBody):
    """A document of a link, and what came of it."""

    position: int
    record_id: str
    version: int = Field(validation_alias="number")
    doc_no: str
    opened_at: datetime | None = Field(description="when its pages were shown first")
    done_at: datetime | None = Field(description="when it was signed, or returned")
    how: str | None = Field(description="drawn, typed, or none (returned without a signature)")
    signoff_id: str | None
    consent_hash: str | None = Field(description="sha256 of the statement that was confirmed")

    @classmethod
    def from_linked(cls, linked: LinkedDocument) -> LinkDocument:
        """Make it of a link's item and the version that it asks about."""
        return cls.of(linked.item, doc_no=linked.version.doc_no)


class MailOut(AnswerBody):
    """The last message about a link."""

    kind: str = Field(description="invitation or reminder")
    state: str = Field(description="pending, sent or failed")
    attempts: int
    failure: str | None
    created_at: datetime
    done_at: datetime | None


class LinkOut(AnswerBody):
    """A signing link, without what opens it."""

    id: str
    contract_id: str
    role: str
    name: str
    org: str | None
    email: str | None
    phone: str | None
    with_code: bool = Field(description="whether it asks for an access code")
    remind_days: Annotated[list[int], BeforeValidator(words_of)]
    reminded: int
    before_id: str | None = Field(description="the link that this one follows from")
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_how: str | None = Field(description="revoked, resent or delegated")
    reason: str | None = Field(description="why it was handed on")
    documents: list[LinkDocument]
    mail: MailOut | None = Field(None, description="the last message, if any was written")

    @classmethod
    def from_row(
        cls,
        row: tables.LinkRow,
        documents: Iterable[LinkedDocument],
        mail: tables.MailRow | None,
        **computed: Any,
    ) -> Self:
        """Make it of a link, its documents and its last message."""
        return cls.of(
            row,
            with_code=row.code_hash is not None,
            documents=[LinkDocument.from_linked(linked) for linked in documents],
            mail=mail,
            **computed,
        )


class LinkMade(LinkOut):
    """A link with its address, shown this once; `problems` warn of mail that is not sent."""

    url: str = Field(description="链接，只显示这一次 the link itself, shown this once")
    problems: list[ProblemOut] = Field([])


class Links(ItemsBody[LinkOut]):
    """All links of a version."""


router = APIRouter(tags=["links"])

READING = problems(401, 403, 404, 422, 429, 503)
CHANGING = problems(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Mailbox = Annotated[str, StringConstraints(max_length=254, pattern=f"^{EMAIL.pattern}$")]
Day = Annotated[int, Field(ge=1, le=MOST_DAYS)]


class NewLink(RequestBody):
    """Whom a link is for, and how long it lasts."""

    role: Role
    name: Line
    org: Line | None = None
    email: Mailbox | None = Field(None, description="收到邀请与提醒 invited and reminded there")
    phone: str | None = Field(None, max_length=64, description="备注 a note; nothing is sent there")
    days: Day = Field(DAYS, description="有效天数 days until it expires")
    access_code: str | None = Field(
        None, min_length=6, max_length=64, description="访问码，另行告知 told by another way"
    )
    remind_days: list[Day] = Field(
        list(REMIND_DAYS), max_length=10, description="第几天提醒，仅有邮箱时 days of reminders"
    )


class VisitDocument(RequestBody):
    """A document of a visit: the newest version, unless another is named."""

    record_id: str = Field(min_length=1, max_length=40, description="标识或文档编号")
    version: int = Field(0, ge=0, le=9999)


class NewVisit(NewLink):
    """A visit: several documents that one person signs on one device."""

    documents: list[VisitDocument] = Field(min_length=1, max_length=MOST_DOCUMENTS)


@router.post(
    "/records/{record_id}/versions/{number}/links",
    status_code=201,
    summary="建立签署链接 Make a signing link",
    responses=answers(LinkMade, 201) | CHANGING,
    openapi_extra=content(NewLink),
)
def create_link(runner: TheRunner, record_id: str, number: Number, data: JsonBody) -> Response:
    """Make a link for one person to sign this version; the answer shows it, this once."""
    wish = parsed(NewLink, data)
    return runner.change(data, lambda unit: _made(runner, unit, wish, [(record_id, number)]))


@router.get(
    "/records/{record_id}/versions/{number}/links",
    summary="签署链接列表 List signing links",
    responses=answers(Links) | READING,
)
def list_links(store: TheStore, actor: TheActor, record_id: str, number: Number) -> Response:
    """List the links of a version, whatever became of them, the newest first."""
    with store.reading() as session:
        found = links.listed(session, actor, (record_id, number))
        mails = newest_mails(session, [link.id for link, _ in found])
        items = [
            LinkOut.from_row(link, links.documents_of(session, link), mails.get(link.id))
            for link, _ in found
        ]
        return Answer(Links(items=items)).response()


@router.get(
    "/links/{link_id}", summary="读取签署链接 Read a link", responses=answers(LinkOut) | READING
)
def read_link(store: TheStore, actor: TheActor, link_id: str) -> Response:
    """Answer a link with its documents and what came of each."""
    with store.reading() as session:
        link = links.visible_link(session, actor, link_id)
        mail = newest_mails(session, [link.id]).get(link.id)
        return Answer(LinkOut.from_row(link, links.documents_of(session, link), mail)).response()


@router.post(
    "/links/{link_id}/resend",
    status_code=201,
    summary="重发签署链接 Send a link anew",
    responses=answers(LinkMade, 201) | CHANGING,
    openapi_extra=EMPTY_CONTENT,
)
def resend_link(runner: TheRunner, link_id: str, data: EmptyBody) -> Response:
    """Make the link anew, with another address, for what still waits; the old one ends."""
    return runner.change(data, lambda unit: _answered(runner, unit, links.resend(unit, link_id)))


@router.delete(
    "/links/{link_id}",
    status_code=204,
    summary="撤销签署链接 Revoke a link",
    responses=problems(401, 403, 404, 422, 429, 503),
)
def revoke_link(runner: TheRunner, link_id: str) -> Response:
    """End a link at once; what was signed through it stays."""
    return runner.delete(lambda unit: links.revoke(unit, link_id))


@router.post(
    "/contracts/{contract_id}/visits",
    status_code=201,
    summary="现场签署 Sign on site",
    responses=answers(LinkMade, 201) | CHANGING,
    openapi_extra=content(NewVisit),
)
def create_visit(runner: TheRunner, contract_id: str, data: JsonBody) -> Response:
    """Make one link for several documents of a contract, signed by one person on one device."""
    wish = parsed(NewVisit, data)
    where = [(one.record_id, one.version) for one in wish.documents]
    return runner.change(
        data, lambda unit: _made(runner, unit, wish, where, contract_id=contract_id)
    )


def _made(
    runner: ChangeRunner,
    unit: UnitOfWork,
    wish: NewLink,
    where: list[tuple[str, int]],
    *,
    contract_id: str = "",
) -> Answer:
    person = LinkRecipient(wish.role, wish.name, wish.org, wish.email, wish.phone)
    days = tuple(wish.remind_days) if runner.store.settings.smtp else ()
    terms = LinkTerms(wish.days, wish.access_code or "", days)
    made = links.make(unit, where, person, terms, key=runner.store.key, contract_id=contract_id)
    wished = "remind_days" in wish.model_fields_set and bool(wish.remind_days)
    return _answered(runner, unit, made, wished=wished)


def _answered(
    runner: ChangeRunner, unit: UnitOfWork, made: IssuedLink, *, wished: bool = False
) -> Answer:
    base = base_url(runner.request)
    mail = invite(unit, runner.store, made, base)
    body = LinkMade.from_row(
        made.link,
        links.documents_of(unit.session, made.link),
        mail,
        url=f"{base}/s/{made.token}",
        problems=entries(mail_warnings(runner.store, made.link, wished=wished)),
    )
    return Answer(body, 201, location=f"/api/v1/links/{made.link.id}")
