"""Fields on sign-off blocks: read from the bytes, exactly on the block, and only appended."""

from __future__ import annotations

import io
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docgen.errors import Conflict, DocgenError, InputUnreadable, RenderFailed
from docgen.renderers.pdf.parts import About, Pdf
from docgen.renderers.pdf.pdf import render_pdf
from docgen.signing.blocks import blocks
from docgen.signing.fields import add_fields, field_names
from tests.commands import SAMPLES, rendered

pytestmark = [  # WeasyPrint 70 leaves its colour profile open
    pytest.mark.filterwarnings("ignore:.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]
ABOUT = About("巡检 XJ", "华信", "zh-CN", datetime(2026, 3, 7, 4, tzinfo=UTC))
FRAME = "border: 1pt solid #333; height: 60pt"


def page(body: str, style: str = FRAME) -> Pdf:
    fonts = "* { font-family: 'Docgen Serif SC' }"
    css = f"@page {{ size: A4; margin: 20mm }} {fonts} div {{ {style} }}"
    return render_pdf(f"<style>{css}</style>{body}", ABOUT, assets={})


def block(role: str, number: int = 1, inside: str = "") -> str:
    return f'<div id="signoff-{role}-{number}">{inside}</div>'


@pytest.fixture(scope="module", params=["XJ", "ZX", "WH", "DJ", "WB", "QX", "SQ"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The PDF of a sample of each record type."""
    folder = tmp_path_factory.mktemp("pdf")
    rendered(SAMPLES / request.param / "basic.json", to=folder, formats="pdf")
    return next(folder.rglob("*.pdf")).read_bytes()


def test_every_record_type_has_its_blocks_and_takes_fields(sample: bytes, tmp_path: Path) -> None:
    found = blocks(sample)
    roles = sorted({name.rpartition("-")[0] for name in found})
    assert "engineer" in roles
    made = add_fields(sample, roles)
    assert made.startswith(sample)
    assert made == add_fields(sample, roles)
    assert field_names(made) == dict.fromkeys(roles, False)
    for role, (number, rect) in widgets(made).items():
        box = found[f"{role}-1"]
        assert number == box.page
        assert rect == pytest.approx((box.x1, box.y1, box.x2, box.y2), abs=0.001)
    assert untouched(sample, made)
    checked(made, tmp_path)


def widgets(data: bytes) -> dict[str, tuple[int, list[float]]]:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        return {
            str(one.T): (number, [float(edge) for edge in one.Rect])
            for number, sheet in enumerate(pdf.pages, 1)
            for one in sheet.obj.get("/Annots", [])
            if one.get("/FT") == "/Sig"
        }


def untouched(before: bytes, after: bytes) -> bool:
    """Whether metadata, page contents, attachments and the output intent are as they were."""
    with pikepdf.open(io.BytesIO(before)) as old, pikepdf.open(io.BytesIO(after)) as new:
        same = [
            old.Root.Metadata.read_raw_bytes() == new.Root.Metadata.read_raw_bytes(),
            dict(old.docinfo) == dict(new.docinfo),
            set(old.attachments) == set(new.attachments),
            "/OutputIntents" in new.Root,
            "/DR" not in new.Root.AcroForm,
            "/NeedAppearances" not in new.Root.AcroForm,
            all(
                one.Contents.read_raw_bytes() == two.Contents.read_raw_bytes()
                for one, two in zip(old.pages, new.pages, strict=True)
            ),
        ]
        return all(same)


def checked(data: bytes, folder: Path) -> None:
    path = folder / "fields.pdf"
    path.write_bytes(data)
    if shutil.which("qpdf"):
        subprocess.run(["qpdf", "--check", path], check=True, capture_output=True)


def test_widgets_are_printed_and_have_a_blank_appearance(sample: bytes) -> None:
    with pikepdf.open(io.BytesIO(add_fields(sample, ["engineer"]))) as pdf:
        (one,) = pdf.Root.AcroForm.Fields
        assert int(one.F) & 4
        assert one.AP.N.read_bytes() == b""
        assert [str(one.Lock.Action), [str(name) for name in one.Lock.Fields]] == [
            "/Include",
            ["engineer"],
        ]


# ---------------------------------------------------------------- where blocks lie


def test_rectangles_are_those_of_the_layout() -> None:
    made = page(block("leader") + "<p>text</p>" + block("cust_owner") + block("cust_owner", 2))
    found = blocks(made.data)
    assert {f"signoff-{name}" for name in found} == set(made.boxes)
    for name, box in found.items():
        layout = made.boxes[f"signoff-{name}"]
        assert box.page == layout.page
        assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx(
            (layout.x1, layout.y1, layout.x2, layout.y2), abs=0.01
        )
    names = field_names(add_fields(made.data, ["cust_owner", "leader"]))
    assert set(names) == {"leader", "cust_owner", "cust_owner_2"}


@pytest.mark.parametrize(
    "style", ["height: 60pt", "border-top: 1pt solid; height: 60pt", "background: #eee"]
)
def test_a_block_without_a_frame_is_refused(style: str) -> None:
    made = page(block("leader", inside="name"), style)
    assert refused(made.data, "leader") == "signoff_split"


def test_a_block_over_two_pages_is_refused_when_it_is_made() -> None:
    with pytest.raises(RenderFailed) as caught:
        page(block("leader", inside="<p>line</p>" * 80), "border: 1pt solid")
    assert caught.value.code == "signoff_split"


def test_a_frame_that_is_open_below_is_a_block_that_goes_on_overleaf() -> None:
    made = page(block("leader"), f"{FRAME}; border-bottom: none")
    assert refused(made.data, "leader") == "signoff_split"


def test_a_block_outside_its_page_is_refused() -> None:
    made = page(block("leader"))
    with pikepdf.open(io.BytesIO(made.data)) as pdf:
        pdf.pages[0].obj.MediaBox = pikepdf.Array([0, 0, 300, 842])
        narrow = io.BytesIO()
        pdf.save(narrow)
    assert refused(narrow.getvalue(), "leader") == "signoff_off_page"


# ---------------------------------------------------------------- refusals


def refused(data: bytes, *roles: str) -> str:
    with pytest.raises(DocgenError) as caught:
        add_fields(data, roles)
    assert caught.value.message("zh")
    assert caught.value.hint("en")
    return caught.value.code


def test_who_has_no_block_gets_no_field() -> None:
    made = page(block("leader"))
    assert refused(made.data, "leader", "cust_owner") == "no_signoff_block"
    assert refused(made.data) == "no_signoff_block"


def test_fields_are_added_once() -> None:
    made = add_fields(page(block("leader")).data, ["leader"])
    with pytest.raises(Conflict) as caught:
        add_fields(made, ["leader"])
    assert caught.value.code == "fields_exist"


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"\x00" * 99, b"%PDF-1.7\n%%EOF"])
def test_what_is_no_pdf(data: bytes) -> None:
    assert refused(data, "leader") == "unknown_file"
    with pytest.raises(InputUnreadable):
        field_names(data)


PLAIN: list[bytes] = []


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damaged_bytes_are_refused_or_taken_but_never_crash(data: st.DataObject) -> None:
    if not PLAIN:
        PLAIN.append(page(block("leader")).data)
    damaged = bytearray(PLAIN[0])
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    with suppress(DocgenError):
        assert add_fields(bytes(damaged), ["leader"]).startswith(damaged)
