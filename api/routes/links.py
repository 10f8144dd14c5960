"""Signing links, for the staff: made for a version or for a visit, listed, sent anew, revoked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field, StringConstraints

from api.http.bodies import JsonBody, RequestBody, parsed
from api.http.callers import TheActor, TheStore
from api.http.changes import Answer, ChangeRunner, TheDesk
from api.http.openapi import answers, content, problems
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
from docgen.links.mail_outbox import invited, newest, unsent
from docgen.store import tables
from docgen.store.unit_of_work import UnitOfWork
from schemas.problems import Problem
from schemas.vocabulary import Role


class LinkDocument(BaseModel):
    """A document of a link, and what came of it."""

    position: int
    record_id: str
    version: int
    doc_no: str
    opened_at: datetime | None = Field(description="when its pages were shown first")
    done_at: datetime | None = Field(description="when it was signed, or returned")
    how: str | None = Field(description="drawn, typed, or none (returned without a signature)")
    signoff_id: str | None
    consent_hash: str | None = Field(description="sha256 of the statement that was confirmed")

    @classmethod
    def of(cls, one: LinkedDocument) -> LinkDocument:
        """Make it."""
        item = one.item
        return cls(
            position=item.position,
            record_id=item.record_id,
            version=item.number,
            doc_no=one.version.doc_no,
            opened_at=item.opened_at,
            done_at=item.done_at,
            how=item.how,
            signoff_id=item.signoff_id,
            consent_hash=item.consent_hash,
        )


class MailOut(BaseModel):
    """The last message about a link."""

    kind: str = Field(description="invitation or reminder")
    state: str = Field(description="pending, sent or failed")
    attempts: int
    failure: str | None
    created_at: datetime
    done_at: datetime | None

    @classmethod
    def of(cls, row: tables.MailRow) -> MailOut:
        """Make it."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class LinkOut(BaseModel):
    """A signing link, without what opens it."""

    id: str
    contract_id: str
    role: str
    name: str
    org: str | None
    email: str | None
    phone: str | None
    with_code: bool = Field(description="whether it asks for an access code")
    remind_days: list[int]
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
    def of(
        cls, row: tables.LinkRow, asked: Iterable[LinkedDocument], mail: tables.MailRow | None
    ) -> LinkOut:
        """Make it."""
        made = {"with_code", "remind_days", "documents", "mail", "url"}
        return cls(
            **{name: getattr(row, name) for name in LinkOut.model_fields if name not in made},
            with_code=row.code_hash is not None,
            remind_days=[int(day) for day in row.remind_days.split()],
            documents=[LinkDocument.of(one) for one in asked],
            mail=MailOut.of(mail) if mail else None,
        )


class LinkMade(LinkOut):
    """A link with its address, shown this once; `problems` warn of mail that is not sent."""

    url: str = Field(description="链接，只显示这一次 the link itself, shown this once")
    problems: list[ProblemOut] = []

    @classmethod
    def with_url(
        cls,
        made: IssuedLink,
        asked: Iterable[LinkedDocument],
        mail: tables.MailRow | None,
        base_url: str,
        *,
        problems: Iterable[Problem],
    ) -> LinkMade:
        """Make it."""
        plain = dict(LinkOut.of(made.link, asked, mail))
        return cls(**plain, url=f"{base_url}/s/{made.token}", problems=entries(problems))


class Links(BaseModel):
    """All links of a version."""

    items: list[LinkOut]


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


class NoChoice(RequestBody):
    """An empty object."""


@router.post(
    "/records/{record_id}/versions/{number}/links",
    status_code=201,
    summary="建立签署链接 Make a signing link",
    responses=answers(LinkMade, 201) | CHANGING,
    openapi_extra=content(NewLink),
)
def create_link(desk: TheDesk, record_id: str, number: Number, data: JsonBody) -> Response:
    """Make a link for one person to sign this version; the answer shows it, this once."""
    wish = parsed(NewLink, data)
    return desk.change(data, lambda unit: _made(desk, unit, wish, [(record_id, number)]))


@router.get(
    "/records/{record_id}/versions/{number}/links",
    summary="签署链接列表 List signing links",
    responses=answers(Links) | READING,
)
def list_links(store: TheStore, actor: TheActor, record_id: str, number: Number) -> Response:
    """List the links of a version, whatever became of them, the newest first."""
    with store.reading() as session:
        found = links.listed(session, actor, (record_id, number))
        mails = newest(session, [link.id for link, _ in found])
        items = [
            LinkOut.of(link, links.asked(session, link), mails.get(link.id)) for link, _ in found
        ]
        return Answer(Links(items=items)).response()


@router.get(
    "/links/{link_id}", summary="读取签署链接 Read a link", responses=answers(LinkOut) | READING
)
def read_link(store: TheStore, actor: TheActor, link_id: str) -> Response:
    """Answer a link with its documents and what came of each."""
    with store.reading() as session:
        link = links.known(session, actor, link_id)
        mail = newest(session, [link.id]).get(link.id)
        return Answer(LinkOut.of(link, links.asked(session, link), mail)).response()


@router.post(
    "/links/{link_id}/resend",
    status_code=201,
    summary="重发签署链接 Send a link anew",
    responses=answers(LinkMade, 201) | CHANGING,
    openapi_extra=content(NoChoice),
)
def resend_link(desk: TheDesk, link_id: str, data: JsonBody) -> Response:
    """Make the link anew, with another address, for what still waits; the old one ends."""
    parsed(NoChoice, data)
    return desk.change(data, lambda unit: _answered(desk, unit, links.resend(unit, link_id)))


@router.delete(
    "/links/{link_id}",
    status_code=204,
    summary="撤销签署链接 Revoke a link",
    responses=problems(401, 403, 404, 422, 429, 503),
)
def revoke_link(desk: TheDesk, link_id: str) -> Response:
    """End a link at once; what was signed through it stays."""

    def revoke(unit: UnitOfWork) -> Answer:
        links.revoke(unit, link_id)
        return Answer(None, 204)

    return desk.change(b"", revoke)


@router.post(
    "/contracts/{contract_id}/visits",
    status_code=201,
    summary="现场签署 Sign on site",
    responses=answers(LinkMade, 201) | CHANGING,
    openapi_extra=content(NewVisit),
)
def create_visit(desk: TheDesk, contract_id: str, data: JsonBody) -> Response:
    """Make one link for several documents of a contract, signed by one person on one device."""
    wish = parsed(NewVisit, data)
    where = [(one.record_id, one.version) for one in wish.documents]
    return desk.change(data, lambda unit: _made(desk, unit, wish, where, contract_id=contract_id))


def _made(
    desk: ChangeRunner,
    unit: UnitOfWork,
    wish: NewLink,
    where: list[tuple[str, int]],
    *,
    contract_id: str = "",
) -> Answer:
    person = LinkRecipient(wish.role, wish.name, wish.org, wish.email, wish.phone)
    days = tuple(wish.remind_days) if desk.store.settings.smtp else ()
    terms = LinkTerms(wish.days, wish.access_code or "", days)
    made = links.make(unit, where, person, terms, key=desk.store.key, contract_id=contract_id)
    wished = "remind_days" in wish.model_fields_set and bool(wish.remind_days)
    return _answered(desk, unit, made, wished=wished)


def _answered(
    desk: ChangeRunner, unit: UnitOfWork, made: IssuedLink, *, wished: bool = False
) -> Answer:
    base = base_url(desk.request)
    mail = invited(unit, desk.store, made, base)
    asked = links.asked(unit.session, made.link)
    problems = unsent(desk.store, made.link, wished=wished)
    body = LinkMade.with_url(made, asked, mail, base, problems=problems)
    return Answer(body, 201, location=f"/api/v1/links/{made.link.id}")
