"""HTML → PDF/A-3u by WeasyPrint: tagged, deterministic, with attachments, and nothing fetched.

The file identifier is a digest of the file, so that a changed byte can be told.
"""

from __future__ import annotations

import gc
import hashlib
import io
import logging
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import pikepdf
import pydyf
from weasyprint import CSS, HTML
from weasyprint import Attachment as Attached
from weasyprint.document import Document as LaidOut
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse, URLFetchingError

from docgen.errors import InputUnreadable, RenderFailed
from docgen.renderers.pdf import page_seal

RECORD_NAME = "record.json"
POINTS_PER_PIXEL = 0.75
SIGN_PREFIX = "signoff-"
_NO_IDENTIFIER = b"0" * 32
_IDENTIFIER = re.compile(rb"/ID \[\(([0-9a-f]{32})\)")
_END = b"%%EOF"
# pydyf deflates at 9. Level 6 is 3 % quicker and 3 % larger, on an inspection of 15 pages.
_DEFLATE_LEVEL = 6
_BODY, _TAIL = b"\nstream\n", b"\nendstream"  # what pydyf puts around the bytes of a stream
_SAFE_LINK = re.compile(r"^https://", re.IGNORECASE)

# What of the user agent's style sheet these pages need; matching the whole takes 8 % of the time.
_PLAIN_STYLES = """
head, title, style, meta, script, link { display: none }
html, body, div, p, h1, h2, h3, h4, h5, h6, section, article, header, footer, nav, main, aside,
ol, ul, dl, dt, dd, pre, figure, figcaption, blockquote, hr { display: block }
li { display: list-item }
ol { list-style-type: decimal }
table { display: table; border-spacing: 0 }
caption { display: table-caption }
thead { display: table-header-group; vertical-align: middle }
tbody { display: table-row-group; vertical-align: middle }
tfoot { display: table-footer-group; vertical-align: middle }
tr { display: table-row; vertical-align: inherit }
td, th { display: table-cell; vertical-align: inherit }
col { display: table-column }
colgroup { display: table-column-group }
th, b, strong, h1, h2, h3, h4, h5, h6 { font-weight: bold }
i, em { font-style: italic }
pre, code { white-space: pre-wrap }
h1, h2, h3, h4, h5, h6 { bookmark-label: content(text); break-after: avoid }
h1 { bookmark-level: 1 }
h2 { bookmark-level: 1 }
h3 { bookmark-level: 2 }
h4, h5, h6 { bookmark-level: 3 }
"""


@dataclass(frozen=True)
class EmbeddedFile:
    """A file inside the PDF; `relationship` as in ISO 32000-2, 7.11.3 (Source, Supplement)."""

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
    """A finished file: its bytes, page count, sign-off rectangles, and what WeasyPrint said."""

    data: bytes
    pages: int
    boxes: Mapping[str, Box]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class About:
    """What the file says of itself. `created` is aware; `lang` a BCP 47 tag."""

    title: str
    author: str
    lang: str
    created: datetime


class _Page(HTML):  # type: ignore[misc]  # WeasyPrint ships no types
    """HTML under the short style sheet."""

    def _ua_stylesheets(self, forms: bool = False) -> list[Any]:
        return [_plain_styles()]


class _Assets(URLFetcher):  # type: ignore[misc]  # WeasyPrint ships no types
    """Hands out named assets; everything else is refused and remembered."""

    def __init__(self, assets: Mapping[str, bytes]) -> None:
        super().__init__()
        self.assets = assets
        self.refused: list[str] = []

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Answer `asset:NAME`, or raise."""
        name = url.removeprefix("asset:")
        if url.startswith("asset:") and name in self.assets:
            return URLFetcherResponse(url, self.assets[name], {"Content-Type": "image/png"})
        self.refused.append(url)
        raise ValueError(f"{url} may not be fetched")


def render_pdf(
    html: str,
    about: About,
    *,
    assets: Mapping[str, bytes],
    attachments: Sequence[EmbeddedFile] = (),
    edge_seal: bytes = b"",
) -> Pdf:
    """Lay out and write `html`; equal input gives equal bytes.

    `edge_seal` is a PNG that is put across the edges of the pages.

    Raises RenderFailed: url_refused, link_refused, no_glyph_in_page, page_too_deep,
    signoff_off_page, signoff_split.
    """
    with _collector_paused(), _not_too_deep():
        return _rendered(html, about, (assets, attachments), edge_seal)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the collector of cyclic garbage, then collect what was born meanwhile, and no more."""
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)
        gc.enable()


@contextmanager
def _not_too_deep() -> Iterator[None]:
    """Refuse elements in elements in elements: WeasyPrint lays each out within its parent's call.

    About 150 blocks fit into Python's limit of 1,000 calls.
    """
    try:
        yield
    except RecursionError as deep:
        raise RenderFailed("page_too_deep") from deep


def _rendered(
    html: str,
    about: About,
    files: tuple[Mapping[str, bytes], Sequence[EmbeddedFile]],
    edge_seal: bytes,
) -> Pdf:
    """Do it; nothing of the layout outlives this, so that the collector finds all of it dead."""
    assets, attachments = files
    fetcher = _Assets(assets)
    with _heard() as said, _walled(fetcher):
        page = _Page(string=html, base_url="asset:", url_fetcher=fetcher)
        laid_out = page.render(font_config=_font_configuration())
        _refuse(fetcher, laid_out, said)
        _describe(laid_out, about)
        data = laid_out.write_pdf(
            finisher=partial(_finish, edge_seal),
            pdf_variant="pdf/a-3u",
            pdf_tags=True,
            pdf_identifier=_NO_IDENTIFIER,
            attachments=[_attached(item, about.created) for item in attachments],
        )
        _refuse(fetcher, laid_out, said)
    boxes = dict(_boxes(laid_out))
    return Pdf(seal_identifier(data), len(laid_out.pages), boxes, tuple(said))


def seal_identifier(data: bytes) -> bytes:
    """Put the digest of the file, taken with an identifier of zeros, into its identifier."""
    place = data.rindex(b"/ID [(" + _NO_IDENTIFIER) + len(b"/ID [(")
    digest = hashlib.sha256(data).hexdigest()[:32].encode()
    return data[:place] + digest + data[place + len(digest) :]


def identifier_intact(data: bytes) -> tuple[bool, int]:
    """Say whether the first revision is as it was made, and how many were appended later.

    Never raises, whatever the bytes.
    """
    end = data.find(_END) + len(_END)
    if end < len(_END):
        return False, 0
    first = data[: end + (1 if data[end : end + 1] == b"\n" else 0)]
    later = data.count(_END, end)
    found = list(_IDENTIFIER.finditer(first))
    if not found or (len(first) < len(data) and not later):
        return False, later
    start, stop = found[-1].span(1)
    zeroed = first[:start] + _NO_IDENTIFIER + first[stop:]
    return hashlib.sha256(zeroed).hexdigest()[:32].encode() == found[-1][1], later


def embedded_record(data: bytes) -> bytes:
    """Return the record attached to a PDF. InputUnreadable: no_record, unknown_file."""
    try:
        with pikepdf.open(io.BytesIO(data)) as pdf:
            if RECORD_NAME in pdf.attachments:
                return bytes(pdf.attachments[RECORD_NAME].get_file().read_bytes())
    except (pikepdf.PdfError, pikepdf.PasswordError) as wrong:
        reason = str(wrong).rpartition(">: ")[2]  # without the stream's address in memory
        raise InputUnreadable("unknown_file.pdf", reason=reason) from wrong
    raise InputUnreadable("no_record.pdf")


@cache
def _font_configuration() -> FontConfiguration:
    """One for the process: memory grows with each new one."""
    return FontConfiguration()


@cache
def _plain_styles() -> CSS:
    return CSS(string=_PLAIN_STYLES)


class _Ear(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.said.append(record.getMessage())


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Collect what WeasyPrint logs."""
    logger = logging.getLogger("weasyprint")
    ear = _Ear()
    handlers, logger.handlers = logger.handlers, [ear]
    try:
        yield ear.said
    finally:
        logger.handlers = handlers


@contextmanager
def _walled(fetcher: _Assets) -> Iterator[None]:
    """Name the address also where WeasyPrint does not catch its own error: colour profiles."""
    try:
        yield
    except URLFetchingError as wrong:
        raise _refused_url(fetcher) from wrong


def _refused_url(fetcher: _Assets) -> RenderFailed:
    url = fetcher.refused[0][:200]
    return RenderFailed("url_refused", value=url)


def _refuse(fetcher: _Assets, laid_out: LaidOut, said: list[str]) -> None:
    if fetcher.refused:
        raise _refused_url(fetcher)
    for message in said:
        if "notdef" in message:
            raise RenderFailed("no_glyph_in_page", value=message)
    for page in laid_out.pages:
        for kind, target, *_ in page.links:
            if kind == "external" and not _SAFE_LINK.match(target):
                raise RenderFailed("link_refused", value=target, target=target[:200])


def _describe(laid_out: LaidOut, about: About) -> None:
    moment = about.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = laid_out.metadata
    metadata.title, metadata.authors, metadata.lang = about.title, [about.author], about.lang
    metadata.created = metadata.modified = moment
    metadata.generator = "docgen"


def _attached(item: EmbeddedFile, created: datetime) -> Attached:
    moment = created.astimezone(UTC)
    return Attached(
        string=item.data,
        name=item.name,
        description=item.description,
        created=moment,
        modified=moment,
        relationship=item.relationship,
    )


def _finish(edge_seal: bytes, laid_out: LaidOut, pdf: Any) -> None:
    """Name every attachment once in /AF (WeasyPrint 70 names it twice); write each object once."""
    if "AF" in pdf.catalog:
        once = list(dict.fromkeys(pdf.catalog["AF"]))
        pdf.catalog["AF"][:] = once
    if edge_seal:
        page_seal.put(pdf, edge_seal)
    pdf.objects[:] = [made if made.free == "f" else Written(made) for made in pdf.objects]


class Written(pydyf.Object):  # type: ignore[misc]  # pydyf ships no types
    """An object as its final bytes, for the finisher that WeasyPrint calls before it writes.

    pydyf makes the bytes of every object twice, for the file and for the digest of its identifier,
    and deflates twice as well: 15 % of a ticket's time.
    """

    def __init__(self, made: Any) -> None:
        super().__init__()
        self.number, self.generation = made.number, made.generation
        self._compressible = bool(made.compressible)
        self._data = _deflated(made) if _is_plain_stream(made) else bytes(made.data)

    @property
    def data(self) -> bytes:
        """The bytes that were made."""
        return self._data

    @property
    def compressible(self) -> bool:
        """Whether the object may stand in an object stream: as it was before."""
        return self._compressible


def _is_plain_stream(made: Any) -> bool:
    return isinstance(made, pydyf.Stream) and bool(made.compress) and "Filter" not in made.extra


def _deflated(made: Any) -> bytes:
    made.compress = False
    body = made.data.partition(_BODY)[2].removesuffix(_TAIL)
    packed = zlib.compress(body, _DEFLATE_LEVEL)
    return bytes(pydyf.Stream([packed], {**made.extra, "Filter": "/FlateDecode"}).data)


def _boxes(laid_out: LaidOut) -> Iterator[tuple[str, Box]]:
    """Where the sign-off blocks lie; one outside its page, or on two of them, is refused."""
    seen: set[str] = set()
    for number, page in enumerate(laid_out.pages, 1):
        for name, (left, top, right, bottom) in page.anchors.items():
            if not name.startswith(SIGN_PREFIX):
                continue
            if not (0 <= left < right <= page.width and 0 <= top < bottom <= page.height):
                raise RenderFailed("signoff_off_page", value=name)
            if name in seen:
                raise RenderFailed("signoff_split", value=name)
            seen.add(name)
            scale = POINTS_PER_PIXEL
            low, high = (page.height - bottom) * scale, (page.height - top) * scale
            yield name, Box(number, left * scale, low, right * scale, high)
