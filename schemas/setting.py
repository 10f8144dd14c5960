"""What rules may look at beside the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.contract import Contract


@dataclass(frozen=True)
class Setting:
    """What rules may look at beside the record: the time, and the contract where one is known."""

    now: datetime
    contract: Contract | None = None
