"""Extract the record of a Word, Excel or PDF file that docgen made, and check the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from docgen.document import Attached, build
from docgen.errors import DocgenError, InputUnreadable
from docgen.pipeline import read_record
from docgen.pipeline.json_input import read_json
from schemas.setting import Setting

SIZE_LIMIT = 256 * 1024 * 1024  # as isolation.FILE_BYTES: docgen makes no larger file


@dataclass(frozen=True)
class Extracted:
    """The record of a file.

    `record_intact`: the JSON has the hash written beside it and is still valid. `file_intact`:
    no byte of the file changed since docgen made it. `later_revisions` counts the revisions
    appended to a PDF afterwards, such as signatures.
    """

    record_json: bytes
    record_intact: bool
    file_intact: bool
    later_revisions: int
    attached: tuple[Attached, ...]

    @property
    def intact(self) -> bool:
        """Whether both the record and the file are as docgen made them."""
        return self.record_intact and self.file_intact

    def record(self) -> Any:
        """Return the record as JSON values; None when it is no longer valid JSON."""
        try:
            return read_json(self.record_json)
        except InputUnreadable:
            return None

    def as_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "record": self.record(),
            "sha256": hashlib.sha256(self.record_json).hexdigest(),
            "record_intact": self.record_intact,
            "file_intact": self.file_intact,
            "later_revisions": self.later_revisions,
        }


def extract(data: bytes, now: datetime) -> Extracted:
    """Extract the record of a file, whose type is known by its first bytes; check it at `now`.

    Raises InputUnreadable: no_record, unknown_file, too_large.
    """
    if len(data) > SIZE_LIMIT:
        raise InputUnreadable("too_large.document", limit=SIZE_LIMIT)
    if data[:4] == b"PK\x03\x04":
        from docgen.renderers.ooxml.package import read_record as read_part

        part = read_part(data)
        return _checked(Extracted(part.json, part.record_intact, part.file_intact, 0, ()), now)
    if data[:5] == b"%PDF-":
        from docgen.renderers.pdf.pdf import embedded_record, identifier_intact

        intact, later = identifier_intact(data)
        return _checked(Extracted(embedded_record(data), True, intact, later, ()), now)
    raise InputUnreadable("unknown_file")


def _checked(extracted: Extracted, now: datetime) -> Extracted:
    """Add the attachments of a record that is still valid; any other is not intact."""
    try:
        record = read_record(extracted.record_json, Setting(now)).value
    except DocgenError:
        record = None
    if record is None:
        return replace(extracted, record_intact=False)
    return replace(extracted, attached=build(record).attached)
