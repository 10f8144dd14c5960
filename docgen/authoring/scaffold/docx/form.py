"""A ticket as one bordered form: section bands, four columns, lists inside, sign-off at its end."""

from __future__ import annotations

from collections.abc import Iterator

from docgen.authoring.scaffold.docx.package_parts import CODE, LOGO, UPRIGHT
from docgen.authoring.scaffold.docx.page_parts import form_head
from docgen.authoring.scaffold.docx.page_parts import section as page_section
from docgen.authoring.scaffold.docx.signing import signoffs
from docgen.authoring.scaffold.docx.tables import GRID, TableWriter, band, label, overview
from docgen.authoring.scaffold.docx.xml import TableCell, TableRow, paragraph, table, tag
from docgen.authoring.scaffold.layout import Block, Cards, Grid, Section, Table, outline
from schemas.envelope import Record


def form_body(model: type[Record]) -> Iterator[str]:
    """Write the whole form."""
    yield form_head(LOGO, CODE)
    waiting: list[TableRow] = []
    for section in outline(model):
        waiting.append(band(f"{{{{ section.{section.key} }}}}"))
        yield from _section(TableWriter(model), section, waiting)
    yield from _flushed(waiting)
    yield from signoffs(compact=True)
    yield page_section(UPRIGHT, tight=True)


def _section(writer: TableWriter, section: Section, waiting: list[TableRow]) -> Iterator[str]:
    """Gather grids into one table; a list ends it and stands for itself."""
    for block in section.blocks:
        if isinstance(block, Grid):
            if block.title and block is not section.blocks[0]:
                waiting.append(_title(block.title))
            waiting += writer.grid_rows(block)
            continue
        yield from _flushed(waiting)
        yield from _list(writer, block, optional=section.key == "control")


def _flushed(waiting: list[TableRow]) -> Iterator[str]:
    if waiting:
        yield table(GRID, waiting, caption="form") + _gap()
        waiting.clear()


def _list(writer: TableWriter, block: Block, *, optional: bool) -> Iterator[str]:
    """Write a list under a line with its name; an optional one only when it has rows."""
    assert isinstance(block, Table | Cards)
    made = block if isinstance(block, Table) else overview(block)
    yield tag(f"if {made.path}")
    head = _title(made.label, len(made.columns))
    yield writer.filled(made, "", "row", head) + _gap()
    if isinstance(block, Cards):
        yield from _cards(writer, block)
    if not optional:
        yield tag("else")
        empty = TableCell(paragraph(f"{{{{ {made.path}.empty }}}}", style="DgText"), 3)
        yield table(GRID, [TableRow((label(made.label), empty))], caption=made.path) + _gap()
    yield tag("endif")


def _cards(writer: TableWriter, block: Cards) -> Iterator[str]:
    yield tag(f"for card in {block.path}")
    name = f"{{{{ loop.index }}}}. {{{{ card.{block.grid.cells[0].path} }}}}"
    title = TableRow((TableCell(paragraph(name, style="DgHead"), 4),))
    yield table(GRID, [title, *writer.card_rows(block)], caption=block.path) + _gap()
    for inner in block.tables:
        yield tag(f"if card.{inner.path}")
        yield writer.filled(inner, "card.", "row", _title(inner.label, len(inner.columns))) + _gap()
        yield tag("endif")
    yield tag("endfor")


def _title(path: str, span: int = 4) -> TableRow:
    return TableRow(
        (TableCell(paragraph(f"{{{{ label.{path} }}}}", style="DgHead"), span),), head=span != 4
    )


def _gap() -> str:
    return paragraph(
        style="DgGap", props='<w:keepNext/><w:spacing w:line="60" w:lineRule="exact"/>'
    )
