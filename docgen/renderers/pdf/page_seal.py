"""Draw the seal across the edges of all pages (骑缝章): each page carries one strip of it.

Drawn below the page's content and marked as an artifact (ISO 32000-1, 14.8.2.2), so that tags
and text do not change.
"""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import pydyf
from PIL import Image

MOST_PAGES = 20  # strips of one picture; more pages carry the picture several times
HEIGHT = 119.0  # points: 42 mm, the size of a company's seal
_NAME = "edge-seal"


def put(pdf: Any, picture: bytes) -> None:
    """Draw a PNG across the right edges of a pydyf document's pages; nothing on a single page."""
    with Image.open(io.BytesIO(picture), formats=("PNG",)) as opened:
        seal = opened.convert("RGBA")
    # pydyf keeps /Kids as the three tokens of each reference: number, generation, R.
    pages = [pdf.objects[number] for number in pdf.pages["Kids"][::3]]
    for first, after in pairwise(_bounds(len(pages), -(-len(pages) // MOST_PAGES))):
        group = pages[first:after]
        if len(group) > 1:
            for page, (left, right) in zip(
                group, pairwise(_bounds(seal.width, len(group))), strict=True
            ):
                strip = seal.crop((left, 0, right, seal.height))
                _draw(pdf, page, strip, HEIGHT / seal.height)


def _bounds(length: int, parts: int) -> list[int]:
    """Return the starts of `parts` nearly equal parts of a length, and its end."""
    return [length * number // parts for number in range(parts + 1)]


def _draw(pdf: Any, page: Any, strip: Image.Image, scale: float) -> None:
    left, low, right, high = page["MediaBox"]
    width, height = strip.width * scale, strip.height * scale
    bottom = (low + high - height) / 2
    image = _image(pdf, strip)
    resources = pdf.objects[int(page["Resources"].split()[0])]
    name = f"{_NAME}-{image.number}"
    resources.setdefault("XObject", pydyf.Dictionary())[name] = image.reference
    drawing = pydyf.Stream()
    drawing.stream.append(b"/Artifact BMC")
    drawing.push_state()
    drawing.set_matrix(width, 0, 0, height, max(left, right - width), bottom)
    drawing.draw_x_object(name)
    drawing.pop_state()
    drawing.end_marked_content()
    pdf.add_object(drawing)
    page["Contents"] = pydyf.Array([drawing.reference, page["Contents"]])


def _image(pdf: Any, strip: Image.Image) -> Any:
    """Add a picture with its transparency as a soft mask (ISO 32000-1, 11.6.5.3)."""
    mask = _samples(strip.getchannel("A"), "/DeviceGray")
    pdf.add_object(mask)
    image = _samples(strip.convert("RGB"), "/DeviceRGB")
    image.extra["SMask"] = mask.reference
    pdf.add_object(image)
    return image


def _samples(picture: Image.Image, space: str) -> Any:
    extra = {
        "Type": "/XObject",
        "Subtype": "/Image",
        "Width": picture.width,
        "Height": picture.height,
        "ColorSpace": space,
        "BitsPerComponent": 8,
    }
    return pydyf.Stream([picture.tobytes()], pydyf.Dictionary(extra), compress=True)
