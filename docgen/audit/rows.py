"""The trail against the rows: contents, states, files, sign-offs, accounts are those it names.

Whoever changes a row without an entry is found by it; whoever changes both is found by the chain.
What entries name, and under which keys, is told in docs/operations.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, exists, select
from sqlalchemy.orm import Session

from docgen.records.records import named_record
from docgen.store.audit_chain import Break, text_hash
from docgen.store.tables import (
    ApiTokenRow,
    AttachmentRow,
    AuditEntryRow,
    ContractRow,
    DocumentRow,
    LinkItemRow,
    LinkRow,
    LinkTokenRow,
    MemberRow,
    RecordRow,
    SignoffRow,
    UserRow,
    VersionRow,
)
from docgen.store.tables.base import portable
from schemas.wording import Phrase

AT_ONCE = 200  # records whose rows and entries are held at a time
FIXED = ("submitted", "state", "body", "record_hash", "archived_hash", "templates")  # of a version
SIGNED, EVIDENCE = "signed/pdf/zh", "evidence/pdf/zh"  # places of documents: stage/format/language
WHAT = {
    "submitted": Phrase("row_submitted"),
    "link": Phrase("row_link"),
    "member": Phrase("row_member"),
    "state": Phrase("row_state"),
    "body": Phrase("row_body"),
    "record_hash": Phrase("row_record_hash"),
    "archived_hash": Phrase("row_archived_hash"),
    "templates": Phrase("row_templates"),
    "document": Phrase("row_document"),
    "sign-off": Phrase("row_signoff"),
    "file": Phrase("row_file"),
    "record": Phrase("row_record"),
    "contract": Phrase("row_contract"),
    "user": Phrase("row_user"),
    "token": Phrase("row_token"),
}
_READING = ("document.read", "file.read")
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
Key = tuple[str, ...]  # a word of WHAT, then what tells one from another
Held = dict[Key, Any]


@dataclass
class Named:
    """What entries name, each with the number of the entry that named it last."""

    values: dict[Key, tuple[Any, int]] = field(default_factory=dict)
    drawings: set[str] = field(default_factory=set)

    def take_record(self, entry: AuditEntryRow) -> None:
        """Keep what an entry names of a record: versions, documents, sign-offs, files."""
        detail, seq = json.loads(entry.detail), entry.seq
        doc_no = detail.get("doc_no", "")
        for name in FIXED:
            if name in detail:
                self.values[name, doc_no] = detail[name], seq
        documents = dict(detail.get("documents", {}))
        if evidence := detail.get("evidence"):
            documents[EVIDENCE] = evidence
        for place, sha256 in documents.items():
            # What is rendered on demand later never takes the place of what was fixed.
            self.values.setdefault(("document", doc_no, place), (sha256, seq))
        if whose := detail.get("whose"):
            self.values["record", entry.subject_id] = whose, seq
        if opens := detail.get("opens"):
            self.values["link", detail["link"], opens] = detail["role"] + detail["name"], seq
        if sha256 := detail.get("signed_pdf"):
            self.values["document", doc_no, SIGNED] = sha256, seq
        self._take_files(entry, detail)

    def _take_files(self, entry: AuditEntryRow, detail: Any) -> None:
        seq = entry.seq
        for one in detail.get("signed", ()):
            self.values["sign-off", one["id"]] = one, seq
        for file_id, file in detail.get("attachments", {}).items():
            self.values["file", file_id] = file, seq
        if entry.action == "file.removed":
            self.values.pop(("file", detail["file"]), None)
        if entry.action in ("link.signed", "link.declined"):
            self.drawings |= {detail.get("image"), detail.get("strokes")} - {None}

    def take_other(self, entry: AuditEntryRow) -> None:
        """Keep what an entry names of a contract, an account or a token."""
        detail, key = json.loads(entry.detail), (entry.subject_kind, entry.subject_id)
        if entry.action.startswith("member."):
            self.values["member", entry.subject_id, detail["member"]] = True, entry.seq
            if entry.action == "member.removed":
                del self.values["member", entry.subject_id, detail["member"]]
            return
        before, _ = self.values.get(key, ({}, 0))
        now = {name: detail[name] for name in OTHERS[entry.subject_kind] if name in detail}
        self.values[key] = before | now, entry.seq

    def compare(self, held: Held) -> Iterator[Break]:
        """Name what is missing, what no entry names, and what differs."""
        for key in sorted({*self.values, *held}, key=str):  # an entry may say anything
            value, seq = self.values.get(key, (None, 0))
            place = {"what": WHAT[key[0]], "place": " ".join(map(str, key[1:]))}
            if key not in held:
                yield Break("row_gone", seq, place)
            elif key not in self.values:
                yield Break("row_not_named", 0, place)
            elif held[key] != value:
                yield Break("row_altered", seq, place | {"fields": _differing(value, held[key])})


OTHERS: dict[str, tuple[str, ...]] = {
    "contract": ("body",),
    "user": ("username", "name", "email", "role", "disabled", "password", "oidc"),
    "token": ("user", "scopes", "revoked", "fingerprint", "expires"),
}
_ACTIONS = (
    *("contract.created", "contract.changed", "member.added", "member.removed"),
    *("user.added", "user.changed", "user.linked"),
    *("token.created", "token.revoked"),
)


def compare(connection: Connection) -> Iterator[Break]:
    """Compare a store's rows with its trail; some records at a time, so that memory stays small."""
    session = Session(bind=connection, autoflush=False)
    yield from _others(session)
    yield from _records_gone(session)
    last = 0
    while records := _next(session, last):
        last = records[-1].seq
        named, unreadable = _named(session, [one.id for one in records])
        yield from unreadable
        held, faults = _held(session, records, named)
        yield from faults
        for one in records:
            yield from named[one.id].compare(held[one.id])
        session.expunge_all()


def _next(session: Session, last: int) -> Sequence[RecordRow]:
    query = select(RecordRow).where(RecordRow.seq > last).order_by(RecordRow.seq)
    return session.scalars(query.limit(AT_ONCE)).all()


def _records_gone(session: Session) -> Iterator[Break]:
    """Name records of which there are entries only."""
    there = exists().where(RecordRow.id == AuditEntryRow.subject_id)
    query = select(AuditEntryRow.seq, AuditEntryRow.subject_id).where(
        AuditEntryRow.action.in_(("record.created", "archive.restored")), ~there
    )
    for seq, record_id in session.execute(query):
        yield Break("row_gone", seq, {"what": WHAT["record"], "place": record_id})


def _named(session: Session, ids: list[str]) -> tuple[dict[str, Named], list[Break]]:
    query = (
        select(AuditEntryRow)
        .where(
            AuditEntryRow.subject_id.in_(ids),
            AuditEntryRow.subject_kind == "record",
            AuditEntryRow.action.not_in(_READING),
        )
        .order_by(AuditEntryRow.seq)
    )
    named: dict[str, Named] = defaultdict(Named)
    unreadable: list[Break] = []
    for entry in session.scalars(query):
        _take(named[entry.subject_id].take_record, entry, unreadable)
    return named, unreadable


def _take(
    take: Callable[[AuditEntryRow], None], entry: AuditEntryRow, unreadable: list[Break]
) -> None:
    try:
        take(entry)
    except _UNREADABLE:  # somebody wrote another detail; the chain says whether it was altered
        unreadable.append(Break("entry_unreadable", entry.seq))


def _held(
    session: Session, records: Sequence[RecordRow], named: dict[str, Named]
) -> tuple[dict[str, Held], list[Break]]:
    """Return what the rows of some records hold, and what does not fit among the rows."""
    ids = [one.id for one in records]
    held: dict[str, Held] = defaultdict(dict)
    numbers: dict[tuple[str, int], str] = {}
    newest: dict[str, tuple[int, str, str]] = {}
    for row in session.execute(
        select(*VersionRow.__table__.columns)
        .where(VersionRow.record_id.in_(ids))
        .order_by(VersionRow.number)
    ):
        numbers[row.record_id, row.number] = row.doc_no
        newest[row.record_id] = row.number, row.doc_no, row.state
        archived = text_hash(row.archived_body) if row.archived_body is not None else None
        given = {"by": row.submitted_by, "at": row.submitted_at and row.submitted_at.isoformat()}
        values = (
            given if row.submitted_at else None,
            row.state,
            text_hash(row.body),
            row.record_hash,
            archived,
            row.templates,
        )
        held[row.record_id] |= {
            (name, row.doc_no): value
            for name, value in zip(FIXED, values, strict=True)
            if value is not None
        }
        if row.archived_hash != archived:
            held[row.record_id]["archived_hash", row.doc_no] = row.archived_hash
    for document in session.scalars(select(DocumentRow).where(DocumentRow.record_id.in_(ids))):
        doc_no = numbers.get((document.record_id, document.number), "")
        place = f"{document.stage}/{document.format}/{document.lang}"
        held[document.record_id]["document", doc_no, place] = document.sha256
    for signoff in session.scalars(select(SignoffRow).where(SignoffRow.record_id.in_(ids))):
        held[signoff.record_id]["sign-off", signoff.id] = portable(signoff)
    for file in session.scalars(select(AttachmentRow).where(AttachmentRow.record_id.in_(ids))):
        known, key = named[file.record_id], ("file", file.id)
        drawn = file.purpose == "signature" and file.sha256 in known.drawings
        if key in known.values or not drawn:
            held[file.record_id][key] = portable(file)
    for record_id, link_id, token_hash, role, name in session.execute(_opening(ids)):
        held[record_id]["link", link_id, text_hash(token_hash)] = role + name
    for one in records:
        held[one.id]["record", one.id] = named_record(one)
    return held, [
        Break("row_altered", 0, {"what": WHAT["record"], "place": one.doc_no, "fields": "state"})
        for one in records
        if newest.get(one.id) != (one.number, one.doc_no, one.state)
    ]


def _opening(ids: list[str]) -> Select[str, str, str, str, str]:
    """Ask for what opens the links that customers sign by."""
    return (
        select(
            LinkItemRow.record_id, LinkRow.id, LinkTokenRow.token_hash, LinkRow.role, LinkRow.name
        )
        .join(LinkRow, LinkRow.id == LinkItemRow.link_id)
        .join(LinkTokenRow, LinkTokenRow.link_id == LinkRow.id)
        .where(LinkItemRow.record_id.in_(ids))
    )


def _others(session: Session) -> Iterator[Break]:
    """Compare contracts, accounts and tokens."""
    named, unreadable = Named(), list[Break]()
    query = select(AuditEntryRow).where(AuditEntryRow.action.in_(_ACTIONS))
    for entry in session.scalars(query.order_by(AuditEntryRow.seq)):
        _take(named.take_other, entry, unreadable)
    yield from unreadable
    yield from named.compare(_held_others(session))


def _held_others(session: Session) -> Held:
    contracts = session.execute(select(ContractRow.id, ContractRow.body))
    held: Held = {("contract", one): {"body": text_hash(body)} for one, body in contracts}
    names = {}
    for user in session.scalars(select(UserRow)):
        names[user.id] = user.username
        held["user", user.id] = {
            "username": user.username,
            "name": user.name,
            "email": text_hash(user.email) if user.email else None,
            "role": user.role,
            "disabled": user.disabled_at is not None,
            "password": text_hash(user.password_hash) if user.password_hash else None,
            "oidc": user.subject,
        }
    for token in session.scalars(select(ApiTokenRow)):
        held["token", token.id] = {
            "user": names.get(token.user_id),
            "scopes": token.scopes,
            "fingerprint": text_hash(token.token_hash),
            "revoked": token.revoked_at is not None,
            "expires": token.expires_at.isoformat(),
        }
    for member in session.scalars(select(MemberRow)):
        held["member", member.contract_id, member.user_id] = True
    return held


def _differing(value: Any, held: Any) -> str:
    """Name the fields that differ; nothing for what has no fields."""
    if not (isinstance(value, dict) and isinstance(held, dict)):
        return ""
    names: Iterable[str] = sorted({*value, *held})
    return ", ".join(name for name in names if value.get(name) != held.get(name))
