"""Where the sign-off blocks of a finished PDF lie, read from its bytes, so that old files work too.

A block's anchor is a named destination at its upper left corner; its size is that of the frame
drawn from there. A block without a closed frame on one page has no rectangle, and is refused.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pikepdf
from pikepdf import Array, Dictionary, Matrix, NameTree, Page, Pdf

from docgen.errors import InputUnreadable
from docgen.renderers.pdf.parts import SIGN_PREFIX, Box
from docgen.signing.damaged_pdf import damage_refused

_NEAR = 0.05  # points; WeasyPrint writes six digits
_PAINTS = frozenset({"S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "n"})
_DEEPEST = 64
Rect = tuple[float, float, float, float]


def blocks(pdf_bytes: bytes) -> dict[str, Box]:
    """Return the rectangle of every sign-off block by `role-number`, such as `leader-1`.

    Raises InputUnreadable: unknown_file, signoff_off_page, signoff_split.
    """
    with damage_refused(), pikepdf.open(io.BytesIO(pdf_bytes)) as pdf:
        return dict(_found(pdf))


def _found(pdf: Pdf) -> Iterator[tuple[str, Box]]:
    numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages, 1)}
    frames: dict[int, list[tuple[Rect, bool]]] = {}
    for name, number, left, top in _anchors(pdf, numbers):
        page = pdf.pages[number - 1]
        if number not in frames:
            frames[number] = list(_frames(page))
        yield name.removeprefix(SIGN_PREFIX), _box(name, number, (left, top), (page, frames))


def _box(
    name: str,
    number: int,
    corner: tuple[float, float],
    drawn: tuple[Page, dict[int, list[tuple[Rect, bool]]]],
) -> Box:
    page, frames = drawn
    framing = [
        frame
        for frame in frames[number]
        if abs(frame[0][0] - corner[0]) < _NEAR and abs(frame[0][3] - corner[1]) < _NEAR
    ]
    if not framing or not all(closed for _, closed in framing):
        raise InputUnreadable("signoff_split.open_frame", place=name)
    (x1, y1, x2, y2), _ = max(framing)
    left, low, right, high = map(float, page.mediabox.as_list())
    if not (left <= x1 < x2 <= right and low <= y1 < y2 <= high):
        raise InputUnreadable("signoff_off_page.block", place=name)
    return Box(number, x1, y1, x2, y2)


def _anchors(
    pdf: Pdf, numbers: dict[tuple[int, int], int]
) -> Iterator[tuple[str, int, float, float]]:
    """Name each block's anchor with its page and corner."""
    names = pdf.Root.get("/Names", Dictionary()).get("/Dests")
    for name, place in NameTree(names).items() if names is not None else ():
        if not name.startswith(SIGN_PREFIX) or not isinstance(place, Array) or len(place) < 4:
            continue
        if number := numbers.get(place[0].objgen):
            yield name, number, float(place[2]), float(place[3])


def _frames(page: Page) -> Iterator[tuple[Rect, bool]]:
    """Give the rectangles that a page's own content draws, and whether each is a closed frame.

    A border is drawn as its outer and its inner rectangle; that of a block which goes on overleaf
    has no lower side, so that both end at the same height.
    """
    matrix, kept = Matrix(), list[Matrix]()
    path: list[Rect] = []
    for instruction in pikepdf.parse_content_stream(page):
        operands, word = instruction.operands, str(instruction.operator)
        if word == "q" and len(kept) < _DEEPEST:
            kept.append(matrix)
        elif word == "Q" and kept:
            matrix = kept.pop()
        elif word == "cm":
            matrix = Matrix(*map(float, operands)) @ matrix
        elif word == "re":
            path.append(_rect(matrix, [float(one) for one in operands]))
        elif word in _PAINTS:
            yield from _framed(path)
            path = []


def _framed(path: list[Rect]) -> Iterator[tuple[Rect, bool]]:
    for outer in path:
        inner = [one for one in path if one != outer and _within(one, outer)]
        if inner:
            yield outer, any(one[1] > outer[1] + _NEAR for one in inner)


def _within(one: Rect, other: Rect) -> bool:
    return (
        one[0] >= other[0] - _NEAR
        and one[1] >= other[1] - _NEAR
        and one[2] <= other[2] + _NEAR
        and one[3] <= other[3] + _NEAR
    )


def _rect(matrix: Matrix, numbers: list[float]) -> Rect:
    x, y, width, height = numbers
    one, two = matrix.transform((x, y)), matrix.transform((x + width, y + height))
    return min(one[0], two[0]), min(one[1], two[1]), max(one[0], two[0]), max(one[1], two[1])
