"""What a seal shows on paper: the signature that was drawn, or the name written in our own fonts.

Both are pictures, so that no font comes into the file that is not embedded.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont
from pyhanko.pdf_utils.images import PdfImage
from pyhanko.pdf_utils.layout import AxisAlignment, InnerScaling, Margins, SimpleBoxLayoutRule
from pyhanko.stamp import StaticStampStyle

from docgen.errors import UploadRefused
from docgen.renderers.fonts import Fonts
from docgen.uploads.images import look_at_image

_KINDS = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"))
MOST_BYTES = 2 * 1024 * 1024
MOST_PIXELS = 4_000_000
_INK = 24  # of 255: lighter than that is paper
_DRAWN = 1.2  # of the caption's height
_SIZE = 40  # pixels; shrunk to the block
_COLOUR = (26, 26, 26, 255)
_RANGE = re.compile(r"U\+([0-9A-F]+)(?:-([0-9A-F]+))?")


def drawn(data: bytes) -> Image.Image:
    """Read a drawn signature (PNG or JPEG), cut to its ink.

    UploadRefused: signature_image_bad (kind, damage, size), signature_empty,
    image_broken, polyglot.
    """
    kind = next((name for magic, name in _KINDS if data.startswith(magic)), "")
    if not kind or len(data) > MOST_BYTES:
        raise UploadRefused("signature_image_bad.kind")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise UploadRefused("signature_image_bad.pixels")
            look_at_image(kind, data)  # WeasyPrint lets Pillow read cut pictures, this does not
            picture = opened.convert("RGBA")
    except (OSError, SyntaxError, ValueError) as wrong:
        raise UploadRefused("signature_image_bad.damaged") from wrong
    ink = _ink(picture)
    box = ink.getbbox()
    if box is None:
        raise UploadRefused("signature_empty.blank")
    return picture.crop(box)


def written(lines: tuple[str, ...], folder: Path) -> Image.Image:
    """Write lines of text in the project's own serif; each character in the part that has it."""
    fonts = _Serif(folder)
    widths = [sum(fonts.of(one).getlength(one) for one in line) for line in lines]
    height = round(_SIZE * 1.5)
    picture = Image.new("RGBA", (int(max(widths)) + 4, height * len(lines)), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        x = 2.0
        for one in line:
            font = fonts.of(one)
            pen.text((x, row * height), one, font=font, fill=_COLOUR)
            x += font.getlength(one)
    return picture


def beside(picture: Image.Image, caption: Image.Image) -> Image.Image:
    """Put a drawn signature before its caption, about as tall and no wider."""
    scale = min(caption.height * _DRAWN / picture.height, caption.width / picture.width)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    drawing = picture.resize(size, Image.Resampling.LANCZOS)
    height = max(drawing.height, caption.height)
    made = Image.new("RGBA", (drawing.width + _SIZE + caption.width, height), (0, 0, 0, 0))
    made.paste(drawing, (0, (height - drawing.height) // 2))
    made.paste(caption, (drawing.width + _SIZE, (height - caption.height) // 2))
    return made


def style(picture: Image.Image, box: tuple[float, float]) -> StaticStampStyle:
    """Place a picture in a block of that width and height: above its date, on the right."""
    width, height = box
    margins = Margins(
        left=int(width * 0.5), right=8, top=int(height * 0.24), bottom=int(height * 0.4)
    )
    place = SimpleBoxLayoutRule(
        AxisAlignment.ALIGN_MAX,
        AxisAlignment.ALIGN_MIN,
        margins=margins,
        inner_content_scaling=InnerScaling.SHRINK_TO_FIT,
    )
    return StaticStampStyle(
        border_width=0,
        background=PdfImage(picture, name="Signature"),
        background_layout=place,
        background_opacity=1.0,
    )


class _Serif:
    """The parts of the serif, each opened when a character asks for it."""

    def __init__(self, folder: Path) -> None:
        fonts = Fonts.load(folder)
        ranges = dict(fonts.ranges)
        self.parts = [
            (_spans(ranges[one.part]), folder / one.file)
            for one in fonts.files
            if one.family == "serif" and one.weight == 400
        ]
        self.opened: dict[Path, ImageFont.FreeTypeFont] = {}

    def of(self, character: str) -> ImageFont.FreeTypeFont:
        """Return the font that has a character, else the first one."""
        point = ord(character)
        path = next(
            (
                path
                for spans, path in self.parts
                if any(first <= point <= last for first, last in spans)
            ),
            self.parts[0][1],
        )
        if path not in self.opened:
            self.opened[path] = ImageFont.truetype(path, _SIZE)
        return self.opened[path]


def _spans(text: str) -> list[tuple[int, int]]:
    return [(int(first, 16), int(last or first, 16)) for first, last in _RANGE.findall(text)]


def _ink(picture: Image.Image) -> Image.Image:
    """Return where a picture is dark and not transparent."""
    paper = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    paper.alpha_composite(picture)
    grey = ImageChops.invert(paper.convert("L"))
    return grey.point(lambda level: 255 if level > _INK else 0)
