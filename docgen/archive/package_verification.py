"""Verifying one package, offline: whole, sealed, and the same everywhere. Never stops early."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import x509

from docgen.archive import statement as names
from docgen.archive.bags import Bag, BagContent, check_tag_files
from docgen.archive.export_index import IndexedDocument
from docgen.archive.findings import PackageVerdict
from docgen.archive.layout import INFO, MANIFEST, PAYLOAD, READMES, TAG_MANIFEST
from docgen.archive.packing import bag_info
from docgen.archive.seal_comparison import seal_findings, sealed_revisions
from docgen.archive.sealed_files import attachments_of
from docgen.archive.statement import PackagedFile, PackageStatement, parsed
from docgen.errors import DocgenError, InputUnreadable
from docgen.renderers.ooxml.package import read_record
from docgen.signing.keys import roots
from docgen.signing.trust import Trust
from docgen.signing.verify import SignatureFinding, verify_pdf
from docgen.store.audit_chain import ChainEntry

SMALL = {names.STATEMENT, names.AUDIT, names.CONTRACT, names.RECORD, names.SUBMITTED}
DOCUMENTS = {"archived_document": names.RECORD, "submitted_document": names.SUBMITTED}


def verify_package(bag: Bag, trusted: Trust, place: str) -> PackageVerdict:
    """Verify one bag."""
    check = _PackageCheck(bag, PackageVerdict(place), trusted)
    try:
        check.run()
    except InputUnreadable as wrong:
        code = "bag_broken" if wrong.code == "bag_broken" else "bag_file_unreadable"
        check.verdict.find(code, wrong.place)
    return check.verdict


@dataclass
class _PackageCheck:
    """A bag that is being verified; `small_parts` are those that others are compared with."""

    bag: Bag
    verdict: PackageVerdict
    trusted: Trust
    listed: dict[str, str] = field(default_factory=dict)
    small_parts: dict[str, bytes] = field(default_factory=dict)
    chain: list[tuple[ChainEntry, str]] = field(default_factory=list)
    counted: tuple[int, int] = (0, 0)

    def run(self) -> None:
        """Go through everything."""
        self.listed = self.bag.manifest(MANIFEST)
        check_tag_files(self.bag, self.verdict, self.listed)
        for name in sorted(self.listed, key=_small_first):
            self._file(name)
        if statement := self._statement():
            self.verdict.doc_no, self.verdict.contract_no = (
                statement.doc_no,
                statement.contract_no,
            )
            self.verdict.document = self._document_of(statement)
            self.chain = read_chain(self.small_parts.get(names.AUDIT, b""), self.verdict)
            self._check_seals(statement)
            self._compare_with_statement(statement)
            if self.bag.text(INFO).encode() != bag_info(statement, *self.counted):
                self.verdict.find("bag_broken", INFO)
            check_audit(self.chain, statement, self.verdict)
            self._tell_uncovered()

    def _tell_uncovered(self) -> None:
        """Tell what no package can show: the rest of the trail, times that only signers tell."""
        self.verdict.not_covered.append(SignatureFinding("not_covered.chain", names.AUDIT))
        for path, signatures in self.verdict.signatures.items():
            if not all(one.stamp and one.stamp.trusted for one in signatures):
                self.verdict.not_covered.append(SignatureFinding("not_covered.time", path))

    def _document_of(self, statement: PackageStatement) -> IndexedDocument:
        """Return what the index of an export has to say of this package."""
        return IndexedDocument(
            statement.doc_no,
            statement.code,
            statement.version,
            "archived",
            statement.record_hash,
            statement.archived_hash,
            evidence_sha256=self.listed.get(PAYLOAD + names.EVIDENCE, ""),
            tagmanifest_sha256=self.bag.read(TAG_MANIFEST, hold=False).sha256,
        )

    def _file(self, name: str) -> None:
        path = name.removeprefix(PAYLOAD)
        if name not in self.bag.names:
            self.verdict.find("bag_file_missing", name)
            return
        content = self._content(name, hold=_small(path))
        if content is None:
            return
        size, count = self.counted
        self.counted = size + content.size_bytes, count + 1
        if content.sha256 != self.listed[name]:
            self.verdict.find("bag_file_changed", name)
        if content.data:
            self.small_parts[path] = content.data

    def _content(self, name: str, *, hold: bool) -> BagContent | None:
        try:
            return self.bag.read(name, hold=hold)
        except InputUnreadable:
            self.verdict.find("bag_file_unreadable", name)
            return None

    def _statement(self) -> PackageStatement | None:
        try:
            return parsed(self.small_parts.get(names.STATEMENT, b""))
        except InputUnreadable as wrong:
            known = wrong.code == "package_format"
            self.verdict.find(wrong.code if known else "statement_broken", wrong.place)
            return None

    def _check_seals(self, statement: PackageStatement) -> None:
        """Verify the evidence and its seal, then what it carries; then the signed PDF."""
        evidence, sealed_bytes = self._pdf(names.EVIDENCE, [names.SEAL_FIELD])
        self._compare_carried(evidence[:sealed_bytes])
        chain = [entry for entry, _ in self.chain]
        if statement.of_kind("signed_document"):
            revisions = sealed_revisions(statement.doc_no, chain)
            signed, _ = self._pdf(names.SIGNED, statement.signed_fields, revisions)
            self._check_signed(signed, statement)
        try:
            record = self.small_parts.get(names.RECORD, b"")
            found = seal_findings(statement, self.verdict.signatures, record, chain)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
            self.verdict.find("statement_broken", f"{names.STATEMENT} signoffs")
            return
        self.verdict.findings += [one for one in found if one not in self.verdict.findings]

    def _pdf(
        self, path: str, expected: Sequence[str], revisions: Sequence[str] = ()
    ) -> tuple[bytes, int]:
        """Verify a PDF; return its bytes, and where its last seal ends."""
        content = self._content(PAYLOAD + path, hold=True) if self._has(path) else None
        if content is None:
            self.verdict.find("bag_file_missing", PAYLOAD + path)
            return b"", 0
        verdict = verify_pdf(content.data, self.trusted, expected=expected, revisions=revisions)
        self.verdict.signatures[path] = verdict.signatures
        self.verdict.findings += [
            SignatureFinding("signer_only_in_package", f"{path} {one.place}")
            if self._is_signer_in_package(one.code, verdict, one.place)
            else one
            for one in verdict.findings
        ]
        return content.data, verdict.sealed_bytes

    def _is_signer_in_package(self, code: str, verdict: Any, place: str) -> bool:
        """Whether nothing is wrong with a signature but that only the package knows its signer."""
        if code != "signer_unknown":
            return False
        known = {one.sha256.hex() for one in self._certificates()}
        return any(
            one.field == place and one.intact and one.fingerprint in known
            for one in verdict.signatures
        )

    def _certificates(self) -> list[x509.Certificate]:
        found = []
        for path, data in self.small_parts.items():
            if path.startswith(names.CERTIFICATES):
                try:
                    found += roots(data, path)
                except DocgenError:
                    self.verdict.find("bag_file_unreadable", PAYLOAD + path)
        return found

    def _compare_carried(self, evidence: bytes) -> None:
        try:
            carried = attachments_of(evidence) if evidence else {}
        except InputUnreadable:
            carried = {}
        held = {PAYLOAD + path: self.small_parts.get(path, b"") for path in names.CARRIED}
        held |= {name: self.bag.read(name).data for name in READMES if name in self.bag.names}
        for name, data in held.items():
            if carried.get(name.removeprefix(PAYLOAD)) != data:
                self.verdict.find("evidence_differs", name)

    def _check_signed(self, signed: bytes, statement: PackageStatement) -> None:
        record = _embedded(signed)
        if record != hashlib.sha256(self.small_parts.get(names.SUBMITTED, b"")).hexdigest():
            self.verdict.find("record_differs", PAYLOAD + names.SIGNED)
        submitted = f"submitted/{statement.doc_no}.pdf"
        if not any(
            one.path == submitted
            and hashlib.sha256(signed[: one.size_bytes]).hexdigest() == one.sha256
            for one in statement.files
        ):
            self.verdict.find("signed_differs", PAYLOAD + names.SIGNED)

    def _compare_with_statement(self, statement: PackageStatement) -> None:
        """Compare the files with what is stated, and the records within them."""
        stated = {PAYLOAD + one.path: one for one in statement.files}
        own = {PAYLOAD + names.STATEMENT, PAYLOAD + names.EVIDENCE}
        for name in sorted(self.listed.keys() - stated.keys() - own):
            self.verdict.find("not_covered.part", name)
        for name in sorted(stated.keys() - self.listed.keys()):
            self.verdict.find("statement_differs", name)
        for name, one in stated.items():
            if self.listed.get(name, one.sha256) != one.sha256:
                self.verdict.find("statement_differs", name)
            if one.kind in DOCUMENTS and self._has(one.path):
                self._document(one)
        for path, said in (
            (names.RECORD, statement.archived_hash),
            (names.SUBMITTED, statement.record_hash),
        ):
            if hashlib.sha256(self.small_parts.get(path, b"")).hexdigest() != said:
                self.verdict.find("statement_differs", PAYLOAD + path)

    def _document(self, one: PackagedFile) -> None:
        content = self._content(PAYLOAD + one.path, hold=True)
        if content is None:
            return
        due = hashlib.sha256(self.small_parts.get(DOCUMENTS[one.kind], b"")).hexdigest()
        if _embedded(content.data) != due:
            self.verdict.find("record_differs", PAYLOAD + one.path)

    def _has(self, path: str) -> bool:
        return PAYLOAD + path in self.bag.names


def _embedded(data: bytes) -> str:
    """Return the hash of the record in a document."""
    try:
        if data[:5] == b"%PDF-":
            return hashlib.sha256(attachments_of(data).get(names.RECORD, b"")).hexdigest()
        return hashlib.sha256(read_record(data).json).hexdigest()
    except DocgenError:
        return ""


def _small(path: str) -> bool:
    return path in SMALL or path.startswith(names.CERTIFICATES)


def _small_first(name: str) -> tuple[bool, str]:
    return not _small(name.removeprefix(PAYLOAD)), name


def read_chain(data: bytes, verdict: PackageVerdict) -> list[tuple[ChainEntry, str]]:
    """Return the audit entries with the hash that each states; none where they cannot be read."""
    chain = []
    try:
        for line in data.splitlines():
            plain = json.loads(line)
            stated = plain.pop("entry_hash")
            chain.append((ChainEntry(**plain), stated))
            json.loads(chain[-1][0].detail).get("doc_no")  # an object, as every other use expects
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        verdict.find("audit_changed", PAYLOAD + names.AUDIT)
        return []
    return chain


def check_audit(
    chain: Sequence[tuple[ChainEntry, str]], statement: PackageStatement, verdict: PackageVerdict
) -> None:
    """Make every entry's hash again; they ascend, and the last one is the archiving."""
    place = PAYLOAD + names.AUDIT
    if not chain:
        verdict.find("audit_incomplete", place)
        return
    last = json.loads(chain[-1][0].detail)
    archived = chain[-1][0].action, last.get("archived_hash"), last.get("record_hash")
    before: tuple[ChainEntry, str] | None = None
    for entry, stated in chain:
        broken = before and entry.seq == before[0].seq + 1 and entry.previous_hash != before[1]
        if entry.entry_hash != stated or broken:
            verdict.find("audit_changed", f"{place} #{entry.seq}")
        if before and entry.seq <= before[0].seq:
            verdict.find("audit_changed", f"{place} #{entry.seq}")
        before = entry, stated
    said = {
        "entries": len(chain),
        "last_seq": chain[-1][0].seq,
        "last_hash": chain[-1][1],
    }
    due = ("record.archived", statement.archived_hash, statement.record_hash)
    if said != statement.audit or archived != due:
        verdict.find("audit_incomplete", place)
