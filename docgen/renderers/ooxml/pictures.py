"""Pictures that a template only holds a place for: the firm's logo and the document's QR code.

A picture is marked by its alternative text (`docgen:logo`, `docgen:qr`) in Word or Excel.
"""

from __future__ import annotations

import struct

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.relationships import OFFICE

MARKS = {"docgen:logo": "logo", "docgen:qr": "qr"}
_PNG = b"\x89PNG\r\n\x1a\n"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_BLIP, _EMBED = f"{{{_A}}}blip", f"{{{OFFICE}}}embed"


def picture_parts(package: Package) -> dict[str, str]:
    """Map each media part that stands for something to what: `logo` or `qr`.

    TemplateFaulty: picture_not_png, picture_shared (one media file is used for both).
    """
    found: dict[str, str] = {}
    for name in package.xml_names():
        if b"docgen:" not in package.parts[name]:
            continue
        targets = {rel.id: rel.target for rel in package.related(name)}
        for picture, kind in marked(etree.fromstring(package.parts[name])):
            target = targets.get(picture.get(_EMBED, ""), "")
            if found.setdefault(target, kind) != kind:
                raise TemplateFaulty("picture_shared", place=name)
            if package.parts.get(target, b"")[:8] != _PNG:
                raise TemplateFaulty("picture_not_png", place=name)
    return found


def marked(root: etree._Element) -> list[tuple[etree._Element, str]]:
    """Find the `a:blip` of every marked picture in a part, and what it stands for."""
    found = []
    for element in root.iter():
        kind = MARKS.get(element.get("descr", ""))
        if kind and (blip := _blip(element)) is not None:
            found.append((blip, kind))
    return found


def fit_logo(root: etree._Element, logo: bytes) -> None:
    """Give the logo's places in a Word part the logo's proportions, inside their own box."""
    if logo[:8] != _PNG:
        return
    width, height = struct.unpack(">2L", logo[16:24])
    for blip, kind in marked(root):
        frame = next(
            (a for a in blip.iterancestors() if a.tag.endswith(("}inline", "}anchor"))), None
        )
        if kind == "logo" and frame is not None:
            sizes = [*frame.iterchildren("{*}extent"), *frame.iter(f"{{{_A}}}ext")]
            _fit([size for size in sizes if size.get("cx")], width / height)


def _fit(sizes: list[etree._Element], ratio: float) -> None:
    for size in sizes:
        width, height = int(size.get("cx", "1")), int(size.get("cy", "1"))
        size.set("cx", str(min(width, round(height * ratio))))
        size.set("cy", str(min(height, round(width / ratio))))


def _blip(properties: etree._Element) -> etree._Element | None:
    """Find the picture that alternative text belongs to: the nearest one around it."""
    for around in properties.iterancestors():
        if (blip := next(around.iter(_BLIP), None)) is not None:
            return blip
    return None
