"""Files of every kind and condition: each is read, or refused with its reason; none is lost."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import openpyxl
import pytest
from openpyxl.styles import Font
from openpyxl.worksheet.formula import ArrayFormula

from docgen.errors import DocgenError, InputUnreadable
from docgen.sheets.book import open_book
from docgen.sheets.limits import Limits
from tests.hostile import displaced
from tests.sheet_files import (
    BAD_CELLS,
    TICKET_HEADER,
    convert_all,
    converted_rows,
    faults,
    recorded,
    taken,
    three_sheets,
    ticket,
    workbook,
)
from tests.sizes import FULL


def refused(path: Path, limits: Limits | None = None) -> str:
    """The code with which a file is refused."""
    with pytest.raises(InputUnreadable) as caught:
        open_book(path, limits=limits)
    assert caught.value.zh
    assert caught.value.hint_en
    return caught.value.code


def tickets(path: Path, number: int = 2) -> Path:
    return workbook(path, 咨询=[TICKET_HEADER, *(ticket(n) for n in range(number))])


def repacked(path: Path, source: Path, **changes: bytes) -> Path:
    """Write a copy of a package with some parts replaced or added."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in changes:
                new.writestr(name, old.read(name))
        for name, data in changes.items():
            new.writestr(name, data)
    return path


Converted = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """Workbooks as LibreOffice writes them, by name and kind; all of a kind come of one start."""
    folder = tmp_path_factory.mktemp("workbooks")
    sources = [
        three_sheets(folder / "assets.xlsx"),
        three_sheets(folder / "assets1904.xlsx", mac=True),
        odd_cells(folder / "odd.xlsx"),
        merged_servers(folder / "merged.xlsx"),
    ]

    @cache
    def of_kind(kind: str) -> Path:
        convert_all(sources, kind, folder / kind)
        return folder / kind

    return lambda name, kind: of_kind(kind) / f"{name}.{kind}"


# ---------------------------------------------------------------- kinds and conditions


def test_what_is_no_spreadsheet(tmp_path: Path) -> None:
    cases = {
        "empty.xlsx": (b"", "sheet_file_empty"),
        "text.xlsx": (b"hello", "sheet_kind_unknown"),
        "zip.xlsx": (b"PK\3\4 broken", "workbook_broken"),
        "ole.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "workbook_broken"),
    }
    cases["displaced.xlsx"] = (
        displaced(tickets(tmp_path / "a.xlsx").read_bytes()),
        "workbook_broken",
    )
    for name, (data, code) in cases.items():
        (tmp_path / name).write_bytes(data)
        assert refused(tmp_path / name) == code, name
    assert refused(tmp_path / "none.xlsx") == "sheet_file_unreadable"
    other = tmp_path / "other.xlsx"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert refused(other) == "sheet_kind_unknown"


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    path = tickets(tmp_path / "a.xlsx").rename(tmp_path / "a.et")
    assert converted_rows(taken(path, tmp_path / "out")) == 2


def test_an_encrypted_workbook_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "locked.xlsx"
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
    path.write_bytes(head + "EncryptedPackage".encode("utf-16-le"))
    assert refused(path) == "workbook_encrypted"


def test_macros_and_links_are_ignored_and_said(tmp_path: Path) -> None:
    parts = {"xl/vbaProject.bin": b"x", "xl/externalLinks/externalLink1.xml": b"<x/>"}
    path = repacked(tmp_path / "b.xlsm", tickets(tmp_path / "a.xlsx"), **parts)
    result = taken(path, tmp_path / "out")
    assert result.notes == ["macros_ignored", "external_links_ignored"]
    assert converted_rows(result) == 2


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    evil = b'<!DOCTYPE x [<!ENTITY a "b">]><workbook/>'
    path = repacked(tmp_path / "b.xlsx", tickets(tmp_path / "a.xlsx"), **{"xl/workbook.xml": evil})
    assert refused(path) == "workbook_xml"


def test_bombs_and_limits(tmp_path: Path) -> None:
    source = tickets(tmp_path / "a.xlsx")
    sheet = "xl/worksheets/sheet1.xml"
    bomb = repacked(tmp_path / "bomb.xlsx", source, **{sheet: b"<x>" + b" " * (40 * 2**20)})
    assert refused(bomb) == "sheet_zip_bomb"
    assert refused(source, Limits(file_bytes=1000)) == "sheet_file_too_large"
    assert refused(source, Limits(unpacked_bytes=1000)) == "sheet_unpacked_too_large"
    assert refused(source, Limits(rows=2)) == "too_many_sheet_rows"
    assert refused(source, Limits(columns=3)) == "too_many_columns"
    two = workbook(tmp_path / "two.xlsx", a=[["x"]], b=[["x"]])
    assert refused(two, Limits(sheets=1)) == "too_many_sheets"


def test_lying_sizes_are_found(tmp_path: Path) -> None:
    data = bytearray(tickets(tmp_path / "a.xlsx").read_bytes())
    at = data.rindex(b"xl/worksheets/sheet1.xml") - 46  # its entry in the directory
    assert data[at : at + 4] == b"PK\1\2"
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    path = tmp_path / "lies.xlsx"
    path.write_bytes(data)
    assert refused(path) in {"sheet_zip_bomb", "workbook_broken"}


def test_a_declared_size_that_lies_does_no_harm(tmp_path: Path) -> None:
    source = tickets(tmp_path / "a.xlsx")
    name = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(source) as archive:
        xml = archive.read(name)
    for number, size in enumerate((b"A1:A1", b"A1:XFD1048576")):
        start = xml.index(b'<dimension ref="') + 16
        changed = xml[:start] + size + xml[xml.index(b'"', start) :]
        path = repacked(tmp_path / f"{number}.xlsx", source, **{name: changed})
        assert converted_rows(taken(path, tmp_path / f"out{number}")) == 2


def test_a_million_empty_rows_are_nothing(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(tickets(tmp_path / "a.xlsx"))
    sheet = book.worksheets[0]
    sheet.row_dimensions[1_048_570].height = 20
    sheet["A1048576"].font = Font(bold=True)
    book.save(tmp_path / "b.xlsx")
    result = taken(tmp_path / "b.xlsx", tmp_path / "out")
    assert (result.read, converted_rows(result)) == (2, 2)


def test_many_blank_rows_before_a_last_one_are_one_entry(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(tickets(tmp_path / "a.xlsx"))
    for column, value in enumerate(ticket(9), 1):
        book.worksheets[0].cell(50_000, column).value = value
    book.save(tmp_path / "b.xlsx")
    result = taken(tmp_path / "b.xlsx", tmp_path / "out")
    assert (converted_rows(result), result.skipped, len(result.skips)) == (3, 49_996, 1)


def test_sheets_that_are_no_record_are_skipped_by_rows(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "a.xlsx",
        封面=[["某某公司"], ["二〇二六年三月"]],
        空=[],
        咨询=[TICKET_HEADER, ticket(1)],
    )
    result = taken(path, tmp_path / "out")
    assert [(one.sheet, one.row, one.reason) for one in result.skips] == [
        ("封面", 1, "not_a_record_sheet"),
        ("封面", 2, "not_a_record_sheet"),
    ]
    assert (result.read, converted_rows(result)) == (3, 1)


def test_a_file_of_no_records_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", 图=[["只有一张图"]])
    with pytest.raises(InputUnreadable, match="No header") as caught:
        taken(path, tmp_path / "out")
    assert caught.value.code == "nothing_to_convert"


def test_hidden_sheets_are_read_and_said(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(tickets(tmp_path / "a.xlsx"))
    book.create_sheet("x")
    book["咨询"].sheet_state = "hidden"
    book.save(tmp_path / "b.xlsx")
    result = taken(tmp_path / "b.xlsx", tmp_path / "out")
    assert (converted_rows(result), result.notes) == (2, ["hidden_sheet"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["xls", "ods"])
def test_other_kinds_of_workbooks_are_read_alike(
    tmp_path: Path, kind: str, converted: Converted
) -> None:
    """Acceptance case 11 in both date systems."""
    for name in ("assets", "assets1904"):
        result = taken(converted(name, kind), tmp_path / name)
        assert (result.read, result.failed, result.skipped) == (120, 3, 5)
        assert faults(result) == BAD_CELLS
        objects = recorded(tmp_path / name, result.documents[0].doc_no)["objects"]
        assert objects[6]["warranty_to"] == "2026-03-07"


# ---------------------------------------------------------------- cells that have no value


def odd_cells(path: Path) -> Path:
    book = openpyxl.load_workbook(tickets(path))
    sheet = book.worksheets[0]
    sheet["F2"] = "#N/A"
    sheet["F2"].data_type = "e"
    sheet["D3"] = "=1+1"
    book.save(path)
    return path


def test_error_cells_and_formulas_without_value(tmp_path: Path) -> None:
    result = taken(odd_cells(tmp_path / "a.xlsx"), tmp_path / "out")
    assert faults(result) == [("咨询", "D3", "formula_without_value"), ("咨询", "F2", "error_cell")]
    assert "#N/A" in result.faults[0].problem.message("zh")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_computed_formulas_give_their_value_and_errors_are_found(
    tmp_path: Path, kind: str, converted: Converted
) -> None:
    result = taken(converted("odd", kind), tmp_path / "out")
    assert faults(result) == [("咨询", "F2", "error_cell")]
    assert converted_rows(result) == 1


def test_array_formulas_are_looked_at_too(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(tickets(tmp_path / "a.xlsx"))
    book.worksheets[0]["D2"] = ArrayFormula("D2", "=1+1")
    book.save(tmp_path / "b.xlsx")
    assert faults(taken(tmp_path / "b.xlsx", tmp_path / "out"))[0][2] == "formula_without_value"


# ---------------------------------------------------------------- merged cells


def merged_servers(path: Path) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "服务器"
    header = ["业务系统", "资产编号", "服务器名称", "数据库类型", "数据库版本", "IP", "CPU", "内存"]
    sheet.append([*header, "管理员"])
    for number in range(1, 5):
        system = "CRM" if number == 1 else None
        row = [system, f"A-{number}", f"db{number}", "Oracle", "19.3", f"10.0.0.{number}", 8, 64]
        sheet.append([*row, "张伟" if number == 1 else "同上" if number == 2 else "李娜"])
    sheet.merge_cells("A2:A4")
    book.save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["xlsx", "xls", "ods"])
def test_only_merged_ranges_and_ditto_are_filled(
    tmp_path: Path, kind: str, converted: Converted
) -> None:
    own = kind == "xlsx"
    path = merged_servers(tmp_path / "a.xlsx") if own else converted("merged", kind)
    result = taken(path, tmp_path / "out")
    assert faults(result) == [("服务器", "A5", "missing")]
    assert converted_rows(result) == 3


def test_ditto_without_a_value_above(tmp_path: Path) -> None:
    rows = [ticket(1, 客户需求="同上"), ticket(2), ticket(3, 客户需求="同上")]
    result = taken(workbook(tmp_path / "a.xlsx", 咨询=[TICKET_HEADER, *rows]), tmp_path / "out")
    assert faults(result) == [("咨询", "F2", "nothing_above")]
    assert converted_rows(result) == 2


# ---------------------------------------------------------------- CSV


@pytest.mark.parametrize("separator", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_of_every_encoding_and_separator(tmp_path: Path, encoding: str, separator: str) -> None:
    rows = [TICKET_HEADER, ticket(1, 提出人="𠮷田䶮"), ticket(2, 问题描述='带"引号，和\n换行')]
    quoted = (['"' + str(cell).replace('"', '""') + '"' for cell in row] for row in rows)
    path = tmp_path / "a.csv"
    path.write_bytes("\r\n".join(separator.join(row) for row in quoted).encode(encoding))
    result = taken(path, tmp_path / "out")
    assert not result.faults
    assert converted_rows(result) == 2


def test_a_csv_of_two_encodings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("问题,时间\n".encode() + "中文".encode("gb18030") + b"\xff\xff\n")
    with pytest.raises(InputUnreadable) as caught:
        taken(path, tmp_path / "out")
    assert caught.value.code == "csv_encoding"


def test_an_open_quote_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('"' + "x" * 5_000_000, "utf-8")
    with pytest.raises(InputUnreadable) as caught:
        taken(path, tmp_path / "out")
    assert caught.value.code == "csv_quotes"


def test_excels_separator_line_is_no_row(tmp_path: Path) -> None:
    lines = ["sep=;", ";".join(TICKET_HEADER), ";".join(map(str, ticket(1)))]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines), "utf-8")
    result = taken(path, tmp_path / "out")
    assert (result.sheets[0]["header_rows"], converted_rows(result)) == ([2], 1)


# ---------------------------------------------------------------- mutations


@pytest.mark.slow
def test_mutated_workbooks_end_in_a_result_or_a_refusal(tmp_path: Path) -> None:
    source = tickets(tmp_path / "a.xlsx", 5).read_bytes()
    dice = random.Random(7)
    for number in range(3_000 if FULL else 100):
        path = tmp_path / "m.xlsx"
        path.write_bytes(mutated(source, dice, inside=number % 2 == 0))
        try:
            result = taken(path, tmp_path / f"out{number}", dry=True)
        except DocgenError:
            continue
        assert result.read == result.failed + result.skipped + converted_rows(result)


def mutated(data: bytes, dice: random.Random, *, inside: bool) -> bytes:
    """Change some bytes of a package, or of one of its parts."""
    if not inside:
        return scrambled(data, dice)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = dice.choice(old.namelist())
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, scrambled(part, dice) if name == chosen else part)
    return out.getvalue()


def scrambled(data: bytes, dice: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(dice.randint(1, 8)):
        at = dice.randrange(len(made))
        kind = dice.randrange(3)
        if kind == 0:
            made[at] = dice.randrange(256)
        elif kind == 1:
            del made[at : at + dice.randint(1, 40)]
        else:
            made[at:at] = bytes(dice.randrange(256) for _ in range(dice.randint(1, 20)))
    return bytes(made) or b"x"
