"""Blocks of an outline as Word tables: grids of label and value, lists, cards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from docgen.authoring.scaffold.docx.styles import ACCENT, LIGHT
from docgen.authoring.scaffold.docx.widths import column_widths, has_tone
from docgen.authoring.scaffold.docx.xml import TableCell as TableCell
from docgen.authoring.scaffold.docx.xml import TableRow, paragraph, row_tag, table, tag
from docgen.authoring.scaffold.layout import Block, Cards, FormCell, Grid, Table, field_of
from schemas.envelope import Record
from schemas.fields import extra

PORTRAIT, LANDSCAPE = 9_070, 14_570
GRID = (1_560, 2_975, 1_560, 2_975)
SMALL_COLUMNS = 7


@dataclass(frozen=True)
class TableWriter:
    """Writes blocks of a model; `width` is that of the text, in twentieths of a point."""

    model: type[Record]
    width: int = PORTRAIT

    def block(self, block: Block, prefix: str = "") -> Iterator[str]:
        """Write a grid, a list or cards without a heading."""
        if isinstance(block, Grid):
            yield table(GRID, list(self.grid_rows(block, prefix)), caption=block.title)
        elif isinstance(block, Table):
            yield from self.list(block, prefix)
        else:
            yield from self.list(overview(block), prefix)

    def grid_rows(self, block: Grid, prefix: str = "") -> Iterator[TableRow]:
        """Write single fields, two pairs a line; wide ones and logs take a whole line."""
        waiting: list[FormCell] = []
        for cell in block.cells:
            if cell.wide or cell.log:
                yield from self._pairs(waiting, prefix)
                waiting = []
                yield self._wide(cell, prefix)
                continue
            waiting.append(cell)
            if len(waiting) == 2:
                yield from self._pairs(waiting, prefix)
                waiting = []
        yield from self._pairs(waiting, prefix)

    def card_rows(self, block: Cards) -> Iterator[TableRow]:
        """Write the single fields of a card, a band before those of each section."""
        for key, cells in groupby(block.grid.cells, lambda cell: self._section(block, cell)):
            if key:
                yield band(f"{{{{ section.{key} }}}}")
            yield from self.grid_rows(Grid(tuple(cells)), "card.")

    def _section(self, block: Cards, cell: FormCell) -> str:
        """Name the record's section that a field of a row belongs to, if any."""
        row, name = field_of(self.model, f"{block.label}.{cell.path.partition('.')[0]}")
        key = str(extra(row.model_fields[name]).get("x-section", ""))
        return key if key in {known for known, _, _ in self.model.record_type.sections} else ""

    def list(self, block: Table, prefix: str = "", row: str = "row") -> Iterator[str]:
        """Write a list as a table with a repeated header, or what it says when it is empty."""
        path = prefix + block.path
        yield tag(f"if {path}")
        yield self.filled(block, prefix, row)
        yield tag("else")
        yield paragraph(f"{{{{ {path}.empty }}}}", style="DgEmpty")
        yield tag("endif")

    def filled(self, block: Table, prefix: str, row: str, *heads: TableRow) -> str:
        """Write the table of a list that has rows, under further head rows."""
        columns = block.columns
        small = len(columns) > SMALL_COLUMNS
        widths = column_widths(self.model, columns, self.width, 18 if small else 21)
        head = tuple(_head(cell, small) for cell in columns)
        rows = [
            *heads,
            TableRow(head, head=True),
            row_tag(f"for {row} in {prefix}{block.path}", len(columns)),
            TableRow(tuple(self._datum(cell, row, small) for cell in columns)),
            *_log_rows(block, row),
            row_tag("endfor", len(columns)),
        ]
        return table(widths, rows, caption=block.path)

    def _pairs(self, cells: Sequence[FormCell], prefix: str) -> Iterator[TableRow]:
        if not cells:
            return
        span = 1 if len(cells) == 2 else 3
        made = []
        for cell in cells:
            made += [label(cell.label), self._value(cell, prefix, span)]
        yield TableRow(tuple(made))

    def _wide(self, cell: FormCell, prefix: str) -> TableRow:
        return TableRow((label(cell.label), self._value(cell, prefix, 3)), split=cell.log)

    def _value(self, cell: FormCell, prefix: str, span: int) -> TableCell:
        path = prefix + cell.path
        style = "DgLog" if cell.log else "DgText"
        return TableCell(paragraph(self._text(cell, path), style=style), span)

    def _datum(self, cell: FormCell, row: str, small: bool) -> TableCell:
        style = ("DgSmall" if small else "Dg") + (
            "Number" if cell.number else "" if small else "Text"
        )
        return TableCell(paragraph(self._text(cell, f"{row}.{cell.path}"), style=style))

    def _text(self, cell: FormCell, path: str) -> str:
        fill = f"{{% cellbg tone_fill({path}) %}}" if has_tone(self.model, cell.label) else ""
        return f"{fill}{{{{ {path} }}}}"


def label(path: str) -> TableCell:
    """Write the cell of a field's label."""
    return TableCell(paragraph(f"{{{{ label.{path} }}}}", style="DgLabel"), fill=LIGHT)


def overview(block: Cards) -> Table:
    """Return the table over all cards, without long texts: those stand in the cards."""
    cells = tuple(cell for cell in block.overview.cells if not cell.wide and not cell.log)
    return replace(block.overview, cells=cells)


def band(text: str, span: int = 4) -> TableRow:
    """Write a line over the whole table that names what follows."""
    return TableRow((TableCell(paragraph(text, style="DgBand"), span, ACCENT),))


def _head(cell: FormCell, small: bool) -> TableCell:
    style = "DgSmallHead" if small else "DgHead"
    return TableCell(paragraph(f"{{{{ label.{cell.label} }}}}", style=style), fill=LIGHT)


def _log_rows(block: Table, row: str) -> Iterator[TableRow]:
    """Write log texts under their row, over all columns, free to break across pages."""
    span = len(block.columns)
    for cell in block.logs:
        path = f"{row}.{cell.path}"
        yield row_tag(f"if {path}", span)
        yield TableRow(
            (TableCell(paragraph(f"{{{{ {path} }}}}", style="DgLog"), span),), split=True
        )
        yield row_tag("endif", span)
