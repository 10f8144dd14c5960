"""The documentation's way from a spreadsheet to the zip, command by command."""

from __future__ import annotations

import io
import json
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import select

from docgen.batches.reading_batch import KIND_CONVERT
from docgen.paths import samples_dir
from docgen.store.tables import BatchRow
from tests.service import Team
from tests.test_batches_sheets import opened, settled
from tests.test_docs import DOCS, blocks, curled


@pytest.mark.slow
def test_the_way_from_a_sheet_to_the_zip_works(office: Team, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "samples").symlink_to(samples_dir())
    known = {"$ENGINEER": office.tokens["zhangwei"], "$CONTRACT": opened(office), "$BATCH": ""}
    [block] = blocks(DOCS / "spreadsheets.md", "shell")
    for command in block.text.splitlines():
        for name, value in known.items():
            command = command.replace(name, value)
        curled(office.client, command, folder)
        known["$BATCH"] = known["$BATCH"] or newest(office)
        settled(office, known["$BATCH"])
    assert json.loads((folder / "preview.json").read_bytes())["rows"]["converted"] == 2
    assert (folder / "row-2.pdf").read_bytes().startswith(b"%PDF")
    with ZipFile(io.BytesIO((folder / "result.zip").read_bytes())) as made:
        assert {"report.json", "combined-001.pdf", "manifest.json"} < set(made.namelist())


def newest(team: Team) -> str:
    """Return the only batch of spreadsheets."""
    with team.store.reading() as session:
        return session.scalars(select(BatchRow.id).where(BatchRow.kind == KIND_CONVERT)).one()
