"""The Jinja filters that a plan's source calls: rows, gaps, formulas, and one for each cell.

They are called for every cell of every row, so they do little and keep their data in closures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from jinja2 import Undefined

from docgen.document import Rows, Value, View
from docgen.renderers.xlsx import measure
from docgen.renderers.xlsx.plan import CellPlan, Plan
from docgen.renderers.xlsx.writer import FORMULA_MARKS, SheetWriter


def call_row(writer: SheetWriter, at: int) -> None:
    """`__w|row(at)`: close the open row and open row `at`."""
    if writer.row is not None:
        writer.close()
    writer.open(writer.rows[at])


def call_gap(writer: SheetWriter, first: int, last: int) -> None:
    """`__w|gap(first, last)`: skip rows of the template that contain nothing."""
    writer.close()
    writer.trace.extend(range(first, last + 1))


def call_formula(writer: SheetWriter, at: int) -> None:
    """`__w|formula(at)`: reserve the output of a formula, written when all rows are known."""
    cell = writer.cells[at]
    if cell.lead:
        writer.out.append(writer.n.join(cell.lead))
    writer.formulas.append((len(writer.out), at, len(writer.trace)))
    writer.out.append("")


def filler(cell: CellPlan) -> Callable[[Any, SheetWriter], None]:
    """Return the filter that fills one cell: `(expr)|c17(__w)` writes a value by its type."""
    lead, head = cell.lead, f'<c r="{cell.column}'
    tail = f'" s="{cell.style}" t="s"><v>'
    short = (cell.capacity or measure.CELL_LIMIT) // 2  # characters that fit even if all are wide

    def fill(value: Any, writer: SheetWriter) -> None:
        if lead:
            writer.out.append(writer.n.join(lead))
        tone = ""
        if value.__class__ is Value:
            if (value.number is not None or value.moment is not None) and writer.typed(cell, value):
                return
            tone, text = value.tone, str(value)
        elif value.__class__ in (int, float):
            writer.number(cell, value, "", "")
            return
        else:
            text = printed(value)
        if tone or not text or text[0] in FORMULA_MARKS or len(text) > short or "\n" in text:
            writer.text(cell, text, tone)
            return
        writer.out.append(f"{head}{writer.n}{tail}{writer.string(text)}</v></c>")

    return fill


def fillers(plan: Plan) -> dict[str, Callable[..., None]]:
    """Return the filters of a plan's cells: `c17` takes a value, `j17` the parts of a text."""
    found: dict[str, Callable[..., None]] = {}
    for at, cell in enumerate(plan.cells):
        found[f"c{at}"] = fill = filler(cell)
        found[f"j{at}"] = partial(_join, fill)
    return found


def _join(fill: Callable[[Any, SheetWriter], None], values: list[Any], writer: SheetWriter) -> None:
    fill("".join([printed(value) for value in values]), writer)


class NotPrintable(TypeError):
    """An object or a list of objects where a value was expected."""


def printed(value: Any) -> str:
    """Return a value as text. Raises NotPrintable for an object or a list of them."""
    if isinstance(value, View) or (
        isinstance(value, Rows) and any(isinstance(row, View) for row in value)
    ):
        raise NotPrintable
    return str(value) if value is not None else ""


def finalize(value: Any) -> Any:
    """Print the value of a tag between statements; an unknown name is left for Jinja to refuse."""
    return value if isinstance(value, Undefined) else printed(value)


FILTERS: dict[str, Callable[..., None]] = {
    "row": call_row,
    "gap": call_gap,
    "formula": call_formula,
}
