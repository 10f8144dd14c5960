"""The PDFs of a conversion as one for printing, beside them in the output folder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import docgen
from docgen.files.output import OutputFolder
from docgen.intake.sheets.report import ConvertedDocument
from docgen.renderers.combined import MOST, PdfPart, combine
from docgen.renderers.isolation import Children
from schemas.catalog import record_types


def combined(
    target: OutputFolder, documents: Sequence[ConvertedDocument], pool: Children
) -> list[str]:
    """Write all PDFs of a run as one, so many at a time; the paths of what there is now.

    One that is made of the same PDFs already is left as it is. Raises OutputRefused, RenderFailed.
    """
    found = [one for one in documents if one.format == "pdf" and one.path]
    parts = [found[start : start + MOST] for start in range(0, len(found), MOST)]
    names = (
        ["combined.pdf"] if len(parts) == 1 else [f"combined-{n:03}.pdf" for n in range(1, 1000)]
    )
    return [str(_one(target, name, part, pool)) for name, part in zip(names, parts, strict=False)]


def _one(
    target: OutputFolder, name: str, documents: Sequence[ConvertedDocument], pool: Children
) -> Path:
    key = _key(name, documents)
    if path := target.unchanged(key):
        return path
    parts = [PdfPart(Path(one.path), _title(one)) for one in documents]
    with TemporaryDirectory(prefix="docgen-combined-") as scratch:
        made = Path(scratch, name)
        size = sum(one.size_bytes for one in documents)
        pool.run(combine, parts, made, size_bytes=size)
        return target.deliver(name, made.read_bytes(), key)[0]


def _title(document: ConvertedDocument) -> str:
    return f"{document.doc_no} {record_types()[document.code].record_type.zh}"


def _key(name: str, documents: Sequence[ConvertedDocument]) -> str:
    digest = hashlib.sha256(f"{docgen.__version__} {name}".encode())
    for one in documents:
        digest.update(f"{one.doc_no} {one.sha256}\n".encode())
    return digest.hexdigest()
