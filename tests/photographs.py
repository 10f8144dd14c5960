"""Paper as people send it: a PDF's page printed, signed by hand, photographed or scanned."""

from __future__ import annotations

import io
from dataclasses import dataclass
from random import Random
from statistics import NormalDist

import pypdfium2
from PIL import Image, ImageChops, ImageDraw, ImageFilter

TABLE = 92


@dataclass(frozen=True)
class Camera:
    """How a photograph comes about: `angle` in degrees, `tilt` the share that a side shrinks."""

    angle: float = 0
    tilt: float = 0
    blur: float = 0
    noise: float = 0
    shade: float = 0
    quality: int = 85
    width: int = 2600


def page(pdf: bytes, number: int = -1, dpi: int = 300) -> Image.Image:
    """Print a page (from 0; the last)."""
    opened = pypdfium2.PdfDocument(pdf)
    try:
        at = number % len(opened)
        shown: Image.Image = opened[at].render(scale=dpi / 72).to_pil()
        return shown.convert("RGB")
    finally:
        opened.close()


def signed(paper: Image.Image) -> Image.Image:
    """Write on a page by hand, across the print."""
    made = paper.copy()
    x, y, unit = made.width * 0.2, made.height * 0.6, made.width / 60
    points = [(x + unit * step, y + unit * (step * 7 % 5 - 2)) for step in range(12)]
    ImageDraw.Draw(made).line(points, fill="navy", width=int(unit / 3), joint="curve")
    return made


def photographed(paper: Image.Image, camera: Camera) -> bytes:
    """Lay a page on a table and take its picture, as JPEG."""
    seen = paper.convert("L").resize(
        (camera.width, round(camera.width * paper.height / paper.width)), Image.Resampling.LANCZOS
    )
    seen = _tilted(seen, camera.tilt)
    seen = seen.rotate(camera.angle, Image.Resampling.BICUBIC, expand=True, fillcolor=TABLE)
    if camera.shade:
        light = Image.linear_gradient("L").resize(seen.size)
        dim = light.point(lambda level: 255 - int(level * camera.shade))
        seen = ImageChops.multiply(seen, dim)
    seen = seen.filter(ImageFilter.GaussianBlur(camera.blur))
    if camera.noise:
        seen = ImageChops.add(seen, _grain(seen.size, camera.noise), scale=1, offset=-128)
    return saved(seen.convert("RGB"), "JPEG", quality=camera.quality)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture's file."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def _grain(size: tuple[int, int], noise: float) -> Image.Image:
    """Return grey pixels that scatter by `noise`, the same each time (Pillow's noise never is)."""
    level = NormalDist(128, noise)
    table = [round(min(255, max(0, level.inv_cdf((at + 0.5) / 256)))) for at in range(256)]
    return Image.frombytes("L", size, Random(1).randbytes(size[0] * size[1])).point(table)


def _tilted(paper: Image.Image, tilt: float) -> Image.Image:
    """Look at a page aslant: its upper side is shorter than its lower one."""
    width, height = paper.size
    inset, drop = width * tilt / 2, height * tilt / 4
    corners = [(inset, drop), (width - inset, drop), (width, height), (0, height)]
    sources = [(0, 0), (width, 0), (width, height), (0, height)]
    rows = []
    for (x, y), (u, v) in zip(corners, sources, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    return paper.transform(
        paper.size,
        Image.Transform.PERSPECTIVE,
        _solved(rows),
        Image.Resampling.BICUBIC,
        fillcolor=TABLE,
    )


def _solved(rows: list[list[float]]) -> list[float]:
    """Solve linear equations, the right side in the last column (Gauss, Jordan)."""
    size = len(rows)
    for at in range(size):
        best = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for other in range(size):
            if other != at:
                factor = rows[other][at]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[at], strict=True)]
    return [row[-1] for row in rows]
