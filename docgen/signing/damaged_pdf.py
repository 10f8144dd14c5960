"""A damaged PDF is refused as such: the libraries that read it raise many kinds of errors."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pikepdf
from pyhanko.pdf_utils.misc import PdfError

from docgen.errors import InputUnreadable

DAMAGES = (
    pikepdf.PdfError,
    pikepdf.PasswordError,
    PdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    zlib.error,
)
"""What reading broken structures raises: a wrong type where a number, name or object is due."""


@contextmanager
def damage_refused() -> Iterator[None]:
    """Turn what a broken file raises inside into InputUnreadable: unknown_file."""
    try:
        yield
    except DAMAGES as wrong:
        raise InputUnreadable("unknown_file.damaged") from wrong
