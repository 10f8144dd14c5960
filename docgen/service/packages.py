"""Archive packages in the store: evidence made and sealed once, then equal bytes for ever.

The evidence page carries what is not kept elsewhere, so that a package is made again out of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.archive import sealed
from docgen.archive import statement as names
from docgen.archive.evidence import Page
from docgen.archive.gathering import Gathered, gathered
from docgen.archive.packing import Entry, bag
from docgen.archive.statement import Statement, parsed
from docgen.archive.telling import view
from docgen.errors import Conflict
from docgen.service import records
from docgen.service.documents import Made, row_of
from docgen.service.signed import Mark, set_seal
from docgen.service.unit import Store, Unit
from docgen.signing.fields import add_fields, field_names
from docgen.signing.opening import open_sealer
from docgen.signing.verify import Signature, verify_pdf
from docgen.store.blobs import checked
from docgen.store.tables import Document, Record, Version
from docgen.theme import load_theme

STAGE, FORMAT, LANG = "evidence", "pdf", "zh"
Render = Callable[[Page], bytes]


@dataclass(frozen=True)
class Target:
    """An archived version, and the sha256 of its evidence page once there is one."""

    record_id: str
    contract_id: str
    number: int
    doc_no: str
    evidence: str = ""


@dataclass(frozen=True)
class Package:
    """A version's package, its small parts at hand; `payload` reads the others."""

    target: Target
    statement: Statement
    parts: Mapping[str, bytes]

    def entries(self, store: Store) -> Iterator[Entry]:
        """Give the files of its bag. Raises StoreFault: blob_missing, blob_damaged."""
        return bag(self.statement, self._payload(store))

    def _payload(self, store: Store) -> Iterator[Entry]:
        hashes = {one.path: one.sha256 for one in self.statement.files}
        for path in sorted({*hashes, *self.parts}):
            if path not in self.parts:
                yield path, store.blobs.get(hashes[path])
            elif path in hashes:
                yield path, checked(self.parts[path], hashes[path])
            else:
                yield path, self.parts[path]


def target(store: Store, actor: Actor, record_id: str, number: int) -> Target:
    """Find an archived version. Raises NotFound, Conflict: not_archived."""
    with store.reading() as session:
        record, version = records.visible(session, actor, record_id, number)
        if version.state != "archived":
            raise Conflict("not_archived", place=version.doc_no)
        return _target(session, record, version)


def targets(session: Session, contract_id: str) -> list[Target]:
    """List all archived versions of a contract, the first one first."""
    query = _versions(contract_id).where(Version.state == "archived")
    return [_target(session, record, version) for record, version in session.execute(query)]


def packed(store: Store, actor: Actor, wanted: Target, render: Render) -> Package:
    """Return a version's package; its evidence page is made and sealed where there is none yet.

    The slow part lies outside transactions. Raises what `render` and the seal raise, StoreFault,
    Conflict: seals_broken.
    """
    if not wanted.evidence:
        evidence = _sealed(store, wanted, render)
        wanted = _kept(store, actor, wanted, evidence)
    return _opened(store, wanted)


def note_export(unit: Unit, package: Package) -> None:
    """Put the export of one package into the audit trail."""
    wanted = package.target
    unit.note(
        "archive.exported",
        ("record", wanted.record_id),
        wanted.contract_id,
        doc_no=wanted.doc_no,
        evidence=wanted.evidence,
    )


def _sealed(store: Store, wanted: Target, render: Render) -> Made:
    with store.reading() as session:
        record = session.scalars(select(Record).where(Record.id == wanted.record_id)).one()
        version = session.get_one(Version, (record.id, wanted.number))
        found = gathered(session, record, version)
    data, seals = _signed(store, found)
    now = store.clock()
    sealer = open_sealer(store.settings, now)
    given = [sealer.certificate, *(sealed.embedded(data) if data else ())]
    statement = found.stated(
        now=now,
        certificates=sealed.written(given),
        signed_fields=[one.field for one in seals],
    )
    pdf = render(_page(store, found, statement, seals))
    company = load_theme(store.settings.theme_folder).company_zh
    mark = Mark(names.SEAL_FIELD, company, f"封存 archived {wanted.doc_no}")
    pdf = set_seal(store, add_fields(pdf, [mark.role]), mark, by=sealer, now=now)
    key = hashlib.sha256(statement.written()).hexdigest()
    return Made(FORMAT, LANG, store.blobs.put(pdf), len(pdf), key)


def _signed(store: Store, found: Gathered) -> tuple[bytes, list[Signature]]:
    """Return the sealed PDF and its seals. Conflict: seals_broken."""
    if found.signed is None:
        return b"", []
    data = store.blobs.get(found.signed.sha256)
    fields = [name for name, done in field_names(data).items() if done]
    verdict = verify_pdf(data, (), expected=fields, sha256=found.signed.sha256)
    if not verdict.untouched:
        raise Conflict("seals_broken", place=found.version.doc_no)
    return data, verdict.signatures


def _page(store: Store, found: Gathered, statement: Statement, seals: list[Signature]) -> Page:
    given = [(one, found.scans.get(one.scan_id or "")) for one in found.signoffs]
    assert found.version.ended_at
    return Page(
        view(statement, found.chain, given, seals),
        {
            names.STATEMENT: statement.written(),
            names.AUDIT: found.audit,
            names.CONTRACT: found.contract.body.encode(),
        },
        statement.doc_no,
        found.version.ended_at,
        store.settings.theme_folder,
    )


def _kept(store: Store, actor: Actor, wanted: Target, made: Made) -> Target:
    """Keep the evidence, unless somebody else's was kept meanwhile; return whose it is now."""
    key = (wanted.record_id, wanted.number, STAGE, FORMAT, LANG)
    with store.change(actor) as unit:
        lock = select(Record.id).where(Record.id == wanted.record_id).with_for_update()
        unit.session.execute(lock)
        kept = unit.session.get(Document, key)
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
            )
        sha256 = kept.sha256 if kept else made.sha256
    return Target(wanted.record_id, wanted.contract_id, wanted.number, wanted.doc_no, sha256)


def _opened(store: Store, wanted: Target) -> Package:
    evidence = store.blobs.get(wanted.evidence)
    carried = sealed.attached(evidence)
    statement = parsed(carried[names.STATEMENT])
    with store.reading() as session:
        version = session.get_one(Version, (wanted.record_id, wanted.number))
        assert version.archived_body
        bodies = {names.RECORD: version.archived_body, names.SUBMITTED: version.body}
    texts = bodies | statement.rows["certificates"]
    own = {path: text.encode() for path, text in texts.items()}
    return Package(wanted, statement, carried | own | {names.EVIDENCE: evidence})


def _target(session: Session, record: Record, version: Version) -> Target:
    kept = session.get(Document, (record.id, version.number, STAGE, FORMAT, LANG))
    sha256 = kept.sha256 if kept else ""
    return Target(record.id, record.contract_id, version.number, version.doc_no, sha256)


def _versions(contract_id: str) -> Select[Record, Version]:
    return (
        select(Record, Version)
        .join(Version, Version.record_id == Record.id)
        .where(Record.contract_id == contract_id)
        .order_by(Record.seq, Version.number)
    )
