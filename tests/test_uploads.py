"""What people upload: honest files of every kind pass, each attack is refused by its own code."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import random
import re
import stat
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.message import Message
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFile

from docgen.errors import UploadRefused
from docgen.renderers.isolation import Children
from docgen.uploads import (
    MOST_BYTES,
    Purpose,
    Upload,
    content_disposition,
    display_name,
    inspect,
)
from tests import hostile
from tests.hostile import CONTENT_TYPES, RELATION, archive, edited, pdf, with_part
from tests.sizes import FULL

GROWTH_MB = 50


def accepted(name: str, data: bytes, purpose: Purpose = "attachment") -> Upload:
    made = inspect(name, data, purpose=purpose)
    assert (made.size_bytes, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    return made


def refused(name: str, data: bytes, purpose: Purpose = "attachment") -> UploadRefused:
    with pytest.raises(UploadRefused) as caught:
        inspect(name, data, purpose=purpose)
    wrong = caught.value
    assert all(
        (wrong.message("zh"), wrong.message("en"), wrong.hint("zh"), wrong.hint("en"), wrong.place)
    )
    assert pickle.loads(pickle.dumps(wrong)).as_json() == wrong.as_json()  # noqa: S301 (ours)
    return wrong


def code(name: str, data: bytes, purpose: Purpose = "attachment") -> str:
    return refused(name, data, purpose).code


# ---------------------------------------------------------------- honest files


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
@pytest.mark.parametrize("purpose", ["attachment", "scan"])
def test_images_are_measured(kind: str, purpose: Purpose) -> None:
    made = accepted(f"签字页.{kind}", hostile.image(kind), purpose)
    assert (made.content_type, made.extension) == (f"image/{kind}", kind)
    assert (made.width, made.height, made.pages) == (40, 30, 1)


def test_pages_are_counted() -> None:
    assert accepted("a.TIF", hostile.image("tiff", pages=3), "scan").pages == 3
    made = accepted("报告.pdf", pdf(pages=7), "scan")
    assert (made.content_type, made.pages, made.width) == ("application/pdf", 7, None)
    packed = pdf(pages=40, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert accepted("a.pdf", packed).pages == 40


@pytest.mark.parametrize(
    ("extension", "content_type"),
    [
        ("txt", "text/plain"),
        ("log", "text/plain"),
        ("sql", "text/plain"),
        ("csv", "text/csv"),
        ("json", "application/json"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_text_keeps_its_charset(extension: str, content_type: str, encoding: str) -> None:
    data = "时间,结果\r\n2024-05-01 \x1b[31m正常\x1b[0m\n".encode(encoding)
    made = accepted(f"a.{extension}", data)
    assert made.content_type == f"{content_type}; charset={encoding.removesuffix('-sig')}"


def test_large_text_is_read_to_its_end() -> None:
    line = "正常 " * 500_000  # a character lies across every border of pieces
    assert accepted("a.log", line.encode()).content_type.endswith("utf-8")
    assert code("a.log", line.encode() + b"\0") == "upload_kind_unknown"
    assert code("a.log", line.encode()[:-2]) == "upload_kind_unknown"


def test_office_documents() -> None:
    assert accepted("报告.docx", hostile.document()).extension == "docx"
    assert accepted("表.xlsx", hostile.workbook()).content_type.endswith("spreadsheetml.sheet")


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(2_000, id="under-10-mb"),
        pytest.param(14_000, id="over-10-mb"),
    ],
)
def test_an_honest_table_packs_more_than_a_hundred_times(rows: int) -> None:
    """U3: the ratio alone condemns nobody."""
    data = hostile.long_document(rows)
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        part = package.getinfo("word/document.xml")
    assert 100 < part.file_size / part.compress_size < 300
    assert (part.file_size > 10 * 2**20) is (rows > 2_000)
    assert accepted("a.docx", data).extension == "docx"


def test_a_workbook_of_2000_rows() -> None:
    assert accepted("a.xlsx", hostile.workbook(2_000)).extension == "xlsx"


def test_a_chart_carries_its_workbook() -> None:
    data = with_part(hostile.document(), "word/embeddings/a.xlsx", hostile.workbook())
    assert accepted("a.docx", data).extension == "docx"
    assert accepted("a.zip", archive({"x/a.docx": data})).extension == "zip"


def test_an_archive_of_plain_files() -> None:
    files = {
        "日志/": b"",
        "日志/my.cnf": b"[mysqld]\n",
        "日志/alert": b"",
        "a.pdf": pdf(),
        "a.JPG": hostile.image("jpeg"),
        "old.zip": archive({"a.sql": b"select 1;"}),
        "__MACOSX/._a.pdf": b"\0\5\x16\7" + bytes(100),
        ".DS_Store": b"\0\0\0\1Bud1" + bytes(100),
    }
    assert accepted("资料.zip", archive(files)).content_type == "application/zip"


def test_an_archive_with_gbk_names() -> None:
    data = archive({"xxxx.txt": b"a"}).replace(b"xxxx", "巡检".encode("gb18030"))
    assert accepted("a.zip", data).extension == "zip"
    data = archive({"xxxx.exe": b"a"}).replace(b"xxxx", "巡检".encode("gb18030"))
    assert refused("a.zip", data).place == "巡检.exe"
    accepted("a.zip", archive({"xxxx.txt": b"a"}).replace(b"xxxx", b"xxx\xff"))


def test_an_archive_written_to_a_pipe() -> None:
    """Sizes then follow the entries: writers that cannot go back leave them open."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.txt", b"a" * 1000)
        made.writestr("b.txt", b"")
    assert accepted("a.zip", out.getvalue()).extension == "zip"


def test_a_phone_appends_further_jpegs() -> None:
    photo = hostile.image("jpeg")
    assert accepted("a.jpg", photo + photo + b"\0" * 8, "scan").width == 40


def test_a_pdf_with_an_attachment() -> None:
    assert accepted("a.pdf", hostile.attaching("record.json", b"{}")).pages == 2


def test_the_work_runs_in_a_child() -> None:
    with Children(1) as children:
        judge: Callable[[str, bytes], Upload] = partial(inspect, purpose="scan")
        data = hostile.image("png")
        made = children.run(judge, "a.png", data, size_bytes=len(data))
        assert made == accepted("a.png", data, "scan")
        with pytest.raises(UploadRefused) as caught:
            children.run(judge, "a.exe", hostile.PROGRAM, size_bytes=1)
    assert caught.value.code == "upload_kind_refused"


# ---------------------------------------------------------------- kinds and names


def test_nothing_and_too_much() -> None:
    assert code("a.txt", b"") == "upload_empty"
    assert code("a.zip", archive({})) == "upload_empty"
    for purpose, most in MOST_BYTES.items():
        assert code("a.txt", b"a" * (most + 1), purpose) == "upload_too_large"
    with pytest.raises(UploadRefused) as caught:
        inspect("../\u202e", b"a", purpose="scan")
    assert caught.value.code == "upload_name"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("exe", hostile.PROGRAM),
        ("elf", b"\x7fELF\2\1\1" + bytes(99)),
        ("class", b"\xca\xfe\xba\xbe\0\0\0\x34"),
        ("lnk", b"L\0\0\0\1\x14\x02\0" + bytes(99)),
        ("shell", b"#!/bin/sh\nrm -rf /\n"),
        ("php", b"<?php system('id');"),
        ("html", b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>"),
        ("html-utf16", "<html>".encode("utf-16")),
        ("html-after-comment", b"<!-- " + b"x" * 5000 + b"--><html>"),
        ("svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
        ("svg-xml", b'<?xml version="1.0"?>\n<svg/>'),
        ("svg-prefixed", b'<?xml version="1.0"?><!-- a --><s:svg xmlns:s="x"/>'),
        ("ole", hostile.OLE),
    ],
)
@pytest.mark.parametrize("extension", ["txt", "log", "pdf", "exe", "xls"])
def test_kinds_that_are_never_stored(name: str, data: bytes, extension: str) -> None:
    assert code(f"{name}.{extension}", data) == "upload_kind_refused"
    assert code(f"{name}.{extension}", data, "scan") == "upload_kind_refused"
    inside = refused("a.zip", archive({f"x/{name}.{extension}": data}))
    assert (inside.code, inside.place) == ("upload_kind_refused", f"x/{name}.{extension}")


@pytest.mark.parametrize("data", [b"\0\1\2\3", b"\xff\xff", b"GIF89a\1\0\1\0\0", b"Rar!\x1a\7\0"])
def test_kinds_nobody_knows(data: bytes) -> None:
    assert code("a.txt", data) == "upload_kind_unknown"
    assert code("a.zip", archive({"a.txt": data})) == "upload_kind_unknown"


REAL: dict[str, Callable[[], bytes]] = {
    "pdf": pdf,
    "png": partial(hostile.image, "png"),
    "jpg": partial(hostile.image, "jpeg"),
    "tif": partial(hostile.image, "tiff"),
    "docx": hostile.document,
    "xlsx": hostile.workbook,
    "zip": lambda: archive({"a.txt": b"a"}),
    "csv": lambda: b"a,b\n",
}


@pytest.mark.parametrize("true", REAL)
def test_an_extension_must_fit(true: str) -> None:
    data = REAL[true]()
    accepted(f"a.{true}", data)
    for other in {*REAL, "exe", "html", "docm"} - {true}:
        assert code(f"a.{other}", data) == "upload_extension_differs"
    assert code("无扩展名", data) == "upload_extension_differs"
    inside = refused("a.zip", archive({f"a.{'png' if true != 'png' else 'pdf'}": data}))
    assert inside.code == "upload_extension_differs"


@pytest.mark.parametrize("kind", ["docx", "xlsx", "zip", "csv"])
def test_a_scan_is_paper(kind: str) -> None:
    assert code(f"a.{kind}", REAL[kind](), "scan") == "upload_kind_refused"


def test_a_password_is_told_as_one() -> None:
    locked = hostile.OLE + "EncryptedPackage".encode("utf-16-le")
    assert code("a.docx", locked) == "office_encrypted"


# ---------------------------------------------------------------- U2: zips that grow

WATCHED = """
import os, pathlib, sys
from docgen.errors import UploadRefused
from docgen.uploads import inspect

def peak_kb():  # of this process only: ru_maxrss starts with what the parent had
    text = pathlib.Path("/proc/self/status").read_text("ascii")
    return int(text.partition("VmHWM:")[2].split()[0])

def told(path):
    data = path.read_bytes()
    before = peak_kb()
    try:
        inspect(path.name, data, purpose="attachment")
        code = "accepted"
    except UploadRefused as wrong:
        code = wrong.code
    return f"{code} {peak_kb() - before}"

for line in sys.stdin:  # a process for each, which need not import anything any more
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            print("died 0", flush=True)
    else:
        print(told(pathlib.Path(line.rstrip())), flush=True)
        os._exit(0)
"""


@pytest.fixture(scope="module")
def watcher() -> Iterator[subprocess.Popen[str]]:
    """A process whose children judge the files that it is told of, one a line."""
    here = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", WATCHED]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, env=here) as process:
        yield process
        assert process.stdin
        process.stdin.close()


Grown = Callable[[bytes, str], tuple[str, float]]


@pytest.fixture
def grown(watcher: subprocess.Popen[str], tmp_path: Path) -> Grown:
    """The verdict on some bytes, and the MB by which a process grew to reach it."""

    def judged(data: bytes, extension: str) -> tuple[str, float]:
        assert watcher.stdin
        assert watcher.stdout
        path = tmp_path / f"a{extension}"
        path.write_bytes(data)
        watcher.stdin.write(f"{path}\n")
        watcher.stdin.flush()
        verdict, kb = watcher.stdout.readline().split()
        return verdict, int(kb) / 1024

    return judged


@pytest.mark.parametrize("name", hostile.BOMBS)
def test_a_bomb_is_refused_in_little_memory(name: str, grown: Grown) -> None:
    data = hostile.BOMBS[name]()
    assert len(data) < 250_000
    verdict, mb = grown(data, ".zip")
    assert verdict == ("zip_nested" if name == "matryoshka" else "zip_bomb")
    assert mb < GROWTH_MB


@pytest.mark.parametrize("depth", ["<a>", "<a><!--", "<a b='"])
def test_a_bomb_of_xml_is_refused_in_little_memory(depth: str, grown: Grown) -> None:
    """Endless nesting, and one token without end; stored, so that no ratio tells."""
    part = depth.encode() * (2**24 if depth == "<a>" else 1) + b"1234567 " * (
        0 if depth == "<a>" else 6 * 2**20
    )
    parts: list[Any] = [*hostile.parts(hostile.document()).items()]
    data = archive([*parts, (zipfile.ZipInfo("word/comments.xml"), part)])
    verdict, mb = grown(data, ".docx")
    assert verdict == "xml_broken"
    assert mb < GROWTH_MB


def test_a_bomb_in_a_pdf_is_refused_in_little_memory(grown: Grown) -> None:
    verdict, mb = grown(hostile.stream_bomb(), ".pdf")
    assert verdict == "pdf_broken"
    assert mb < 2 * GROWTH_MB  # qpdf inflates up to its own limit of 32 MiB


def test_a_bomb_in_an_attachment_of_a_pdf_is_not_inflated(grown: Grown) -> None:
    verdict, mb = grown(hostile.attaching("a.txt", b" " * (2 * GROWTH_MB * 2**20)), ".pdf")
    assert verdict == "accepted"
    assert mb < GROWTH_MB


def test_a_bomb_in_a_document() -> None:
    data = with_part(hostile.document(), "word/media/image1.png", b" " * (90 * 2**20))
    wrong = refused("a.docx", data)
    assert (wrong.code, wrong.place) == ("zip_bomb", "word/media/image1.png")


@pytest.mark.parametrize(
    "data",
    [
        hostile.declaring(2_000, 100),
        hostile.declaring(2_000, 100, local_too=False),
        hostile.declaring(2_000, 100, seemly_crc=True),
        hostile.declaring(100, 2_000, local_too=False),
        hostile.many_entries(),
        hostile.overlapping(),
    ],
    ids=["smaller", "smaller-in-directory", "smaller-with-crc", "larger", "many", "overlapping"],
)
def test_sizes_that_lie(data: bytes) -> None:
    assert code("a.zip", data) == "zip_bomb"


def test_a_size_larger_than_the_truth() -> None:
    assert code("a.zip", hostile.declaring(100, 2_000)) == "zip_broken"


def test_more_names_than_entries_may_be() -> None:
    assert code("a.zip", archive({"a.txt": b"a"})[:-22] + b"PK\1\2" * 5_000) == "zip_bomb"


def test_nesting() -> None:
    one = archive({"a.txt": b"a"})
    two = archive({"one.zip": one})
    assert accepted("a.zip", two).extension == "zip"
    wrong = refused("a.zip", archive({"two.zip": two}))
    assert (wrong.code, wrong.place) == ("zip_nested", "two.zip/one.zip")
    book = with_part(hostile.workbook(), "xl/embeddings/b.xlsx", hostile.workbook())
    deep = with_part(hostile.document(), "word/embeddings/a.xlsx", book)
    assert refused("a.docx", deep).place == "word/embeddings/a.xlsx/xl/embeddings/b.xlsx"


def test_an_inner_archive_too_large_to_hold() -> None:
    inner = archive({"a.txt": b"a"}) + random.Random(1).randbytes(2**20) * 33
    stored: list[Any] = [("b.txt", b"b"), (zipfile.ZipInfo("a.zip"), inner)]
    assert code("a.zip", archive(stored)) == "zip_nested"


# ---------------------------------------------------------------- U4: zips that lead elsewhere


@pytest.mark.parametrize(
    "name",
    [
        *("../a.txt", "x/../../a.txt", "/etc/passwd", "C:/a.txt", "C:a.txt", "x\\..\\a.txt"),
        *("./a.txt", "x//a.txt", "..", "x/..", "a\nb.txt", "//server/a.txt", "../"),
    ],
)
@pytest.mark.parametrize("package", [False, True], ids=["zip", "docx"])
def test_paths_out_of_the_archive(name: str, package: bool) -> None:
    if package:
        assert code("a.docx", with_part(hostile.document(), name, b"a")) == "zip_path"
    assert code("a.zip", archive({"a.txt": b"a", name: b""})) == "zip_path"


def test_a_name_cut_by_nul() -> None:
    data = archive({"a.txtXb.exe": b"a"}).replace(b"txtX", b"txt\0")
    assert code("a.zip", data) == "zip_path"


def test_a_folder_that_holds_bytes() -> None:
    assert code("a.zip", archive({"a.txt": b"a", "x/": b"hidden"})) == "zip_path"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
def test_entries_that_are_no_files(kind: int) -> None:
    assert code("a.zip", hostile.with_mode("b.txt", kind | 0o777)) == "zip_link"
    accepted("a.zip", hostile.with_mode("b.txt", stat.S_IFREG | 0o644))


@pytest.mark.parametrize("twin", ["a.txt", "A.TXT", "a.txt/", "\ufb01.txt"])
def test_names_that_repeat(twin: str) -> None:
    names = ["a.txt", twin] if "a" in twin.lower() else ["fi.txt", twin]
    assert code("a.zip", archive([(name, b"") for name in names])) == "zip_duplicate"


def test_a_part_that_repeats() -> None:
    parts = hostile.parts(hostile.document())
    twice: list[Any] = [*parts.items(), ("word/Document.xml", parts["word/document.xml"])]
    assert code("a.docx", archive(twice)) == "zip_duplicate"


@pytest.mark.parametrize(("local", "central"), [(True, True), (True, False), (False, True)])
def test_encrypted_entries(local: bool, central: bool) -> None:
    data = hostile.with_flag(archive({"a.txt": b"a"}), local=local, central=central)
    assert code("a.zip", data) == "zip_encrypted"


def test_other_compressions() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("a.txt", b"a")
    assert code("a.zip", out.getvalue()) == "zip_method"


def test_archives_that_are_broken() -> None:
    data = archive({"a.txt": b"hello " * 99})
    assert code("a.zip", data[:-30]) == "zip_broken"
    assert code("a.zip", data.replace(b"a.txt", b"b.txt", 1)) == "zip_broken"
    packed = bytearray(data)
    packed[40] ^= 0xFF
    assert code("a.zip", bytes(packed)) == "zip_broken"
    assert code("a.zip", hostile.cut_short(b"hello " * 99)) == "zip_broken"
    longer = bytearray(data)
    for at in (18, data.find(b"PK\1\2") + 20):
        longer[at : at + 4] = (10_000).to_bytes(4, "little")
    assert code("a.zip", bytes(longer)) == "zip_broken"


def test_bytes_that_belong_to_no_entry() -> None:
    data = archive({"a.txt": b"a"})
    end = data.find(b"PK\1\2")
    assert code("a.zip", data + b"<html>") == "polyglot"
    assert code("a.zip", archive({"a.txt": b"a"}, comment=b"<script>" * 99)) == "polyglot"
    shifted = bytearray(data[:end] + b"x" * 99 + data[end:])
    at = shifted.find(b"PK\5\6") + 16
    shifted[at : at + 4] = (end + 99).to_bytes(4, "little")
    assert code("a.zip", bytes(shifted)) == "polyglot"
    assert code("a.zip", b"PK\3\4" + b"x" * 99 + data) == "polyglot"
    accepted("a.zip", archive({"a.txt": b"a"}, comment=b"40 bytes of a commit"))


# ---------------------------------------------------------------- U5: XML

DOCUMENTS = {"docx": hostile.document(), "xlsx": hostile.workbook()}
XML_PARTS = [
    (kind, name)
    for kind, data in DOCUMENTS.items()
    for name in hostile.parts(data)
    if name.endswith((".xml", ".rels"))
]
MAIN_PARTS = ("word/document.xml", "xl/workbook.xml")
DOCTYPES = (hostile.DOCTYPE, hostile.LAUGHS, b"<!DOCTYPE x>")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")


def declared(part: bytes, doctype: bytes, encoding: str) -> bytes:
    """The part with a DOCTYPE after its declaration, in another encoding."""
    body = re.sub(rb"^\s*<\?xml.*?\?>", b"", part).decode()
    told = encoding.removesuffix("-le").removesuffix("-be").removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{told}"?>{doctype.decode()}{body}'
    return text.encode(encoding)


@pytest.mark.parametrize(("kind", "part"), XML_PARTS)
def test_a_dtd_in_any_part(kind: str, part: str) -> None:
    """In every form in the main parts, in a form of their own in the others: all are read alike."""
    data, forms = DOCUMENTS[kind], list(product(DOCTYPES, ENCODINGS))
    if not FULL and part not in MAIN_PARTS:
        number = XML_PARTS.index((kind, part))
        forms = [forms[number % len(forms)], (hostile.DOCTYPE, "utf-8")]
    for doctype, encoding in forms:
        hurt = declared(hostile.parts(data)[part], doctype, encoding)
        wrong = refused(f"a.{kind}", with_part(data, part, hurt))
        assert (wrong.code, wrong.place) == ("xml_entities", part)


@pytest.mark.parametrize("name", ["customXml/item9.xml", "word/x.dat", "word/media/a.svg", "x.vml"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_a_dtd_in_parts_of_other_names(name: str, encoding: str) -> None:
    hurt = (hostile.DOCTYPE + b"<x>&e;</x>").decode().encode(encoding)
    wrong = refused("a.docx", with_part(hostile.document(), name, hurt))
    assert (wrong.code, wrong.place) == ("xml_entities", name)


def test_a_dtd_in_a_document_in_a_zip() -> None:
    hurt = with_part(hostile.document(), "docProps/custom.xml", hostile.DOCTYPE + b"<x/>")
    assert refused("a.zip", archive({"x/a.docx": hurt})).place == "x/a.docx/docProps/custom.xml"


@pytest.mark.parametrize("encoding", ["utf-7", "cp037", "utf-32", "iso-8859-1"])
def test_encodings_that_hide_a_dtd(encoding: str) -> None:
    hurt = f'<?xml version="1.0" encoding="{encoding}"?>{hostile.DOCTYPE.decode()}<x>&e;</x>'
    data = with_part(hostile.document(), "word/comments.xml", hurt.encode(encoding))
    assert code("a.docx", data) in {"xml_broken", "xml_entities"}


def test_xml_that_is_broken() -> None:
    for part in (b"", b"<a>", b"<a></b>", b"<a>&nbsp;</a>", b'<?xml version="1.0"?>'):
        assert code("a.docx", with_part(hostile.document(), "x.xml", part)) == "xml_broken"


def test_fonts_may_start_like_xml() -> None:
    font = b"<" + random.Random(2).randbytes(9_000)
    accepted("a.docx", with_part(hostile.document(), "word/fonts/font1.odttf", font))


# ---------------------------------------------------------------- U6: images


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", hostile.huge_png()),
        ("a.jpg", hostile.huge_jpeg()),
        ("a.tif", hostile.huge_tiff()),
        ("a.png", hostile.huge_png(9_100)),
        ("a.png", hostile.huge_png(10_000)),
    ],
    ids=["png", "jpeg", "tiff", "a-little-over", "where-pillow-warns"],
)
def test_images_of_too_many_pixels(name: str, data: bytes, grown: Grown) -> None:
    assert code(name, data, "scan") == "image_too_large"
    assert grown(data, name[1:])[1] < GROWTH_MB


def test_images_of_too_many_pages() -> None:
    assert code("a.tif", hostile.image("tiff", (8, 8), pages=201), "scan") == "too_many_pages"
    wide = hostile.image("tiff", (8_000, 8_000), pages=9)
    assert code("a.tif", wide, "scan") == "image_too_large"


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
def test_images_that_are_broken(kind: str) -> None:
    data = hostile.image(kind, (400, 300))
    for end in (9, len(data) // 2, len(data) - 9):
        assert code(f"a.{kind}", data[:end], "scan") == "image_broken"


def test_pixels_are_decoded_not_believed() -> None:
    """A good header over damaged pixels."""
    data = bytearray(hostile.image("png", (400, 300)))
    data[data.index(b"IDAT") + 20] ^= 0xFF
    assert code("a.png", bytes(data), "scan") == "image_broken"


def test_damaged_pixels_are_refused_beside_a_library_that_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """WeasyPrint tells Pillow so for the whole process when it is loaded."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    test_pixels_are_decoded_not_believed()
    assert ImageFile.LOAD_TRUNCATED_IMAGES


# ---------------------------------------------------------------- U6: two files in one

ZIP = archive({"evil.txt": b"a"})
TRAILERS = {
    "zip": ZIP,
    "html": b"<html><script>alert(1)</script>",
    "program": hostile.PROGRAM,
    "pdf": pdf(),
    "words": b"hello",
}


@pytest.mark.parametrize(
    ("kind", "trailer"),
    [
        (kind, trailer)
        for kind in ("png", "jpg", "pdf")
        for trailer in TRAILERS
        if kind != trailer  # a PDF appended to another reads as the last
    ],
)
def test_data_after_the_end(kind: str, trailer: str) -> None:
    data = REAL[kind]() + TRAILERS[trailer]
    assert code(f"a.{kind}", data) == "polyglot"
    assert code(f"a.{kind}", data, "scan") == "polyglot"
    assert code("a.zip", archive({f"a.{kind}": data})) == "polyglot"


@pytest.mark.parametrize("trailer", ["zip", "html", "pdf"])
def test_a_tiff_has_no_end_but_is_no_second_file(trailer: str) -> None:
    assert code("a.tif", hostile.image("tiff") + TRAILERS[trailer]) == "polyglot"


def test_a_program_of_images() -> None:
    assert code("a.jpg", hostile.image("jpeg") * 9) == "polyglot"


def test_a_zip_inside_the_segments_of_a_jpeg() -> None:
    data = hostile.image("jpeg")
    comment = b"\xff\xfe" + (len(ZIP) + 2).to_bytes(2) + ZIP
    assert code("a.jpg", data[:2] + comment + data[2:]) == "polyglot"


def test_a_zip_inside_the_chunks_of_a_png() -> None:
    data = hostile.image("png")
    hurt = data[:-12] + hostile.chunk(b"zIPp", ZIP) + data[-12:]
    assert code("a.png", hurt) == "polyglot"


def test_a_zip_inside_a_pdf() -> None:
    def edit(made: pikepdf.Pdf) -> None:
        made.Root.Extra = made.make_stream(ZIP)

    assert code("a.pdf", pdf(edit, compress_streams=False)) == "polyglot"


def test_text_that_is_a_pdf_to_others() -> None:
    assert code("a.txt", b"hello\n" + pdf(compress_streams=False)) in {
        "polyglot",
        "upload_kind_unknown",
    }
    assert code("a.csv", b"a,b\n%PDF-1.4\n1 0 obj\n") == "polyglot"


# ---------------------------------------------------------------- U6: macros


@pytest.mark.parametrize(
    "part",
    [
        *("word/vbaProject.bin", "xl/VBAPROJECT.BIN", "vbaProjectSignature.bin"),
        *("word/vbaData.xml", "xl/macrosheets/sheet1.xml", "word/activeX/activeX1.xml"),
        "word/embeddings/oleObject1.bin",
    ],
)
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_macros_by_their_names(part: str, kind: str) -> None:
    wrong = refused(f"a.{kind}", with_part(DOCUMENTS[kind], part, b"<x/>"))
    assert (wrong.code, wrong.place) == ("macros", part)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_macros_by_their_content(kind: str) -> None:
    assert code(f"a.{kind}", with_part(DOCUMENTS[kind], "x/harmless.dat", hostile.OLE)) == "macros"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/vnd.ms-office.vbaProject",
        "application/vnd.ms-excel.macrosheet+xml",
        "application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        "application/vnd.ms-office.activeX+xml",
        "application/vnd.openxmlformats-officedocument.oleObject",
    ],
)
def test_macros_by_their_content_type(content_type: str) -> None:
    told = b'<Override PartName="/x.dat" ContentType="%s"/></Types>' % content_type.encode()
    data = edited(hostile.document(), CONTENT_TYPES, b"</Types>", told)
    assert code("a.docx", data) == "macros"


def related(kind: str, target: str, mode: str = "Internal") -> bytes:
    """A document with one more relationship."""
    told = f'<Relationship Id="x9" Type="{kind}" Target="{target}" TargetMode="{mode}"/>'
    name = "word/_rels/document.xml.rels"
    end = b"</Relationships>"
    return edited(hostile.document(), name, end, told.encode() + end)


def test_macros_by_their_relationships() -> None:
    microsoft = "http://schemas.microsoft.com/office/2006/relationships/vbaProject"
    assert code("a.docx", related(microsoft, "media/a.dat")) == "macros"
    assert code("a.docx", related(f"{RELATION}/control", "media/a.dat")) == "macros"
    assert code("a.docx", related(f"{RELATION}/oleObject", "media/a.dat")) == "macros"


def test_content_loaded_at_opening() -> None:
    for kind in ("attachedTemplate", "oleObject", "frame", "subDocument"):
        data = related(f"{RELATION}/{kind}", "https://evil.example/x.dotm", "External")
        assert code("a.docx", data) == "remote_content"
    office = related(f"{RELATION}/attachedTemplate", r"file:///C:\Normal.dotm", "External")
    accepted("a.docx", office)
    accepted("a.docx", related(f"{RELATION}/hyperlink", "https://example.org", "External"))


def test_a_dde_link() -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    dde = '<ddeLink ddeService="cmd" ddeTopic="/c calc"/>'
    part = f'<externalLink xmlns="{main}">{dde}</externalLink>'.encode()
    name = "xl/externalLinks/e1.xml"
    wrong = refused("a.xlsx", with_part(hostile.workbook(), name, part))
    assert [(one.code, one.place) for one in wrong.each()] == [
        ("data_connection", name),
        ("macros", name),
    ]


def test_a_program_in_a_document() -> None:
    data = with_part(hostile.document(), "word/media/image9.png", hostile.PROGRAM)
    assert code("a.docx", data) == "upload_kind_refused"


def test_packages_of_other_kinds() -> None:
    main = b"wordprocessingml.document.main+xml"
    for other in (b"wordprocessingml.template.main+xml", b"presentationml.presentation.main+xml"):
        data = edited(hostile.document(), CONTENT_TYPES, main, other)
        assert code("a.docx", data) == "upload_kind_refused"


# ---------------------------------------------------------------- U6: PDF


def active(**entries: Any) -> bytes:
    """A PDF whose catalogue has these entries."""

    def edit(made: pikepdf.Pdf) -> None:
        for name, value in entries.items():
            made.Root[f"/{name}"] = value

    return pdf(edit)


SCRIPT = hostile.action("JavaScript", JS="app.alert(1)")


@pytest.mark.parametrize(
    "entries",
    [
        {"OpenAction": SCRIPT},
        {"Names": pikepdf.Dictionary(JavaScript=pikepdf.Dictionary(Names=[]))},
        {"AA": pikepdf.Dictionary(WC=SCRIPT)},
        {"Deep": [pikepdf.Dictionary(A=[pikepdf.Dictionary(B=SCRIPT)])]},
        {"Deep": hostile.action("Launch", F="cmd.exe")},
        {"AcroForm": pikepdf.Dictionary(Fields=[], XFA="x")},
        {"OpenAction": hostile.action("URI", URI="https://evil.example")},
        {"AA": pikepdf.Dictionary(O=hostile.action("SubmitForm", F="https://evil.example"))},
    ],
    ids=["open", "names", "additional", "nested", "launch", "xfa", "uri", "submit"],
)
def test_a_pdf_that_acts(entries: dict[str, Any]) -> None:
    assert code("a.pdf", active(**entries)) == "pdf_active"
    assert code("a.pdf", active(**entries), "scan") == "pdf_active"


def test_a_pdf_that_acts_in_other_spellings() -> None:
    data = active(OpenAction=SCRIPT).replace(b"/JavaScript", b"/J#61vaScript")
    data = data.replace(b"/JS", b"/#4aS")
    at = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    moved = data.index(b"xref\n")
    data = data.replace(b"startxref\n%d" % at, b"startxref\n%d" % moved)
    assert code("a.pdf", data) in {"pdf_active", "pdf_broken"}
    packed = pdf(
        lambda made: made.Root.__setitem__("/OpenAction", made.make_indirect(SCRIPT)),
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
    )
    assert b"JavaScript" not in packed
    assert code("a.pdf", packed) == "pdf_active"


def test_a_pdf_may_move_about_in_itself_and_link() -> None:
    accepted("a.pdf", active(OpenAction=hostile.action("GoTo", D="top")))
    accepted("a.pdf", active(AA=pikepdf.Dictionary(O=hostile.action("Named", N="x"))))
    accepted("a.pdf", active(Link=hostile.action("URI", URI="https://example.org")))


@pytest.mark.parametrize("name", ["a.exe", "a.js", "A.HTML ", "a.txt.lnk"])
def test_a_pdf_with_a_program_attached(name: str) -> None:
    assert code("a.pdf", hostile.attaching(name, b"hello")) == "upload_kind_refused"


def test_a_pdf_with_a_program_under_another_name() -> None:
    for how in (True, False):
        data = hostile.attaching("a.txt", hostile.PROGRAM, compress_streams=how)
        assert code("a.pdf", data) == "upload_kind_refused"


def test_an_attachment_that_cannot_be_looked_into() -> None:
    def edit(made: pikepdf.Pdf) -> None:
        made.attachments["a.txt"] = pikepdf.AttachedFileSpec(made, b"", filename="a.txt")
        names: Any = made.Root.Names.EmbeddedFiles.Names
        names[1].EF.F.write(b"4d5a>", filter=pikepdf.Name.ASCIIHexDecode)

    kept = pikepdf.StreamDecodeLevel.none
    data = pdf(edit, stream_decode_level=kept, compress_streams=False)
    assert code("a.pdf", data) == "pdf_active"


@pytest.mark.parametrize("user", ["", "geheim"])
def test_a_pdf_that_is_encrypted(user: str) -> None:
    data = pdf(encryption=pikepdf.Encryption(owner="owner", user=user))
    assert code("a.pdf", data) == "pdf_encrypted"


def test_pdf_files_that_are_broken() -> None:
    data = pdf()
    assert code("a.pdf", data[:200]) == "pdf_broken"
    assert code("a.pdf", b"%PDF-1.7\n%%EOF") == "pdf_broken"
    wrong = refused("a.pdf", data.replace(b"/Root", b"/Tree"))
    assert wrong.code == "pdf_broken"
    assert " at 0x" not in str(wrong.value)
    assert code("a.pdf", data.replace(b"/Kids", b"/Cats")) in {"pdf_broken", "too_many_pages"}


def test_a_pdf_of_too_many_pages() -> None:
    accepted("a.pdf", pdf(pages=2_000))
    assert code("a.pdf", pdf(pages=2_001)) == "too_many_pages"


def test_a_tree_of_pages_without_end() -> None:
    def edit(made: pikepdf.Pdf) -> None:
        node = made.Root.Pages
        for _ in range(40):
            node = made.make_indirect(
                pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=2, Kids=[node, node])
            )
        made.Root.Pages = node

    assert code("a.pdf", pdf(edit)) == "pdf_broken"


def test_a_tree_of_pages_with_branches() -> None:
    def edit(made: pikepdf.Pdf) -> None:
        top: Any = made.Root.Pages
        leaves = list(top.Kids)
        half = len(leaves) // 2
        top.Kids = [
            made.make_indirect(
                pikepdf.Dictionary(Type=pikepdf.Name.Pages, Parent=top, Count=len(few), Kids=few)
            )
            for few in (leaves[:half], leaves[half:])
        ]

    assert accepted("a.pdf", pdf(edit, pages=9)).pages == 9
    assert code("a.pdf", pdf(edit, pages=2_001)) == "too_many_pages"


def test_a_pdf_without_pages_or_with_too_many_objects() -> None:
    assert code("a.pdf", pdf(pages=0)) == "pdf_broken"
    assert code("a.pdf", re.sub(rb"/Size \d+", b"/Size 900000", pdf())) == "too_many_pages"


def test_limits_of_qpdf_are_given_back() -> None:
    before = pikepdf.settings.get_qpdf_limits()
    accepted("a.pdf", pdf())
    code("a.pdf", hostile.stream_bomb())
    assert pikepdf.settings.get_qpdf_limits() == before


# ---------------------------------------------------------------- A8: names


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("巡检报告 (1).pdf", "巡检报告 (1).pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\wang\\扫描.pdf", "扫描.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("annual\u202efdp.exe", "annualfdp.exe"),
        ("e\u0301.pdf", "é.pdf"),
        ("e\u200b\u0301.pdf", "é.pdf"),
        (" .htaccess. ", "htaccess"),
        ("a.pdf/", "a.pdf"),
        ("..", ""),
        ("\ud800", ""),
    ],
)
def test_names_for_people(typed: str, shown: str) -> None:
    assert display_name(typed) == shown


def test_long_names_keep_their_extension() -> None:
    shown = display_name("巡" * 500 + ".pdf")
    assert shown.endswith("巡.pdf")
    assert 195 <= len(shown.encode()) <= 200
    assert len(display_name("a." + "b" * 500)) == 200


def test_what_hides_in_a_name_decides_nothing() -> None:
    made = accepted("../x\u202e\n报告.PDF", pdf())
    assert (made.name, made.extension) == ("x报告.PDF", "pdf")
    assert code("报告\u202efdp.exe", pdf()) == "upload_extension_differs"


def read_back(header: str) -> tuple[str, dict[str, str]]:
    """What a mail client's parser makes of the header."""
    message = Message()
    message["Content-Disposition"] = header
    found = message.get_params(header="content-disposition") or []
    return found[0][0], {name: str(value) for name, value in found[1:]}


@pytest.mark.parametrize(
    ("name", "fallback"),
    [
        ("报告.pdf", "__.pdf"),
        ('"; filename=evil.html', "_; filename=evil.html"),
        ("a\r\nX-Evil: 1.pdf", "aX-Evil: 1.pdf"),
        ("../../etc/passwd", "passwd"),
        ("\u202efdp.exe", "fdp.exe"),
        ("100%25.pdf", "100_25.pdf"),
        ("", "download"),
    ],
)
def test_downloads_are_named(name: str, fallback: str) -> None:
    header = content_disposition(name)
    assert header.startswith(f"attachment; filename=\"{fallback}\"; filename*=UTF-8''")
    assert content_disposition(name, inline=True).startswith("inline; ")


@given(st.text() | st.text(alphabet="a./\\:;\"'%=\r\n\u202e\u0301é巡 \0"))
def test_no_name_leaves_its_place(name: str) -> None:
    shown = display_name(name)
    assert display_name(shown) == shown == unicodedata.normalize("NFC", shown)
    assert len(shown.encode()) <= 200
    assert not set(shown) & set("/\\\r\n\0\u202e")
    assert shown not in {".", ".."}
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    kind, params = read_back(header)
    assert kind == "attachment"
    assert set(params) == {"filename"} or set(params) == {"filename", "filename*"}
    assert header.count('"') == 2


# ---------------------------------------------------------------- whatever comes

SEEDS = {name: make() for name, make in REAL.items()}


def judged(name: str, data: bytes) -> None:
    """Nothing but these two ends."""
    for purpose in MOST_BYTES:
        with suppress(UploadRefused):
            assert isinstance(inspect(name, data, purpose=purpose), Upload)


@settings(max_examples=3_000 if FULL else 100)
@given(st.text(min_size=1), st.binary())
def test_random_bytes(name: str, data: bytes) -> None:
    judged(name, data)


@settings(max_examples=4_000 if FULL else 100)
@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), min_size=1, max_size=4),
    st.floats(0.5, 1),
)
def test_damaged_files(kind: str, edits: list[tuple[float, bytes]], kept: float) -> None:
    data = bytearray(SEEDS[kind])
    for place, new in edits:
        at = int(place * len(data))
        data[at : at + len(new)] = new
    judged(f"a.{kind}", bytes(data[: max(1, int(kept * len(data)))] if kept < 0.9 else data))


@settings(max_examples=2_000 if FULL else 70)
@given(
    st.sampled_from([b"%PDF-1.4\n", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0"]), st.data()
)
def test_random_bytes_after_a_known_start(start: bytes, data: st.DataObject) -> None:
    tail = b"\n%%EOF" if start.startswith(b"%PDF") else b""
    judged("a.pdf", start + data.draw(st.binary(max_size=300)) + tail)


@settings(max_examples=1_000 if FULL else 40)
@given(st.binary(max_size=400))
def test_random_xml_parts(part: bytes) -> None:
    judged("a.xlsx", with_part(SEEDS["xlsx"], "xl/styles.xml", part))
    judged("a.zip", archive({"a.txt": part, "b.pdf": b"%PDF-" + part, "c.zip": b"PK\3\4" + part}))
