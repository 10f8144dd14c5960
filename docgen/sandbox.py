"""The Jinja environment that runs templates: sandboxed, strict, escaping, and knowing our values.

Templates are data that customers bring; they see documents and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import BaseLoader, StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from docgen.document import Label, Rows, Value, View

VALUE_ATTRIBUTES = frozenset({"code", "tone"})
NUMERALS = "一二三四五六七八九十"


class Sandbox(ImmutableSandboxedEnvironment):
    """Looks fields up as fields only: `row.count` is the field, never a method of the object."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Resolve `obj.attribute`."""
        if isinstance(obj, View | Label) and attribute in obj.fields:
            return obj.fields[attribute]
        if isinstance(obj, Label):
            return self.undefined(obj=obj, name=attribute)
        if isinstance(obj, View):
            return obj.empty if attribute == "empty" else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, Rows):
            return obj.empty if attribute == "empty" else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, Value):
            known = attribute in VALUE_ATTRIBUTES
            return getattr(obj, attribute) if known else self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Resolve `obj[argument]`; for our own objects the same as an attribute."""
        if isinstance(obj, View | Label | Rows | Value) and isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(obj, Rows) and isinstance(argument, int):
            return (
                obj.rows[argument]
                if -len(obj) <= argument < len(obj)
                else self.undefined(obj=obj, name=str(argument))
            )
        return super().getitem(obj, argument)

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call only what docgen itself put into the environment."""
        if getattr(obj, "__module__", "").split(".")[0] not in {"docgen", "jinja2"}:
            raise SecurityError(f"{obj!r} cannot be called from a template")
        return super().call(context, obj, *args, **kwargs)


def environment(
    finalize: Callable[[Any], Any] | None = None, loader: BaseLoader | None = None, **options: Any
) -> Sandbox:
    """Return a sandbox whose output passes `finalize` (escaping for its format); autoescape is on."""
    made = Sandbox(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        loader=loader,
        cache_size=50,
        **options,
    )
    made.globals.clear()
    made.globals |= {"numeral": numeral, "widths": widths, "range": range}
    return made


def numeral(number: int, lang: str = "zh", level: int = 1) -> str:
    """Return the mark before a heading: 一、 and （一） in Chinese, 1. and (1) in English."""
    if lang != "zh":
        return f"{number}. " if level == 1 else f"({number}) "
    chinese = _chinese(number)
    return f"{chinese}、" if level == 1 else f"（{chinese}）"


def _chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else "十" if tens == 1 else NUMERALS[tens - 1] + "十"
    return head + (NUMERALS[ones - 1] if ones else "")


def widths(
    rows: Rows, names: list[str], labels: Label | None = None, least: int = 6, most: int = 40
) -> list[float]:
    """Column widths in per cent from the text of `rows`, header included; they sum to 100."""
    weights = []
    for name in names:
        heading = _columns(str(labels.fields[name])) if labels and name in labels.fields else 0
        texts = [_columns(str(row.fields[name])) for row in rows if isinstance(row, View)]
        typical = sorted(texts)[int(len(texts) * 0.9)] if texts else 0
        weights.append(float(min(most, max(least, heading + 1, typical + 1))))
    total = sum(weights)
    return [round(weight / total * 100, 2) for weight in weights]


def _columns(text: str) -> int:
    """Display columns of the longest line: a CJK character counts two."""
    return max(
        (sum(2 if ord(c) > 0x2E7F else 1 for c in line[:200]) for line in text.split("\n")),
        default=0,
    )
