"""The seal across the edges of all pages (骑缝章): each page carries one strip of the picture.

Drawn below the page's content and marked as an artifact, so that tags and text do not change.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
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
    pages = [pdf.objects[number] for number in pdf.pages["Kids"][::3]]
    for first, after in pairwise(_bounds(len(pages), -(-len(pages) // MOST_PAGES))):
        group = pages[first:after]
        if len(group) > 1:
            for page, strip in zip(group, _strips(seal, len(group)), strict=True):
                _draw(pdf, page, strip, HEIGHT / seal.height)


def _bounds(length: int, parts: int) -> list[int]:
    """Return where `parts` nearly equal parts of a length begin, and its end."""
    return [length * number // parts for number in range(parts + 1)]


def _strips(seal: Image.Image, count: int) -> Iterator[Image.Image]:
    for left, right in pairwise(_bounds(seal.width, count)):
        yield seal.crop((left, 0, right, seal.height))


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
