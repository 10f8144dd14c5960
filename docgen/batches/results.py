"""Stream the results of a batch as one zip file, with a manifest as its last member."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import chain, count, islice
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from docgen.batches import batches
from docgen.batches.batches import ItemWithFiles
from docgen.batches.sheets import files_of
from docgen.files.streams import ZipSink
from docgen.renderers import combined
from docgen.renderers.combined import PdfPart
from docgen.renderers.isolation import Children
from docgen.store.scratch import scratch
from docgen.store.tables import BatchFileRow, BatchRow
from docgen.store.unit_of_work import Store

MANIFEST = "manifest.json"


def zipped(store: Store, children: Children, batch_id: str) -> Iterator[bytes]:
    """Yield the bytes of the zip: files, and a manifest of every item's result and hashes.

    A batch of spreadsheets adds its report and error workbooks, and if ordered its PDFs merged
    into one, which `children` do.
    """
    out, items = ZipSink(), list[dict[str, Any]]()
    others = chain(_combined(store, children, batch_id), _sheets(store, batch_id))
    with ZipFile(out, "w", ZIP_STORED) as archive:  # documents are compressed already
        for result, stem in _with_stems(store, batch_id):
            items.append(_entry(result, stem))
            for file in result.files:
                archive.writestr(ZipInfo(_name(stem, file)), store.blobs.get(file.sha256))
                yield out.take()
        manifest: dict[str, Any] = {"batch": batch_id, "items": items, "files": []}
        for name, data in others:
            archive.writestr(ZipInfo(name), data)
            sha256 = hashlib.sha256(data).hexdigest()
            manifest["files"].append({"name": name, "sha256": sha256, "size_bytes": len(data)})
            yield out.take()
        archive.writestr(ZipInfo(MANIFEST), json.dumps(manifest, ensure_ascii=False, indent=1))
    yield out.take()


def _with_stems(store: Store, batch_id: str) -> Iterator[tuple[ItemWithFiles, str]]:
    """Yield every item with the stem of its files' names."""
    stems = set[str]()
    for result in batches.all_items(store, batch_id):
        stem = result.item.doc_no or ""
        if stem in stems:  # a number that two records have
            stem = f"{stem}-{result.item.seq}"
        if result.files:
            stems.add(stem)
        yield result, stem


def _combined(store: Store, children: Children, batch_id: str) -> Iterator[tuple[str, bytes]]:
    """Yield the merged PDFs if the batch was ordered with them, each of up to MOST documents."""
    with store.reading() as session:
        if not json.loads(session.get_one(BatchRow, batch_id).options).get("combined"):
            return
    found = (
        (stem, file.sha256)
        for result, stem in _with_stems(store, batch_id)
        for file in result.files
        if file.format == "pdf"
    )
    for number in count(1):
        chosen = list(islice(found, combined.MOST))
        if not chosen:
            return
        yield f"combined-{number:03}.pdf", _merge_pdfs(store, children, chosen)


def _merge_pdfs(store: Store, children: Children, chosen: list[tuple[str, str]]) -> bytes:
    with scratch("combined") as folder:
        parts, size = [], 0
        for number, (stem, sha256) in enumerate(chosen):
            path, data = Path(folder, f"{number}.pdf"), store.blobs.get(sha256)
            path.write_bytes(data)
            parts.append(PdfPart(path, stem))
            size += len(data)
        target = Path(folder, "combined.pdf")
        children.run(combined.combine, parts, target, size_bytes=size)
        return target.read_bytes()


def _sheets(store: Store, batch_id: str) -> Iterator[tuple[str, bytes]]:
    """Yield the report and the error workbooks of a batch of spreadsheets."""
    with store.reading() as session:
        found = [
            (folder + one.name, one.sha256)
            for purpose, folder in (("report", ""), ("errors", "errors/"))
            for one in files_of(session, batch_id, purpose)
        ]
    for name, sha256 in found:
        yield name, store.blobs.get(sha256)


def _entry(result: ItemWithFiles, stem: str) -> dict[str, Any]:
    item = result.item
    return {
        "seq": item.seq,
        "state": item.state,
        "doc_no": item.doc_no,
        "files": [
            {"name": _name(stem, file), "sha256": file.sha256, "size_bytes": file.size_bytes}
            for file in result.files
        ],
        "errors": json.loads(item.errors or "[]"),
    }


def _name(stem: str, file: BatchFileRow) -> str:
    return f"{stem}.{file.format}"
