"""The seal across the pages' edges: its strips, laid side by side, are the picture again."""

from __future__ import annotations

import io
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from docgen.errors import SettingWrong
from docgen.renderers.pdf.page_seal import HEIGHT
from docgen.renderers.pdf.parts import About
from docgen.renderers.pdf.pdf import render_pdf
from docgen.templates.theme import default_folder, load_theme

# WeasyPrint leaves its colour profile to the collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*sRGB2014:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*sRGB2014:pytest.PytestUnraisableExceptionWarning"),
]

ABOUT = About("骑缝章", "docgen", "zh-CN", datetime(2026, 3, 7, tzinfo=UTC))
DPI = 100


def picture() -> bytes:
    made = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    pen = ImageDraw.Draw(made)
    pen.ellipse((10, 10, 590, 590), outline=(200, 0, 0, 255), width=40)
    pen.polygon([(300, 120), (480, 460), (120, 460)], fill=(200, 0, 0, 255))
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()


def printed(pages: int, edge_seal: bytes = b"") -> bytes:
    body = '<p style="break-after: page">页</p>' * (pages - 1) + "<p>末页</p>"
    style = "<style>@page { size: A4; margin: 20mm }</style>"
    return render_pdf(style + body, ABOUT, assets={}, edge_seal=edge_seal).data


def put_together(data: bytes, folder: Path) -> Image.Image:
    """Lay the right edges of all pages side by side, as a hand does that fans them out."""
    (folder / "made.pdf").write_bytes(data)
    command = ["pdftoppm", "-r", str(DPI), "-png", "made.pdf", "page"]
    subprocess.run(command, cwd=folder, check=True)
    pages = [Image.open(path).convert("RGB") for path in sorted(folder.glob("page-*.png"))]
    size = round(HEIGHT * DPI / 72)
    whole = Image.new("RGB", (size, size), "white")
    for number, page in enumerate(pages):
        left, right = size * number // len(pages), size * (number + 1) // len(pages)
        top = (page.height - size) // 2
        box = (page.width - (right - left), top, page.width, top + size)
        whole.paste(page.crop(box), (left, 0))
    return whole


@pytest.mark.parametrize("pages", [2, 5, 20])
def test_the_strips_make_the_picture(pages: int, tmp_path: Path) -> None:
    made = put_together(printed(pages, picture()), tmp_path)
    seal = Image.open(io.BytesIO(picture()))
    paper = Image.new("RGBA", seal.size, "white")
    paper.alpha_composite(seal)
    asked = paper.convert("RGB").resize(made.size)
    apart = ImageStat.Stat(ImageChops.difference(made, asked).convert("L")).mean[0]
    blank = ImageStat.Stat(
        ImageChops.difference(Image.new("RGB", made.size, "white"), asked).convert("L")
    ).mean[0]
    assert apart < blank / 4


def test_many_pages_carry_it_again_and_a_single_one_not_at_all() -> None:
    def width(data: bytes) -> int:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            images = {
                image.objgen: image for page in pdf.pages for image in page.get_images().values()
            }
            return sum(int(image.Width) for image in images.values())

    assert width(printed(1, picture())) == 0
    assert width(printed(20, picture())) == 600
    assert width(printed(41, picture())) == 3 * 600


def test_text_tags_and_bytes_stay_in_order(tmp_path: Path) -> None:
    made, plain = printed(3, picture()), printed(3)
    assert made == printed(3, picture())
    for name, data in (("made", made), ("plain", plain)):
        (tmp_path / f"{name}.pdf").write_bytes(data)

    def told(*command: str) -> str:
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert "No syntax" in told("qpdf", "--check", "made.pdf")
    assert told("pdftotext", "made.pdf", "-") == told("pdftotext", "plain.pdf", "-")
    structure = ("pdfinfo", "-struct-text")
    assert told(*structure, "made.pdf") == told(*structure, "plain.pdf")


def theme_with(folder: Path, seal: bytes) -> Path:
    shutil.copy(default_folder() / "logo.png", folder)
    text = (default_folder() / "theme.toml").read_text("utf-8")
    (folder / "theme.toml").write_text(
        text.replace('edge_seal = ""', 'edge_seal = "seal.png"'), "utf-8"
    )
    (folder / "seal.png").write_bytes(seal)
    return folder


def test_a_theme_names_the_picture(tmp_path: Path) -> None:
    theme = load_theme(theme_with(tmp_path, picture()))
    assert theme.edge_seal == picture()
    assert theme.digest != load_theme(default_folder()).digest
    with pytest.raises(SettingWrong) as wrong:
        load_theme(theme_with(tmp_path, b"GIF89a"))
    assert "seal.png" in wrong.value.message("en")
