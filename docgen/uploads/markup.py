"""Check XML parts of office documents in pieces: no DTD, no bombs, nothing active or remote."""

from __future__ import annotations

import re
from xml.parsers import expat

from docgen.errors import UploadRefused

DEPTH = 256  # of elements; as libxml2's own limit
TOKEN_BYTES = 4 * 2**20  # expat reads an unfinished token anew with every piece
_ENCODINGS = frozenset({"UTF-8", "UTF-16"})  # that ISO/IEC 29500-2 allows
_ACTIVE_TYPES = re.compile(
    r"macroenabled|vbaproject|vbadata|macrosheet|dialogsheet|activex|oleobject", re.IGNORECASE
)
# Last parts of relationship types: macros and controls; what is loaded on opening.
_ACTIVE_RELATIONS = re.compile(
    r"/(vbaProject\w*|wordVbaData|xl(Intl)?Macrosheet|control|activeXControlBinary)$", re.IGNORECASE
)
_LOADED_RELATIONS = re.compile(r"/(attachedTemplate|oleObject|frame|subDocument)$", re.IGNORECASE)
_REMOTE = re.compile(r"\s*(https?|ftps?|mhtml|ms-[\w-]+|\w*script):", re.IGNORECASE)


class XmlPart:
    """Parser of one part; every refusal is an UploadRefused with the part as its place.

    `content_types` collects what [Content_Types].xml declares.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.content_types: list[str] = []
        self._depth = self._fed = 0
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse_dtd
        self._parser.XmlDeclHandler = self._check_encoding
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def feed(self, piece: bytes, *, final: bool = False) -> None:
        """Parse one more piece.

        Raises UploadRefused: xml_entities, xml_broken, macros, remote_content.
        """
        self._fed += len(piece)
        try:
            self._parser.Parse(piece, final)
        except expat.ExpatError as wrong:
            raise UploadRefused("xml_broken", place=self.name, value=str(wrong)) from wrong
        if self._fed - self._parser.CurrentByteIndex > TOKEN_BYTES:
            raise UploadRefused("xml_broken", place=self.name, value=TOKEN_BYTES)

    def _refuse_dtd(self, *_: object) -> None:
        raise UploadRefused("xml_entities", place=self.name)

    def _check_encoding(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.upper() not in _ENCODINGS:
            raise UploadRefused("xml_broken", place=self.name, value=encoding)

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEPTH:
            raise UploadRefused("xml_broken", place=self.name, value=DEPTH)
        if "ContentType" in attributes:
            self._check_type(attributes["ContentType"])
        if tag.endswith("Relationship"):
            self._check_relation(attributes)
        if tag.endswith("ddeLink"):  # starts a program (ECMA-376 18.14.4)
            raise UploadRefused("macros", place=self.name, value=tag)

    def _end(self, _tag: str) -> None:
        self._depth -= 1

    def _check_type(self, content_type: str) -> None:
        if self.name != "[Content_Types].xml":
            return
        if _ACTIVE_TYPES.search(content_type):
            raise UploadRefused("macros", place=self.name, value=content_type)
        self.content_types.append(content_type)

    def _check_relation(self, attributes: dict[str, str]) -> None:
        kind, target = attributes.get("Type", ""), attributes.get("Target", "")
        outside = attributes.get("TargetMode", "").lower() == "external"
        if _ACTIVE_RELATIONS.search(kind) or (kind.endswith("/oleObject") and not outside):
            raise UploadRefused("macros", place=self.name, value=kind)
        if outside and _LOADED_RELATIONS.search(kind) and _REMOTE.match(target):
            raise UploadRefused("remote_content", place=self.name, value=target)
