"""The filters that a plan's source calls: rows, gaps, formulas, and one filter for each cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Undefined

from docgen.document import Rows, Value, View
from docgen.renderers.xlsx import measure
from docgen.renderers.xlsx.plan import CellPlan, Plan
from docgen.renderers.xlsx.writer import FORMULA_MARKS, SheetWriter


def call_row(writer: SheetWriter, at: int) -> None:
    """`__w|row(at)`: end the row before and begin row `at`."""
    if writer.row is not None:
        writer.close()
    writer.open(writer.rows[at])


def call_gap(writer: SheetWriter, first: int, last: int) -> None:
    """`__w|gap(first, last)`: leave out rows that hold nothing."""
    writer.close()
    writer.trace.extend(range(first, last + 1))


def call_formula(writer: SheetWriter, at: int) -> None:
    """`__w|formula(at)`: keep a place for a formula, written when all rows are known."""
    cell = writer.cells[at]
    if cell.lead:
        writer.out.append(writer.n.join(cell.lead))
    writer.formulas.append((len(writer.out), at, len(writer.trace)))
    writer.out.append("")


def filler(cell: CellPlan) -> Callable[[Any, SheetWriter], None]:
    """Make the filter that fills one cell: `(expr)|c17(__w)` writes a value as what it is."""
    lead, head = cell.lead, f'<c r="{cell.column}'
    tail = f'" s="{cell.style}" t="s"><v>'
    short = (cell.capacity or measure.CELL_LIMIT) // 2

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
        at = writer.known(text)
        if at is None:
            at = writer.strings.add(text)
        writer.out.append(f"{head}{writer.n}{tail}{at}</v></c>")

    return fill


def fillers(plan: Plan) -> dict[str, Callable[..., None]]:
    """Name the filters of a plan's cells: `c17` takes a value, `j17` parts of a text."""
    found: dict[str, Callable[..., None]] = {}
    for at, cell in enumerate(plan.cells):
        found[f"c{at}"], found[f"j{at}"] = filler(cell), joiner(cell)
    return found


def joiner(cell: CellPlan) -> Callable[[list[Any], SheetWriter], None]:
    """Make the filter that fills a cell with the text of several parts."""
    fill = filler(cell)

    def join(values: list[Any], writer: SheetWriter) -> None:
        fill("".join([printed(value) for value in values]), writer)

    return join


class NotPrintable(TypeError):
    """An object or a list of objects where a value was expected."""


def printed(value: Any) -> str:
    """Print a value as text; NotPrintable for an object, which has none."""
    if isinstance(value, View) or (
        isinstance(value, Rows) and any(isinstance(row, View) for row in value)
    ):
        raise NotPrintable
    return str(value) if value is not None else ""


def finalize(value: Any) -> Any:
    """Print what a tag between statements holds."""
    return value if isinstance(value, Undefined) else printed(value)


FILTERS: dict[str, Callable[..., None]] = {
    "row": call_row,
    "gap": call_gap,
    "formula": call_formula,
}
