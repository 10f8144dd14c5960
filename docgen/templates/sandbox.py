"""The Jinja environment that runs templates: sandboxed, strict, escaping, and knowing our values.

Templates are data that customers bring; they see documents and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import BaseLoader, StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from docgen.document import Label, Rows, Value, View

VALUE_ATTRIBUTES = frozenset({"code", "tone"})
SHORT, NARROW, CELL_PADDING = 20.0, 9.0, 2.0
DIGITS = "零一二三四五六七八九"


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
        if str(getattr(obj, "__module__", "")).split(".")[0] not in {"docgen", "jinja2"}:
            raise SecurityError(f"{obj!r} cannot be called from a template")
        return super().call(context, obj, *args, **kwargs)


def environment(
    finalize: Callable[[Any], Any] | None = None, loader: BaseLoader | None = None, **options: Any
) -> Sandbox:
    """Return a sandbox whose output passes `finalize` (escaping for its format)."""
    made = Sandbox(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        loader=loader,
        cache_size=50,
        **options,
    )
    made.globals.clear()
    made.globals |= {"numeral": numeral, "widths": widths, "range": safe_range}
    return made


def numeral(number: int, lang: str = "zh", level: int = 1) -> str:
    """Return the mark before a heading: 一、 and （一） in Chinese, 1. and (1) in English."""
    if lang != "zh":
        return f"{number}. " if level == 1 else f"({number}) "
    chinese = _chinese(number)
    return f"{chinese}、" if level == 1 else f"（{chinese}）"


def _chinese(number: int) -> str:
    """Write 1 to 9,999 as 一, 十二, 一百零五, 三千零二十."""
    if number < 20:
        return ("十" if number >= 10 else "") + DIGITS[number % 10 : number % 10 + 1].strip("零")
    text = ""
    for unit, size in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = number // size % 10
        if digit:
            text += DIGITS[digit] + unit
        elif text and number % size and not text.endswith("零"):
            text += "零"
    return text


def widths(
    rows: Rows, names: list[str], labels: Label | None = None, *, room: int = 102
) -> list[float]:
    """Column widths in per cent from the text of `rows` and the headings; they sum to 100.

    `room` is how many narrow characters fit on a line of the page. A short column keeps its
    text on one line; long ones share the rest by the root of their length.
    """
    natural = [_natural(rows, name, labels) for name in names]
    most = SHORT + CELL_PADDING
    short = [width if width < most else 0.0 for width in natural]
    long = [width**0.5 if width >= most else 0.0 for width in natural]
    left = max(room - sum(short), SHORT * 0.8 * sum(1 for weight in long if weight))
    share = left / sum(long) if any(long) else 0.0
    chosen = [short[i] or max(SHORT / 2, long[i] * share) for i in range(len(names))]
    fitted = _squeezed(chosen, room)
    return [round(width / sum(fitted) * 100, 2) for width in fitted]


def _squeezed(chosen: list[float], room: float) -> list[float]:
    """Take what is too much from the wider columns: a word of state never stands upright."""
    wide = sum(width for width in chosen if width > NARROW)
    excess = sum(chosen) - room
    if excess <= 0 or not wide:
        return chosen
    factor = max(0.4, (wide - excess) / wide)
    return [width * factor if width > NARROW else width for width in chosen]


def _natural(rows: Rows, name: str, labels: Label | None) -> float:
    """Width of a column that never wraps: nine in ten rows, the longest when that is short."""
    heading = _columns(str(labels.fields[name])) if labels and name in labels.fields else 0
    texts = sorted(_columns(str(row.fields[name])) for row in rows if isinstance(row, View))
    longest = texts[-1] if texts else 0.0
    typical = longest if longest <= SHORT else max(SHORT, texts[int((len(texts) - 1) * 0.9)])
    return max(min(heading, 10.0), typical) + CELL_PADDING


def _columns(text: str) -> float:
    """Width of the longest line in narrow characters: a CJK character is two wide."""
    return max((sum(map(_width, line[:400])) for line in text.split("\n")), default=0.0)


def _width(character: str) -> float:
    if ord(character) > 0x2E7F:
        return 2.0
    return 1.4 if character.isupper() or character in "@%_—" else 1.1
