"""Check items of an engine (`checklists/<engine>.toml`), as a starting point of an inspection."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.vocabulary import CheckState, DbType

THRESHOLDS = {
    "zh": {"attention": "关注 {}", "abnormal": "异常 {}"},
    "en": {"attention": "attention {}", "abnormal": "abnormal {}"},
}
JOINTS = {"zh": ("；", "，"), "en": ("; ", ", ")}


def engines() -> tuple[str, ...]:
    """Name the engines that have a check list, in the order of `DbType`."""
    folder = files("schemas").joinpath("checklists")
    return tuple(kind.value for kind in DbType if folder.joinpath(f"{kind.value}.toml").is_file())


def checklist(engine: str, lang: str) -> list[dict[str, Any]]:
    """Give rows for `check_items` in `lang` (zh or en), not checked yet; KeyError: no such list.

    Result and reason are there to be filled in; a row keeps the state `not_checked` with its
    reason, or gets its result and state.
    """
    if engine not in engines():
        raise KeyError(engine)
    table = _table(engine)
    return [_row(seq, item, table, lang) for seq, item in enumerate(table["items"], start=1)]


@cache
def _table(engine: str) -> dict[str, Any]:
    path = files("schemas").joinpath("checklists", f"{engine}.toml")
    return tomllib.loads(path.read_text("utf-8"))


def _row(seq: int, item: dict[str, str], table: dict[str, Any], lang: str) -> dict[str, Any]:
    return {
        "seq": seq,
        "category": table["categories"][item["category"]][lang],
        "item": item[f"item_{lang}"],
        "standard": _standard(item, lang),
        "method": item["method"],
        "result": None,
        "state": CheckState.not_checked.value,
        "reason": None,
    }


def _standard(item: dict[str, str], lang: str) -> str:
    """Say the standard, then its thresholds, which are words or figures."""
    first, between = JOINTS[lang]
    told = []
    for name, wording in THRESHOLDS[lang].items():
        if threshold := item.get(f"{name}_{lang}", item.get(name)):
            told.append(wording.format(threshold))
    return item[f"standard_{lang}"] + (first + between.join(told) if told else "")
