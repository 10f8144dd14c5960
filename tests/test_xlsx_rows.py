"""Rows of Excel workbooks: what stands around them moves with them, and nothing is cut."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import openpyxl
import pytest
from openpyxl.drawing.image import Image
from openpyxl.formatting.rule import Rule
from openpyxl.styles import Alignment, PatternFill
from openpyxl.styles.differential import DifferentialStyle
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.pagebreak import Break

from docgen.document import Document, Rows, Value, View
from docgen.errors import RenderFailed
from docgen.renderers.ooxml.package import Package
from docgen.renderers.xlsx import compile
from docgen.templates.theme import Theme, default_folder, load_theme
from tests.word_templates import document
from tests.workbooks import LOOP, faults, printed, template, values


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


def given(count: int) -> Document:
    """A document with so many parameters."""
    if count:
        rows = [{"name": f"p{at}", "current_value": str(at)} for at in range(count)]
        return document(params=rows)
    sections = ("params", "backup_policies", "backup_files", "security")
    absences = [{"section": name, "state": "none", "reason": "未提供"} for name in sections]
    return document(params=[], absences=absences)


def list_template(edit: Any = None) -> bytes:
    def furnish(book: Any) -> None:
        sheet = book.active
        sheet.auto_filter.ref = "A3:B3"
        sheet.freeze_panes = "A4"
        sheet.print_title_rows = "3:3"
        sheet.print_area = "A1:B10"
        if edit:
            edit(book)

    return template(*LOOP, title="{{ label.params }}", edit=furnish)


@pytest.mark.parametrize("count", [0, 1, 120])
def test_filter_frozen_rows_and_print_area_follow_the_rows(
    theme: Theme, count: int, tmp_path: Any
) -> None:
    path = tmp_path / "made.xlsx"
    path.write_bytes(compile(list_template(), theme).render(given(count)))
    assert faults(path) == []
    book = openpyxl.load_workbook(path)
    sheet: Any = book["主要参数配置"]
    end = 2 + count if count else 2
    assert sheet.auto_filter.ref == (f"A2:B{end}" if count else None)
    assert sheet.freeze_panes == ("A3" if count else "A2")
    assert sheet.print_area == f"'主要参数配置'!$A$1:$B${end + 1}"
    assert sheet.print_title_rows == ("$2:$2" if count else None)
    assert values(sheet)[-1] == ["end"]
    assert values(sheet)[1] == (["参数名", "当前值"] if count else ["无：未提供"])
    text = Package.read(path.read_bytes()).parts["xl/workbook.xml"].decode()
    assert ("_FilterDatabase" in text) == bool(count)
    assert "{{" not in text


def test_merges_repeat_with_their_rows(theme: Theme) -> None:
    def edit(book: Any) -> None:
        for ref in ("A1:C1", "B3:C3", "A3:A4"):
            book.active.merge_cells(ref)

    rows: list[list[Any]] = [
        ["title"],
        ["{%tr for p in params %}"],
        ["{{ p.name }}", "x"],
        [None, "y", "z"],
        ["{%tr endfor %}"],
    ]
    sheet = printed(template(*rows, edit=edit), theme, given(2)).active
    assert sorted(map(str, sheet.merged_cells.ranges)) == [
        "A1:C1",
        "A2:A3",
        "A4:A5",
        "B2:C2",
        "B4:C4",
    ]


def test_formats_validations_links_breaks_and_pictures_move(theme: Theme, tmp_path: Any) -> None:
    def edit(book: Any) -> None:
        sheet = book.active
        red = DifferentialStyle(fill=PatternFill("solid", bgColor="FF0000"))
        rule = Rule(type="expression", formula=['$B5="3"'], dxf=red)
        sheet.conditional_formatting.add("A5:B5", rule)
        check = DataValidation(type="list", formula1="$A$10:$A$10", sqref="B5")
        sheet.add_data_validation(check)
        sheet["A10"].hyperlink = Hyperlink(ref="A10", location="'{{ label.params }}'!A10")
        sheet.row_breaks.append(Break(id=9))
        sheet.add_image(Image(io.BytesIO(theme.logo)), "A12")

    path = tmp_path / "made.xlsx"
    path.write_bytes(compile(list_template(edit), theme).render(given(5)))
    assert faults(path) == []
    sheet: Any = openpyxl.load_workbook(path).active
    (formatting,) = sheet.conditional_formatting
    assert (str(formatting.sqref), formatting.rules[0].formula) == ("A3:B7", ['$B3="3"'])
    (check,) = sheet.data_validations.dataValidation
    assert (str(check.sqref), check.formula1) == ("B3:B7", "$A$8:$A$8")
    assert sheet["A8"].hyperlink.location == "'主要参数配置'!A8"
    assert [item.id for item in sheet.row_breaks.brk] == [7]
    assert sheet._images[0].anchor._from.row == 9


def test_formulas_span_the_rows_they_meant(theme: Theme) -> None:
    def edit(book: Any) -> None:
        sheet = book.active
        sheet["C5"] = "=LEN(B5)&$A$1"
        sheet["C10"] = "=SUM(C5:C5)+COUNTA(第二!A1)"
        book.create_sheet("第二")["A1"] = "=SUM('{{ label.params }}'!C5:C5)"
        book.defined_names["全部"] = DefinedName("全部", attr_text="'{{ label.params }}'!$B$5:$B$5")

    book = printed(list_template(edit), theme, given(3))
    sheet = book["主要参数配置"]
    formulas = [sheet.cell(row, 3).value for row in (3, 4, 5, 6)]
    assert formulas == [
        "=LEN(B3)&$A$1", "=LEN(B4)&$A$1", "=LEN(B5)&$A$1", "=SUM(C3:C5)+COUNTA('第二'!A1)",
    ]  # fmt: skip
    assert book["第二"]["A1"].value == "=SUM('主要参数配置'!C3:C5)"
    assert book.defined_names["全部"].attr_text == "'主要参数配置'!$B$3:$B$5"


def test_loops_in_loops_and_gaps(theme: Theme) -> None:
    outer = Rows(tuple(_parent(n, 2) for n in (1, 2)), "无")
    doc = given(1)
    doc = replace(doc, view=replace(doc.view, fields=doc.view.fields | {"objects": outer}))
    rows = [
        ["top"], [],
        ["{%tr for o in objects %}"], ["{{ loop.index }}"],
        ["{%tr for d in o.disks %}"], ["{{ o.name }}", "{{ d.name }}"], ["{%tr endfor %}"],
        [], ["{%tr endfor %}"], ["end"],
    ]  # fmt: skip
    sheet = printed(template(*rows), theme, doc).active
    assert [[c.value for c in row if c.value is not None] for row in sheet] == [
        ["top"], [], [1], ["o1", "d1"], ["o1", "d2"], [],
        [2], ["o2", "d1"], ["o2", "d2"], [], ["end"],
    ]  # fmt: skip


def _parent(number: int, disks: int) -> View:
    inner = tuple(View({"name": Value(f"d{at + 1}")}) for at in range(disks))
    return View({"name": Value(f"o{number}"), "disks": Rows(inner, "无")})


def test_rows_grow_with_their_texts(theme: Theme) -> None:
    def edit(book: Any) -> None:
        sheet = book.active
        sheet.column_dimensions["B"].width = 20
        sheet.row_dimensions[5].height = 20
        sheet["B5"].alignment = Alignment(wrap_text=True)

    doc = document(
        params=[{"name": "a", "current_value": text} for text in ("短", "长" * 30, "a\nb\nc")]
    )
    sheet = printed(template(*LOOP, edit=edit), theme, doc).active
    heights = [sheet.row_dimensions[row].height for row in (3, 4, 5)]
    assert heights[0] == 20
    assert heights[1] >= 4 * 14
    assert 3 * 14 <= heights[2] < 4 * 18


@pytest.mark.parametrize("length", [30_000, 40_000, 70_000])
def test_a_text_too_long_for_a_cell_goes_on_below(theme: Theme, length: int) -> None:
    def edit(book: Any) -> None:
        book.active.merge_cells("A2:B2")
        book.active["A2"].alignment = Alignment(wrap_text=True)

    log = "\n".join(f"{at:06d} {'日志' * 40}" for at in range(length // 88))
    doc = given(1)
    doc = replace(doc, view=replace(doc.view, fields=doc.view.fields | {"log": Value(log)}))
    sheet = printed(
        template(["top"], ["{{ log }}", None, "x"], ["end"], edit=edit), theme, doc
    ).active
    found = [cell.value for cell in sheet["A"]]
    assert (found[0], found[-1]) == ("top", "end")
    assert "\n".join(found[1:-1]) == log
    assert max(len(text) for text in found) <= 32_767
    assert max(sheet.row_dimensions[row].height or 0 for row in range(1, len(found))) <= 409.5
    assert len(sheet.merged_cells.ranges) == len(found) - 2


def test_one_endless_line_is_not_cut(theme: Theme) -> None:
    text = "𠮷" * 50_000
    doc = given(1)
    doc = replace(doc, view=replace(doc.view, fields=doc.view.fields | {"x": Value(text)}))
    sheet = printed(template(["{{ x }}"]), theme, doc).active
    assert "".join(cell.value for cell in sheet["A"]) == text
    assert max(len(cell.value.encode("utf-16-le")) // 2 for cell in sheet["A"]) <= 32_767


def test_a_sheet_that_claims_a_million_rows(theme: Theme) -> None:
    def edit(book: Any) -> None:
        book.active["A1048576"].fill = PatternFill("solid", fgColor="FF0000")

    sheet = printed(template(*LOOP, edit=edit), theme, given(2)).active
    assert sheet.max_row == 5


def test_a_header_too_long_for_excel_is_an_error(theme: Theme) -> None:
    def edit(book: Any) -> None:
        book.active.oddHeader.left.text = "{{ theme.company }}"

    made = compile(template(["x"], edit=edit), replace(theme, company_zh="长" * 300))
    with pytest.raises(RenderFailed) as refused:
        made.render(given(1))
    assert (refused.value.code, refused.value.place) == ("header_too_long", "表!oddHeader")


def test_time_grows_with_the_rows_and_no_faster(theme: Theme) -> None:
    made = compile(list_template(), theme)

    def seconds(count: int) -> float:
        """Processor time, which other programs do not lengthen."""
        doc = given(count)
        found = []
        for _ in range(2):
            start = time.process_time()
            made.render(doc)
            found.append(time.process_time() - start)
        return min(found)

    # Ten times the rows take ten times as long; a step that walks all rows for each, a hundred.
    assert seconds(5_000) < 30 * max(seconds(500), 0.005)
