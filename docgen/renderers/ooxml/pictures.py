"""Placeholder pictures of a template: the company's logo and the document's QR code.

A placeholder is marked by its alternative text (`docgen:logo`, `docgen:qr`) in Word or Excel.
"""

from __future__ import annotations

import struct

from lxml import etree

from docgen.errors import TemplateFaulty
from docgen.renderers.ooxml.package import Package
from docgen.renderers.ooxml.relationships import OFFICE

MARKS = {"docgen:logo": "logo", "docgen:qr": "qr"}
_PNG = b"\x89PNG\r\n\x1a\n"  # RFC 2083, 3.1
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_BLIP, _EMBED = f"{{{_A}}}blip", f"{{{OFFICE}}}embed"


def picture_parts(package: Package) -> dict[str, str]:
    """Map the name of each placeholder's media part to `logo` or `qr`.

    TemplateFaulty: picture_not_png, picture_shared (one media part is used for both).
    """
    found: dict[str, str] = {}
    for name in package.xml_names():
        if b"docgen:" not in package.parts[name]:
            continue
        targets = {rel.id: rel.target for rel in package.related(name)}
        for picture, kind in _placeholders(etree.fromstring(package.parts[name])):
            target = targets.get(picture.get(_EMBED, ""), "")
            if found.setdefault(target, kind) != kind:
                raise TemplateFaulty("picture_shared", place=name)
            if package.parts.get(target, b"")[:8] != _PNG:
                raise TemplateFaulty("picture_not_png", place=name)
    return found


def _placeholders(root: etree._Element) -> list[tuple[etree._Element, str]]:
    """Return the `a:blip` of every placeholder in a part with its kind."""
    found = []
    for element in root.iter():
        if kind := MARKS.get(element.get("descr", "")):
            # The alternative text stands beside the picture: in the nearest element around both.
            blips = (next(around.iter(_BLIP), None) for around in element.iterancestors())
            blip = next((blip for blip in blips if blip is not None), None)
            if blip is not None:
                found.append((blip, kind))
    return found


def fit_logo(root: etree._Element, logo: bytes, frames: tuple[str, ...]) -> None:
    """Resize the logo's placeholders to the logo's proportions, inside their own box.

    `frames` are the ends of the tags of elements that hold a picture's size. Sizes are in EMU
    (ECMA-376 20.1.7.3); a `logo` that is no PNG is left as it is.
    """
    if logo[:8] != _PNG:
        return
    logo_width, logo_height = struct.unpack(">2L", logo[16:24])  # of IHDR (RFC 2083, 4.1.1)
    ratio = logo_width / logo_height
    for blip, kind in _placeholders(root):
        frame = next((a for a in blip.iterancestors() if a.tag.endswith(frames)), None)
        if kind != "logo" or frame is None:
            continue
        sizes = [*frame.iterchildren("{*}extent", "{*}ext"), *frame.iter(f"{{{_A}}}ext")]
        for size in sizes:
            if size.get("cx"):
                width, height = int(size.get("cx", "1")), int(size.get("cy", "1"))
                size.set("cx", str(min(width, round(height * ratio))))
                size.set("cy", str(min(height, round(width / ratio))))
