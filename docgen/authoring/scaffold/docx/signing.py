"""Sign-off blocks: bordered, whole on one page, empty lines to sign by hand or what was signed."""

from __future__ import annotations

from collections.abc import Iterator

from docgen.authoring.scaffold.docx.styles import LIGHT
from docgen.authoring.scaffold.docx.xml import TableCell, TableRow, paragraph, row_tag, table, tag

WIDTHS = (3_900, 1_800, 3_370)
APPROVALS = (2_600, 1_900, 2_570, 2_000)
SIGNED = "block.signed and block.method"
_OPINION = (
    "{% for given in signoffs if given.role.code == block.role and given.name == block.name %}"
    "{% if given.opinion %}{{ given.opinion }}{% endif %}{% endfor %}"
)


def signoffs(*, compact: bool = False) -> Iterator[str]:
    """Write one block for each signer; a `compact` one leaves less room to write."""
    yield tag("for block in signoff_blocks")
    yield table(WIDTHS, list(_rows(420 if compact else 640)), caption="signoff")
    yield paragraph(style="DgGap", props=f'<w:spacing w:before="{40 if compact else 160}"/>')
    yield tag("endfor")


def approvals() -> str:
    """Write the table of who has signed, for the control page."""
    heads = ("role", "name", "opinion", "signed_on")
    values = (
        "{{ block.title }}",
        "{{ block.name }}",
        _OPINION,
        "{% if block.signed %}{{ block.signed_on }}{% endif %}",
    )
    head = tuple(
        TableCell(paragraph(f"{{{{ label.signoffs.{name} }}}}", style="DgHead"), fill=LIGHT)
        for name in heads
    )
    row = tuple(TableCell(paragraph(value, style="DgText")) for value in values)
    body = [
        TableRow(head, head=True),
        row_tag("for block in signoff_blocks", 4),
        TableRow(row),
        row_tag("endfor", 4),
    ]
    return table(APPROVALS, body, caption="approvals")


def _rows(room: int) -> Iterator[TableRow]:
    title = paragraph("{{ block.title }}", style="DgLabel", props="<w:keepNext/>")
    yield TableRow((TableCell(title, 3, LIGHT),))
    yield row_tag("if block.gives_opinion", 3)
    yield TableRow((TableCell(paragraph("{{ block.opinions }}", style="DgKeep"), 3),), height=480)
    yield row_tag("endif", 3)
    yield row_tag("if block.gives_opinion or block.comment", 3)
    comment = "{% if block.comment %}{{ block.comment }}{% endif %}"
    yield TableRow((TableCell(paragraph(comment, style="DgKeep"), 3, align="top"),), height=room)
    yield row_tag("endif", 3)
    yield row_tag(f"if {SIGNED}", 3)
    proof = "{{ block.method }}　{{ t.verify_code }} {{ doc.short_code }}"
    yield TableRow((TableCell(paragraph(proof, style="DgKeep"), 3),))
    yield row_tag("endif", 3)
    yield TableRow(tuple(_line()), height=room)


def _line() -> Iterator[TableCell]:
    org = "{% if block.org %}（{{ block.org }}）{% endif %}"
    name = "{% if block.name %}{{ block.name }}" + org + "{% endif %}"
    yield TableCell(paragraph("{{ t.signature }}{{ t.colon }}" + name, style="DgText"))
    yield TableCell(paragraph("{{ block.seal }}", style="DgText", props='<w:jc w:val="center"/>'))
    yield TableCell(paragraph("{{ t.date }}{{ t.colon }}{{ block.signed_on }}", style="DgText"))
