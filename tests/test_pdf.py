"""The page renderer: what a PDF holds, what it refuses, and how a changed byte is told."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgen.errors import DocgenError, InputUnreadable, RenderFailed
from docgen.renderers.pdf.parts import About, EmbeddedFile, Pdf
from docgen.renderers.pdf.pdf import embedded_record, identifier_intact, render_pdf

pytestmark = [  # WeasyPrint 70 leaves its colour profile open
    pytest.mark.filterwarnings("ignore:.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]

ABOUT = About("巡检 XJ", "华信", "zh-CN", datetime(2026, 3, 7, 4, tzinfo=UTC))
RECORD = EmbeddedFile("record.json", b'{"doc_no":"XJ"}', "Record", "Source")
FONT = "font-family: 'Docgen Serif SC'"
STYLE = f"<style>@page {{ margin: 20mm; {FONT} }} html {{ {FONT} }}</style>"


def printed(body: str, head: str = STYLE) -> Pdf:
    html = f"<!doctype html><html lang=zh-CN><head>{head}</head><body>{body}</body></html>"
    return render_pdf(html, ABOUT, assets={}, attachments=[RECORD])


def opened(data: bytes) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(data))


def test_it_is_tagged_pdf_a_with_outline_title_and_language() -> None:
    made = printed("<h1>巡检档案</h1><h2>结论</h2><p>正常 𠮷田䶮</p>")
    with opened(made.data) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "zh-CN"
        assert pdf.Root.OutputIntents
        with pdf.open_metadata() as metadata:
            assert metadata["pdfaid:part"] == "3"
            assert metadata["pdfaid:conformance"] == "U"
            assert metadata["dc:title"] == "巡检 XJ"
        with pdf.open_outline() as outline:
            titles = [item.title for item in outline.root]
        assert titles == ["巡检档案", "结论"]
        assert str(pdf.docinfo["/CreationDate"]).startswith("D:20260307040000")


def test_the_record_is_attached_once_as_source() -> None:
    with opened(printed("<p>a</p>").data) as pdf:
        assert len(pdf.Root.AF) == 1
        (spec,) = pdf.Root.AF
        assert str(spec.AFRelationship) == "/Source"
        assert str(spec.EF.F.Params.CreationDate).startswith("D:20260307")
    assert json.loads(embedded_record(printed("<p>a</p>").data)) == {"doc_no": "XJ"}


def test_equal_input_gives_equal_bytes() -> None:
    assert printed("<p>巡检</p>").data == printed("<p>巡检</p>").data


def test_an_untouched_file_is_intact_and_an_appended_one_counts_its_revisions() -> None:
    data = printed("<p>巡检</p>").data
    assert identifier_intact(data) == (True, 0)
    appended = data + b"9 0 obj null endobj\nstartxref\n0\n%%EOF\n"
    assert identifier_intact(appended) == (True, 1)
    assert identifier_intact(data + b"junk")[0] is False


@given(st.data())
def test_any_changed_byte_is_told(choice: st.DataObject) -> None:
    data = bytearray(_one_file())
    place = choice.draw(st.integers(0, len(data) - 1))
    data[place] ^= choice.draw(st.integers(1, 255))
    assert identifier_intact(bytes(data))[0] is False


_made: list[bytes] = []


def _one_file() -> bytes:
    if not _made:
        _made.append(printed("<p>巡检</p>").data)
    return _made[0]


@given(st.binary(max_size=400))
def test_hostile_bytes_are_told_as_such(data: bytes) -> None:
    assert identifier_intact(data) in ((False, 0), (False, data.count(b"%%EOF") - 1))
    with pytest.raises(InputUnreadable):
        embedded_record(b"%PDF-1.7\n" + data)


def test_sign_off_blocks_know_their_place() -> None:
    made = printed('<div id="signoff-leader-1" style="height: 40px; width: 200px">x</div>')
    box = made.boxes["signoff-leader-1"]
    assert (box.page, round(box.x2 - box.x1), round(box.y2 - box.y1)) == (1, 150, 30)
    with opened(made.data) as pdf:
        left, low, right, high = (float(n) for n in pdf.pages[0].mediabox)
    assert left < box.x1 < box.x2 < right
    assert low < box.y1 < box.y2 < high


def test_a_sign_off_block_off_its_page_is_refused() -> None:
    with pytest.raises(RenderFailed) as refused:
        printed('<div id="signoff-x" style="position: absolute; left: -500px; width: 9px">x</div>')
    assert refused.value.code == "signoff_off_page"


@pytest.mark.parametrize(
    "body",
    [
        '<img src="http://127.0.0.1:9/x.png">',
        '<img src="https://[::ffff:127.0.0.1]/x.png">',
        '<img src="file:///etc/passwd">',
        '<img src="ftp://127.0.0.1/x.png">',
        '<img src="data:image/png;base64,AAAA">',
        '<p style="background: url(http://127.0.0.1:9/y.png)">x</p>',
        "<style>@import url(http://127.0.0.1:9/z.css);</style><p>x</p>",
        "<style>@font-face { font-family: a; src: url(http://127.0.0.1:9/f.ttf) }</style><p>x</p>",
        '<svg width="9" height="9"><image href="http://127.0.0.1:9/s.png" width="9"/></svg>',
        '<link rel="attachment" href="file:///etc/passwd"><p>x</p>',
        '<link rel="stylesheet" href="http://127.0.0.1:9/c.css"><p>x</p>',
        '<object data="file:///etc/passwd"></object>',
        '<img src="asset:other">',
    ],
)
def test_no_address_is_fetched(body: str) -> None:
    with pytest.raises(RenderFailed) as refused:
        printed(body)
    assert refused.value.code == "url_refused"


@pytest.mark.parametrize(
    "target", ["javascript:alert(1)", "file:///etc/passwd", "http://a.example"]
)
def test_only_https_and_inner_links_are_kept(target: str) -> None:
    with pytest.raises(RenderFailed) as refused:
        printed(f'<a href="{target}">x</a>')
    assert refused.value.code == "link_refused"
    assert printed('<a href="https://a.example">x</a><a href="#y">z</a><p id="y">y</p>').data


def test_a_missing_glyph_is_an_error_that_names_it() -> None:
    with pytest.raises(RenderFailed) as refused:
        printed("<p>\U0001f600</p>")
    assert refused.value.code == "no_glyph_in_page"
    assert "1F600" in str(refused.value.value)


def test_no_record_is_told(tmp_path: Path) -> None:
    empty = pikepdf.new()
    empty.add_blank_page()
    path = tmp_path / "empty.pdf"
    empty.save(path)
    with pytest.raises(DocgenError) as refused:
        embedded_record(path.read_bytes())
    assert refused.value.code == "no_record"
