"""Get the record back out of a Word, Excel or PDF file that docgen made, and judge the file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from docgen.document import Attached, build
from docgen.errors import DocgenError, InputUnreadable
from docgen.pipeline import read_record
from schemas.fields import Setting


@dataclass(frozen=True)
class Extracted:
    """A record out of a file.

    `record_intact`: the JSON is the one written, by its hash, and still valid. `file_intact`: no
    byte of the file changed since docgen made it. `later_revisions` counts what was appended to
    a PDF afterwards, such as signatures.
    """

    record_json: bytes
    record_intact: bool
    file_intact: bool
    later_revisions: int
    attached: tuple[Attached, ...]

    @property
    def intact(self) -> bool:
        """Both the record and the file are as docgen made them."""
        return self.record_intact and self.file_intact

    def record(self) -> Any:
        """Return the record as plain JSON."""
        return json.loads(self.record_json)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "record": self.record(),
            "sha256": hashlib.sha256(self.record_json).hexdigest(),
            "record_intact": self.record_intact,
            "file_intact": self.file_intact,
            "later_revisions": self.later_revisions,
        }

    def tell(self, file: Path) -> None:
        """Say it to a person, on standard error."""
        words = {True: "[green]完好 intact[/]", False: "[red]已改动 changed[/]"}
        console = Console(stderr=True, soft_wrap=True)
        console.print(
            f"{file}: 单据 record {words[self.record_intact]}，文件 file {words[self.file_intact]}"
        )
        if self.later_revisions:
            console.print(
                f"其后追加 {self.later_revisions} 次（如签名）  ({self.later_revisions} later revisions)"
            )


def extract(data: bytes) -> Extracted:
    """Find the record in a file by its first bytes. InputUnreadable: no_record, unknown_file."""
    if data[:4] == b"PK\x03\x04":
        from docgen.renderers.package import read_record as read_part

        part = read_part(data)
        return _judged(part.json, part.record_intact, part.file_intact, 0)
    if data[:5] == b"%PDF-":
        from docgen.renderers.pdf import embedded_record, identifier_intact

        intact, later = identifier_intact(data)
        return _judged(embedded_record(data), True, intact, later)
    raise InputUnreadable(
        "unknown_file",
        "不是 docx、xlsx 或 pdf 文件",
        "It is no docx, xlsx or pdf file",
        hint_zh="请给出 docgen 生成的文件。",
        hint_en="Give a file that docgen made.",
    )


def _judged(record_json: bytes, hash_right: bool, file_intact: bool, later: int) -> Extracted:
    """Return a record is intact when its hash is right and it still reads as a valid record."""
    attached: tuple[Attached, ...] = ()
    valid = hash_right
    try:
        found = read_record(record_json, Setting(datetime.now(UTC)))
    except DocgenError:
        valid = False
    else:
        if found.value is None:
            valid = False
        else:
            attached = build(found.value).attached
    return Extracted(record_json, valid, file_intact, later, attached)
