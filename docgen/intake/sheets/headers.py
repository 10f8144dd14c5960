"""Texts of headers as they are compared: folded, without marks, their unit set apart."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from docgen.intake.sheets.units import is_unit

LONGEST = 80
_BRACKETS = re.compile(r"[(\[【〔]([^()\[\]【】〔〕]*)[)\]】〕]")
_MARKS = re.compile(r"[\s*＊:：;；。、,，·•※★☆\"'“”‘’_/\\-]+")


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Return `text` as headers are compared: NFKC, no spaces, brackets or marks, lower case."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST])
    bare = _MARKS.sub("", _BRACKETS.sub("", plain)).casefold()
    return bare or _MARKS.sub("", plain).casefold()


def unit_in(text: str) -> str:
    """Return the unit that a header names in brackets, like GB in 内存大小(GB)."""
    for found in _BRACKETS.findall(unicodedata.normalize("NFKC", text[:LONGEST])):
        if is_unit(found.removeprefix("单位:").removeprefix("单位").strip()):
            return str(found.removeprefix("单位:").removeprefix("单位").strip())
    return ""
