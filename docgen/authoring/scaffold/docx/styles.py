"""The styles of a scaffolded Word template: few, real, named in Chinese, ready to be restyled.

Fonts and colours are the default theme's; `docgen.renderers.docx` replaces them by a firm's.
"""

from __future__ import annotations

from dataclasses import dataclass

from docgen.authoring.scaffold.docx.xml import part

SERIF, SANS, MONO = "宋体", "黑体", "Consolas"
LATIN = {SERIF: "Times New Roman", SANS: "Arial", MONO: MONO}
ACCENT, LIGHT, RULE, MUTED = "1F4E79", "EAF1F8", "9DB2C7", "6B7280"


@dataclass(frozen=True)
class Style:
    """A paragraph style; sizes in half points, spaces in twentieths of a point."""

    id: str
    name: str
    font: str = ""
    size: int = 0
    bold: bool = False
    colour: str = ""
    before: int = 0
    after: int = 0
    line: int = 0
    props: str = ""
    base: str = "Normal"
    after_style: str = ""

    def xml(self) -> str:
        """Write the style."""
        following = f'<w:next w:val="{self.after_style}"/>' if self.after_style else ""
        return (
            f'<w:style w:type="paragraph" w:styleId="{self.id}"><w:name w:val="{self.name}"/>'
            f'<w:basedOn w:val="{self.base}"/>{following}<w:qFormat/>'
            f"<w:pPr>{self._paragraph()}</w:pPr><w:rPr>{self._run()}</w:rPr></w:style>"
        )

    def _paragraph(self) -> str:
        line = f' w:line="{self.line}" w:lineRule="auto"' if self.line else ""
        spacing = f'<w:spacing w:before="{self.before}" w:after="{self.after}"{line}/>'
        early, _, late = self.props.partition("|")
        return early + spacing + late

    def _run(self) -> str:
        bold = "<w:b/>" if self.bold else ""
        colour = f'<w:color w:val="{self.colour}"/>' if self.colour else ""
        size = f'<w:sz w:val="{self.size}"/><w:szCs w:val="{self.size}"/>' if self.size else ""
        return fonts(self.font) + bold + colour + size


def fonts(east_asian: str) -> str:
    """Name an East Asian font and the Latin one that goes with it; empty for the base style's."""
    if not east_asian:
        return ""
    latin = LATIN[east_asian]
    asian = SERIF if east_asian == MONO else east_asian
    return f'<w:rFonts w:ascii="{latin}" w:hAnsi="{latin}" w:eastAsia="{asian}" w:cs="{latin}"/>'


def _heading(level: int, size: int, before: int, after: int) -> Style:
    below = f'<w:bottom w:val="single" w:sz="6" w:space="3" w:color="{RULE}"/>'
    border = f"<w:pBdr>{below}</w:pBdr>" if level == 1 else ""
    return Style(
        f"Heading{level}",
        f"heading {level}",
        SANS,
        size,
        colour=ACCENT,
        before=before,
        after=after,
        props=f'<w:keepNext/><w:keepLines/>{border}|<w:outlineLvl w:val="{level - 1}"/>',
        after_style="Normal",
    )


# In `props`, what stands before `|` comes before w:spacing, the rest after it (17.3.1.26).
_CENTRED, _RIGHT = '|<w:jc w:val="center"/>', '|<w:jc w:val="right"/>'
_TOC_TAB = '<w:tabs><w:tab w:val="right" w:leader="dot" w:pos="9070"/></w:tabs>|'
STYLES = (
    _heading(1, 30, 360, 160),
    _heading(2, 25, 240, 100),
    _heading(3, 22, 180, 80),
    _heading(4, 21, 120, 60),
    Style("Title", "Title", SANS, 60, colour=ACCENT, before=0, after=200, props=_CENTRED),
    Style("TOCHeading", "TOC Heading", SANS, 32, colour=ACCENT, after=240, props=_CENTRED),
    Style("TOC1", "toc 1", SANS, 22, before=100, after=40, props=_TOC_TAB),
    Style("TOC2", "toc 2", before=0, after=20, props=f'{_TOC_TAB}<w:ind w:left="420"/>'),
    Style(
        "Header",
        "header",
        size=18,
        colour=MUTED,
        props=f'<w:pBdr><w:bottom w:val="single" w:sz="4" w:space="4" w:color="{RULE}"/></w:pBdr>|',
    ),
    Style("Footer", "footer", size=18, colour=MUTED),
    Style("DgCoverProject", "封面项目", SANS, 32, before=120, after=120, props=_CENTRED),
    Style("DgCoverCustomer", "封面客户", SANS, 36, before=120, after=120, props=_CENTRED),
    Style("DgCompany", "公司名称", SANS, 24, colour=ACCENT),
    Style("DgFormTitle", "表单标题", SANS, 36, colour=ACCENT, before=40, after=40, props=_CENTRED),
    Style(
        "DgControlHeading",
        "控制页标题",
        SANS,
        24,
        colour=ACCENT,
        before=240,
        after=80,
        props="<w:keepNext/>|",
    ),
    Style("DgText", "表格文字", line=245),
    Style("DgNumber", "表格数字", base="DgText", props=_RIGHT),
    Style("DgSmall", "表格小字", size=18, base="DgText"),
    Style("DgSmallNumber", "表格小字数字", size=18, base="DgText", props=_RIGHT),
    Style("DgLabel", "表格标签", SANS, colour=ACCENT, base="DgText"),
    Style("DgHead", "表头", SANS, colour=ACCENT, base="DgText", props="<w:keepNext/>" + _CENTRED),
    Style(
        "DgSmallHead",
        "表头小字",
        SANS,
        18,
        colour=ACCENT,
        base="DgText",
        props="<w:keepNext/>" + _CENTRED,
    ),
    Style("DgBand", "分节标题", SANS, 22, colour="FFFFFF", base="DgText", props="<w:keepNext/>|"),
    Style("DgKeep", "签署文字", base="DgText", props="<w:keepNext/><w:keepLines/>|"),
    Style("DgLog", "日志", MONO, 17, line=240),
    Style("DgEmpty", "空项", colour=MUTED, before=60, after=120),
    Style("DgCode", "校验码", MONO, 17, colour=MUTED, props=_CENTRED),
    Style("DgGap", "间隔", size=8, line=240),
    Style("DgTag", "模板语句", MONO, 14, colour="A0A0A0"),
)


def styles_part() -> bytes:
    """Make word/styles.xml."""
    defaults = (
        f'<w:docDefaults><w:rPrDefault><w:rPr>{fonts(SERIF)}<w:kern w:val="2"/><w:sz w:val="21"/>'
        '<w:szCs w:val="21"/><w:lang w:val="en-US" w:eastAsia="zh-CN" w:bidi="ar-SA"/></w:rPr>'
        "</w:rPrDefault><w:pPrDefault/></w:docDefaults>"
    )
    normal = (
        '<w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/>'
        '<w:qFormat/><w:pPr><w:widowControl/><w:spacing w:before="0" w:after="0" w:line="300" '
        'w:lineRule="auto"/></w:pPr></w:style>'
    )
    others = "".join(style.xml() for style in STYLES)
    return part("styles", defaults + normal + _CHARACTER + _TABLES + others)


_CHARACTER = (
    '<w:style w:type="character" w:default="1" w:styleId="DefaultParagraphFont">'
    '<w:name w:val="Default Paragraph Font"/></w:style>'
    '<w:style w:type="numbering" w:default="1" w:styleId="NoList">'
    '<w:name w:val="No List"/></w:style>'
)


def _edges(inner: str, outer: str) -> str:
    sides = {"top": outer, "left": inner, "bottom": outer, "right": inner}
    sides |= {"insideH": inner, "insideV": inner}
    return "".join(f"<w:{side} {line}/>" for side, line in sides.items())


_LINE = f'w:val="single" w:sz="4" w:space="0" w:color="{RULE}"'
_STRONG = f'w:val="single" w:sz="8" w:space="0" w:color="{ACCENT}"'
_MARGINS = (
    '<w:tblCellMar><w:top w:w="40" w:type="dxa"/><w:left w:w="85" w:type="dxa"/>'
    '<w:bottom w:w="40" w:type="dxa"/><w:right w:w="85" w:type="dxa"/></w:tblCellMar>'
)
_TABLES = (
    '<w:style w:type="table" w:default="1" w:styleId="TableNormal"><w:name w:val="Normal Table"/>'
    '<w:tblPr><w:tblInd w:w="0" w:type="dxa"/><w:tblCellMar><w:top w:w="0" w:type="dxa"/>'
    '<w:left w:w="108" w:type="dxa"/><w:bottom w:w="0" w:type="dxa"/>'
    '<w:right w:w="108" w:type="dxa"/></w:tblCellMar></w:tblPr></w:style>'
    '<w:style w:type="table" w:styleId="DgTable"><w:name w:val="文档表格"/>'
    f'<w:basedOn w:val="TableNormal"/><w:tblPr>'
    f"<w:tblBorders>{_edges(_LINE, _STRONG)}</w:tblBorders>{_MARGINS}</w:tblPr></w:style>"
    '<w:style w:type="table" w:styleId="DgPlain"><w:name w:val="无框表格"/>'
    f'<w:basedOn w:val="TableNormal"/><w:tblPr>{_MARGINS}</w:tblPr></w:style>'
)
