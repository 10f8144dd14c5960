"""Check XML parts of office documents in pieces: no DTD, no bombs; what is active is noted."""

from __future__ import annotations

from xml.parsers import expat

from docgen.errors import UploadRefused
from docgen.files.active import CONTENT_TYPES, PartScan

DEPTH = 256  # of elements; as libxml2's own limit
TOKEN_BYTES = 4 * 2**20  # expat reads an unfinished token anew with every piece
_ENCODINGS = frozenset({"UTF-8", "UTF-16"})  # that ISO/IEC 29500-2 allows


class XmlPart:
    """Parser of one part; every refusal is an UploadRefused with the part as its place.

    `content_types` collects what [Content_Types].xml declares; `scan` notes what is active.
    """

    def __init__(self, name: str, scan: PartScan) -> None:
        self.name, self.scan = name, scan
        self.content_types: list[str] = []
        self._depth = self._fed = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._refuse_dtd
        self._parser.XmlDeclHandler = self._check_encoding
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def feed(self, piece: bytes, *, final: bool = False) -> None:
        """Parse one more piece.

        Raises UploadRefused: xml_entities, xml_broken.
        """
        self._fed += len(piece)
        try:
            self._parser.Parse(piece, final)
        except expat.ExpatError as wrong:
            raise UploadRefused("xml_broken", place=self.name, value=str(wrong)) from wrong
        if self._fed - self._parser.CurrentByteIndex > TOKEN_BYTES:
            raise UploadRefused("xml_broken", place=self.name, value=TOKEN_BYTES)
        if final:
            self.scan.close()

    def _refuse_dtd(self, *_: object) -> None:
        raise UploadRefused("xml_entities", place=self.name)

    def _check_encoding(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.upper() not in _ENCODINGS:
            raise UploadRefused("xml_broken", place=self.name, value=encoding)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise UploadRefused("xml_broken", place=self.name, value=DEPTH)
        if self.name == CONTENT_TYPES and "ContentType" in attributes:
            self.content_types.append(attributes["ContentType"])
        self.scan.start(tag, attributes)
        self._parser.CharacterDataHandler = self.scan.text if self.scan.listening else None

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self.scan.end(tag)
