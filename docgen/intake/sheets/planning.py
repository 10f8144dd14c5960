"""A look at what a row would become, before anything is made of the others."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from docgen.errors import DocgenError
from docgen.files.output import OutputFolder
from docgen.intake.sheets import previews
from docgen.intake.sheets.ledger import NAME
from docgen.intake.sheets.making import Making
from docgen.intake.sheets.order import ConversionRequest
from docgen.intake.sheets.previews import RowName
from docgen.intake.sheets.report import ConversionReport, ConvertedDocument
from docgen.pipeline import RenderRequest as Rendering
from docgen.pipeline import render
from docgen.renderers.isolation import Children

FOLDER, STATE = "preview", "preview"


@dataclass(frozen=True)
class Looking:
    """A dry run over files whose records are kept aside, to show one of them."""

    order: ConversionRequest
    rendering: Rendering
    files: list[tuple[Path, str]]
    row: RowName
    formats: list[str]

    def within(self, pool: Children, report: ConversionReport) -> None:
        """Report all files as a dry run does, and write the row's documents into `preview/`."""
        with TemporaryDirectory(prefix="docgen-preview-") as scratch:
            folder = Path(scratch)
            if (known := self.order.folder / NAME).is_file():
                shutil.copyfile(known, folder / NAME)
            making = Making(replace(self.order, folder=folder, dry=False), self.rendering, [])
            making.gives_back = False
            for path, name in self.files:
                making.file(path, name, pool, report)
            previews.keep(folder / "taken", folder, making.planned)
            try:
                found = previews.find(folder / "taken", self.row)
                self._show(found, pool, report)
            except DocgenError as error:
                report.refused.append((self.row.sheet, error))

    def _show(self, found: previews.Drafted, pool: Children, report: ConversionReport) -> None:
        target = OutputFolder(self.order.folder / FOLDER, force=True)
        order = replace(self.rendering, data=found.record, code=found.code)
        for name in self.formats:
            made = pool.run(render, order, name, size_bytes=len(found.record))
            path, _ = target.deliver(f"{found.doc_no}.{name}", made.data)
            sha256 = hashlib.sha256(made.data).hexdigest()
            told = (name, str(path), STATE, len(made.data), sha256)
            report.documents.append(ConvertedDocument("", found.code, found.doc_no, *told))
