"""Signing links, as the staff sees them: made for one person, listed, made again, revoked.

A link asks about one version, or about several in one visit. Its token is shown once. A link that
is sent again or handed to a colleague ends, and a new one follows: such links form a chain, in
which `first_id` is the id of the first link and `before_id` that of the one it replaces.
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
from docgen.accounts.tokens import hash_of
from docgen.contracts import contracts
from docgen.errors import Conflict, InputUnreadable, NotFound, RecordRefused
from docgen.records.records import signoffs, visible
from docgen.records.states import OPEN, Step, wrong_state
from docgen.store.audit_chain import text_hash
from docgen.store.tables import LinkItemRow, LinkRow, LinkTokenRow, MemberRow, RecordRow, VersionRow
from docgen.store.unit_of_work import UnitOfWork
from docgen.workflow.signoff_rules import not_a_customer
from schemas.problems import Problem, error
from schemas.vocabulary import Role

TOKEN_BYTES = 32  # 256 bits: nobody finds a link by trying, so a plain hash of it is stored
DAYS, MOST_DAYS = 14, 90  # a link is a key to a document, so it does not outlive a quarter
REMIND_DAYS = (3, 7)  # after it was made: within the week, and at its end
MOST_DOCUMENTS = 200  # of one visit; the page lists them all at once
LINK_ABILITIES = (Ability.write_records, Ability.receive, Ability.review)  # any one is enough


@dataclass(frozen=True)
class LinkRecipient:
    """Whom a link is for; e-mail and phone say how they are reached."""

    role: Role
    name: str
    org: str | None = None
    email: str | None = None
    phone: str | None = None


@dataclass(frozen=True)
class LinkTerms:
    """How long a link lasts, the code it asks for ("": none), and its reminder days."""

    days: int = DAYS
    code: str = ""
    remind_days: tuple[int, ...] = ()


@dataclass(frozen=True)
class IssuedLink:
    """A link with its documents, and the token that opens it, known only now."""

    link: LinkRow
    items: list[LinkItemRow]
    token: str


@dataclass(frozen=True)
class LinkedDocument:
    """One document of a link."""

    item: LinkItemRow
    record: RecordRow
    version: VersionRow


def make(
    unit: UnitOfWork,
    where: Sequence[tuple[str, int]],
    person: LinkRecipient,
    terms: LinkTerms,
    *,
    key: bytes,
    contract_id: str = "",
) -> IssuedLink:
    """Make a link for versions (id, number; 0: the newest) of one contract.

    Raises NotFound, NotAllowed, InputUnreadable (visit_…), RecordRefused (a version that cannot be
    signed in that role: all of them).
    """
    need_link_ability(unit.actor)
    if contract_id:
        contracts.visible(unit.session, unit.actor, contract_id)
    found = [visible(unit.session, unit.actor, *one) for one in where]
    _check_together([record for record, _ in found], contract_id)
    problems = [
        problem.under("documents", index)
        for index, (record, version) in enumerate(found)
        for problem in _signing_problems(unit.session, record, version, person.role)
    ]
    if problems:
        raise RecordRefused(problems)
    assert unit.actor.user_id
    link_id = unit.new_id()
    link = LinkRow(
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
    return store_link(unit, link, [(record.id, version.number) for record, version in found])


def store_link(
    unit: UnitOfWork, link: LinkRow, where: Sequence[tuple[str, int]], **detail: str
) -> IssuedLink:
    """Store a new link for versions, with its first token; `detail` goes into the audit trail."""
    link.reminded, link.remind_at = 0, next_reminder(link, 0)
    unit.session.add(link)
    unit.session.flush()
    token = new_token(unit, link)
    items = [
        LinkItemRow(link_id=link.id, position=position, record_id=record_id, number=number)
        for position, (record_id, number) in enumerate(where, 1)
    ]
    unit.session.add_all(items)
    unit.session.flush()
    for item in items:
        told = {"expires_at": link.expires_at, "org": link.org, "opens": named(token)}
        note(unit, "made", link, item, **told, **detail)
    return IssuedLink(link, items, token)


def listed(
    session: Session, actor: Actor, where: tuple[str, int]
) -> list[tuple[LinkRow, LinkItemRow]]:
    """List the links of a version, the newest first; never their tokens. Raises NotFound."""
    record, version = visible(session, actor, *where)
    query = (
        select(LinkRow, LinkItemRow)
        .join(LinkItemRow, LinkItemRow.link_id == LinkRow.id)
        .where(LinkItemRow.record_id == record.id, LinkItemRow.number == version.number)
        .order_by(LinkRow.created_at.desc(), LinkRow.id)
    )
    return [(link, item) for link, item in session.execute(query)]


def visible_link(session: Session, actor: Actor, link_id: str, *, lock: bool = False) -> LinkRow:
    """Return a link of the actor's contracts. Raises NotFound."""
    actor.need(Ability.read)
    query = (
        select(LinkRow)
        .join(MemberRow, MemberRow.contract_id == LinkRow.contract_id)
        .where(LinkRow.id == link_id, MemberRow.user_id == actor.user_id)
    )
    link = session.scalar(query.with_for_update(of=LinkRow) if lock else query)
    if link is None:
        raise NotFound("not_found.link")
    return link


def documents_of(session: Session, link: LinkRow, position: int = 0) -> list[LinkedDocument]:
    """Return the documents of a link in their order, or one of them; one query, no contents."""
    query = (
        select(LinkItemRow, RecordRow, VersionRow)
        .join(RecordRow, RecordRow.id == LinkItemRow.record_id)
        .join(
            VersionRow,
            (VersionRow.record_id == LinkItemRow.record_id)
            & (VersionRow.number == LinkItemRow.number),
        )
        .where(LinkItemRow.link_id == link.id)
        .order_by(LinkItemRow.position)
        .options(defer(VersionRow.body), defer(VersionRow.archived_body))
    )
    if position:
        query = query.where(LinkItemRow.position == position)
    return [LinkedDocument(*row) for row in session.execute(query)]


def resend(unit: UnitOfWork, link_id: str) -> IssuedLink:
    """Make a link anew with another token; the old one ends. It lasts as long as the old one did.

    Raises NotFound, NotAllowed, Conflict (link_ended, link_nothing_waiting).
    """
    need_link_ability(unit.actor)
    old = visible_link(unit.session, unit.actor, link_id, lock=True)
    if old.ended_at:
        raise Conflict("link_ended")
    waiting = waiting_of(unit.session, old)
    end(unit, old, "resent")
    assert unit.actor.user_id
    return store_link(unit, successor(unit, old, unit.actor.user_id), waiting, before=old.id)


def revoke(unit: UnitOfWork, link_id: str) -> None:
    """End a link at once; a second time is no error. Raises NotFound, NotAllowed."""
    need_link_ability(unit.actor)
    link = visible_link(unit.session, unit.actor, link_id, lock=True)
    if link.ended_at is None:
        end(unit, link, "revoked")
        for one in documents_of(unit.session, link):
            note(unit, "revoked", link, one.item)


def successor(unit: UnitOfWork, old: LinkRow, maker_id: str, **changes: str | None) -> LinkRow:
    """Return the next link of a chain; it lasts as long as the one that it replaces did."""
    same = ("contract_id", "first_id", "role", "name", "org", "email", "phone", "code_hash")
    copied = {name: getattr(old, name) for name in (*same, "remind_days")}
    return LinkRow(
        id=unit.new_id(),
        before_id=old.id,
        created_by=maker_id,
        created_at=unit.now,
        expires_at=unit.now + (old.expires_at - old.created_at),
        **copied | changes,
    )


def waiting_of(session: Session, link: LinkRow) -> list[tuple[str, int]]:
    """Return the versions that wait for the link's person. Conflict: link_nothing_waiting."""
    waiting = [
        (one.record.id, one.version.number)
        for one in documents_of(session, link)
        if one.item.done_at is None and one.version.state in OPEN
    ]
    if not waiting:
        raise Conflict("link_nothing_waiting")
    return waiting


def end(unit: UnitOfWork, link: LinkRow, how: str, reason: str | None = None) -> None:
    """End a link; nothing opens it any more."""
    link.ended_at, link.ended_how, link.reason = unit.now, how, reason
    link.remind_at = None


def new_token(unit: UnitOfWork, link: LinkRow) -> str:
    """Make another token that opens a link, of 256 bits; only its hash is stored."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    unit.session.add(LinkTokenRow(token_hash=hash_of(token), link_id=link.id, created_at=unit.now))
    return token


def named(token: str) -> str:
    """Return how the trail names what opens a link: nothing else opens it."""
    return text_hash(hash_of(token))


def code_hash(key: bytes, first_id: str, code: str) -> str:
    """Return what is stored of an access code; without `key` even a short one is safe."""
    return hmac.new(
        key, f"link code {first_id} {code}".encode("utf-8", "replace"), "sha256"
    ).hexdigest()


def next_reminder(link: LinkRow, done: int) -> datetime | None:
    """Return when a link's person is reminded next, after `done` times; never without e-mail."""
    days = link.remind_days.split()[done:] if link.email else []
    at = link.created_at + timedelta(days=int(days[0])) if days else None
    return at if at and at < link.expires_at else None


def note(unit: UnitOfWork, action: str, link: LinkRow, item: LinkItemRow, **detail: object) -> None:
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


def need_link_ability(actor: Actor) -> None:
    """Raise NotAllowed for whoever neither writes, receives nor reviews."""
    if not any(actor.may(ability) for ability in LINK_ABILITIES):
        actor.need(Ability.write_records)


def _check_together(records: Sequence[RecordRow], contract_id: str) -> None:
    if len({record.id for record in records}) < len(records):
        raise InputUnreadable("visit_repeats", place="documents")
    if {record.contract_id for record in records} != {contract_id or records[0].contract_id}:
        raise InputUnreadable("visit_other_contract", place="documents")


def _signing_problems(
    session: Session, record: RecordRow, version: VersionRow, role: Role
) -> list[Problem]:
    given = signoffs(session, record.id, version.number)
    signed = any(one.role == role for one in given)
    return [
        *wrong_state(Step.sign, version.state),
        *not_a_customer(record, role),
        *([error("role", "already_signed", role)] if signed else []),
    ]
