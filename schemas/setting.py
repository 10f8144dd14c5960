"""What rules may look at beside the record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.contract import Contract


@dataclass(frozen=True)
class Setting:
    """What rules may look at beside the record: the time, and the contract where one is known.

    `before_signing`: sign-offs and the receipt are still to come, and nothing asks for them.
    """

    now: datetime
    contract: Contract | None = None
    before_signing: bool = False
