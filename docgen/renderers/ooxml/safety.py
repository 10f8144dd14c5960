"""Refuse templates that fetch or start something: their documents open nothing but themselves."""

from __future__ import annotations

from docgen.errors import TemplateFaulty, together
from docgen.files.active import OfficeScan
from docgen.renderers.ooxml.package import Package


def refuse_active(package: Package) -> None:
    """Look through every part. TemplateFaulty tells all that was found, each with its place."""
    scan = OfficeScan(template=True)
    for name, data in package.parts.items():
        part = scan.part(name)
        if name in package.xml_names():
            part.read(data)
    if found := scan.findings():
        faults = [TemplateFaulty(one.code, place=one.place, value=one.value) for one in found]
        raise together(faults)
