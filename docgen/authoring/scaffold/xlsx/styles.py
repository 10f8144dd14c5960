"""Named styles of a scaffolded workbook: people change a look once, in Excel's own style list.

Fonts and colours are the default theme's; a renderer puts the theme in use in their place.
"""

from __future__ import annotations

from dataclasses import dataclass

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, NamedStyle, PatternFill, Side

SERIF, SANS = "宋体", "黑体"
BODY = 10.5
ACCENT, LIGHT, RULE, BAD, MUTED = "1F4E79", "EAF1F8", "9DB2C7", "C62828", "6B7280"


@dataclass(frozen=True)
class SheetStyle:
    """A style by its name in Excel. `across` is left, center or right, `fill` a colour or empty."""

    name: str
    size: float = BODY
    font: str = SERIF
    bold: bool = False
    colour: str = "000000"
    fill: str = ""
    across: str = "left"
    down: str = "center"
    wrap: bool = True
    framed: bool = True

    def style(self) -> NamedStyle:
        """Make the style for openpyxl."""
        line = Side(style="thin", color=RULE) if self.framed else Side()
        return NamedStyle(
            name=self.name,
            font=Font(name=self.font, size=self.size, bold=self.bold, color=self.colour),
            fill=PatternFill("solid", fgColor=self.fill) if self.fill else PatternFill(),
            border=Border(line, line, line, line),
            alignment=Alignment(
                horizontal=self.across,
                vertical=self.down,
                wrap_text=self.wrap or None,
                shrink_to_fit=(self.name in SHRINKING) or None,
                indent=1 if self.across != "center" and self.framed else 0,
            ),
        )


SHRINKING = ("表格数字", "表格日期")  # numbers and dates shrink instead of turning to ####

COMPANY = SheetStyle("单位名称", 14, SANS, colour=ACCENT, framed=False)
HEAD_MARK = SheetStyle("首页标记", 24, SANS, True, BAD, wrap=False, framed=False)
MARK = SheetStyle("草稿作废标记", 20, SANS, True, BAD, across="right", wrap=False, framed=False)
TITLE = SheetStyle("文档标题", 22, SANS, True, ACCENT, across="center", framed=False)
SUBTITLE = SheetStyle("文档副标题", 12, colour=MUTED, across="center", framed=False)
NOTE = SheetStyle("说明", 9, colour=MUTED, wrap=False, framed=False)
BAND = SheetStyle("章节", 12, SANS, True, "FFFFFF", ACCENT)
SUBBAND = SheetStyle("小节", BODY, SANS, True, ACCENT, LIGHT)
LABEL = SheetStyle("标签", BODY, SANS, fill=LIGHT, across="center")
LINK = SheetStyle("链接标签", BODY, SANS, colour=ACCENT, fill=LIGHT, across="center")
VALUE = SheetStyle("内容")
LONG = SheetStyle("长内容", down="top")
SHEET = SheetStyle("表名", 16, SANS, True, ACCENT, wrap=False, framed=False)
HEAD = SheetStyle("表头", BODY, SANS, True, fill=LIGHT, across="center")
TEXT = SheetStyle("表格文字", 10)
CENTRE = SheetStyle("表格居中", 10, across="center")
NUMBER = SheetStyle("表格数字", 10, across="right", wrap=False)
MOMENT = SheetStyle("表格日期", 10, across="center", wrap=False)
LOG = SheetStyle("日志", 9, down="top")
EMPTY = SheetStyle("空表", colour=MUTED, across="center")
SIGN = SheetStyle("签署意见", down="top")
CONTROL = SheetStyle("控制行", 8, colour=MUTED, wrap=False, framed=False)

LOOKS = tuple(look for look in dict(globals()).values() if isinstance(look, SheetStyle))


def dressed() -> Workbook:
    """Start a workbook whose default font is the body font, with every look in its style list."""
    book = Workbook()
    body = Font(name=SERIF, size=BODY)
    styles, fonts = vars(book)["_named_styles"], vars(book)["_fonts"]  # no public way
    styles["Normal"].font = body
    fonts[0] = body
    for look in LOOKS:
        book.add_named_style(look.style())
    return book
