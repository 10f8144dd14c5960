"""Archive packages: one version's, or a whole contract's, as a zip made while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from api.http.changes import ChangeRunner, TheRunner, download
from api.http.openapi import files, problems
from api.http.work import Work
from api.routes.records import Number
from api.routes.rendering import Working
from docgen.archive import evidence, packages
from docgen.archive.evidence import EvidencePage
from docgen.archive.exporting import Export
from docgen.archive.packing import in_folder, moment_of, zipped
from docgen.contracts import contracts

router = APIRouter(tags=["archive"])
ZIP = "application/zip"
Closing = Annotated[bool, Query(description="结清合同 The contract ends with it")]


@router.get(
    "/records/{record_id}/versions/{number}/package.zip",
    response_class=Response,
    summary="下载归档包 Download the archive package",
    responses=files() | problems(401, 403, 404, 409, 429, 500, 503, 504, 507),
)
async def read_package(
    runner: TheRunner, work: Working, record_id: str, number: Number
) -> Response:
    """Answer an archived version with all that proves it; the same bytes each time."""
    with work.place():
        name, pieces = await run_in_threadpool(_package, runner, work, (record_id, number))
    return download(pieces, f"{name}.zip", ZIP)


@router.get(
    "/contracts/{contract_id}/export.zip",
    response_class=Response,
    summary="导出合同的全部归档包 Export a contract's packages",
    responses=files() | problems(401, 403, 404, 409, 422, 429, 503),
)
def export_contract(
    runner: TheRunner, work: Working, contract_id: str, *, closing: Closing = False
) -> Response:
    """Answer the packages of all archived versions with an index of all documents.

    Evidence pages that are not made yet are made on the way. Closing asks that every asset has an
    archived inspection, or a reason for having none.
    """
    with runner.store.reading() as session:
        row = contracts.visible(session, runner.actor, contract_id)
    export = Export(runner.store, runner.actor, row.id, _render(work), closing=closing)
    with runner.store.change(runner.actor) as unit:
        export.note(unit)
    return download(export.zipped(), f"{row.contract_no}.zip", ZIP)


def _package(
    runner: ChangeRunner, work: Work, where: tuple[str, int]
) -> tuple[str, Iterator[bytes]]:
    found = packages.archived_version(runner.store, runner.actor, *where)
    made = packages.make_package(runner.store, runner.actor, found, _render(work))
    with runner.store.change(runner.actor) as unit:
        packages.note_export(unit, made)
    entries = in_folder(found.doc_no, made.entries(runner.store))
    return found.doc_no, zipped(entries, moment_of(made.statement))


def _render(work: Work) -> packages.Render:
    def render(page: EvidencePage) -> bytes:
        return work.children.run(evidence.render, page, size_bytes=evidence.size_of(page))

    return render
