"""The phase of a contract on a day: what the service writes into drafts that it makes."""

from __future__ import annotations

from datetime import date

from schemas.contract import Contract


def phase_on(contract: Contract, day: date) -> str:
    """Return the phase that a day falls into; outside all, the last one begun, or the first."""
    ordered = sorted(contract.phases, key=lambda one: one.starts_on)
    within = [one for one in ordered if one.starts_on <= day <= one.ends_on]
    begun = [one for one in ordered if one.starts_on <= day]
    return str((within or begun[-1:] or ordered)[0].phase.value)
