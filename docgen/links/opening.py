"""Access through a signing link: finding it, whether it may be used, its code, what was opened.

Whoever has no valid token learns nothing but that there is no such link.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.accounts import attempts
from docgen.accounts.attempts import GuessedSecret
from docgen.accounts.tokens import hash_of
from docgen.errors import Conflict, DocgenError, NotAllowed, NotFound
from docgen.links.links import LinkedDocument, code_hash, documents_of, note
from docgen.records.records import signoffs
from docgen.records.states import OPEN
from docgen.signing import signed_pdf
from docgen.store.tables import ContractRow, LinkItemRow, LinkRow, LinkTokenRow, SignoffRow, UserRow
from docgen.store.unit_of_work import Store, UnitOfWork
from schemas.envelope import Status

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in base64url without padding (RFC 4648 5)
GUESSES = 5  # at an access code before it is locked; a code has at least six characters


@dataclass(frozen=True)
class LinkVisitor:
    """A visitor: the token of the address, the proof that the code was given, and where from."""

    token: str
    proof: str = ""
    address: str = ""
    user_agent: str = ""


@dataclass(frozen=True)
class OpenedLink:
    """A usable link, with what its page shows; `count` is the number of its documents."""

    link: LinkRow
    contract: ContractRow
    maker: str
    count: int


def check_visitor(
    session: Session, visitor: LinkVisitor, now: datetime, key: bytes, *, lock: bool = False
) -> OpenedLink:
    """Check a visitor: the link must be usable now, and its access code given.

    Raises NotFound (link_unknown), Conflict (why it does not count), NotAllowed (link_code_needed).
    """
    link = usable_link(session, visitor.token, now, lock=lock)
    if link.code_hash and not hmac.compare_digest(proof_of(key, link), visitor.proof):
        raise NotAllowed("link_code_needed")
    maker = session.get_one(UserRow, link.created_by).name
    contract = session.get_one(ContractRow, link.contract_id)
    query = select(func.count()).where(LinkItemRow.link_id == link.id)
    return OpenedLink(link, contract, maker, session.execute(query).scalar_one())


def document_at(session: Session, link: LinkRow, position: int) -> LinkedDocument:
    """Return one document of a link. NotFound: link_other_document."""
    found = documents_of(session, link, position)
    if not found:
        raise NotFound("link_other_document")
    return found[0]


def usable_link(session: Session, token: str, now: datetime, *, lock: bool = False) -> LinkRow:
    """Return the link of a token if it may be used now. Raises NotFound, Conflict (why not)."""
    link = find_link(session, token, lock=lock)
    if link.ended_how == "delegated":
        colleague = select(LinkRow.name).where(LinkRow.before_id == link.id)
        raise Conflict("link_delegated", name=session.scalars(colleague).one())
    if link.ended_how == "resent":
        raise Conflict("link_replaced")
    if link.ended_at:
        raise Conflict("link_revoked")
    if link.expires_at <= now:
        raise Conflict("link_expired")
    return link


def find_link(session: Session, token: str, *, lock: bool = False) -> LinkRow:
    """Return the link of a token, usable or not. NotFound: link_unknown."""
    hashed = hash_of(token)
    row = session.get(LinkTokenRow, hashed) if TOKEN.fullmatch(token) else None
    if row is None or not hmac.compare_digest(row.token_hash, hashed):
        raise NotFound("link_unknown")
    query = select(LinkRow).where(LinkRow.id == row.link_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one()


def actor_of(link: LinkRow, address: str) -> Actor:
    """Return a link's person as the trail names them: no account, no abilities."""
    return Actor(None, link.name, link.role, address, ())


def proof_of(key: bytes, link: LinkRow) -> str:
    """Return what a browser's cookie holds once the right code was given in it."""
    return hmac.new(key, f"link proof {link.id} {link.code_hash}".encode(), "sha256").hexdigest()


def form_key(key: bytes, link: LinkRow) -> str:
    """Return the anti-forgery key (CSRF) that a link's own forms carry."""
    return hmac.new(key, f"link form {link.id}".encode(), "sha256").hexdigest()


def check_form(key: str, given: str) -> None:
    """Refuse a form that is not of the link's own page. NotAllowed: link_form_foreign."""
    if not hmac.compare_digest(key.encode(), given.encode("utf-8", "replace")):
        raise NotAllowed("link_form_foreign")


def try_code(store: Store, visitor: LinkVisitor, code: str) -> str:
    """Try an access code; return the proof that it was right.

    A try is counted before it is checked, so that requests at the same time get no more of them.
    Raises NotFound, Conflict, NotAllowed (link_code_wrong), Overloaded (link_code_locked).
    """
    with store.reading() as session:
        link = usable_link(session, visitor.token, store.clock())
    target, actor = GuessedSecret("link", link.id, GUESSES), actor_of(link, visitor.address)
    with store.change(actor) as unit:
        try:
            locking = attempts.begin(unit, target)
        except attempts.Locked as locked:
            wait_s = locked.retry_after_s
            raise attempts.Locked(
                "link_code_locked", retry_after_s=wait_s, minutes=-(-wait_s // 60)
            ) from locked
    given = code_hash(store.key, link.first_id, code.strip())
    right = hmac.compare_digest(given, link.code_hash or "")
    with store.change(actor) as unit:
        if right:
            attempts.forget(unit.session, target)
            return proof_of(store.key, link)
        for one in documents_of(unit.session, link):
            note(unit, "code_locked" if locking else "code_wrong", link, one.item)
    raise NotAllowed("link_code_wrong")


def visible_document(
    store: Store, visitor: LinkVisitor, position: int
) -> tuple[OpenedLink, LinkedDocument, str]:
    """Return a document of a link with its PDF's sha256. Nothing is recorded.

    Raises as `check_visitor`, and NotFound (link_other_document), Conflict
    (link_document_closed, …).
    """
    with store.reading() as session:
        opened = check_visitor(session, visitor, store.clock(), store.key)
        one = document_at(session, opened.link, position)
        return opened, one, pdf_sha256_of(session, one)


def open_document(store: Store, visitor: LinkVisitor, position: int) -> str:
    """Return the sha256 of a document's PDF, whose pages are shown now.

    The first view is recorded when page images are requested, because link-preview programs also
    load the page. Raises as `visible_document`.
    """
    opened, one, sha256 = visible_document(store, visitor, position)
    if one.item.opened_at is None:
        with store.change(actor_of(opened.link, visitor.address)) as unit:
            _record_opening(unit, opened.link, position, sha256, user_agent=visitor.user_agent)
    return sha256


def pdf_sha256_of(session: Session, one: LinkedDocument) -> str:
    """Return the sha256 of a document's PDF as it stands, with the seals that it has.

    Conflict: link_document_closed, for a version that nobody may sign and this person did not.
    """
    if refusal := refusal_to_sign(session, one) if one.item.done_at is None else None:
        raise refusal
    base = signed_pdf.base_of(session, one.version)
    if base is None:
        raise NotFound("link_other_document")
    return base.sha256


def refusal_to_sign(session: Session, one: LinkedDocument) -> DocgenError | None:
    """Return why a document cannot be signed (now), if so."""
    if one.item.done_at:
        return Conflict("link_used")
    if other := signed_by(session, one):
        return Conflict("link_role_signed", name=other.name)
    if one.version.state not in OPEN:
        state = Status[one.version.state]
        return Conflict("link_document_closed", state=state)
    return None


def signed_by(session: Session, one: LinkedDocument) -> SignoffRow | None:
    """Return the sign-off that the role of a link has on a document, whoever gave it."""
    role = session.get_one(LinkRow, one.item.link_id).role
    given = signoffs(session, one.record.id, one.version.number)
    return next((signoff for signoff in given if signoff.role == role), None)


def link_document(
    unit: UnitOfWork, visitor: LinkVisitor, position: int, *, key: bytes, lock: bool
) -> tuple[LinkRow, LinkedDocument]:
    """Return a link and one of its documents; with `lock` both are held until the commit.

    Raises as `check_visitor`, and NotFound (link_other_document).
    """
    session = unit.session
    link = check_visitor(session, visitor, unit.now, key, lock=lock).link
    one = document_at(session, link, position)
    if lock:
        session.refresh(one.item)
        session.refresh(one.record, with_for_update=True)
        session.refresh(one.version)
    return link, one


def _record_opening(
    unit: UnitOfWork, link: LinkRow, position: int, sha256: str, *, user_agent: str
) -> None:
    """Record the first view of a document; of two at the same time only one counts."""
    query = select(LinkItemRow).where(
        LinkItemRow.link_id == link.id, LinkItemRow.position == position
    )
    item = unit.session.scalars(query.with_for_update()).one()
    if item.opened_at is None:
        item.opened_at, item.shown_sha256 = unit.now, sha256
        note(unit, "opened", link, item, pdf=sha256, user_agent=user_agent)
