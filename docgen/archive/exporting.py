"""The export of a whole contract: its packages, and an index of every document and its state."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.access import Actor
from docgen.archive import packages
from docgen.archive.layout import INDEX, INDEX_PAGE, TAG_MANIFEST
from docgen.archive.packages import ArchivePackage, Render
from docgen.archive.packing import Entry, below, moment_of, zipped
from docgen.contracts.contracts import model_of
from docgen.errors import TransitionRefused
from docgen.files.output import writing_aside
from docgen.store.tables import ContractRow, RecordAssetRow, RecordRow, VersionRow
from docgen.store.unit_of_work import Store, UnitOfWork
from schemas.problems import error

_UNSAFE = re.compile(r"[^\w.-]+")
_STYLE = (
    "body{font:14px/1.5 sans-serif;margin:2em}table{border-collapse:collapse}"
    "td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left}code{font-size:11px}"
)


@dataclass(frozen=True)
class IndexLine:
    """A document of the index; `package` is where its package lies, empty before it is archived."""

    doc_no: str
    code: str
    version: int
    state: str
    record_hash: str
    archived_hash: str
    package: str = ""
    evidence_sha256: str = ""
    tagmanifest_sha256: str = ""


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

        Raises TransitionRefused when it is to end and an asset is neither inspected nor excused.
        """
        self.store, self.actor, self.render, self.closing = store, actor, render, closing
        with store.reading() as session:
            self.contract = session.get_one(ContractRow, contract_id)
            self.targets = packages.targets(session, contract_id)
            self.inspected = inspected(session, self.contract)
        if closing:
            need_all(self.inspected)
        self.lines: dict[str, IndexLine] = {}

    def packages(self) -> Iterator[ArchivePackage]:
        """Give every archived version's package."""
        for target in self.targets:
            yield packages.packed(self.store, self.actor, target, self.render)

    def entries(self) -> Iterator[Entry]:
        """Give all bags as folders of one zip, and the index."""
        for package in self.packages():
            name = package.target.doc_no
            yield from below(name, self._listed(package, f"{name}/"))
        yield from self.index()

    def zipped(self) -> Iterator[bytes]:
        """Give the bytes of one zip with everything."""
        root = _UNSAFE.sub("_", self.contract.contract_no)
        return zipped(below(root, self.entries()), self.contract.created_at)

    def written(self, folder: Path) -> Iterator[IndexLine]:
        """Write a zip for each package into a folder, and the index last.

        A zip that is there with the same bytes stays. Raises OutputRefused.
        """
        for package in self.packages():
            name = f"{package.target.doc_no}.zip"
            entries = below(package.target.doc_no, self._listed(package, name))
            with writing_aside(folder / name) as file:
                for piece in zipped(entries, moment_of(package.statement)):
                    file.write(piece)
            yield self.lines[package.target.doc_no]
        for name, data in self.index():
            with writing_aside(folder / name) as file:
                file.write(data)

    def index(self) -> Iterator[Entry]:
        """Give the index of all documents: for machines, and as a page."""
        lines = list(self._all())
        told = {
            "contract_no": self.contract.contract_no,
            "customer_name": self.contract.customer_name,
            "made_at": self.store.clock().isoformat(timespec="seconds"),
            "closing": self.closing,
            "inspection": self.inspected.as_json(),
            "documents": [vars(one) for one in lines],
        }
        yield INDEX, json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n"
        yield INDEX_PAGE, _page(told, lines).encode()

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

    def _listed(self, package: ArchivePackage, place: str) -> Iterator[Entry]:
        """Give a package's files, and keep its line of the index."""
        made = package.statement
        last = b""
        for name, data in package.entries(self.store):
            last = data if name == TAG_MANIFEST else last
            yield name, data
        self.lines[made.doc_no] = IndexLine(
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

    def _all(self) -> Iterator[IndexLine]:
        query = (
            select(VersionRow, RecordRow.code)
            .join(RecordRow, RecordRow.id == VersionRow.record_id)
            .where(RecordRow.contract_id == self.contract.id)
            .order_by(RecordRow.seq, VersionRow.number)
        )
        with self.store.reading() as session:
            for version, code in session.execute(query):
                yield self.lines.get(version.doc_no) or IndexLine(
                    version.doc_no,
                    code,
                    version.number,
                    version.state,
                    version.record_hash or "",
                    version.archived_hash or "",
                )


def contract_id_of(store: Store, contract_no: str) -> str:
    """Return a contract's id by its number; empty when there is none."""
    with store.reading() as session:
        query = select(ContractRow.id).where(ContractRow.contract_no == contract_no)
        return session.scalar(query) or ""


def _page(told: dict[str, Any], lines: list[IndexLine]) -> str:
    heads = (
        "编号 Document",
        "状态 State",
        "归档包 Package",
        "归档单据 sha256 Record",
        "证据 sha256",
    )
    rows = "".join(f"<tr>{''.join(_cells(one))}</tr>\n" for one in lines)
    title = escape(f"{told['contract_no']} {told['customer_name']}")
    return (
        f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>"
        f"<p>{escape(told['made_at'])}　docgen verify</p>\n"
        f"{_coverage(told['inspection'])}<table><tr>"
        f"{''.join(f'<th>{escape(head)}</th>' for head in heads)}</tr>\n{rows}</table>"
        "</body></html>\n"
    )


def _coverage(told: dict[str, Any]) -> str:
    """Return the line on inspections: how many, which are missing, which are excused and why."""
    text = f"巡检 Inspected {told['inspected']}/{told['assets']}"
    if told["missing"]:
        text += f"　缺 missing: {'、'.join(told['missing'])}"
    for one in told["excused"]:
        text += f"　免检 excused: {one['asset_no']}（{one['reason']}）"
    return f"<p>{escape(text)}</p>\n"


def _cells(one: IndexLine) -> Iterator[str]:
    yield f"<td>{escape(one.doc_no)}</td><td>{escape(one.state)}</td>"
    link = f'<a href="{escape(one.package)}">{escape(one.package)}</a>' if one.package else "—"
    yield f"<td>{link}</td>"
    for sha256 in (one.archived_hash, one.evidence_sha256):
        yield f"<td><code>{escape(sha256)}</code></td>"


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


def inspected(session: Session, row: ContractRow) -> InspectionCoverage:
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


def need_all(found: InspectionCoverage) -> None:
    """Raise TransitionRefused, naming every asset that is neither inspected nor excused."""
    if found.missing:
        raise TransitionRefused(
            "transition_refused.closing",
            [
                error(("objects", at, "not_inspected_reason"), "asset_not_inspected", number)
                for at, number in found.missing.items()
            ],
        )
