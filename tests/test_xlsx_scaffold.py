"""Scaffolded Excel templates of every record type: complete, valid, editable, and they open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docgen.authoring.scaffold.xlsx import scaffold_xlsx
from docgen.renderers.xlsx import compile, pieces
from docgen.templates.theme import Theme, default_folder, load_theme
from schemas.catalog import record_types
from schemas.fields import shape
from tests.test_docx_scaffold import CODES, bare, document, printed
from tests.word_templates import document as draft
from tests.workbooks import all_shown, faults, opened


@pytest.fixture(scope="module")
def theme() -> Theme:
    return load_theme(default_folder())


@pytest.fixture(scope="module")
def templates() -> dict[str, bytes]:
    return {code: scaffold_xlsx(record_types()[code]) for code in CODES}


@pytest.mark.parametrize("code", CODES)
def test_a_scaffold_is_the_same_each_time_and_lists_its_tags(
    code: str, templates: dict[str, bytes]
) -> None:
    assert scaffold_xlsx(record_types()[code]) == templates[code]
    assert len(pieces(templates[code])) > 50
    assert max(map(len, opened(templates[code]).sheetnames)) <= 31


@pytest.mark.parametrize("code", CODES)
def test_outputs_pass_the_auditor(
    code: str, templates: dict[str, bytes], theme: Theme, tmp_path: Path
) -> None:
    made = compile(templates[code], theme)
    for doc in (document(code), document(code, "en"), bare(code)):
        (tmp_path / "out.xlsx").write_bytes(made.render(doc))
        assert faults(tmp_path / "out.xlsx") == []


@pytest.mark.parametrize("code", CODES)
def test_no_tag_is_left_and_english_has_no_chinese_labels(
    code: str, templates: dict[str, bytes], theme: Theme
) -> None:
    book = opened(compile(templates[code], theme).render(document(code, "en")))
    texts = [str(cell.value) for sheet in book for row in sheet for cell in row if cell.value]
    assert not [text for text in [*texts, *book.sheetnames] if "{{" in text or "{%" in text]
    assert not [name for name in book.sheetnames if not name.isascii()]


@pytest.mark.parametrize("code", CODES)
def test_lists_are_filtered_frozen_and_fit_the_page(
    code: str, templates: dict[str, bytes], theme: Theme
) -> None:
    book = opened(compile(templates[code], theme).render(document(code)))
    for sheet in book:
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.page_setup.paperSize == 9
        assert sheet.print_area
        assert "第 &P 页 共 &N 页" in sheet.oddFooter.center.text
        assert sheet.oddHeader.left.text == theme.company_zh
        if sheet.auto_filter.ref:
            assert sheet.print_title_rows == "$3:$3"
            assert sheet.freeze_panes in ("A4", "B4")
            assert (
                int(sheet.auto_filter.ref.split(":")[1].lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) >= 5
            )


@pytest.mark.parametrize("code", CODES)
def test_empty_lists_say_so_and_leave_no_grid(
    code: str, templates: dict[str, bytes], theme: Theme
) -> None:
    model = record_types()[code]
    book = opened(compile(templates[code], theme).render(bare(code)))
    assert not [sheet.title for sheet in book if sheet.auto_filter.ref]
    if model.record_type.layout == "archive":
        lists = [name for name in model.model_fields if _own_sheet(model, name)]
        assert len([s for s in book if s["A3"].value == "无"]) >= len(lists)


def _own_sheet(model: Any, name: str) -> bool:
    kind = shape(model, name)
    own = name not in ("revisions", "distribution", "attachments", "signoffs", "absences")
    return bool(kind.is_list and kind.part and own)


def test_a_draft_is_marked_on_every_sheet(templates: dict[str, bytes], theme: Theme) -> None:
    book = opened(compile(templates["XJ"], theme).render(draft()))
    for sheet in book:
        assert "草稿" in [str(cell.value) for row in sheet.iter_rows(max_row=2) for cell in row]
        assert "草稿" in sheet.oddHeader.center.text


def test_rows_of_nested_lists_name_their_owner(templates: dict[str, bytes], theme: Theme) -> None:
    book = opened(compile(templates["WB"], theme).render(document("WB")))
    rows = [
        [cell.value for cell in row[:2]] for row in book["磁盘"].iter_rows(min_row=3, max_row=7)
    ]
    assert rows[0] == ["资产编号", "磁盘类型"]
    assert [row[0] for row in rows[1:]] == ["asset_no·11"] * 2 + ["asset_no·12"] * 2


@pytest.fixture(scope="module")
def shown_by_office(
    templates: dict[str, bytes], theme: Theme, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """All texts that LibreOffice shows of each output."""
    folder = tmp_path_factory.mktemp("office")
    files = [folder / f"{code}.xlsx" for code in CODES]
    for file in files:
        file.write_bytes(compile(templates[file.stem], theme).render(document(file.stem)))
    return {
        file.stem: {cell for rows in sheets.values() for row in rows for cell in row}
        for file, sheets in all_shown(files).items()
    }


@pytest.mark.office
@pytest.mark.parametrize("code", CODES)
def test_libreoffice_shows_every_value(code: str, shown_by_office: dict[str, set[str]]) -> None:
    values = set(printed(document(code).view, record_types()[code]))
    assert values - shown_by_office[code] == set()
