"""The export of a whole contract: its packages, and a sealed index of every document."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

import docgen
from docgen.access import Actor
from docgen.archive import packages
from docgen.archive.export_index import (
    INDEX,
    INDEX_PAGE,
    INDEX_SEAL,
    ExportIndex,
    IndexedDocument,
)
from docgen.archive.layout import TAG_MANIFEST
from docgen.archive.packages import ArchivePackage, Render
from docgen.archive.packing import Entry, in_folder, moment_of, zipped
from docgen.contracts.contracts import model_of
from docgen.errors import TransitionRefused
from docgen.files.output import writing_aside
from docgen.signing.configuration import open_sealer, timestamper
from docgen.signing.detached import sign_detached
from docgen.store.tables import ContractRow, RecordAssetRow, RecordRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork
from schemas.problems import error

_UNSAFE = re.compile(r"[^\w.-]+")


class Export:
    """A contract on its way out; one package is in memory at a time."""

    def __init__(
        self,
        store: Store,
        actor: Actor,
        contract_id: str,
        render: Render,
        *,
        closing: bool = False,
    ) -> None:
        """`render` makes the evidence pages that are not made yet; `closing` ends the contract.

        Raises TransitionRefused when it is to end and an asset is neither inspected nor excused,
        and what `open_sealer` raises.
        """
        self.store, self.actor, self.render, self.closing = store, actor, render, closing
        with store.reading() as session:
            self.contract = session.get_one(ContractRow, contract_id)
            self.targets = packages.archived_versions(session, contract_id)
            self.inspected = inspection_coverage(session, self.contract)
            # Read together with the targets: what is archived meanwhile is not in this export.
            self.documents = list(_documents(session, contract_id))
        if closing:
            need_all_inspected(self.inspected)
        # Opened before the first byte goes out, so that a seal that cannot be used is refused.
        self.sealer = open_sealer(store.settings, store.clock())
        self.packed: dict[str, IndexedDocument] = {}

    def packages(self) -> Iterator[ArchivePackage]:
        """Give every archived version's package."""
        for target in self.targets:
            yield packages.make_package(self.store, self.actor, target, self.render)

    def entries(self) -> Iterator[Entry]:
        """Give all bags as folders of one zip, and the index."""
        for package in self.packages():
            name = package.target.doc_no
            yield from in_folder(name, self._entries_noted(package, f"{name}/"))
        yield from self.index()

    def zipped(self) -> Iterator[bytes]:
        """Give the bytes of one zip with everything."""
        root = _UNSAFE.sub("_", self.contract.contract_no)
        return zipped(in_folder(root, self.entries()), self.contract.created_at)

    def written(self, folder: Path) -> Iterator[IndexedDocument]:
        """Write a zip for each package into a folder, and the index last.

        A zip that is there with the same bytes stays. Raises OutputRefused.
        """
        for package in self.packages():
            name = f"{package.target.doc_no}.zip"
            entries = in_folder(package.target.doc_no, self._entries_noted(package, name))
            with writing_aside(folder / name) as file:
                for piece in zipped(entries, moment_of(package.statement)):
                    file.write(piece)
            yield self.packed[package.target.doc_no]
        for name, data in self.index():
            with writing_aside(folder / name) as file:
                file.write(data)

    def index(self) -> Iterator[Entry]:
        """Give the index of all documents, for machines and as a page, and its seal."""
        index = ExportIndex(
            self.contract.contract_no,
            self.contract.customer_name,
            self.store.clock().isoformat(timespec="seconds"),
            docgen.__version__,
            self.closing,
            self.inspected.as_json(),
            tuple(self.packed.get(one.doc_no, one) for one in self.documents),
        )
        data, page = index.written()
        yield INDEX, data
        yield INDEX_PAGE, page
        authority = timestamper(self.store.settings)
        now = self.store.clock()
        yield INDEX_SEAL, sign_detached(data, self.sealer, now=now, timestamper=authority)

    def note(self, unit: UnitOfWork) -> None:
        """Put the export into the audit trail."""
        unit.note(
            "archive.exported",
            ("contract", self.contract.id),
            self.contract.id,
            contract_no=self.contract.contract_no,
            packages=len(self.targets),
            closing=self.closing,
        )

    def _entries_noted(self, package: ArchivePackage, place: str) -> Iterator[Entry]:
        """Give a package's files, and keep its line of the index."""
        made = package.statement
        last = b""
        for name, data in package.entries(self.store):
            last = data if name == TAG_MANIFEST else last
            yield name, data
        self.packed[made.doc_no] = IndexedDocument(
            made.doc_no,
            made.code,
            made.version,
            "archived",
            made.record_hash,
            made.archived_hash,
            package=place,
            evidence_sha256=package.target.evidence,
            tagmanifest_sha256=hashlib.sha256(last).hexdigest(),
        )


def contract_id_of(store: Store, contract_no: str) -> str:
    """Return a contract's id by its number; empty when there is none."""
    with store.reading() as session:
        query = select(ContractRow.id).where(ContractRow.contract_no == contract_no)
        return session.scalar(query) or ""


def _documents(session: Session, contract_id: str) -> Iterator[IndexedDocument]:
    """Give the documents of a contract as they stand, the first one first."""
    query = (
        select(VersionRow, RecordRow.code)
        .join(RecordRow, RecordRow.id == VersionRow.record_id)
        .where(RecordRow.contract_id == contract_id)
        .order_by(RecordRow.seq, VersionRow.number)
    )
    for version, code in session.execute(query):
        hashes = version.record_hash or "", version.archived_hash or ""
        yield IndexedDocument(version.doc_no, code, version.number, version.state, *hashes)


@dataclass(frozen=True)
class InspectionCoverage:
    """A contract's assets: how many were inspected, which are excused why, and which are missing.

    Those that are missing stand with their places in the contract's list.
    """

    count: int
    excused: Mapping[str, str]
    missing: Mapping[int, str]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "assets": self.count + len(self.excused) + len(self.missing),
            "inspected": self.count,
            "excused": [{"asset_no": no, "reason": why} for no, why in self.excused.items()],
            "missing": list(self.missing.values()),
        }


def inspection_coverage(session: Session, row: ContractRow) -> InspectionCoverage:
    """Compare a contract's list of objects with its archived inspections."""
    query = (
        select(RecordAssetRow.asset_no)
        .join(RecordRow, RecordRow.id == RecordAssetRow.record_id)
        .join(VersionRow, VersionRow.record_id == RecordRow.id)
        .where(
            RecordRow.contract_id == row.id, RecordRow.code == "XJ", VersionRow.state == "archived"
        )
        .distinct()
    )
    done = set(session.scalars(query))
    listed = model_of(row).objects
    waiting = {at: one for at, one in enumerate(listed) if one.asset_no not in done}
    return InspectionCoverage(
        len(listed) - len(waiting),
        {
            one.asset_no: one.not_inspected_reason
            for one in waiting.values()
            if one.not_inspected_reason
        },
        {at: one.asset_no for at, one in waiting.items() if not one.not_inspected_reason},
    )


def need_all_inspected(found: InspectionCoverage) -> None:
    """Raise TransitionRefused, naming every asset that is neither inspected nor excused."""
    if found.missing:
        raise TransitionRefused(
            "transition_refused.closing",
            [
                error(("objects", at, "not_inspected_reason"), "asset_not_inspected", number)
                for at, number in found.missing.items()
            ],
        )
