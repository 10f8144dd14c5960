"""WordprocessingML as text: runs, paragraphs, fields, cells, rows, tables.

Element order inside properties follows ISO/IEC 29500-1, 17.3 and 17.4; Word repairs other orders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from docgen.renderers.ooxml.relationships import XML_HEAD

NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "r": "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "wp": "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "pic": "http://schemas.openxmlformats.org/drawingml/2006/picture",
    "v": "urn:schemas-microsoft-com:vml",
    "o": "urn:schemas-microsoft-com:office:office",
    "w10": "urn:schemas-microsoft-com:office:word",
}
DECLARED = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
EMU_PER_MM = 36_000  # English metric units, 914,400 to the inch (ECMA-376 20.1.2.1)


def part(element: str, content: str) -> bytes:
    """Make a whole part with `element` as its root."""
    return f"{XML_HEAD}<w:{element} {DECLARED}>{content}</w:{element}>".encode()


def run(text: str, props: str = "") -> str:
    """Make a run of text; tags are text too."""
    shown = f'<w:t xml:space="preserve">{escape(text)}</w:t>'
    return f"<w:r>{f'<w:rPr>{props}</w:rPr>' if props else ''}{shown}</w:r>"


def tab() -> str:
    """Make a run that is a tab."""
    return "<w:r><w:tab/></w:r>"


def page_break() -> str:
    """Make a paragraph that ends the page."""
    return '<w:p><w:pPr><w:pStyle w:val="DgGap"/></w:pPr><w:r><w:br w:type="page"/></w:r></w:p>'


def paragraph(*runs: str, style: str = "", props: str = "") -> str:
    """Make a paragraph of `run`s, or of one plain text."""
    inner = "".join(piece if piece.startswith("<") else run(piece) for piece in runs)
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p>{f'<w:pPr>{named}{props}</w:pPr>' if named or props else ''}{inner}</w:p>"


def tag(text: str) -> str:
    """Make the paragraph of a statement that vanishes: `tag("for row in params")`."""
    return paragraph(f"{{%p {text} %}}", style="DgTag")


def field(instruction: str, shown: str) -> str:
    """Make a field of Word's with the text it shows until it is updated."""
    return (
        f'{mark("begin")}<w:r><w:instrText xml:space="preserve"> {instruction} </w:instrText></w:r>'
        f"{mark('separate')}{run(shown) if shown else ''}{mark('end')}"
    )


def mark(kind: str) -> str:
    """Make one of a field's marks: begin, separate, end."""
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>'


@dataclass(frozen=True)
class TableCell:
    """A table cell: its paragraphs as XML, how many columns it spans, its fill and alignment."""

    content: str
    span: int = 1
    fill: str = ""
    align: str = "center"

    def xml(self, width: int) -> str:
        """Write the cell, `width` twentieths of a point wide."""
        span = f'<w:gridSpan w:val="{self.span}"/>' if self.span > 1 else ""
        fill = f'<w:shd w:val="clear" w:color="auto" w:fill="{self.fill}"/>' if self.fill else ""
        props = f'<w:tcW w:w="{width}" w:type="dxa"/>{span}{fill}<w:vAlign w:val="{self.align}"/>'
        return f"<w:tc><w:tcPr>{props}</w:tcPr>{self.content}</w:tc>"


@dataclass(frozen=True)
class TableRow:
    """A table row; a `head` repeats on every page, one that may not `split` stays whole."""

    cells: tuple[TableCell, ...]
    head: bool = False
    split: bool = False
    height: int = 0

    def xml(self, widths: Sequence[int]) -> str:
        """Write the row on a grid of `widths`."""
        cells, at = [], 0
        for cell in self.cells:
            cells.append(cell.xml(sum(widths[at : at + cell.span])))
            at += cell.span
        height = f'<w:trHeight w:val="{self.height}" w:hRule="atLeast"/>' if self.height else ""
        flags = "" if self.split else "<w:cantSplit/>"
        flags += height + ("<w:tblHeader/>" if self.head else "")
        return f"<w:tr>{f'<w:trPr>{flags}</w:trPr>' if flags else ''}{''.join(cells)}</w:tr>"


def row_tag(text: str, columns: int) -> TableRow:
    """Make the row of a statement that vanishes: `row_tag("for row in params", 4)`."""
    return TableRow((TableCell(paragraph(f"{{%tr {text} %}}", style="DgTag"), columns),))


def table(
    widths: Sequence[int], rows: Sequence[TableRow], *, style: str = "DgTable", caption: str = ""
) -> str:
    """Make a table of fixed layout; `caption` is its alternative text."""
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    alternative = f"<w:tblCaption w:val={quoteattr(caption)}/>" if caption else ""
    head = '<w:tblLook w:val="0420" w:firstRow="1" w:noVBand="1"/>'
    props = (
        f'<w:tblStyle w:val="{style}"/><w:tblW w:w="{sum(widths)}" w:type="dxa"/>'
        f'<w:tblLayout w:type="fixed"/>{head}{alternative}'
    )
    body = "".join(row.xml(widths) for row in rows)
    return f"<w:tbl><w:tblPr>{props}</w:tblPr><w:tblGrid>{grid}</w:tblGrid>{body}</w:tbl>"


@dataclass(frozen=True)
class InlinePicture:
    """A picture in the text: its relationship, its mark, and its size."""

    relation: str
    mark: str
    width_mm: float
    height_mm: float
    number: int

    def xml(self) -> str:
        """Write the run that holds it."""
        cx, cy = (round(size * EMU_PER_MM) for size in (self.width_mm, self.height_mm))
        name = quoteattr(self.mark)
        inner = (
            f'<pic:pic><pic:nvPicPr><pic:cNvPr id="{self.number}" name={name} descr={name}/>'
            f'<pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip r:embed="{self.relation}"/>'
            "<a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr>"
            f'<a:xfrm><a:off x="0" y="0"/><a:ext cx="{cx}" cy="{cy}"/></a:xfrm>'
            '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></pic:spPr></pic:pic>'
        )
        data = f'<a:graphicData uri="{NAMESPACES["pic"]}">{inner}</a:graphicData>'
        return (
            f'<w:r><w:drawing><wp:inline distT="0" distB="0" distL="0" distR="0">'
            f'<wp:extent cx="{cx}" cy="{cy}"/>'
            f'<wp:docPr id="{self.number}" name={name} descr={name}/>'
            f"<a:graphic>{data}</a:graphic></wp:inline></w:drawing></w:r>"
        )
