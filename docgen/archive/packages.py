"""Archive packages in the store: evidence made and sealed once, then equal bytes for ever.

The evidence page carries what is not kept elsewhere, so that a package is made again out of it,
and what is no part of the statement, so that its seal covers that as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.archive import sealed_files
from docgen.archive import statement as names
from docgen.archive.evidence import EvidencePage
from docgen.archive.evidence_data import VersionContent, gather
from docgen.archive.evidence_texts import view
from docgen.archive.layout import READMES
from docgen.archive.packing import Entry, bag, readmes
from docgen.archive.seal_comparison import sealed_revisions
from docgen.archive.statement import PackageStatement, parsed
from docgen.errors import Conflict
from docgen.records import records
from docgen.records.documents import EVIDENCE, StoredDocument, row_of
from docgen.signing.comparison import compare, due_seals
from docgen.signing.configuration import open_sealer, trusted
from docgen.signing.fields import add_fields, field_names
from docgen.signing.seal_reason import SealReason
from docgen.signing.signed_pdf import SealMark, set_seal
from docgen.signing.verify import Signature, verify_pdf
from docgen.store.content_address import checked
from docgen.store.tables import DocumentRow, RecordRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork
from docgen.templates.theme import load_theme

STAGE, FORMAT, LANG = EVIDENCE, "pdf", "zh"
Render = Callable[[EvidencePage], bytes]


@dataclass(frozen=True)
class PackagedVersion:
    """An archived version, and the sha256 of its evidence page once there is one."""

    record_id: str
    contract_id: str
    number: int
    doc_no: str
    evidence: str = ""


@dataclass(frozen=True)
class ArchivePackage:
    """A version's package, its small parts at hand; `payload` reads the others."""

    target: PackagedVersion
    statement: PackageStatement
    parts: Mapping[str, bytes]
    readmes: Mapping[str, bytes]

    def entries(self, store: Store) -> Iterator[Entry]:
        """Give the files of its bag. Raises StoreFault: blob_missing, blob_damaged."""
        return bag(self.statement, self._payload(store), self.readmes)

    def _payload(self, store: Store) -> Iterator[Entry]:
        hashes = {one.path: one.sha256 for one in self.statement.files}
        for path in sorted({*hashes, *self.parts}):
            if path not in self.parts:
                yield path, store.blobs.get(hashes[path])
            elif path in hashes:
                yield path, checked(self.parts[path], hashes[path])
            else:
                yield path, self.parts[path]


def archived_version(store: Store, actor: Actor, record_id: str, number: int) -> PackagedVersion:
    """Find an archived version. Raises NotFound, Conflict: not_archived."""
    with store.reading() as session:
        record, version = records.visible(session, actor, record_id, number)
        if version.state != "archived":
            raise Conflict("not_archived", place=version.doc_no)
        return _target(session, record, version)


def archived_versions(session: Session, contract_id: str) -> list[PackagedVersion]:
    """List all archived versions of a contract, the first one first."""
    query = _versions(contract_id).where(VersionRow.state == "archived")
    return [_target(session, record, version) for record, version in session.execute(query)]


def make_package(
    store: Store, actor: Actor, wanted: PackagedVersion, render: Render
) -> ArchivePackage:
    """Return a version's package; its evidence page is made and sealed where there is none yet.

    The slow part lies outside transactions. Raises what `render` and the seal raise, StoreFault,
    Conflict: seals_broken.
    """
    if not wanted.evidence:
        evidence = _make_evidence(store, wanted, render)
        wanted = _store_evidence(store, actor, wanted, evidence)
    return _read_package(store, wanted)


def note_export(unit: UnitOfWork, package: ArchivePackage) -> None:
    """Put the export of one package into the audit trail."""
    wanted = package.target
    unit.note(
        "archive.exported",
        ("record", wanted.record_id),
        wanted.contract_id,
        doc_no=wanted.doc_no,
        evidence=wanted.evidence,
    )


def _make_evidence(
    store: Store, wanted: PackagedVersion, render: Render
) -> tuple[StoredDocument, str]:
    """Make and seal the evidence page; return it with the fingerprint of the seal's certificate."""
    with store.reading() as session:
        record = session.scalars(select(RecordRow).where(RecordRow.id == wanted.record_id)).one()
        version = session.get_one(VersionRow, (record.id, wanted.number))
        found = gather(session, record, version)
    data, seals = _verified_seals(store, found)
    now = store.clock()
    sealer = open_sealer(store.settings, now)
    given = [sealer.certificate, *sealed_files.embedded_certificates(data)]
    statement = found.stated(
        now=now,
        certificates=sealed_files.certificate_files(given),
        signed_fields=[one.field for one in seals],
    )
    pdf = render(_page(store, found, statement, seals))
    company = load_theme(store.settings.theme_folder).company_zh
    reason = SealReason(
        words=f"封存 archived {wanted.doc_no}",
        role=names.SEAL_FIELD,
        name=company,
        signed_at=now,
        record=found.version.record_hash or "",
        doc_no=wanted.doc_no,
    )
    pdf = set_seal(store, add_fields(pdf, [reason.role]), SealMark(reason), by=sealer)
    key = hashlib.sha256(statement.written()).hexdigest()
    made = StoredDocument(FORMAT, LANG, store.blobs.put(pdf), len(pdf), key)
    return made, sealer.certificate.sha256.hex()


def _verified_seals(store: Store, found: VersionContent) -> tuple[bytes, list[Signature]]:
    """Return the sealed PDF and its seals.

    Conflict: seals_broken, also where they say anything else than the sign-offs on record.
    """
    version, kept = found.version, found.signed
    if kept is None or not version.record_hash:
        raise Conflict("seals_broken", place=version.doc_no)
    data = store.blobs.get(kept.sha256)
    fields = [name for name, done in field_names(data).items() if done]
    verdict = verify_pdf(
        data,
        trusted(store.settings),
        expected=fields,
        sha256=kept.sha256,
        revisions=sealed_revisions(version.doc_no, (entry for entry, _ in found.chain)),
    )
    scans = {one.id: one.sha256 for one in found.attachments}
    due = due_seals(version.record_hash, found.signoffs, scans)
    if verdict.alterations or compare(verdict.signatures, due):
        raise Conflict("seals_broken", place=version.doc_no)
    return data, verdict.signatures


def _page(
    store: Store, found: VersionContent, statement: PackageStatement, seals: list[Signature]
) -> EvidencePage:
    given = [(one, found.scans.get(one.scan_id or "")) for one in found.signoffs]
    assert found.version.ended_at
    return EvidencePage(
        view(statement, found.chain, given, seals),
        {
            names.STATEMENT: statement.written(),
            names.AUDIT: found.audit,
            names.CONTRACT: found.contract.body.encode(),
            **readmes(),
        },
        statement.doc_no,
        found.version.ended_at,
        store.settings.theme_folder,
    )


def _store_evidence(
    store: Store, actor: Actor, wanted: PackagedVersion, sealed: tuple[StoredDocument, str]
) -> PackagedVersion:
    """Keep the evidence, unless somebody else's was kept meanwhile; return whose it is now."""
    made, seal = sealed
    key = (wanted.record_id, wanted.number, STAGE, FORMAT, LANG)
    with store.change(actor) as unit:
        lock = select(RecordRow.id).where(RecordRow.id == wanted.record_id).with_for_update()
        unit.session.execute(lock)
        kept = unit.session.get(DocumentRow, key)
        if kept is None:
            unit.keep_blob(made.sha256, made.size_bytes)
            # its skip key is the sha256 of what is stated
            unit.session.add(row_of((wanted.record_id, wanted.number), STAGE, made, unit.now))
            unit.note(
                "archive.sealed",
                ("record", wanted.record_id),
                wanted.contract_id,
                doc_no=wanted.doc_no,
                evidence=made.sha256,
                statement=made.skip_key,
                seal=seal,
            )
        sha256 = kept.sha256 if kept else made.sha256
    return PackagedVersion(
        wanted.record_id, wanted.contract_id, wanted.number, wanted.doc_no, sha256
    )


def _read_package(store: Store, wanted: PackagedVersion) -> ArchivePackage:
    evidence = store.blobs.get(wanted.evidence)
    carried = sealed_files.attachments_of(evidence)
    statement = parsed(carried[names.STATEMENT])
    explained = {name: carried.pop(name) for name in READMES}
    with store.reading() as session:
        version = session.get_one(VersionRow, (wanted.record_id, wanted.number))
        assert version.archived_body
        bodies = {names.RECORD: version.archived_body, names.SUBMITTED: version.body}
    texts = bodies | statement.rows["certificates"]
    own = {path: text.encode() for path, text in texts.items()}
    return ArchivePackage(wanted, statement, carried | own | {names.EVIDENCE: evidence}, explained)


def _target(session: Session, record: RecordRow, version: VersionRow) -> PackagedVersion:
    kept = session.get(DocumentRow, (record.id, version.number, STAGE, FORMAT, LANG))
    sha256 = kept.sha256 if kept else ""
    return PackagedVersion(record.id, record.contract_id, version.number, version.doc_no, sha256)


def _versions(contract_id: str) -> Select[RecordRow, VersionRow]:
    return (
        select(RecordRow, VersionRow)
        .join(VersionRow, VersionRow.record_id == RecordRow.id)
        .where(RecordRow.contract_id == contract_id)
        .order_by(RecordRow.seq, VersionRow.number)
    )
