"""Convert HTML to PDF/A-3u by WeasyPrint: tagged, deterministic, with attachments.

Fetches nothing: only the named assets can be referred to. The file identifier is a digest of
the file, so that a changed byte is detected.
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
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

import pikepdf
import pydyf
from weasyprint import CSS, HTML, Attachment
from weasyprint.document import Document as LaidOut
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse, URLFetchingError

from docgen.errors import InputUnreadable, RenderFailed
from docgen.renderers.pdf import page_seal
from docgen.renderers.pdf.parts import SIGN_PREFIX, About, Box, EmbeddedFile, Pdf

RECORD_NAME = "record.json"
POINTS_PER_PIXEL = 0.75  # CSS: 96 px to the inch (CSS Values 4, 6.2); PDF: 72 points
_NO_IDENTIFIER = b"0" * 32
_IDENTIFIER = re.compile(rb"/ID \[\(([0-9a-f]{32})\)")  # as pydyf writes it (ISO 32000-1, 14.4)
_END = b"%%EOF"  # ends each revision of a file (ISO 32000-1, 7.5.5 and 7.5.6)
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


class _Page(HTML):  # type: ignore[misc]  # WeasyPrint ships no types
    """HTML with the short user agent style sheet instead of WeasyPrint's."""

    def _ua_stylesheets(self, forms: bool = False) -> list[Any]:
        return [_plain_styles()]


class _Assets(URLFetcher):  # type: ignore[misc]  # WeasyPrint ships no types
    """Serves named assets; every other address is refused and remembered."""

    def __init__(self, assets: Mapping[str, bytes]) -> None:
        super().__init__()
        self.assets = assets
        self.refused: list[str] = []

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Return the asset of `asset:NAME`; ValueError for any other address."""
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

    `edge_seal` is a PNG that is drawn across the edges of the pages.

    Raises RenderFailed: url_refused, link_refused, no_glyph_in_page, page_too_deep,
    signoff_off_page, signoff_split.
    """
    gc.disable()  # a layout makes so many objects that the collector would run all the time
    try:
        return _render(html, about, (assets, attachments), edge_seal)
    except RecursionError as deep:
        # WeasyPrint lays an element out within its parent's call: about 150 nested blocks fit
        # into Python's limit of 1,000 calls.
        raise RenderFailed("page_too_deep") from deep
    finally:
        gc.collect(0)  # the youngest generation only: the layout was all made meanwhile
        gc.enable()


def _render(
    html: str,
    about: About,
    files: tuple[Mapping[str, bytes], Sequence[EmbeddedFile]],
    edge_seal: bytes,
) -> Pdf:
    """Render in a call of its own: no reference to the layout outlives it, so gc can free it."""
    assets, attachments = files
    fetcher = _Assets(assets)
    with _weasyprint_warnings() as warnings:
        try:
            page = _Page(string=html, base_url="asset:", url_fetcher=fetcher)
            laid_out = page.render(font_config=_font_configuration())
            _refuse(fetcher, laid_out, warnings)
            _set_metadata(laid_out, about)
            data = laid_out.write_pdf(
                finisher=partial(_finish, edge_seal),
                pdf_variant="pdf/a-3u",
                pdf_tags=True,
                pdf_identifier=_NO_IDENTIFIER,
                attachments=[_attachment(item, about.created) for item in attachments],
            )
        except URLFetchingError as wrong:  # of colour profiles; elsewhere WeasyPrint catches it
            raise _refused_url(fetcher) from wrong
        _refuse(fetcher, laid_out, warnings)
    boxes = dict(_boxes(laid_out))
    return Pdf(seal_identifier(data), len(laid_out.pages), boxes, tuple(warnings))


def seal_identifier(data: bytes) -> bytes:
    """Write the digest of the file, computed with an identifier of zeros, into its identifier."""
    place = data.rindex(b"/ID [(" + _NO_IDENTIFIER) + len(b"/ID [(")
    digest = hashlib.sha256(data).hexdigest()[:32].encode()
    return data[:place] + digest + data[place + len(digest) :]


def identifier_intact(data: bytes) -> tuple[bool, int]:
    """Return whether the first revision is unchanged, and how many were appended later.

    Never raises, whatever the bytes. Signatures append revisions (ISO 32000-1, 7.5.6).
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
    """Return the one configuration of the process: each new one would leak memory."""
    return FontConfiguration()


@cache
def _plain_styles() -> CSS:
    return CSS(string=_PLAIN_STYLES)


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self.messages.append(record.getMessage())


@contextmanager
def _weasyprint_warnings() -> Iterator[list[str]]:
    """Collect the warnings that WeasyPrint logs; it reports most faults of a page only there."""
    logger = logging.getLogger("weasyprint")
    collector = _Collector()
    handlers, logger.handlers = logger.handlers, [collector]
    try:
        yield collector.messages
    finally:
        logger.handlers = handlers


def _refused_url(fetcher: _Assets) -> RenderFailed:
    return RenderFailed("url_refused", value=fetcher.refused[0][:200])


def _refuse(fetcher: _Assets, laid_out: LaidOut, warnings: list[str]) -> None:
    """Refuse a page that fetches, lacks glyphs, or links to anything but https."""
    if fetcher.refused:
        raise _refused_url(fetcher)
    for message in warnings:
        if "notdef" in message:  # WeasyPrint's warning for a character without a glyph
            raise RenderFailed("no_glyph_in_page", value=message)
    for page in laid_out.pages:
        for kind, target, *_ in page.links:
            if kind == "external" and not _SAFE_LINK.match(target):
                raise RenderFailed("link_refused", value=target, target=target[:200])


def _set_metadata(laid_out: LaidOut, about: About) -> None:
    moment = about.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata = laid_out.metadata
    metadata.title, metadata.authors, metadata.lang = about.title, [about.author], about.lang
    metadata.created = metadata.modified = moment
    metadata.generator = "docgen"


def _attachment(item: EmbeddedFile, created: datetime) -> Attachment:
    moment = created.astimezone(UTC)
    return Attachment(
        string=item.data,
        name=item.name,
        description=item.description,
        created=moment,
        modified=moment,
        relationship=item.relationship,
    )


def _finish(edge_seal: bytes, laid_out: LaidOut, pdf: Any) -> None:
    """Finish the pydyf document: each attachment once in /AF, the edge seal, final bytes."""
    if "AF" in pdf.catalog:  # WeasyPrint 70 lists each attachment twice (ISO 32000-2, 14.13)
        pdf.catalog["AF"][:] = list(dict.fromkeys(pdf.catalog["AF"]))
    if edge_seal:
        page_seal.put(pdf, edge_seal)
    pdf.objects[:] = [made if made.free == "f" else Written(made) for made in pdf.objects]


class Written(pydyf.Object):  # type: ignore[misc]  # pydyf ships no types
    """A pydyf object whose bytes are made once.

    pydyf makes the bytes of every object twice, for the file and for the digest of its identifier,
    and deflates twice as well: 15 % of a ticket's time.
    """

    def __init__(self, source: Any) -> None:
        super().__init__()
        self.number, self.generation = source.number, source.generation
        self._compressible = bool(source.compressible)
        is_stream = isinstance(source, pydyf.Stream) and bool(source.compress)
        plain = is_stream and "Filter" not in source.extra
        self._data = _deflated(source) if plain else bytes(source.data)

    @property
    def data(self) -> bytes:
        """The object's bytes."""
        return self._data

    @property
    def compressible(self) -> bool:
        """Whether the object may be in an object stream (ISO 32000-1, 7.5.7)."""
        return self._compressible


def _deflated(source: Any) -> bytes:
    """Return the bytes of a stream, deflated at our level instead of pydyf's."""
    source.compress = False
    body = source.data.partition(_BODY)[2].removesuffix(_TAIL)
    packed = zlib.compress(body, _DEFLATE_LEVEL)
    return bytes(pydyf.Stream([packed], {**source.extra, "Filter": "/FlateDecode"}).data)


def _boxes(laid_out: LaidOut) -> Iterator[tuple[str, Box]]:
    """Yield the rectangles of the sign-off blocks; one outside its page or on two is refused."""
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
