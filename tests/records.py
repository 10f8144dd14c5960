"""Records for tests: samples that a test may change, read as of the day they were made."""

import json
from copy import deepcopy
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from docgen.paths import samples_dir
from schemas.catalog import record_types
from schemas.contract import Calendar, Contract
from schemas.envelope import Record
from schemas.problems import Problem
from schemas.reading import Read, read
from schemas.setting import Setting

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
SAMPLES = samples_dir()


@cache
def _loaded(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def sample(code: str, name: str = "basic", /, **changes: Any) -> dict[str, Any]:
    """A fresh copy of a sample; a change to None leaves a field out."""
    made = deepcopy(_loaded(SAMPLES / code / f"{name}.json")) | changes
    return {key: value for key, value in made.items() if value is not None}


def draft(code: str, name: str = "basic", /, **changes: Any) -> dict[str, Any]:
    """A sample that nobody has signed yet."""
    return sample(code, name, **({"status": "draft", "signoffs": None} | changes))


def contract(**changes: Any) -> Contract:
    """The contract of the acceptance cases."""
    found = read(Contract, _loaded(SAMPLES / "contract" / "HT-2026-017.json"), Setting(NOW))
    assert found.value is not None
    return found.value.model_copy(update=changes)


def workdays() -> Contract:
    """The same contract, counting workdays."""
    return contract(calendar=Calendar.workday)


def read_as(data: Any, agreed: Contract | None = None, code: str = "") -> Read[Record]:
    """Read `data` as the type that its number names."""
    return read(record_types()[code or data["doc_no"][:2]], data, Setting(NOW, agreed))


def errors(data: Any, agreed: Contract | None = None) -> list[tuple[str, str]]:
    """Place and code of every error."""
    return _told(read_as(data, agreed).errors)


def warnings(data: Any, agreed: Contract | None = None) -> list[tuple[str, str]]:
    """Place and code of every warning."""
    return _told([p for p in read_as(data, agreed).problems if p.level == "warning"])


def _told(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.place, problem.code) for problem in problems]
