"""Signing through a link, with its evidence, and handing the link on to a colleague."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select

from docgen.errors import Conflict, InputUnreadable
from docgen.links.links import (
    IssuedLink,
    LinkedDocument,
    documents_of,
    end,
    note,
    store_link,
    successor,
    waiting_of,
)
from docgen.links.opening import (
    LinkVisitor,
    actor_of,
    check_visitor,
    link_document,
    refusal_to_sign,
)
from docgen.store.tables import LinkItemRow, LinkRow
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.uploads import Upload
from docgen.workflow import review, signing
from docgen.workflow.attachments import add_attachment
from docgen.workflow.review import LinkSigner, PendingSignoff, StatedOpinion
from schemas.envelope import Opinion
from schemas.vocabulary import Role

MOST_HANDED_ON = 3  # times, so that a link cannot wander about without an end
AGENT_LENGTH = 300  # of the column that keeps what the browser calls itself


@dataclass(frozen=True)
class SignatureMark:
    """How somebody signed: a drawn picture (a clean PNG) with its strokes, or a typed name."""

    image: bytes | None = None
    strokes: bytes | None = None
    typed: str | None = None

    @property
    def kind(self) -> str:
        """Return its name in the table and the audit trail."""
        return "drawn" if self.image else "typed" if self.typed else "none"


@dataclass(frozen=True)
class SigningStatement:
    """What somebody says, the statement that they confirmed (its text), and how they signed."""

    stated: StatedOpinion
    consent: str
    mark: SignatureMark

    @property
    def consent_hash(self) -> str:
        """The sha256 of the statement."""
        return hashlib.sha256(self.consent.encode()).hexdigest()


@dataclass(frozen=True)
class Colleague:
    """To whom a link is handed on, and why."""

    name: str
    reason: str
    org: str | None = None
    email: str | None = None
    phone: str | None = None


def sign(
    store: Store, visitor: LinkVisitor, position: int, said: SigningStatement
) -> LinkedDocument:
    """Sign one of a link's documents, sealed and with its evidence.

    Raises as `docgen.links.opening.check_visitor` and `docgen.workflow.review.link_signoff`;
    Conflict: link_used (also to the later of two at once), link_role_signed, link_document_closed,
    link_not_opened; InputUnreadable (link_name_differs). Then nothing is changed.
    """
    with store.reading() as session:
        opened = check_visitor(session, visitor, store.clock(), store.key)
    _check_mark(opened.link, said)
    for data in (said.mark.image, said.mark.strokes):
        if data:
            store.blobs.put(data)
    actor = actor_of(opened.link, visitor.address)

    def ask(unit: UnitOfWork, lock: bool) -> PendingSignoff:
        link, one = link_document(unit, visitor, position, key=store.key, lock=lock)
        _may_be_signed(unit, one)
        signer = LinkSigner(Role[link.role], link.name, link.created_by, link.org)
        return review.link_signoff(unit, (one.record, one.version), signer, said.stated)

    def change(keep: Callable[[UnitOfWork], PendingSignoff]) -> LinkedDocument:
        with store.change(actor) as unit:
            link, one = link_document(unit, visitor, position, key=store.key, lock=True)
            note(unit, "consented", link, one.item, consent=said.consent_hash)
            given = keep(unit)
            unit.session.flush()
            _store_evidence(unit, (link, one), said, visitor)
            one.item.signoff_id = given.signed.id
            _note_signature(unit, link, one, said)
            return one

    return signing.sign(store, actor, ask, change, image=said.mark.image)


def delegate(unit: UnitOfWork, visitor: LinkVisitor, to: Colleague, key: bytes) -> IssuedLink:
    """End a link and make one for a colleague, for all that still waits; both stay in one chain.

    Raises as `check_visitor`, and Conflict (link_nothing_waiting, link_delegated_often).
    """
    session = unit.session
    old = check_visitor(session, visitor, unit.now, key, lock=True).link
    query = select(func.count()).where(
        LinkRow.first_id == old.first_id, LinkRow.ended_how == "delegated"
    )
    if session.execute(query).scalar_one() >= MOST_HANDED_ON:
        raise Conflict("link_delegated_often")
    waiting = waiting_of(session, old)
    end(unit, old, "delegated", to.reason)
    new = successor(
        unit,
        old,
        old.created_by,
        name=to.name,
        org=to.org or old.org,
        email=to.email,
        phone=to.phone,
    )
    for one in documents_of(session, old):
        if (one.record.id, one.version.number) in waiting:
            note(unit, "delegated", old, one.item, to=to.name, reason=to.reason, link_to=new.id)
    return store_link(unit, new, waiting, before=old.id)


def _may_be_signed(unit: UnitOfWork, one: LinkedDocument) -> None:
    if refusal := refusal_to_sign(unit.session, one):
        raise refusal
    if one.item.opened_at is None:
        raise Conflict("link_not_opened")


def _check_mark(link: LinkRow, said: SigningStatement) -> None:
    """Require a comment unless the person agrees, a drawing or typed name unless they refuse."""
    mark = said.mark
    if said.stated.opinion != Opinion.agree and not said.stated.comment:
        raise InputUnreadable("link_comment_missing")
    if mark.typed and _plain(mark.typed) != _plain(link.name):
        raise InputUnreadable("link_name_differs", name=link.name)
    if mark.kind == "none" and said.stated.opinion != Opinion.disagree:
        raise InputUnreadable("link_signature_missing")


def _plain(name: str) -> str:
    # NFKC (UAX #15) makes full-width letters plain; spaces and case do not tell people apart.
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def _store_evidence(
    unit: UnitOfWork,
    signed: tuple[LinkRow, LinkedDocument],
    said: SigningStatement,
    visitor: LinkVisitor,
) -> None:
    link, one = signed
    item, mark = one.item, said.mark
    item.done_at, item.how = unit.now, mark.kind
    item.consent, item.consent_hash = said.consent, said.consent_hash
    item.user_agent, item.address = visitor.user_agent[:AGENT_LENGTH], visitor.address
    image = _attach(unit, signed, mark.image, ("signature.png", "image/png"))
    strokes = _attach(unit, signed, mark.strokes, ("strokes.json", "application/json"))
    item.image_id, item.strokes_id = image, strokes
    unit.session.flush()
    waiting = select(LinkItemRow.position).where(
        LinkItemRow.link_id == link.id, LinkItemRow.done_at.is_(None)
    )
    if unit.session.scalar(waiting.limit(1)) is None:
        link.remind_at = None


def _attach(
    unit: UnitOfWork,
    signed: tuple[LinkRow, LinkedDocument],
    data: bytes | None,
    kind: tuple[str, str],
) -> str | None:
    """Store a part of the evidence with the version's files; return its id."""
    if data is None:
        return None
    link, one = signed
    name, content_type = kind
    upload = Upload(
        name=f"{link.role}-{name}",
        content_type=content_type,
        extension=name.rpartition(".")[2],
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    row = add_attachment(unit, one.version, "signature", upload, by=link.created_by, note=link.name)
    return row.id


def _note_signature(
    unit: UnitOfWork, link: LinkRow, one: LinkedDocument, said: SigningStatement
) -> None:
    item, mark = one.item, said.mark
    disagrees = said.stated.opinion == Opinion.disagree
    note(
        unit,
        "declined" if disagrees else "signed",
        link,
        item,
        signoff=item.signoff_id,
        opinion=said.stated.opinion,
        how=mark.kind,
        consent=item.consent_hash,
        shown=item.shown_sha256,
        image=hashlib.sha256(mark.image).hexdigest() if mark.image else None,
        strokes=hashlib.sha256(mark.strokes).hexdigest() if mark.strokes else None,
        user_agent=item.user_agent,
    )
