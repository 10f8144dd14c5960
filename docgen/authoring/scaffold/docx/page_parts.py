"""What stands around the text: page size, header, footer, draft mark, cover's corners."""

from __future__ import annotations

from docgen.authoring.scaffold.docx.tables import LANDSCAPE, PORTRAIT
from docgen.authoring.scaffold.docx.xml import (
    InlinePicture,
    TableCell,
    TableRow,
    field,
    paragraph,
    part,
    run,
    tab,
    table,
)

LOGO_MM, QR_MM = 14, 24
# The VML shape type of WordArt "plain text" (136), as Word writes it for its own watermarks.
_SHAPE = (
    '<v:shapetype id="_x0000_t136" coordsize="21600,21600" o:spt="136" adj="10800" '
    'path="m@7,l@8,m@5,21600l@6,21600e"><v:formulas><v:f eqn="sum #0 0 10800"/>'
    '<v:f eqn="prod #0 2 1"/><v:f eqn="sum 21600 0 @1"/><v:f eqn="sum 0 0 @2"/>'
    '<v:f eqn="sum 21600 0 @3"/><v:f eqn="if @0 @3 0"/><v:f eqn="if @0 21600 @1"/>'
    '<v:f eqn="if @0 0 @2"/><v:f eqn="if @0 @4 21600"/><v:f eqn="mid @5 @6"/>'
    '<v:f eqn="mid @8 @5"/><v:f eqn="mid @7 @8"/><v:f eqn="mid @6 @7"/><v:f eqn="sum @6 0 @5"/>'
    '</v:formulas><v:path textpathok="t" o:connecttype="rect"/><v:textpath on="t" fitshape="t"/>'
    '<o:lock v:ext="edit" text="t" shapetype="t"/></v:shapetype>'
)


def watermark(number: int) -> str:
    """Write the mark 草稿 or 作废 across the page; without a mark the runs vanish."""
    place = (
        "position:absolute;margin-left:0;margin-top:0;width:300pt;height:150pt;rotation:315;"
        "z-index:-251657216;mso-position-horizontal:center;mso-position-vertical:center;"
        "mso-position-horizontal-relative:margin;mso-position-vertical-relative:margin"
    )
    shape = (
        f'<v:shape id="PowerPlusWaterMarkObject{number}" o:spid="_x0000_s{2048 + number}" '
        f'type="#_x0000_t136" style="{place}" o:allowincell="f" fillcolor="#D0D0D0" stroked="f">'
        '<v:fill opacity=".35"/><v:textpath style="font-family:SimHei;font-size:1pt" '
        'string="{{ doc.mark }}"/><w10:wrap anchorx="margin" anchory="margin"/></v:shape>'
    )
    pict = f"<w:r><w:pict>{_SHAPE}{shape}</w:pict></w:r>"
    return f"{run('{%r if doc.mark %}')}{pict}{run('{%r endif %}')}"


def header(width: int, number: int) -> bytes:
    """Make a header: company left, title right."""
    line = ("{{ theme.company }}", tab(), "{{ doc.title }}", watermark(number))
    return part("hdr", paragraph(*line, style="Header", props=_tabs(width)))


def footer(width: int) -> bytes:
    """Make a footer: number left, 第 X 页 共 Y 页 right."""
    pages = (
        "{{ t.page_head }}",
        field("PAGE", "1"),
        "{{ t.page_middle }}",
        field("NUMPAGES", "1"),
        "{{ t.page_tail }}",
    )
    return part("ftr", paragraph("{{ doc_no }}", tab(), *pages, style="Footer", props=_tabs(width)))


def cover_header(logo: str) -> bytes:
    """Make the cover's header: logo and company left, secrecy right."""
    picture = InlinePicture(logo, "docgen:logo", LOGO_MM, LOGO_MM, 1).xml()
    right = '<w:jc w:val="right"/>'
    secrecy = "{{ label.confidentiality }}{{ t.colon }}{{ confidentiality }}"
    cells = (
        TableCell(paragraph(picture)),
        TableCell(paragraph("{{ theme.company }}", style="DgCompany")),
        TableCell(paragraph(secrecy, style="DgText", props=right)),
    )
    made = table((1_100, 4_970, 3_000), [TableRow(cells)], style="DgPlain")
    return part("hdr", made + paragraph(watermark(1), style="DgGap"))


def cover_footer(code: str) -> bytes:
    """Make the cover's footer: the QR code and the short code."""
    picture = InlinePicture(code, "docgen:qr", QR_MM, QR_MM, 2).xml()
    centred = '<w:jc w:val="center"/>'
    text = "{{ t.verify_code }} {{ doc.short_code }}"
    return part("ftr", paragraph(picture, props=centred) + paragraph(text, style="DgCode"))


def form_head(logo: str, code: str) -> str:
    """Write the head of a form: logo, company and title, QR code."""
    middle = paragraph("{{ theme.company }}", style="DgCompany", props='<w:jc w:val="center"/>')
    middle += paragraph("{{ doc.title }}", style="DgFormTitle")
    left = paragraph(InlinePicture(logo, "docgen:logo", LOGO_MM, LOGO_MM, 1).xml())
    right = paragraph(
        InlinePicture(code, "docgen:qr", LOGO_MM, LOGO_MM, 2).xml(), props='<w:jc w:val="right"/>'
    )
    cells = (TableCell(left), TableCell(middle), TableCell(right))
    return table((1_400, 6_270, 1_400), [TableRow(cells)], style="DgPlain") + paragraph(
        style="DgGap"
    )


def section(
    references: str, *, landscape: bool = False, first: bool = False, tight: bool = False
) -> str:
    """Write the properties of a section: A4, margins, its headers and footers.

    A `tight` one has more room between them, so that a ticket fits on its page.
    """
    top, bottom = (1_191, 1_021) if tight else (1_418, 1_247)
    turned = ' w:orient="landscape"' if landscape else ""
    width, height = (16_838, 11_906) if landscape else (11_906, 16_838)
    side = (16_838 - LANDSCAPE if landscape else 11_906 - PORTRAIT) // 2  # A4 in twentieths of pt
    return (
        f'<w:sectPr>{references}<w:type w:val="nextPage"/>'
        f'<w:pgSz w:w="{width}" w:h="{height}"{turned}/>'
        f'<w:pgMar w:top="{top}" w:right="{side}" w:bottom="{bottom}" w:left="{side}" '
        'w:header="680" '
        f'w:footer="567" w:gutter="0"/>{"<w:titlePg/>" if first else ""}</w:sectPr>'
    )


def _tabs(width: int) -> str:
    return f'<w:tabs><w:tab w:val="right" w:pos="{width}"/></w:tabs>'
