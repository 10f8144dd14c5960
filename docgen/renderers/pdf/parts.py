"""What a PDF is made from and of, without WeasyPrint: its import takes a process half a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

SIGN_PREFIX = "signoff-"  # begins the anchors of sign-off blocks in a page's HTML


@dataclass(frozen=True)
class EmbeddedFile:
    """A file attached to the PDF; `relationship` is ISO 32000-2's AFRelationship (7.11.3)."""

    name: str
    data: bytes
    description: str
    relationship: str


@dataclass(frozen=True)
class Box:
    """A rectangle on a page (from 1), in points from the lower left corner."""

    page: int
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Pdf:
    """A finished file: its bytes, page count, sign-off rectangles, and WeasyPrint's warnings."""

    data: bytes
    pages: int
    boxes: Mapping[str, Box]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class About:
    """The file's metadata; `created` has a time zone, `lang` is a BCP 47 tag."""

    title: str
    author: str
    lang: str
    created: datetime
