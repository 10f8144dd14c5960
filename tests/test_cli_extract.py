"""`docgen extract`: the record comes back from all formats, and every change is seen."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pikepdf
import pytest

from docgen.errors import InputUnreadable
from docgen.files.output import OutputFolder
from docgen.pipeline.extract import extract
from schemas.envelope import Record
from tests.commands import SAMPLES, TEMPLATES, XJ, ZX, as_json, codes, docgen, rendered
from tests.records import NOW, read_as

FORMATS = ["docx", "xlsx", "pdf"]
HARD = SAMPLES / "XJ" / "hard.json"
DOC_NO = "ZX-HDYD-20260306-001"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A record in three formats."""
    report = rendered(ZX, to=tmp_path_factory.mktemp("documents"), formats=",".join(FORMATS))
    return {made["format"]: Path(made["path"]).read_bytes() for made in report["documents"]}


def typed(plain: Any) -> Record:
    found = read_as(plain)
    assert found.value is not None
    return found.value


def written(folder: Path, name: str, data: bytes) -> Path:
    return OutputFolder(folder).deliver(name, data)[0]


@pytest.mark.parametrize("name", FORMATS)
def test_the_record_comes_back(tmp_path: Path, documents: dict[str, bytes], name: str) -> None:
    report = as_json("extract", written(tmp_path, f"a.{name}", documents[name]))
    assert report["record_intact"] is True
    assert report["file_intact"] is True
    assert report["later_revisions"] == 0
    assert typed(report["record"]) == typed(json.loads(ZX.read_text("utf-8")))


def test_a_hard_record_comes_back_and_makes_the_same_document(tmp_path: Path) -> None:
    (made,) = rendered(HARD, to=tmp_path / "a")["documents"]
    run = docgen(
        "extract", made["path"], "-o", tmp_path / "r.json", "--attachments", tmp_path / "logs"
    )
    assert run.returncode == 0
    assert run.stdout == ""
    assert "完好 intact" in run.stderr
    back, given = (json.loads(path.read_text("utf-8")) for path in (tmp_path / "r.json", HARD))
    assert typed(back) == typed(given)
    (again,) = rendered(tmp_path / "r.json", to=tmp_path / "b")["documents"]
    assert again["sha256"] == made["sha256"]
    logs = [path.read_text("utf-8") for path in (tmp_path / "logs").iterdir()]
    assert logs
    for log in logs:
        assert json.dumps(log, ensure_ascii=False) in HARD.read_text("utf-8")


def test_all_formats_hold_the_same_bytes(documents: dict[str, bytes]) -> None:
    assert len({extract(data, NOW).record_json for data in documents.values()}) == 1


def test_people_get_the_record_and_the_verdict_apart(
    tmp_path: Path, documents: dict[str, bytes]
) -> None:
    path = written(tmp_path, "a.docx", documents["docx"])
    run = docgen("extract", path)
    assert json.loads(run.stdout)["doc_no"] == DOC_NO
    assert run.stderr == f"{path}: 单据 record 完好 intact，文件 file 完好 intact\n"


def test_the_record_overwrites_nothing(tmp_path: Path, documents: dict[str, bytes]) -> None:
    path = written(tmp_path, "a.docx", documents["docx"])
    (tmp_path / "r.json").write_text("mine", "utf-8")
    assert docgen("extract", path, "-o", tmp_path / "r.json").returncode == 1
    assert (tmp_path / "r.json").read_text("utf-8") == "mine"
    assert docgen("extract", path, "-o", tmp_path / "r.json", "--force").returncode == 0
    assert docgen("extract", path, "-o", f"{tmp_path}/there/").returncode == 0
    assert (tmp_path / "there" / "a.json").read_text("utf-8") == (tmp_path / "r.json").read_text()
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))


# ---------------------------------------------------------------- changed


def _edited_in_word(data: bytes) -> bytes:
    made = docx.Document(io.BytesIO(data))
    made.paragraphs[0].add_run("!")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def _edited_in_excel(data: bytes) -> bytes:
    book = openpyxl.load_workbook(io.BytesIO(data))
    cell = next(c for row in book.worksheets[0] for c in row if isinstance(c.value, str))
    cell.value = "!"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _byte_of_the_middle(data: bytes) -> bytes:
    place = len(data) // 2
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _repacked(change: Callable[[str, bytes], bytes]) -> Callable[[bytes], bytes]:
    """Every part passes `change`."""

    def repack(data: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
            for info in old.infolist():
                new.writestr(info, change(info.filename, old.read(info)))
        return out.getvalue()

    return repack


def _in_the_record(name: str, part: bytes) -> bytes:
    return part.replace(b"ZX-HDYD-", b"ZX-HDYX-") if name.startswith("customXml/item") else part


def _in_the_body(name: str, part: bytes) -> bytes:
    return part.replace("咨询".encode(), "缺陷".encode()) if "document.xml" in name else part


def _attached_anew(data: bytes) -> bytes:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.attachments["record.json"] = HARD.read_bytes()
        out = io.BytesIO()
        pdf.save(out)
    return out.getvalue()


def _revised(data: bytes) -> bytes:
    """An object appended as ISO 32000-2, 7.5.6 has it, as a signature would be."""
    root = re.findall(rb"/Root (\d+ \d+ R)", data)[-1]
    before = re.findall(rb"startxref\s+(\d+)", data)[-1]
    number = 99_999
    added = b"%d 0 obj\n<< >>\nendobj\n" % number
    table = b"xref\n%d 1\n%010d 00000 n \n" % (number, len(data))
    trailer = b"trailer\n<< /Size %d /Root %s /Prev %s >>\n" % (number + 1, root, before)
    return data + added + table + trailer + b"startxref\n%d\n%%%%EOF\n" % (len(data) + len(added))


@pytest.mark.parametrize(
    ("name", "change", "record_too"),
    [
        ("docx", _edited_in_word, False),
        ("docx", _repacked(_in_the_body), False),
        ("docx", _repacked(_in_the_record), True),
        ("xlsx", _repacked(_in_the_record), True),
        ("pdf", _byte_of_the_middle, False),
        ("pdf", _attached_anew, False),
        ("pdf", lambda data: _revised(_byte_of_the_middle(data)), False),
        ("pdf", lambda data: data + b"\n", False),
    ],
)
def test_a_change_is_seen(
    documents: dict[str, bytes], name: str, change: Callable[[bytes], bytes], record_too: bool
) -> None:
    data = change(documents[name])
    assert data != documents[name]
    found = extract(data, NOW)
    assert found.file_intact is False
    assert found.record_intact is not record_too


def test_a_workbook_edited_elsewhere_is_changed_or_without_record(
    tmp_path: Path, documents: dict[str, bytes]
) -> None:
    """Openpyxl drops custom parts, as Excel does not."""
    run = docgen("extract", written(tmp_path, "a.xlsx", _edited_in_excel(documents["xlsx"])))
    assert run.returncode == 1
    assert "no_record" in run.stderr or "已改动 changed" in run.stderr


def test_a_change_is_told_to_people(tmp_path: Path, documents: dict[str, bytes]) -> None:
    path = written(tmp_path, "a.pdf", _byte_of_the_middle(documents["pdf"]))
    run = docgen("extract", path)
    assert run.returncode == 1
    assert "文件 file 已改动 changed" in run.stderr


def test_later_revisions_are_counted(tmp_path: Path, documents: dict[str, bytes]) -> None:
    report = as_json("extract", written(tmp_path, "a.pdf", _revised(documents["pdf"])))
    assert (report["file_intact"], report["later_revisions"]) == (True, 1)
    run = docgen("extract", tmp_path / "a.pdf")
    assert "1 later revisions" in run.stderr


@pytest.mark.parametrize(
    "text", ["{", "", "[1]", '{"doc_no": "XJ-1"}', pytest.param("[" * 1000, id="deep")]
)
def test_a_record_that_can_no_longer_be_read(documents: dict[str, bytes], text: str) -> None:
    def spoilt(name: str, part: bytes) -> bytes:
        if not name.startswith("customXml/item") or b"<record" not in part:
            return part
        head, _, rest = part.partition(b"<record")
        return head + b"<record" + rest.partition(b">")[0] + b">" + text.encode() + b"</record>"

    report = extract(_repacked(spoilt)(documents["docx"]), NOW).as_json()
    assert report["record_intact"] is report["file_intact"] is False


# ---------------------------------------------------------------- hostile bytes


def _zip(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name.replace("__", "/"), data)
    return out.getvalue()


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "json": XJ.read_bytes(),
    "zip head": b"PK\x03\x04" + b"\x00" * 100,
    "empty zip": b"PK\x05\x06" + b"\x00" * 18,
    "other zip": _zip(a=b"b"),
    "bomb": _zip(a=b"\x00" * 30_000_000),
    "pdf head": b"%PDF-1.7\n",
    "pdf junk": b"%PDF-1.7\n" + bytes(range(256)) * 50 + b"%%EOF",
    "template": TEMPLATES.joinpath("XJ", "document.docx").read_bytes(),
    "workbook": TEMPLATES.joinpath("XJ", "workbook.xlsx").read_bytes(),
    "png": TEMPLATES.joinpath("theme", "logo.png").read_bytes(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused(name: str) -> None:
    with pytest.raises(InputUnreadable) as caught:
        extract(HOSTILE[name], NOW)
    assert " at 0x" not in caught.value.message("en")
    assert caught.value.message("zh")


def test_hostile_bytes_are_refused_to_people(tmp_path: Path) -> None:
    for name in ("bomb", "pdf junk"):
        path = written(tmp_path, name, HOSTILE[name])
        (error,) = as_json("extract", path, code=1)["errors"]
        assert error["file"] == str(path)
        assert error["message"]["zh"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_torn_file_is_refused_or_changed(
    documents: dict[str, bytes], name: str, share: float
) -> None:
    try:
        found = extract(documents[name][: int(len(documents[name]) * share)], NOW)
    except InputUnreadable:
        return
    assert not found.file_intact


def test_what_cannot_be_opened_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        assert codes(as_json("extract", path, code=1)["errors"]) == ["file_unreadable"]


def test_standard_input_is_extracted(documents: dict[str, bytes]) -> None:
    report = as_json("extract", "-", data=documents["docx"])
    assert report["record"]["doc_no"] == DOC_NO


def test_extracting_leaves_no_files(tmp_path: Path, documents: dict[str, bytes]) -> None:
    path = written(tmp_path, "a.docx", documents["docx"])
    shutil.copy(path, tmp_path / "b.docx")
    docgen("extract", path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.docx", "b.docx"]
    assert path.read_bytes() == documents["docx"]
