"""The page engine as other programs see its files, and its walls."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pydyf
import pytest

from docgen.errors import RenderFailed
from docgen.renderers.pdf.parts import About, EmbeddedFile, Pdf
from docgen.renderers.pdf.pdf import Written, identifier_intact, render_pdf

pytestmark = [  # WeasyPrint 70 leaves its colour profile open
    pytest.mark.filterwarnings("ignore:.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]

ABOUT = About("巡检 XJ", "华信", "zh-CN", datetime(2026, 3, 7, 4, tzinfo=UTC))
RECORD = EmbeddedFile("record.json", b'{"doc_no":"XJ"}', "Record", "Source")
STYLE = """<style>
html { font-family: 'Docgen Serif SC' } @page { font-family: 'Docgen Serif SC' }
h1, th { font-family: 'Docgen Sans SC' }
table { width: 100%; table-layout: fixed; border-spacing: 0 } td { border-bottom: 1px solid #999 }
p.both { text-align: justify } p.narrow { width: 60px; overflow-wrap: anywhere }
</style>"""
PAGE = (
    "<h1>巡检档案</h1><p class=both>"
    + "表空间使用率超过九成时按 runbook 扩容，并记录 before and after 的值。" * 3
    + "</p><p class=narrow>/data/oradata/HDYD/users01.dbf</p><p><b>粗</b> <i>ital</i> 𠮷田䶮</p>"
)
ONCE_MORE = """
import hashlib, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from docgen.renderers.isolation import private_fontconfig
from docgen.templates.theme import default_folder
from tests import test_pdf_engine as t
private_fontconfig(default_folder() / "fonts", Path(tempfile.mkdtemp()))
print(hashlib.sha256(t.printed(t.PAGE + t.rows(90)).data).hexdigest())
"""


def printed(body: str) -> Pdf:
    html = f"<!doctype html><html lang=zh-CN><head>{STYLE}</head><body>{body}</body></html>"
    return render_pdf(html, ABOUT, assets={}, attachments=[RECORD])


def rows(count: int) -> str:
    head = "<table><thead><tr><th>表空间</th><th>大小</th><th>说明</th></tr></thead><tbody>"
    row = "<tr><td>USERS</td><td>30 GB</td><td>按月增长，建议三十日内扩容</td></tr>"
    return head + row * count + "</tbody></table>"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pdf") / "a.pdf"
    path.write_bytes(printed(PAGE + rows(90)).data)
    return path


def output(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_qpdf_finds_no_fault(file: Path) -> None:
    assert "No syntax or stream encoding errors" in output("qpdf", "--check", file)


def test_every_font_is_embedded_as_a_subset_with_its_characters(file: Path) -> None:
    fonts = [line.split() for line in output("pdffonts", file).splitlines()[2:]]
    assert fonts
    assert {tuple(font[-5:-2]) for font in fonts} == {("yes", "yes", "yes")}


def test_text_and_tags_are_read_back(file: Path) -> None:
    text = output("pdftotext", "-raw", file, "-")
    assert "𠮷田䶮" in text
    assert text.count("按月增长") == 90
    tags = output("pdfinfo", "-struct", file)
    assert re.search(r"Table[^\n]*\n +THead\n +TR\n +TH", tags)


def test_pdf_a_forbids_what_is_not_there(file: Path) -> None:
    """No JavaScript, no encryption, no transparency group without a profile, no LZW."""
    with pikepdf.open(file) as pdf:
        assert not pdf.is_encrypted
        assert "/AA" not in pdf.Root
        assert "/OpenAction" not in pdf.Root
        assert all(len(name) == 32 for name in map(bytes, pdf.trailer.ID))
        for made in pdf.objects:
            if isinstance(made, pikepdf.Stream):
                assert str(made.get("/Filter", "/FlateDecode")) == "/FlateDecode"
            if isinstance(made, pikepdf.Dictionary):
                assert made.get("/S") != "/JavaScript"


@pytest.mark.parametrize("seed", ["1", "2"])
def test_other_processes_make_equal_bytes(file: Path, seed: str) -> None:
    assert once_more(seed) == once_more("0")


def once_more(seed: str) -> str:
    root = str(Path(__file__).parent.parent)
    environ = os.environ | {"PYTHONHASHSEED": seed, "TZ": f"Etc/GMT+{seed}"}
    done = subprocess.run(
        [sys.executable, "-c", ONCE_MORE, root],
        capture_output=True,
        text=True,
        check=False,
        env=environ,
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_streams_stay_readable_when_packed_anew() -> None:
    stream = pydyf.Stream([b"\nstream\n", "text", b"\nendstream"], {"A": "/B"}, compress=True)
    stream.number = 1
    before = stream.data
    packed = Written(stream).data
    assert before.startswith(b"<</A /B") == packed.startswith(b"<</A /B")
    assert packed != before
    assert inflated(packed) == inflated(before) == b"\nstream\n\ntext\n\nendstream"


def inflated(stream: bytes) -> bytes:
    import zlib

    return zlib.decompress(stream.partition(b"stream\n")[2])


@pytest.mark.parametrize("tag", ["div", "span", "svg"])
def test_elements_nested_too_deep_are_refused(tag: str) -> None:
    with pytest.raises(RenderFailed) as why:
        printed(f"<{tag}>" * 2000 + "x" + f"</{tag}>" * 2000)
    assert why.value.code == "page_too_deep"


def test_a_hundred_elements_within_each_other_are_printed() -> None:
    assert printed("<div>" * 100 + "x" + "</div>" * 100).pages == 1


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.setblocking(False)
        yield listening


@pytest.mark.enable_socket
def test_a_listener_hears_nothing(canary: socket.socket, tmp_path: Path) -> None:
    port = canary.getsockname()[1]
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    for host in (f"127.0.0.1:{port}", f"[::ffff:127.0.0.1]:{port}", f"localhost:{port}"):
        for body in reaching(f"http://{host}/a"):
            refused(body)
    for body in reaching(f"//127.0.0.1:{port}/a"):
        refused(body)
    for body in reaching(secret.as_uri()):
        refused(body)
    printed(f"<svg width=9 height=9><use href='http://127.0.0.1:{port}/a.svg#a' /></svg>")
    with pytest.raises(BlockingIOError):
        canary.accept()


def reaching(url: str) -> list[str]:
    return [
        f'<img alt=x src="{url}.png">',
        f'<img alt=x srcset="{url}.png 2x" src="{url}.png">',
        f'<base href="{url}"><img alt=x src="b.png">',
        f'<link rel=stylesheet href="{url}.css"><p>x',
        f'<link rel=attachment href="{url}"><p>x',
        f'<a rel=attachment href="{url}">x</a>',
        f'<embed src="{url}.svg"><object data="{url}.svg"></object>',
        f"<style>@import '{url}.css';</style><p>x",
        f"<style>@font-face {{ font-family: f; src: url({url}.ttf) }}</style><p>x",
        f"<style>@page {{ background: url({url}.png) }}</style><p>x",
        f"<style>@color-profile --c {{ src: url({url}.icc) }}</style><p>x",
        f"<ul style='list-style-image: url({url}.png)'><li>x</ul>",
        f"<style>p::before {{ content: url({url}.png) }}</style><p>x",
        f"<div style='border: 9px solid; border-image: url({url}.png) 3'>x</div>",
        f"<div style='mask-border-source: url({url}.png)'>x</div>",
        f'<svg width=9 height=9><image href="{url}.png" width=9 height=9 /></svg>',
    ]


def refused(body: str) -> None:
    with pytest.raises(RenderFailed) as why:
        printed(body)
    assert why.value.code in {"url_refused", "link_refused"}, body


def test_a_later_revision_is_counted_and_a_change_under_it_is_told(file: Path) -> None:
    made = file.read_bytes()
    assert identifier_intact(made) == (True, 0)
    appended = made + b"\n7 0 obj\nnull\nendobj\nxref\n0 0\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n"
    assert identifier_intact(appended) == (True, 1)
    changed = appended.replace(b"/FlateDecode", b"/FlatxDecode", 1)
    assert identifier_intact(changed) == (False, 1)
