"""One thing that is wrong with a record: where, what, and how to mend it, in Chinese and English.

The wording is data (see `wording`); this module never prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from schemas.wording import Worded, has_label

Level = Literal["error", "warning"]
Step = str | int
VALUE_LIMIT = 120  # characters of a value that a message repeats: one line of a terminal
# Times without an offset are China's: +08:00, and no summer time since 1991.
SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Problem(Worded):
    """A refusal or a warning at one place of a record.

    `path` holds field names and list indexes from the record's root, `code` is stable,
    `params` fill the message's placeholders.
    """

    path: tuple[Step, ...]
    code: str
    value: Any = None
    params: Mapping[str, Any] | None = None
    level: Level = "error"

    @property
    def pointer(self) -> str:
        """The place as a JSON pointer (RFC 6901)."""
        steps = (_printable(step).replace("~", "~0").replace("/", "~1") for step in self.path)
        return "".join("/" + step for step in steps)

    @property
    def place(self) -> str:
        """The place as people write it: `check_items[7].advice`."""
        text = ""
        for step in self.path:
            name = _printable(step)
            text += f"[{name}]" if isinstance(step, int) else f".{name}" if text else name
        return text

    def under(self, *steps: Step) -> Problem:
        """Give the same problem as seen from a parent: `steps` come before its path."""
        return replace(self, path=(*steps, *self.path))

    def as_json(self) -> dict[str, Any]:
        """Give the form that the API, `--json` and the error workbook share."""
        return {
            "pointer": self.pointer,
            "code": self.code,
            "level": self.level,
            "value": shown(self.value),
            "message": self.messages(),
            "hint": self.hints(),
        }

    def wording(self) -> tuple[str, Mapping[str, Any]]:
        """Return the code and the parameters, all as they may be shown."""
        given = {key: _json_value(value) for key, value in (self.params or {}).items()}
        value = self.value if has_label(self.value) else shown(self.value)
        return self.code, given | {"value": value}


def warning(path: Step | tuple[Step, ...], code: str, value: Any = None, **params: Any) -> Problem:
    """Make a problem that is told but does not refuse the record."""
    return Problem(_path(path), code, value, params, "warning")


def error(path: Step | tuple[Step, ...], code: str, value: Any = None, **params: Any) -> Problem:
    """Make a problem that refuses the record."""
    return Problem(_path(path), code, value, params)


def shown(value: Any) -> Any:
    """`value` as it may stand in a message: plain JSON, shortened, no lone surrogates."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime):
        return value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
    if isinstance(value, list | tuple | dict):
        return f"{type(value).__name__}[{len(value)}]"
    text = _printable(value)
    return text if len(text) <= VALUE_LIMIT else text[: VALUE_LIMIT - 1] + "…"


def _json_value(value: Any) -> Any:
    """Give a parameter as it may be shown, but leave what has two languages."""
    return value if isinstance(value, Mapping) or has_label(value) else shown(value)


def _printable(value: Any) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def errors_of(problems: list[Problem]) -> list[Problem]:
    """Those that refuse the record."""
    return [problem for problem in problems if problem.level == "error"]


def _path(path: Step | tuple[Step, ...]) -> tuple[Step, ...]:
    return path if isinstance(path, tuple) else (path,)
