"""How Excel workbooks look: tones, theme, pictures, sheet names, headers and footers."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from openpyxl.drawing.image import Image
from openpyxl.styles import Alignment, Font, PatternFill

from docgen.document import Document
from docgen.renderers import tint
from docgen.renderers.ooxml.package import Package
from docgen.renderers.qr import qr_png
from docgen.renderers.xlsx import compile
from docgen.renderers.xlsx.slots import sheet_names
from docgen.templates.theme import Theme, default_folder, load_theme
from tests.word_templates import document
from tests.workbooks import printed, template


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


@pytest.fixture(scope="module")
def doc() -> Document:
    return document()


def test_tones_colour_cells_and_keep_the_rest(theme: Theme, doc: Document) -> None:
    def edit(book: Any) -> None:
        book.active["A1"].font = Font(name="宋体", size=14, bold=True, color="112233")
        book.active["A1"].alignment = Alignment(horizontal="right")

    cell = printed(template(["{{ data_files[0].status }}"], edit=edit), theme, doc).active["A1"]
    assert (cell.value, cell.font.size, cell.font.bold) == ("关注", 14, True)
    assert cell.font.color.rgb == "FF" + theme.warn
    assert cell.fill.fgColor.rgb == "FF" + tint(theme.warn, 0.12)
    assert cell.alignment.horizontal == "right"


def test_the_theme_in_use_replaces_the_default_look(theme: Theme, doc: Document) -> None:
    def edit(book: Any) -> None:
        sheet = book.active
        sheet["A1"].font = Font(name="黑体", color=theme.accent)
        sheet["B1"].fill = PatternFill("solid", fgColor=theme.accent_light)
        sheet.oddHeader.left.text, sheet.oddHeader.left.font = "{{ theme.company }}", "黑体,Regular"

    other = replace(theme, word_sans="微软雅黑", accent="AA0011", accent_light="FFEEDD")
    sheet = printed(template(["x", "y"], edit=edit), other, doc).active
    assert (sheet["A1"].font.name, sheet["A1"].font.color.rgb) == ("微软雅黑", "00AA0011")
    assert sheet["B1"].fill.fgColor.rgb == "00FFEEDD"
    assert sheet.oddHeader.left.font == "微软雅黑,Regular"


def test_sheet_names_headers_and_properties_are_printed(theme: Theme, doc: Document) -> None:
    def edit(book: Any) -> None:
        book.active.oddHeader.left.text = "{{ theme.company }} & Co"
        book.active.oddFooter.center.text = "{{ t.page_head }}&P{{ t.page_middle }}&N"
        book.active.oddFooter.right.size = 10
        book.active.oddFooter.right.text = "{{ doc_date }}"

    other = replace(theme, company_zh="A&B 公司")
    book = printed(template(["x"], title="{{ label.params }}", edit=edit), other, doc)
    assert book.sheetnames == ["主要参数配置"]
    assert book.active.oddHeader.left.text == "A&&B 公司 & Co"
    assert book.active.oddFooter.center.text == "第 &P 页 共 &N"
    assert (book.active.oddFooter.right.size, book.active.oddFooter.right.text.strip()) == (
        10,
        "2026-03-07",
    )
    assert book.properties.title == f"数据库巡检档案 {doc.doc_no}"
    assert book.properties.creator == "A&B 公司"


def test_sheet_names_are_what_excel_takes() -> None:
    wanted = ["a/b:c*[x]?", "", "'q'", "History", "长" * 40, "长" * 40, "A", "a", "𠮷" * 20]
    names = sheet_names(wanted)
    assert names[:4] == ["a b c x", "Sheet2", "q", "History_"]
    assert names[5] == "长" * 27 + " (2)"
    assert names[7] == "a (2)"
    assert max(len(name.encode("utf-16-le")) // 2 for name in names) <= 31


def test_logo_and_code_take_their_places(theme: Theme, doc: Document) -> None:
    def edit(book: Any) -> None:
        for at in ("A1", "C1"):
            book.active.add_image(Image(io.BytesIO(theme.logo)), at)

    drawing = "xl/drawings/drawing1.xml"
    data = template(["x"], edit=edit)
    package = Package.read(data)
    marks = iter([b'descr="docgen:logo"', b'descr="docgen:qr"'])
    text = re.sub(b'descr="[^"]*"', lambda _: next(marks), package.parts[drawing])
    other = replace(
        theme, logo=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (400).to_bytes(4) + (100).to_bytes(4) + b"x"
    )
    made = Package.read(compile(package.with_parts({drawing: text}).pack(), other).render(doc))
    assert made.parts["xl/media/image1.png"] == other.logo
    assert made.parts["xl/media/image2.png"] == qr_png(doc, other)
    assert b'cx="2286000" cy="571500"' in made.parts[drawing]
