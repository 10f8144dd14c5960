"""The Jinja environment that runs templates: sandboxed, strict, escaping, aware of our values.

Templates are data that customers bring: they must reach documents and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from jinja2 import BaseLoader, StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range

from docgen.document import Label, Rows, Value, View

VALUE_ATTRIBUTES = frozenset({"code", "tone"})
# Columns in narrow characters: a short one keeps its text on one line, a narrow one its width.
SHORT, NARROW, CELL_PADDING = 20.0, 9.0, 2.0
DIGITS = "零一二三四五六七八九"
_UNESCAPED = ("urlize", "xmlattr", "tojson")  # filters of Jinja that return markup of their own
_NO_ESCAPING = ("e", "escape", "forceescape", "safe")  # left to `finalize`, which knows the format


class Sandbox(ImmutableSandboxedEnvironment):
    """Resolves attributes as fields only: `row.count` is the field, never a method."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Resolve `obj.attribute`."""
        if isinstance(obj, View | Label) and attribute in obj.fields:
            return obj.fields[attribute]
        if isinstance(obj, View | Rows) and attribute == "empty":
            return obj.empty
        if isinstance(obj, Value) and attribute in VALUE_ATTRIBUTES:
            return getattr(obj, attribute)
        if isinstance(obj, View | Label | Rows | Value):
            return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Resolve `obj[argument]`; a text is the same as an attribute of our own objects."""
        if isinstance(obj, View | Label | Rows | Value) and isinstance(argument, str):
            return self.getattr(obj, argument)
        if isinstance(obj, Rows) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return obj.rows[argument]
            return self.undefined(obj=obj, name=str(argument))
        return super().getitem(obj, argument)

    def call(self, context: Any, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Call only functions that docgen or Jinja define; values bring methods of their own."""
        if str(getattr(obj, "__module__", "")).split(".")[0] not in {"docgen", "jinja2"}:
            raise SecurityError(f"{obj!r} cannot be called from a template")
        return super().call(context, obj, *args, **kwargs)


def environment(
    finalize: Callable[[Any], Any] | None = None,
    loader: BaseLoader | None = None,
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **options: Any,
) -> Sandbox:
    """Return a sandbox whose output passes through `finalize`, which escapes for its format.

    With `filters`, Jinja's own filters that return markup are left out.
    """
    sandbox = Sandbox(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        loader=loader,
        cache_size=50,
        **options,
    )
    sandbox.globals.clear()  # Jinja's own include `cycler` and `namespace`, which hold state
    sandbox.globals |= {"numeral": numeral, "widths": widths, "range": safe_range}
    if filters is not None:
        kept = {name: one for name, one in FILTERS.items() if name not in _UNESCAPED}
        sandbox.filters = kept | dict.fromkeys(_NO_ESCAPING, str) | dict(filters)
    return sandbox


def template_line(trace: TracebackType | None) -> int:
    """Return the source line that raised: the deepest frame that Jinja compiled."""
    line = 1
    while trace is not None:
        # Jinja leaves its template among the globals of the code that it compiles.
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return line


def numeral(number: int, lang: str = "zh", level: int = 1) -> str:
    """Return the number before a heading: 一、 and （一） in Chinese (GB/T 9704), 1. and (1)."""
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
    """Return column widths in per cent for the text of `rows` and the headings; they sum to 100.

    `room` is how many narrow characters fit on a line of the page. A short column keeps its
    text on one line; long ones share the rest by the square root of their length.
    """
    natural = [_natural(rows, name, labels) for name in names]
    most = SHORT + CELL_PADDING
    short = [width if width < most else 0.0 for width in natural]
    long = [width**0.5 if width >= most else 0.0 for width in natural]
    left = max(room - sum(short), SHORT * 0.8 * sum(1 for weight in long if weight))
    share = left / sum(long) if any(long) else 0.0
    chosen = [short[i] or max(SHORT / 2, long[i] * share) for i in range(len(names))]
    fitted = _shrink_to_fit(chosen, room)
    return [round(width / sum(fitted) * 100, 2) for width in fitted]


def _shrink_to_fit(chosen: list[float], room: float) -> list[float]:
    """Take the excess from the wider columns: a narrow one would break inside its words."""
    wide = sum(width for width in chosen if width > NARROW)
    excess = sum(chosen) - room
    if excess <= 0 or not wide:
        return chosen
    factor = max(0.4, (wide - excess) / wide)
    return [width * factor if width > NARROW else width for width in chosen]


def _natural(rows: Rows, name: str, labels: Label | None) -> float:
    """Return the width at which nine in ten rows fit on one line, or all when they are short."""
    heading = _columns(str(labels.fields[name])) if labels and name in labels.fields else 0
    texts = sorted(_columns(str(row.fields[name])) for row in rows if isinstance(row, View))
    longest = texts[-1] if texts else 0.0
    typical = longest if longest <= SHORT else max(SHORT, texts[int((len(texts) - 1) * 0.9)])
    return max(min(heading, 10.0), typical) + CELL_PADDING


def _columns(text: str) -> float:
    """Return the width of the longest line in narrow characters, by its first 400 characters."""
    return max((sum(map(_width, line[:400])) for line in text.split("\n")), default=0.0)


def _width(character: str) -> float:
    """Return the width of a character as the PDF's font has it, a digit being about 1."""
    if ord(character) > 0x2E7F:  # U+2E80 CJK Radicals is the first block of wide characters
        return 2.0
    return 1.4 if character.isupper() or character in "@%_—" else 1.1
