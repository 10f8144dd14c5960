"""Signing links, as the staff sees them: made for one person, listed, made again, revoked.

A link asks about one version, or about several in one visit. Its token is shown once.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, defer

from docgen.access import Ability, Actor
from docgen.errors import Conflict, InputUnreadable, NotFound, RecordRefused
from docgen.service import contracts
from docgen.service.records import signoffs, visible
from docgen.service.signing_rules import not_a_customer
from docgen.service.tokens import hash_of
from docgen.service.unit import Unit
from docgen.store.tables import Link, LinkItem, LinkToken, Member, Record, Version
from docgen.workflow import OPEN, Step, wrong_state
from schemas.envelope import Role
from schemas.problems import Problem, error

TOKEN_BYTES = 32
DAYS, MOST_DAYS = 14, 90
REMIND_DAYS = (3, 7)
MOST_DOCUMENTS = 200
MAKERS = (Ability.write_records, Ability.receive, Ability.review)


@dataclass(frozen=True)
class Person:
    """Whom a link is for; e-mail and phone say how they are reached."""

    role: Role
    name: str
    org: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True)
class Terms:
    """How long a link lasts, the code it asks for ("": none), and on which days it is recalled."""

    days: int = DAYS
    code: str = ""
    remind_days: tuple[int, ...] = ()


@dataclass(frozen=True)
class Made:
    """A link with its documents, and the token that opens it, known only now."""

    link: Link
    items: list[LinkItem]
    token: str


@dataclass(frozen=True)
class Asked:
    """One document of a link."""

    item: LinkItem
    record: Record
    version: Version


def make(
    unit: Unit,
    where: Sequence[tuple[str, int]],
    person: Person,
    terms: Terms,
    *,
    key: bytes,
    contract_id: str = "",
) -> Made:
    """Make a link for versions (id, number; 0: the newest) of one contract.

    Raises NotFound, NotAllowed, InputUnreadable (visit_…), RecordRefused (a version that cannot be
    signed in that role: all of them).
    """
    need_maker(unit.actor)
    if contract_id:
        contracts.visible(unit.session, unit.actor, contract_id)
    found = [visible(unit.session, unit.actor, *one) for one in where]
    _check_together([record for record, _ in found], contract_id)
    problems = [
        problem.under("documents", index)
        for index, (record, version) in enumerate(found)
        for problem in _unfit(unit.session, record, version, person.role)
    ]
    if problems:
        raise RecordRefused(problems)
    assert unit.actor.user_id
    link_id = unit.new_id()
    link = Link(
        id=link_id,
        contract_id=found[0][0].contract_id,
        first_id=link_id,
        **vars(person) | {"role": str(person.role)},
        code_hash=code_hash(key, link_id, terms.code) if terms.code else None,
        remind_days=" ".join(str(day) for day in sorted(set(terms.remind_days))),
        created_by=unit.actor.user_id,
        created_at=unit.now,
        expires_at=unit.now + timedelta(days=terms.days),
    )
    return opened_for(unit, link, [(record.id, version.number) for record, version in found])


def opened_for(unit: Unit, link: Link, where: Sequence[tuple[str, int]], **detail: str) -> Made:
    """Keep a new link for versions, with its first token."""
    link.reminded, link.remind_at = 0, next_reminder(link, 0)
    unit.session.add(link)
    unit.session.flush()
    token = new_token(unit, link)
    items = [
        LinkItem(link_id=link.id, position=position, record_id=record_id, number=number)
        for position, (record_id, number) in enumerate(where, 1)
    ]
    unit.session.add_all(items)
    unit.session.flush()
    for item in items:
        note(unit, "made", link, item, expires_at=link.expires_at, org=link.org, **detail)
    return Made(link, items, token)


def listed(session: Session, actor: Actor, where: tuple[str, int]) -> list[tuple[Link, LinkItem]]:
    """List the links of a version, the newest first; never their tokens. Raises NotFound."""
    record, version = visible(session, actor, *where)
    query = (
        select(Link, LinkItem)
        .join(LinkItem, LinkItem.link_id == Link.id)
        .where(LinkItem.record_id == record.id, LinkItem.number == version.number)
        .order_by(Link.created_at.desc(), Link.id)
    )
    return [(link, item) for link, item in session.execute(query)]


def known(session: Session, actor: Actor, link_id: str, *, lock: bool = False) -> Link:
    """Return a link of the actor's contracts. Raises NotFound."""
    actor.need(Ability.read)
    query = (
        select(Link)
        .join(Member, Member.contract_id == Link.contract_id)
        .where(Link.id == link_id, Member.user_id == actor.user_id)
    )
    link = session.scalar(query.with_for_update(of=Link) if lock else query)
    if link is None:
        raise NotFound("not_found.link")
    return link


def asked(session: Session, link: Link, position: int = 0) -> list[Asked]:
    """Return the documents of a link in their order, or one of them; one query, no contents."""
    query = (
        select(LinkItem, Record, Version)
        .join(Record, Record.id == LinkItem.record_id)
        .join(
            Version,
            (Version.record_id == LinkItem.record_id) & (Version.number == LinkItem.number),
        )
        .where(LinkItem.link_id == link.id)
        .order_by(LinkItem.position)
        .options(defer(Version.body), defer(Version.archived_body))
    )
    if position:
        query = query.where(LinkItem.position == position)
    return [Asked(*row) for row in session.execute(query)]


def resend(unit: Unit, link_id: str) -> Made:
    """Make a link anew with another token; the old one ends. It lasts as long as the old one did.

    Raises NotFound, NotAllowed, Conflict (link_ended, link_nothing_waiting).
    """
    need_maker(unit.actor)
    old = known(unit.session, unit.actor, link_id, lock=True)
    if old.ended_at:
        raise Conflict("link_ended")
    waiting = waiting_of(unit.session, old)
    end(unit, old, "resent")
    assert unit.actor.user_id
    return opened_for(unit, successor(unit, old, unit.actor.user_id), waiting, before=old.id)


def revoke(unit: Unit, link_id: str) -> None:
    """End a link at once; a second time is no error. Raises NotFound, NotAllowed."""
    need_maker(unit.actor)
    link = known(unit.session, unit.actor, link_id, lock=True)
    if link.ended_at is None:
        end(unit, link, "revoked")
        for one in asked(unit.session, link):
            note(unit, "revoked", link, one.item)


def successor(unit: Unit, old: Link, maker_id: str, **changes: str | None) -> Link:
    """Return a link that follows from another; its time begins anew."""
    same = ("contract_id", "first_id", "role", "name", "org", "email", "phone", "code_hash")
    kept = {name: getattr(old, name) for name in (*same, "remind_days")}
    return Link(
        id=unit.new_id(),
        before_id=old.id,
        created_by=maker_id,
        created_at=unit.now,
        expires_at=unit.now + (old.expires_at - old.created_at),
        **kept | changes,
    )


def waiting_of(session: Session, link: Link) -> list[tuple[str, int]]:
    """Return the versions that wait for the link's person. Conflict: link_nothing_waiting."""
    waiting = [
        (one.record.id, one.version.number)
        for one in asked(session, link)
        if one.item.done_at is None and one.version.state in OPEN
    ]
    if not waiting:
        raise Conflict("link_nothing_waiting")
    return waiting


def end(unit: Unit, link: Link, how: str, reason: str | None = None) -> None:
    """End a link; nothing opens it any more."""
    link.ended_at, link.ended_how, link.reason = unit.now, how, reason
    link.remind_at = None


def new_token(unit: Unit, link: Link) -> str:
    """Make another token that opens a link, of 256 bits; only its hash is kept."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    unit.session.add(LinkToken(token_hash=hash_of(token), link_id=link.id, created_at=unit.now))
    return token


def code_hash(key: bytes, first_id: str, code: str) -> str:
    """Return what is kept of an access code, which is short: nothing to guess at without `key`."""
    return hmac.new(
        key, f"link code {first_id} {code}".encode("utf-8", "replace"), "sha256"
    ).hexdigest()


def next_reminder(link: Link, done: int) -> datetime | None:
    """Return when a link's person is reminded next, after `done` times; never without e-mail."""
    days = link.remind_days.split()[done:] if link.email else []
    at = link.created_at + timedelta(days=int(days[0])) if days else None
    return at if at and at < link.expires_at else None


def note(unit: Unit, action: str, link: Link, item: LinkItem, **detail: object) -> None:
    """Put what happened to a link into the trail of the record that it asks about."""
    unit.note(
        f"link.{action}",
        ("record", item.record_id),
        link.contract_id,
        link=link.id,
        number=item.number,
        role=link.role,
        name=link.name,
        **detail,
    )


def need_maker(actor: Actor) -> None:
    """Raise NotAllowed for whoever neither writes, receives nor reviews."""
    if not any(actor.may(ability) for ability in MAKERS):
        actor.need(Ability.write_records)


def _check_together(records: Sequence[Record], contract_id: str) -> None:
    if len({record.id for record in records}) < len(records):
        raise InputUnreadable("visit_repeats", place="documents")
    if {record.contract_id for record in records} != {contract_id or records[0].contract_id}:
        raise InputUnreadable("visit_other_contract", place="documents")


def _unfit(session: Session, record: Record, version: Version, role: Role) -> list[Problem]:
    given = signoffs(session, record.id, version.number)
    signed = any(one.role == role for one in given)
    return [
        *wrong_state(Step.sign, version.state),
        *not_a_customer(record, role),
        *([error("role", "already_signed", role)] if signed else []),
    ]
