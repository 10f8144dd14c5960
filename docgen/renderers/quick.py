"""What makes WeasyPrint quicker without changing a page; it knows nothing of records.

Shares of CPU time are those of an inspection of 15 pages. Two measures replace methods of
WeasyPrint 70 and pydyf 0.13; under other versions they are left out, and pages take longer.
"""

from __future__ import annotations

import gc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import pydyf
import weasyprint
from weasyprint.text.line_break import Layout

Given = ParamSpec("Given")
Made = TypeVar("Made")

KNOWN = ("70.0", "0.13.0")
STACK_WORDS = 70_000  # with CPython's own margin just over 512 KB: it takes a chunk of 1 MB
DEFLATE_LEVEL = 6
_BODY = b"\nstream\n"
_TAIL = b"\nendstream"


def roomy(work: Callable[Given, Made]) -> Callable[Given, Made]:
    """Run `work` on one large stretch of the interpreter's stack (8 to 10 %).

    CPython 3.11 keeps frames in chunks of 16 KB, and maps and unmaps memory at each call across a
    chunk's end. A layout makes millions of calls at nearly one depth: where that is an end, mmap
    and munmap take up to 13 % of the time. A frame that asks for half a megabyte gets one whole,
    and everything below fits into the other half.
    """

    def run(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        return work(*args, **kwargs)

    run.__code__ = run.__code__.replace(co_stacksize=STACK_WORDS)
    return wraps(work)(run)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the collector of cyclic garbage, then collect what was born meanwhile, and no more."""
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        gc.enable()


class Written:
    """An object whose bytes are made once: pydyf makes them for the file and for its identifier.

    Streams are deflated at level 6 instead of 9: 3 % quicker, 3 % larger.
    """

    def __init__(self, made: Any) -> None:
        self.number, self.generation, self.free = made.number, made.generation, made.free
        self.data = _deflated(made) if _plain_stream(made) else bytes(made.data)
        self.compressible: bool = made.compressible
        self.offset = 0

    @property
    def indirect(self) -> bytes:
        """Return the object as it stands in the file."""
        return b"%d %d obj\n%b\nendobj" % (self.number, self.generation, self.data)


def _plain_stream(made: Any) -> bool:
    return isinstance(made, pydyf.Stream) and bool(made.compress) and "Filter" not in made.extra


def _deflated(made: Any) -> bytes:
    made.compress = False
    body = made.data.partition(_BODY)[2].removesuffix(_TAIL)
    packed = zlib.compress(body, DEFLATE_LEVEL)
    return bytes(pydyf.Stream([packed], {**made.extra, "Filter": "/FlateDecode"}).data)


@cache
def prepare() -> bool:
    """Put the two replacements in place, once a process; say whether the versions are known."""
    if (weasyprint.__version__, pydyf.__version__) != KNOWN:
        return False
    pydyf.PDF.page_references = property(_page_references)
    Layout.deactivate = _keep
    Layout.reactivate = _take_up
    return True


def _page_references(pdf: Any) -> tuple[bytes, ...]:
    """Make the list of pages once: pydyf makes it anew for every tag, in pages times cells."""
    pages = pdf.pages["Kids"]
    known: tuple[bytes, ...] = pdf.__dict__.get("_references", ())
    if len(known) * 3 != len(pages):
        known = tuple(b"%d 0 R" % number for number in pages[::3])
        pdf.__dict__["_references"] = known
    return known


_set_up_again = Layout.reactivate


def _keep(layout: Any) -> None:
    """Keep Pango's lines from layout to drawing (6 %; a tenth more memory)."""


def _take_up(layout: Any, style: Any) -> None:
    """Shape again only what is justified: nothing else differs from what was laid out."""
    if layout.justification_spacing:
        _set_up_again(layout, style)
