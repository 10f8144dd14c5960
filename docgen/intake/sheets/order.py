"""What is to be done with a spreadsheet: crosses to the child that reads it."""

from __future__ import annotations

from collections.abc import Mapping as Given
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from docgen.intake.sheets.mapping import Mapping


@dataclass(frozen=True)
class ConversionRequest:
    """A file to take in, and how. `folder` holds the ledger; a dry run leaves it as it is.

    `given` are fields that no sheet says (`--set`), `group_by` asset makes a record of each asset.
    """

    path: Path
    name: str
    now: datetime
    folder: Path
    contract: bytes = b""
    code: str = ""
    group_by: str = ""
    mappings: tuple[Mapping, ...] = ()
    given: Given[str, Any] = field(default_factory=dict)
    mask: bool = False
    dry: bool = False
