"""Every odd file of the design, really made, handed in at once: each told, the rest converted."""

from __future__ import annotations

import io
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl
import pytest
from openpyxl.drawing.image import Image
from PIL import Image as Picture

from docgen.errors import InputUnreadable
from docgen.intake.sheets.book import open_book
from tests.commands import CONTRACT, as_json
from tests.sheet_files import TICKET_HEADER, converted_rows, faults, taken, ticket, workbook
from tests.sizes import FULL

LOCKED = Path(__file__).parent / "spreadsheets"
Make = Callable[[Path], object]

# ---------------------------------------------------------------- files that are refused whole


def _copy(name: str) -> Make:
    return lambda path: shutil.copyfile(LOCKED / name, path)


def _cut(path: Path) -> None:
    data = workbook(path, 咨询=[TICKET_HEADER, ticket(1)]).read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _mixed(path: Path) -> None:
    lines = [",".join(TICKET_HEADER), ",".join(map(str, ticket(1)))]
    path.write_bytes(lines[0].encode() + b"\n" + lines[1].encode("gb18030") + b"\n")


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(200 * 2**20)


def _image(path: Path) -> None:
    book = openpyxl.Workbook()
    _draw(book, book.worksheets[0])
    book.save(path)


def _draw(book: openpyxl.Workbook, sheet: Any) -> None:
    out = io.BytesIO()
    Picture.new("RGB", (40, 20), "red").save(out, "png")
    sheet.add_image(Image(out), "B2")


def _far(path: Path) -> None:
    workbook(path, 咨询=[TICKET_HEADER, ticket(1)])
    book = openpyxl.load_workbook(path)
    book["咨询"]["AZ1048576"] = "远处"
    book.save(path)


REFUSED: dict[str, tuple[Make, str]] = {
    "empty.xlsx": (lambda path: path.write_bytes(b""), "sheet_file_empty"),
    "empty.csv": (lambda path: path.write_bytes(b""), "sheet_file_empty"),
    "marked.csv": (lambda path: path.write_bytes(b"\xef\xbb\xbf\r\n"), "nothing_to_convert"),
    "locked.xlsx": (_copy("locked.xlsx"), "workbook_encrypted"),
    "locked.xls": (_copy("locked.xls"), "workbook_encrypted"),
    "locked.ods": (_copy("locked.ods"), "workbook_encrypted"),
    "cut.xlsx": (_cut, "workbook_broken"),
    "letter.xlsx": (lambda path: path.write_text("尊敬的客户："), "sheet_kind_unknown"),
    "mixed.csv": (_mixed, "csv_encoding"),
    "huge.csv": (_sparse, "sheet_file_too_large"),
    "huge.xlsx": (_sparse, "sheet_file_too_large"),
    "image.xlsx": (_image, "nothing_to_convert"),
    "far.xlsx": (_far, "too_many_cells"),
    "none.xlsx": (lambda path: workbook(path, 封面=[["某某公司"]]), "nothing_to_convert"),
}

# ---------------------------------------------------------------- files of which a part is told


def _tickets(path: Path, number: int, **sheets: Any) -> Path:
    return workbook(path, 咨询=[TICKET_HEADER, ticket(number)], **sheets)


def _ambiguous(path: Path) -> None:
    _tickets(path, 1, 表空间=[["名称", "大小", "Used"], ["USERS", 30, 29]])


def _twice(path: Path) -> None:
    rows: list[list[Any]] = [[*TICKET_HEADER, "报障人"], [*ticket(8), "刘洋"]]
    _tickets(path, 2, 又一张=rows)


def _cover(path: Path) -> None:
    _tickets(path, 3, 封面=[["某某公司"], ["二〇二六年三月"]])


def _macros(path: Path) -> None:
    _with(_tickets(path, 4), {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 Auto_Open"})


def _links(path: Path) -> None:
    """A value of another workbook, which is there, and says something else by now."""
    other = workbook(path.with_name("other.xlsx"), S=[["新的说法"]])
    _tickets(path, 5)
    with zipfile.ZipFile(path) as package:
        xml = package.read("xl/worksheets/sheet1.xml").decode()
    start = xml.index('<c r="D2"')
    end = xml.index("</c>", start)
    cell = '<c r="D2" t="str"><f>[1]S!A1</f><v>保存的说法</v>'
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" TargetMode="External" Type="http://schemas.openxmlformats.org/'
        f'officeDocument/2006/relationships/externalLinkPath" Target="{other.as_uri()}"/>'
        "</Relationships>"
    )
    link = '<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
    _with(
        path,
        {
            "xl/worksheets/sheet1.xml": (xml[:start] + cell + xml[end:]).encode(),
            "xl/externalLinks/externalLink1.xml": link.encode(),
            "xl/externalLinks/_rels/externalLink1.xml.rels": rels.encode(),
        },
    )


def _beside_an_image(path: Path) -> None:
    _tickets(path, 6)
    book = openpyxl.load_workbook(path)
    _draw(book, book.create_sheet("照片"))
    book.save(path)


def _million(path: Path) -> None:
    """A million rows of nothing under the data, each with its format."""
    _tickets(path, 7)
    with zipfile.ZipFile(path) as package:
        xml = package.read("xl/worksheets/sheet1.xml")
    rows = b"".join(b'<row r="%d"><c r="A%d" s="0"/></row>' % (n, n) for n in range(3, 1_000_003))
    at = xml.index(b"</sheetData>")
    _with(path, {"xl/worksheets/sheet1.xml": xml[:at] + rows + xml[at:]})


def _with(path: Path, parts: dict[str, bytes]) -> None:
    """Replace or add parts of a package."""
    with zipfile.ZipFile(path) as old:
        members = {name: old.read(name) for name in old.namelist()} | parts
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in members.items():
            new.writestr(name, data)


# file: how it is made, (sheet, cell, code) of its errors, its notes, reasons of its skips
TOLD: dict[str, tuple[Make, list[tuple[str, str, str]], list[str], list[str]]] = {
    "ambiguous.xlsx": (_ambiguous, [("表空间", "C1", "ambiguous_header")], [], []),
    "twice.xlsx": (_twice, [("又一张", "G1", "column_twice")], [], []),
    "cover.xlsx": (_cover, [], [], ["not_a_record_sheet"] * 2),
    "macros.xlsm": (_macros, [], ["macros_ignored"], []),
    "links.xlsx": (_links, [], ["external_links_ignored"], []),
    "picture.xlsx": (_beside_an_image, [], ["pictures_ignored"], []),
    "million.xlsx": (_million, [], [], []),
}


@pytest.mark.slow
def test_each_is_told_and_the_rest_is_converted(tmp_path: Path) -> None:
    files = [tmp_path / name for name in (*REFUSED, *TOLD)]
    for path in files:
        (REFUSED | TOLD)[path.name][0](path)
    options = ("--contract", CONTRACT, "--out", tmp_path / "out", "--format", "docx")
    report = as_json("convert", *files, *options, code=1)

    for one in (*report["errors"], *report["notes"], *report["skipped"], *report["documents"]):
        one["file"] = Path(one["file"]).name
    refused = {one["file"]: one["code"] for one in report["errors"] if not one["sheet"]}
    assert refused == {name: code for name, (_, code) in REFUSED.items()}
    for one in report["errors"]:
        assert all(one[part][lang] for part in ("message", "hint") for lang in ("zh", "en")), one
    for name, (_, errors, notes, skips) in TOLD.items():
        told = [one for one in report["errors"] if one["file"] == name]
        assert [(one["sheet"], one["cell"], one["code"]) for one in told] == errors, name
        assert [one["code"] for one in report["notes"] if one["file"] == name] == notes, name
        assert [one["reason"] for one in report["skipped"] if one["file"] == name] == skips, name
    made = {one["file"] for one in report["documents"] if one["state"] == "made"}
    assert made == set(TOLD)
    rows = report["rows"]
    assert rows == {"read": 11, "converted": 7, "failed": 2, "skipped": 2}
    assert all((Path(one["path"])).stat().st_size for one in report["documents"])


def test_links_are_never_followed(tmp_path: Path) -> None:
    _links(tmp_path / "links.xlsx")
    (sheet,) = open_book(tmp_path / "links.xlsx").sheets
    cells = [cell for _, row in sheet.rows() for cell in row]
    assert "保存的说法" in cells
    assert "新的说法" not in cells


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_refused_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    make, code = REFUSED[name]
    make(tmp_path / name)
    with pytest.raises(InputUnreadable) as caught:
        taken(tmp_path / name, tmp_path / "out")
    assert caught.value.code == code
    assert caught.value.message("zh")
    assert caught.value.hint("zh")


@pytest.mark.slow
def test_a_sheet_of_hundreds_of_mb_is_read_whole(tmp_path: Path) -> None:
    path, rows = tmp_path / "large.xlsx", 20_000 if FULL else 4_000
    workbook(path, 咨询=[TICKET_HEADER])
    dice = random.Random(1)
    words = [f"{dice.getrandbits(40):010x}" for _ in range(3000)]
    with zipfile.ZipFile(path) as package:
        members = {name: package.read(name) for name in package.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    head, foot = members.pop(sheet).split(b"</sheetData>")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for name, data in members.items():
            new.writestr(name, data)
        with new.open(sheet, "w", force_zip64=True) as part:
            part.write(head)
            for number in range(rows):
                long = " ".join(dice.choices(words, k=900))
                day = f"2026-{number % 8 + 3:02}-{number // 8 % 28 + 1:02} 09:00"
                cells = ticket(number, 问题描述=f"{number} {long}", 受理时间=day)
                part.write(_row(number + 2, cells).encode())
            part.write(b"</sheetData>" + foot)
    assert zipfile.ZipFile(path).getinfo(sheet).file_size > rows * 9900
    result = taken(path, tmp_path / "out", dry=True)
    assert faults(result) == []
    assert (result.read, converted_rows(result)) == (rows, rows)


def _row(number: int, cells: list[Any]) -> str:
    made = (
        f'<c r="{chr(65 + at)}{number}" t="inlineStr"><is><t>{escape(str(cell))}</t></is></c>'
        for at, cell in enumerate(cells)
    )
    return f'<row r="{number}">{"".join(made)}</row>'
