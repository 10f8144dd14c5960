"""A Word template from a schema: complete, editable in Word, with every field of the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from docgen.authoring.scaffold.docx.form import form_body
from docgen.authoring.scaffold.docx.package_parts import FIRST, TURNED, UPRIGHT, bound
from docgen.authoring.scaffold.docx.page_parts import section as page_section
from docgen.authoring.scaffold.docx.signing import approvals, signoffs
from docgen.authoring.scaffold.docx.styles import LIGHT
from docgen.authoring.scaffold.docx.tables import GRID, LANDSCAPE, TableWriter
from docgen.authoring.scaffold.docx.toc import ContentsHeading, contents
from docgen.authoring.scaffold.docx.xml import (
    TableCell,
    TableRow,
    page_break,
    paragraph,
    table,
    tag,
)
from docgen.authoring.scaffold.layout import Block, Cards, Grid, Section, Table, outline
from schemas.envelope import Record
from schemas.fields import shape

COVER_FACTS = ("doc_no", "contract_no", "phase", "prepared_by", "doc_date")


def scaffold_docx(model: type[Record]) -> bytes:
    """Make `document.docx` of a record type, every field in it, the same bytes each time."""
    if model.record_type.layout == "form":
        return bound("".join(form_body(model)))
    return bound("".join(_Archive(model).body()))


@dataclass(frozen=True)
class _Archive:
    """Cover, control, contents, sections, appendix, sign-off page."""

    model: type[Record]

    def body(self) -> Iterator[str]:
        """Write all pages."""
        sections = outline(self.model)
        control = next(section for section in sections if section.key == "control")
        main = [section for section in sections if section.key != "control"]
        late = [block for section in main for block in section.blocks if _is_late(block)]
        texts = list(self._main(main, late))
        yield from _cover()
        yield from self._control(control)
        yield from contents([item for item in texts if isinstance(item, ContentsHeading)])
        yield page_break()
        yield from (item.xml() if isinstance(item, ContentsHeading) else item for item in texts)
        yield page_section(UPRIGHT) if late else page_section(FIRST + UPRIGHT, first=True)

    def _control(self, section: Section) -> Iterator[str]:
        yield paragraph("{{ t.document_control }}", style="TOCHeading")
        writer = TableWriter(self.model)
        for block in section.blocks:
            if not isinstance(block, Grid):
                yield paragraph(f"{{{{ label.{block.label} }}}}", style="DgControlHeading")
            yield from writer.block(block)
        yield paragraph("{{ t.approvals }}", style="DgControlHeading")
        yield approvals()
        yield page_break()

    def _main(self, main: list[Section], late: list[Block]) -> Iterator[str | ContentsHeading]:
        for number, section in enumerate(main, 1):
            yield ContentsHeading(1, f"{{{{ section.{section.key} }}}}", number)
            yield from self._section(section, late)
        number = len(main) + 1
        if late:
            yield _turn(FIRST + UPRIGHT, first=True)
            yield ContentsHeading(1, "{{ t.appendix }}", number)
            yield from self._appendix(late)
            yield _turn(TURNED, landscape=True)
            number += 1
        yield ContentsHeading(1, "{{ t.signing_page }}", number, new_page=not late)
        yield from signoffs()

    def _section(self, section: Section, late: list[Block]) -> Iterator[str | ContentsHeading]:
        count = 0
        lists = [block for block in section.blocks if not isinstance(block, Grid)]
        named = len(lists) > 1 or isinstance(section.blocks[0], Grid)
        for root, blocks in groupby(section.blocks, self._optional):
            if root:
                yield tag(f"if {root}")
            for block in blocks:
                title = block.title if isinstance(block, Grid) else block.label if named else ""
                first = block is section.blocks[0] and isinstance(block, Grid)
                if title and not first:
                    count += 1
                    yield ContentsHeading(2, f"{{{{ label.{title} }}}}", count)
                yield from self._block(block, late, 3 if named else 2)
            if root:
                yield from self._absent(root)

    def _block(
        self, block: Block, late: list[Block], level: int
    ) -> Iterator[str | ContentsHeading]:
        if block in late and isinstance(block, Table):
            yield from _pointer(block, late.index(block) + 1)
            return
        writer = TableWriter(self.model)
        yield from writer.block(block)
        if isinstance(block, Cards):
            yield from self._cards(block, level)

    def _cards(self, block: Cards, level: int) -> Iterator[str | ContentsHeading]:
        writer = TableWriter(self.model)
        name = f"{{{{ card.{block.grid.cells[0].path} }}}}"
        yield ContentsHeading.loop(level, name, f"for card in {block.path}")
        yield table(GRID, list(writer.card_rows(block)), caption=block.path)
        for inner in block.tables:
            yield paragraph(f"{{{{ label.{inner.label} }}}}", style="Heading4")
            yield from writer.list(inner, "card.")
        yield tag("endfor")

    def _appendix(self, late: list[Block]) -> Iterator[str | ContentsHeading]:
        writer = TableWriter(self.model, LANDSCAPE)
        for number, block in enumerate(late, 1):
            assert isinstance(block, Table)
            text = f"{{{{ t.appendix }}}} {number}　{{{{ label.{block.label} }}}}"
            yield ContentsHeading(2, text)
            yield from writer.list(block)

    def _optional(self, block: Block) -> str:
        """Name the nested object that a block belongs to, if it may be absent."""
        path = block.cells[0].path if isinstance(block, Grid) else block.path
        root, dot, _ = path.partition(".")
        return root if dot and shape(self.model, root).optional else ""

    def _absent(self, root: str) -> Iterator[str]:
        """Write why a nested object is absent."""
        yield tag("else")
        reason = "{{ t.none }}"
        if "absences" in self.model.model_fields:
            test = f"if absence.section.code == '{root}'"
            given = "{{ absence.state }}：{{ absence.reason }}"
            reason = (
                f"{{% for absence in absences {test} %}}{given}{{% else %}}{reason}{{% endfor %}}"
            )
        yield paragraph(reason, style="DgEmpty")
        yield tag("endif")


def _cover() -> Iterator[str]:
    yield paragraph("{{ doc.title }}", style="Title", props='<w:spacing w:before="3400"/>')
    yield tag("if project_name")
    yield paragraph("{{ project_name }}", style="DgCoverProject")
    yield tag("endif")
    yield paragraph("{{ customer_name }}", style="DgCoverCustomer")
    yield paragraph(props='<w:spacing w:before="1700"/>')
    rows = [_fact(name) for name in COVER_FACTS]
    yield paragraph(style="DgGap") + _centred(table((2_000, 4_000), rows, caption="cover"))
    yield page_break()


def _fact(name: str) -> TableRow:
    label = TableCell(paragraph(f"{{{{ label.{name} }}}}", style="DgLabel"), fill=LIGHT)
    return TableRow((label, TableCell(paragraph(f"{{{{ {name} }}}}", style="DgText"))), height=440)


def _centred(made: str) -> str:
    return made.replace("<w:tblLayout", '<w:jc w:val="center"/><w:tblLayout', 1)


def _pointer(block: Table, number: int) -> Iterator[str]:
    """Say where a long table stands, or why there is none."""
    yield tag(f"if {block.path}")
    rows = f'replace("{{rows}}", {block.path}|length|string)'
    yield paragraph(f'{{{{ t.rows_in_appendix|{rows}|replace("{{number}}", "{number}") }}}}')
    yield tag("else")
    yield paragraph(f"{{{{ {block.path}.empty }}}}", style="DgEmpty")
    yield tag("endif")


def _turn(references: str, *, landscape: bool = False, first: bool = False) -> str:
    props = page_section(references, landscape=landscape, first=first)
    return paragraph(style="DgGap", props=props)


def _is_late(block: Block) -> bool:
    return isinstance(block, Table) and block.landscape
