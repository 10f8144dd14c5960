"""Which record types exist: every module of `schemas/` that defines a concrete `Record` is one."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module

import schemas
from schemas.envelope import Record


@cache
def record_types() -> dict[str, type[Record]]:
    """Code → model of every record type, in the order of the codes in `values.RECORD_CODES`."""
    from schemas.values import RECORD_CODES

    for module in pkgutil.iter_modules(schemas.__path__):
        import_module(f"schemas.{module.name}")
    found = {model.record_type.code: model for model in _concrete(Record)}
    return {code: found[code] for code in RECORD_CODES if code in found}


def record_model(code: str) -> type[Record]:
    """Find the model of `code`; KeyError when there is none."""
    return record_types()[code.upper()]


def _concrete(base: type[Record]) -> list[type[Record]]:
    found: list[type[Record]] = []
    for model in base.__subclasses__():
        if "record_type" in vars(model) and model.__module__.startswith("schemas."):
            found.append(model)
        found.extend(_concrete(model))
    return found
