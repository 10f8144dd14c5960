"""Restoring verified packages into a store: records, versions, files and sign-offs as they were.

Accounts that are not there come back disabled. What is there already stays, and is not doubled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Date, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase

from docgen.access import SERVICE
from docgen.accounts import users
from docgen.archive import packages
from docgen.archive import statement as names
from docgen.archive.bags import Bag
from docgen.archive.findings import PackageVerdict
from docgen.archive.layout import MANIFEST, PAYLOAD
from docgen.archive.statement import PackageStatement, parsed
from docgen.archive.verifying import verify_each
from docgen.contracts import contracts
from docgen.errors import Conflict, InputUnreadable
from docgen.pipeline import read_contract
from docgen.records import records, search
from docgen.records.documents import StoredDocument, row_of
from docgen.records.numbers import claim_number
from docgen.signing.trust import Trust
from docgen.store.tables import (
    AttachmentRow,
    ContractRow,
    DocumentRow,
    MemberRow,
    RecordAssetRow,
    RecordRow,
    SignoffRow,
    UserRow,
    VersionRow,
)
from docgen.store.tables.base import UtcMoment, portable
from docgen.store.unit_of_work import Store, UnitOfWork
from schemas.values import parse_day

KNOWN = {
    table.__tablename__ for table in (UserRow, ContractRow, RecordRow, VersionRow, AttachmentRow)
} | {"blobs"}


@dataclass(frozen=True)
class Restored:
    """What became of a package: restored, there already (unchanged), or refused by its verdict.

    Without a number it is the index of an export: refused, or not there at all (unindexed).
    """

    place: str
    doc_no: str
    state: str
    verdict: PackageVerdict

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        told = {"place": self.place, "doc_no": self.doc_no, "state": self.state}
        return told | {"findings": [one.as_json() for one in self.verdict.findings]}


def restore(store: Store, path: Path, trusted: Trust) -> Iterator[Restored]:
    """Restore every package in a zip or folder; one that does not verify is refused.

    What an export's index says of packages that are missing or others comes last. Raises
    InputUnreadable, Conflict: restored_differs, for a number that another record has.
    """
    states: dict[str, str] = {}

    def take(bag: Bag, verdict: PackageVerdict) -> None:
        if verdict.good:
            states[verdict.place] = _restored(store, bag, verdict.place)

    for verdict in verify_each(path, trusted, take):
        if verdict.kind == "package":
            state = states.get(verdict.place, "refused")
            yield Restored(verdict.place, verdict.doc_no, state, verdict)
        elif not verdict.good:
            absent = {one.code for one in verdict.findings} == {"index_absent"}
            yield Restored(verdict.place, "", "unindexed" if absent else "refused", verdict)


def _restored(store: Store, bag: Bag, place: str) -> str:
    """Restore one package that was verified; what it came to."""
    try:
        statement = parsed(bag.read(PAYLOAD + names.STATEMENT).data)
        return _Restoring(store, bag, statement).run()
    except (LookupError, TypeError, ValueError, AttributeError) as wrong:
        raise InputUnreadable("package_unreadable.damaged", place=place) from wrong


class _Restoring:
    """One package on its way into the store."""

    def __init__(self, store: Store, bag: Bag, statement: PackageStatement) -> None:
        self.store, self.bag, self.statement = store, bag, statement
        self.rows = statement.rows
        self.users: dict[str, str] = {}

    def run(self) -> str:
        """Put bytes first, then rows in one transaction; what it came to."""
        if self._there():
            return "unchanged"
        hashes = self.bag.manifest(MANIFEST)
        for item in self.statement.files:
            if self.store.blobs.put(self._data(item.path)) != hashes[PAYLOAD + item.path]:
                raise InputUnreadable("package_unreadable.damaged", place=item.path)
        evidence = self._data(names.EVIDENCE)
        self.store.blobs.put(evidence)
        try:
            with self.store.change(SERVICE) as unit:
                self._rows(unit, evidence)
        except IntegrityError as wrong:
            raise Conflict("restored_differs", place=self.statement.doc_no) from wrong
        return "restored"

    def _there(self) -> bool:
        """Whether this very version is in the store. Conflict: restored_differs."""
        with self.store.reading() as session:
            query = select(VersionRow).where(VersionRow.doc_no == self.statement.doc_no)
            kept = session.scalar(query)
        if kept is None:
            return False
        said = self.rows["record"]["id"], self.statement.version, self.statement.archived_hash
        if (kept.record_id, kept.number, kept.archived_hash) != said:
            raise Conflict("restored_differs", place=self.statement.doc_no)
        return True

    def _rows(self, unit: UnitOfWork, evidence: bytes) -> None:
        contract = self._contract(unit)
        record = self._record(unit, contract)
        session, rows = unit.session, self.rows
        body = self._data(names.SUBMITTED).decode()
        archived = self._data(names.RECORD).decode()
        for item in self.statement.of_kind("templates"):
            unit.keep_blob(item.sha256, item.size_bytes)
        version = self._made(VersionRow, rows["version"], body=body, archived_body=archived)
        session.add(version)
        session.flush()
        for name in ("attachments", "documents"):
            unit.keep_blobs({row["sha256"]: row["size_bytes"] for row in rows[name]})
        files = self._added(unit, AttachmentRow, "attachments")
        signed = self._added(unit, SignoffRow, "signoffs")
        documents = self._added(unit, DocumentRow, "documents")
        session.add(self._evidence(unit, evidence))
        if record.number == self.statement.version:
            self._index(unit, record, body)
        unit.note(
            "archive.restored",
            ("record", record.id),
            contract.id,
            whose=records.named_record(record),
            submitted=records.named_submission(version),
            **records.named_content(version),
            record_hash=version.record_hash,
            archived_hash=version.archived_hash,
            templates=version.templates,
            documents={f"{one.stage}/{one.format}/{one.lang}": one.sha256 for one in documents},
            attachments={one.id: portable(one) for one in files},
            signed=[portable(one) for one in signed],
            evidence=hashlib.sha256(evidence).hexdigest(),
            last=self.statement.audit,
        )

    def _added(self, unit: UnitOfWork, table: type[DeclarativeBase], name: str) -> list[Any]:
        made = [self._made(table, row) for row in self.rows[name]]
        unit.session.add_all(made)
        unit.session.flush()
        return made

    def _contract(self, unit: UnitOfWork) -> ContractRow:
        """Return the contract; one that is there stays as it is. Its people come back with it."""
        session, row = unit.session, self.rows["contract"]
        self._people(unit)
        kept = session.scalar(
            select(ContractRow).where(ContractRow.contract_no == row["contract_no"])
        )
        if kept is None:
            body = self._data(names.CONTRACT)
            read_contract(body, unit.now)
            kept = self._made(ContractRow, row, body=body.decode())
            session.add(kept)
            session.flush()
            contracts.note_created(unit, kept)
        elif kept.id != row["id"]:
            raise Conflict("restored_differs", place=row["contract_no"])
        for user_id in sorted({*self.users.values()}):
            if session.get(MemberRow, (kept.id, user_id)) is None:
                contracts.put_member(unit, kept, session.get_one(UserRow, user_id))
        return kept

    def _people(self, unit: UnitOfWork) -> None:
        """Find the accounts of rows: by id, else by name, else made anew and disabled."""
        session = unit.session
        for row in self.rows["users"]:
            named = select(UserRow).where(UserRow.username == row["username"])
            user = session.get(UserRow, row["id"]) or session.scalar(named)
            if user is None:
                user = self._made(UserRow, row)
                user.disabled_at = unit.now
                session.add(user)
                session.flush()
                users.note_added(unit, user)
            self.users[row["id"]] = user.id

    def _record(self, unit: UnitOfWork, contract: ContractRow) -> RecordRow:
        session, row = unit.session, self.rows["record"]
        number, doc_no = self.statement.version, self.statement.doc_no
        day = parse_day(json.loads(self._data(names.RECORD))["doc_date"])
        record = session.scalar(
            select(RecordRow).where(RecordRow.id == row["id"]).with_for_update()
        )
        if record is None:
            claim_number(session, doc_no, day)
            record = self._made(RecordRow, row)
            record.contract_id = contract.id
            record.number = 0
            session.add(record)
        if record.number < number:
            record.number, record.doc_no = number, doc_no
            record.state, record.doc_date = "archived", day
            record.updated_at = unit.now
        session.flush()
        return record

    def _evidence(self, unit: UnitOfWork, evidence: bytes) -> DocumentRow:
        sha256 = hashlib.sha256(evidence).hexdigest()
        unit.keep_blob(sha256, len(evidence))
        key = hashlib.sha256(self.statement.written()).hexdigest()
        made = StoredDocument(packages.FORMAT, packages.LANG, sha256, len(evidence), key)
        where = (self.rows["record"]["id"], self.statement.version)
        return row_of(where, packages.STAGE, made, unit.now)

    def _index(self, unit: UnitOfWork, record: RecordRow, body: str) -> None:
        session = unit.session
        for asset_no in self.rows["assets"]:
            if session.get(RecordAssetRow, (record.id, asset_no)) is None:
                session.add(RecordAssetRow(record_id=record.id, asset_no=asset_no))
        session.flush()
        search.index_record(session, record.seq, body, record.doc_no)

    def _made(self, table: type[DeclarativeBase], row: dict[str, Any], **more: str) -> Any:
        """Make a row as stated, without what refers to tables that do not come back."""
        values: dict[str, Any] = {}
        for column in table.__table__.columns:
            if column.key in row:
                values[column.key] = self._value(column, row[column.key])
        return table(**values, **more)

    def _value(self, column: ColumnElement[Any], value: Any) -> Any:
        targets = {key.column.table.name for key in column.foreign_keys}
        if value is None or targets - KNOWN:
            return None
        if UserRow.__tablename__ in targets:
            return self.users[value]
        if isinstance(column.type, Date):
            return date.fromisoformat(value)
        return datetime.fromisoformat(value) if isinstance(column.type, UtcMoment) else value

    def _data(self, path: str) -> bytes:
        return self.bag.read(PAYLOAD + path).data
