"""Office packages: hostile ones refused, ours written alike, the record inside intact or not."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib

import docx
import pytest

from docgen.errors import InputUnreadable, RenderFailed, TemplateFaulty
from docgen.files.unzip import ENTRIES
from docgen.renderers.ooxml.package import Package, read_record

RECORD = '{"name":"赵敏 𠮷 \x7f <&>\\n","log":"\\u001b"}'.encode()
MB = 2**20


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(TemplateFaulty) as refused:
        Package.read(data)
    assert refused.value.message("zh")
    assert refused.value.message("en")
    return refused.value.code


@pytest.fixture(scope="module")
def plain() -> bytes:
    out = io.BytesIO()
    docx.Document().save(out)
    return out.getvalue()


@pytest.fixture(scope="module")
def made(plain: bytes) -> bytes:
    package = Package.read(plain)
    body = package.parts["word/document.xml"]
    return package.freeze(["word/document.xml"]).write({"word/document.xml": body}, RECORD)


def test_a_written_package_is_a_word_document_of_1980(made: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "[Content_Types].xml"
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert docx.Document(io.BytesIO(made)).paragraphs == []


def test_the_same_parts_in_any_order_make_the_same_bytes(plain: bytes, made: bytes) -> None:
    parts = Package.read(plain).parts
    turned = Package(dict(reversed(parts.items())))
    frozen = turned.freeze(["word/document.xml"])
    again = frozen.write({"word/document.xml": parts["word/document.xml"]}, RECORD)
    assert again == made


def test_the_record_comes_back_with_both_proofs(made: bytes) -> None:
    found = read_record(made)
    assert found.json == RECORD
    assert found.record_intact
    assert found.file_intact


def test_a_changed_part_is_told_from_a_changed_record(made: bytes) -> None:
    package = Package.read(made)
    styles = package.parts["word/styles.xml"] + b"<!-- edited -->"
    edited = read_record(package.with_parts({"word/styles.xml": styles}).pack())
    assert (edited.record_intact, edited.file_intact) == (True, False)
    added = read_record(package.with_parts({"word/extra.bin": b"x"}).pack())
    assert not added.file_intact
    name = next(n for n, part in package.parts.items() if b'urn:docgen:record:1" sha' in part)
    forged = package.parts[name].replace("赵敏".encode(), "刘洋".encode())
    changed = read_record(package.with_parts({name: forged}).pack())
    assert (changed.record_intact, changed.file_intact) == (False, False)


def test_a_file_without_a_record_is_told(plain: bytes) -> None:
    with pytest.raises(InputUnreadable) as refused:
        read_record(plain)
    assert refused.value.code == "no_record"


def test_a_file_that_docgen_made_may_become_a_template(made: bytes) -> None:
    again = Package.read(made).freeze().write({}, b"{}")
    assert read_record(again).json == b"{}"
    assert len(Package.read(again).parts) == len(Package.read(made).parts)


def test_a_record_that_xml_cannot_hold_is_refused(plain: bytes) -> None:
    with pytest.raises(RenderFailed) as refused:
        Package.read(plain).freeze().write({}, '{"a":"\ufffe"}'.encode())
    assert refused.value.code == "record_not_xml"


@pytest.mark.parametrize(
    "name", ["../evil.xml", "/etc/passwd", "word/../../x", "C:/x", "a\\b", "a//b", "./a", "."]
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    assert refusal(zipped({name: b"x"})) == "zip_name"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a.xml", "A.XML"])
def test_duplicate_names_are_refused(second: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.xml", b"<a/>")
        archive.writestr(second, b"<b/>")
    assert refusal(out.getvalue()) == "zip_duplicate"


def test_links_are_refused() -> None:
    link = zipfile.ZipInfo("word/link.xml")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert refusal(out.getvalue()) == "zip_link"


def test_encrypted_entries_are_refused() -> None:
    data = bytearray(zipped({"a.xml": b"<a/>"}))
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + at] |= 1
    assert refusal(bytes(data)) == "zip_encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_odd_compression_is_refused(method: int) -> None:
    assert refusal(zipped({"a.xml": b"<a/>"}, method)) == "zip_method"


def test_a_bomb_is_refused_without_growing() -> None:
    bomb = zipped({"word/document.xml": bytes(99 * MB), "b.xml": bytes(99 * MB)})
    assert len(bomb) < 250_000
    tracemalloc.start()
    assert refusal(bomb) == "zip_ratio"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * MB


def test_an_entry_over_the_limit_is_refused() -> None:
    assert refusal(zipped({"a.bin": bytes(101 * MB)})) == "zip_too_large"


def test_too_many_entries_are_refused() -> None:
    assert refusal(zipped({f"{n}.bin": b"" for n in range(ENTRIES + 1)})) == "zip_too_large"
    assert refusal(b"PK\1\2" * (3 * ENTRIES)) == "zip_too_large"


def test_archives_in_archives_in_archives_are_refused() -> None:
    inner = zipped({"deep.bin": b"x"})
    twice = zipped({"inner.zip": inner})
    assert refusal(zipped({"outer.zip": twice})) == "zip_too_large"
    assert refusal(zipped({"inner.zip": inner})) == "not_a_package"


def test_a_lying_size_is_refused() -> None:
    data = bytearray(zipped({"a.bin": bytes(5 * MB)}))
    central = data.index(b"PK\1\2")
    struct.pack_into("<L", data, central + 24, 100)
    tracemalloc.start()
    assert refusal(bytes(data)) == "zip_broken"
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MB


@pytest.mark.parametrize(
    "data",
    [b"", b"PK\3\4", b"%PDF-1.7", zipped({"a.xml": b"<a/>"})[:-30]],
    ids=["empty", "header", "pdf", "torn"],  # bytes hold the time: workers would not agree
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    assert refusal(data) == "zip_broken"


def test_damaged_bytes_are_refused(plain: bytes) -> None:
    data = bytearray(plain)
    data[data.index(b"word/document.xml") + 40] ^= 0xFF
    assert refusal(bytes(data)) == "zip_broken"


def test_an_honest_workbook_with_a_high_ratio_is_accepted(plain: bytes) -> None:
    sheet = b"<a>" + b"<row><c>2026-03-07 QX</c></row>" * 300_000 + b"</a>"
    assert len(sheet) / len(zlib.compress(sheet, 6)) > 147
    assert len(sheet) < 10 * MB
    assert "x.xml" in Package.read(Package.read(plain).with_parts({"x.xml": sheet}).pack()).parts


@pytest.mark.parametrize(
    "part",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>',
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><a/>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]><a/>'.encode(
            "utf-16"
        ),
    ],
)
@pytest.mark.parametrize(
    "name", ["word/settings.xml", "word/_rels/document.xml.rels", "[Content_Types].xml"]
)
def test_a_dtd_in_any_part_is_refused(plain: bytes, part: bytes, name: str) -> None:
    assert refusal(Package.read(plain).with_parts({name: part}).pack()) == "xml_dtd"


@pytest.mark.parametrize(
    "part", [b"<a>", b'<?xml version="1.0" encoding="UTF-7"?><a/>', b"\xff<a/>"]
)
def test_broken_xml_is_refused(plain: bytes, part: bytes) -> None:
    assert refusal(Package.read(plain).with_parts({"word/styles.xml": part}).pack()) == "xml_broken"


@pytest.mark.parametrize(
    "name",
    [
        "word/vbaProject.bin",
        "xl/macrosheets/sheet1.xml",
        "word/activeX/activeX1.xml",
        "word/vbaData.xml",
    ],
)
def test_macros_and_controls_are_refused(plain: bytes, name: str) -> None:
    assert refusal(Package.read(plain).with_parts({name: b"<a/>"}).pack()) == "macros"


def test_a_package_that_calls_itself_macro_enabled_is_refused(plain: bytes) -> None:
    package = Package.read(plain)
    types = package.parts["[Content_Types].xml"].replace(
        b"openxmlformats-officedocument.wordprocessingml.document.main",
        b"ms-word.document.macroEnabled.main",
    )
    assert refusal(package.with_parts({"[Content_Types].xml": types}).pack()) == "macros"
