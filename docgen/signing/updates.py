"""What may follow a seal: a document security store and document time stamps, and nothing else.

The bytes after a seal are read as strictly as programs write them: incremental updates
(ISO 32000-2, 7.5.6), each of them objects without gaps, which its cross-reference stream names.
An update may change the catalog, the form and a page only by what a store or an invisible field
needs. Rules that ask what an object means, as pyHanko's do, let a field pass whose rectangle of
indirect numbers they cannot measure; viewers painted its appearance over the page.

A viewer that cannot read the newest cross-reference makes one of whatever looks like an object,
anywhere in the file: in a certificate too, a name, an identifier. Poppler did so where /Size was
too large for it, and showed the forger's page. So an update is written as all readers understand
it, and nothing within its objects looks like another one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import crl, ocsp, x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import (
    ArrayObject,
    DictionaryObject,
    IndirectObject,
    PdfObject,
    StreamObject,
)

from docgen.signing.damaged_pdf import DAMAGES
from docgen.signing.pdf_reader import SignedPdfReader

MOST_UPDATES = 100  # each is read with a reader of its own
_HEADER = re.compile(rb"[\r\n ]*([1-9][0-9]{0,6}) 0 obj[\t\r\n ]")
_END = re.compile(rb"[\t\r\n ]*endobj[\r\n]+")
# ISO 32000-2, 7.2 and 7.3, without comments, rare white space, and parentheses within strings.
_PLAIN = re.compile(
    rb"""(?: [\t\r\n\x20]++ | << | >> | [\[\]]
    | /[^\0-\x20\x7f-\xff()<>\[\]{}/%]++
    | (?: [+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++) | R | true | false | null )
      (?= [\t\r\n\x20<>\[\]/(] | $ )
    | <[0-9A-Fa-f]*+>
    | \( (?: [^()\\\r] | \\[!-~] )*+ \)
    )*+""",
    re.VERBOSE,
)
_STREAM = re.compile(rb"[\r\n ]*stream\r?\n")
_STREAM_END = re.compile(rb"[\r\n]*endstream")
_LIKE_AN_OBJECT = re.compile(rb"[0-9][\0\t\n\f\r ]+obj|trailer")
_TRAILER = re.compile(rb"[\r\n]*startxref\r?\n([0-9]{1,12})\r?\n%%EOF(?:\r\n|\r|\n)?")
# ISO 32000-2, table 17 (cross-reference stream) and table 15 (trailer); no /Encrypt, no /XRefStm.
_XREF_KEYS = frozenset(
    {"/Type", "/Size", "/W", "/Index", "/Prev", "/Root", "/Info", "/ID"}
    | {"/Length", "/Filter", "/DecodeParms"}
)
_PREDICTOR_KEYS = frozenset({"/Predictor", "/Colors", "/BitsPerComponent", "/Columns"})  # table 8
# ISO 32000-2, tables 226, 166 and 234: of a field merged with its widget that shows nothing.
_FIELD_KEYS = frozenset(["/FT", "/T", "/TU", "/Type", "/Subtype", "/F", "/P", "/Rect", "/V"])
_TOOLTIP = "Timestamp"  # which pyHanko's stamps have
# ISO 32000-2, table 255; ETSI EN 319 142-1, 5.4.3, for document time stamps.
_STAMP_KEYS = frozenset(["/Type", "/Filter", "/SubFilter", "/Contents", "/ByteRange"])
_STORE = {  # ISO 32000-2, table 261; /VRI is optional there, and not allowed here
    "/Certs": x509.Certificate,
    "/OCSPs": ocsp.OCSPResponse,
    "/CRLs": crl.CertificateList,
}
# ISO 32000-2, 7.12: what a developer's extension says of itself.
_EXTENSION_KEYS = frozenset(
    {"/Type", "/BaseVersion", "/ExtensionLevel", "/ExtensionRevision", "/URL"}
)


class NotAllowed(Exception):
    """Something after a seal that may not follow it; `entry` is that of its finding."""

    def __init__(self, entry: str, place: str = "") -> None:
        super().__init__(f"{entry} {place}")
        self.entry, self.place = entry, place


@dataclass(frozen=True)
class Update:
    """One incremental update: its objects by number, where each begins, and where it ends."""

    objects: Mapping[int, PdfObject]
    offsets: Mapping[int, int]
    end: int


def check_updates(data: bytes, start: int) -> list[str]:
    """Return the names of the time stamps' fields that were appended after `start` bytes.

    Raises NotAllowed for anything else but proofs. Whether the stamps are sound, and whose they
    are, is not looked at.
    """
    names: list[str] = []
    try:
        before = SignedPdfReader(data[:start])
        for number, update in enumerate(_updates(data, start)):
            if number == MOST_UPDATES:
                raise NotAllowed("bytes_after_signature.junk")
            after = SignedPdfReader(data[: update.end])
            names += _Comparison(before, after, update).run()
            before = after
    except DAMAGES as wrong:
        raise NotAllowed("bytes_after_signature.junk") from wrong
    return names


def _updates(data: bytes, start: int) -> Iterator[Update]:
    while start < len(data):
        update = _update(data, start)
        yield update
        start = update.end


def _update(data: bytes, start: int) -> Update:
    """Read one update; every byte belongs to an object, to its cross-reference or to its end."""
    stream, position = io.BytesIO(data), start
    objects: dict[int, PdfObject] = {}
    offsets: dict[int, int] = {}
    while header := _HEADER.match(data, position):
        number = int(header[1])
        if number in objects:
            raise NotAllowed("bytes_after_signature.junk")
        offsets[number] = header.start(1)
        stream.seek(header.end())
        # Without a reader: a stream whose /Length is another object cannot be read.
        made = objects[number] = generic.read_object(stream, generic.Reference(number, 0))
        ending = _END.match(data, stream.tell())
        if not ending or not _is_plainly_written(data[header.end() : stream.tell()], made):
            raise NotAllowed("bytes_after_signature.junk")
        position = ending.end()
    trailer = _TRAILER.match(data, position)
    if not trailer or int(trailer[1]) != max(offsets.values(), default=-1):
        raise NotAllowed("bytes_after_signature.junk")
    return Update(objects, offsets, trailer.end())


def _is_plainly_written(raw: bytes, made: PdfObject) -> bool:
    """Whether all readers find this object in these bytes, and no other one within them."""
    if _LIKE_AN_OBJECT.search(raw):
        return False
    if not isinstance(made, StreamObject):
        return bool(_PLAIN.fullmatch(raw))
    begin = _PLAIN.match(raw)
    start = _STREAM.match(raw, begin.end() if begin else 0)
    return bool(start and _STREAM_END.fullmatch(raw, start.end() + int(made["/Length"])))


@dataclass
class _Comparison:
    """A file before and after one update; `explained` are the objects that it may have."""

    before: SignedPdfReader
    after: SignedPdfReader
    update: Update
    explained: set[int] = field(default_factory=set)

    def run(self) -> list[str]:
        """Return the names of the fields added. Raises NotAllowed."""
        self._cross_reference()
        old, new = self.before.root, self.after.root
        may_change = {"/AcroForm", "/DSS", "/Extensions", "/Version"}
        self._same(old, new, may_change, ("bytes_after_signature.catalog", ""))
        self.explained.add(self.after.root_ref.idnum)
        self._extensions(new)
        self._store(old, new)
        names = self._form(old, new)
        if unexplained := sorted(self.update.objects.keys() - self.explained):
            raise NotAllowed("bytes_after_signature.object", str(unexplained[0]))
        return names

    def _cross_reference(self) -> None:
        """Check that readers find these objects, and no others, after the former ones."""
        xrefs, former = self.after.xrefs, self.before.xrefs
        newest = xrefs.total_revisions - 1
        number = max(self.update.offsets, key=lambda one: self.update.offsets[one])
        section = self.update.objects[number]
        named = {
            one.idnum: xrefs.get_historical_ref(one, newest)
            for one in xrefs.explicit_refs_in_revision(newest)
        }
        old, new = self.before.trailer, self.after.trailer
        if not (
            isinstance(section, StreamObject)
            and section.get("/Type") == "/XRef"
            and section.keys() <= _XREF_KEYS
            and newest == former.total_revisions
            and section["/Prev"] == former.get_startxref_for_revision(newest - 1)
            and {number: self.update.offsets[number]} | named == self.update.offsets
            and not xrefs.refs_freed_in_revision(newest)
            and _each_once(section["/Index"], self.update.objects)
            and self._is_usual(section)
            and all(_raw(old, key) == _raw(new, key) for key in ("/Root", "/Info", "/Encrypt"))
            and _written(old["/ID"][0]) == _written(new["/ID"][0])
        ):
            raise NotAllowed("bytes_after_signature.junk")
        self.explained.add(number)

    def _is_usual(self, section: StreamObject) -> bool:
        """Whether numbers go on from the former ones, and a cross-reference has usual fields.

        Readers have limits of their own; beyond these they give up, or guess.
        """
        size, former = int(section["/Size"]), int(self.before.trailer["/Size"])
        widths = [int(one) for one in section["/W"]]
        xrefs = self.after.xrefs
        added = xrefs.explicit_refs_in_revision(xrefs.total_revisions - 1)
        direct = [section.raw_get(key) for key in section.keys() - {"/Root", "/Info"}]
        return (
            former <= size <= former + 2 * len(self.update.objects)  # pyHanko leaves some out
            and max(self.update.objects) < size
            and len(widths) == 3
            and all(0 <= one <= most for one, most in zip(widths, (1, 8, 2), strict=True))
            and all(_is_plain(one, _PREDICTOR_KEYS) for one in direct)
            and not any(one.generation for one in added)
        )

    def _same(self, old: Any, new: Any, but: set[str], at: tuple[str, str]) -> None:
        """Compare two dictionaries as they are written, but for some of their entries."""
        for one in (old, new):
            if not isinstance(one, DictionaryObject) or isinstance(one, StreamObject):
                raise NotAllowed(*at)
        if any(_raw(old, key) != _raw(new, key) for key in {*old, *new} - but):
            raise NotAllowed(*at)

    def _extensions(self, catalog: DictionaryObject) -> None:
        given = catalog.get("/Extensions", generic.NullObject())
        names = set(given) if isinstance(given, DictionaryObject) else set()
        if not _is_plain(given, _EXTENSION_KEYS | names) or (
            catalog.get("/Version", "/1.7") not in ("/1.7", "/2.0")
        ):
            raise NotAllowed("bytes_after_signature.catalog")

    def _store(self, before: DictionaryObject, after: DictionaryObject) -> None:
        """Check that proofs were added: whole certificates, revocation lists and answers."""
        old: Mapping[str, Any] = _value(before, "/DSS", {})
        new = self._child(before, after, "/DSS", "bytes_after_signature.proofs")
        if new is None and not old:
            return
        if not isinstance(new, DictionaryObject) or new.keys() - {"/Type", *_STORE}:
            raise NotAllowed("bytes_after_signature.proofs")  # a stream has a /Length too
        for key, kind in _STORE.items():
            for reference in self._grown(old, new, key, "bytes_after_signature.proofs"):
                found = self.update.objects.get(reference.idnum)
                if not self._is_new(reference) or not _is_proof(found, kind.load):
                    raise NotAllowed("bytes_after_signature.proofs", str(reference.idnum))
                self.explained.add(reference.idnum)

    def _form(self, old: DictionaryObject, new: DictionaryObject) -> list[str]:
        old_form, new_form = (
            old["/AcroForm"],
            self._child(old, new, "/AcroForm", "bytes_after_signature.form"),
        )
        self._same(old_form, new_form, {"/Fields", "/SigFlags"}, ("bytes_after_signature.form", ""))
        if new_form.get("/SigFlags", 3) not in (1, 3):  # ISO 32000-2, table 225
            raise NotAllowed("bytes_after_signature.form")
        pages: dict[int, list[int]] = {}
        names = []
        for reference in self._grown(old_form, new_form, "/Fields", "bytes_after_signature.form"):
            name, page = self._stamp(reference, old_form)
            names.append(name)
            pages.setdefault(page, []).append(reference.idnum)
        for page, widgets in pages.items():
            self._page(page, widgets)
        return names

    def _stamp(self, reference: IndirectObject, form: DictionaryObject) -> tuple[str, int]:
        """Return the name and the page of a field that shows nothing, and holds a time stamp."""
        one: Any = self.update.objects.get(reference.idnum)
        name = str(one.get("/T", "")) if isinstance(one, DictionaryObject) else ""
        if not self._is_new(reference) or not is_invisible(one):
            raise NotAllowed("bytes_after_signature.field", name or str(reference.idnum))
        if name in ("", *(str(one.get_object().get("/T", "")) for one in form["/Fields"])):
            raise NotAllowed("bytes_after_signature.field", name)  # a second one of that name
        value = one.raw_get("/V")
        stamp = self.update.objects.get(value.idnum)
        if not self._is_new(value) or not _is_stamp(stamp, self.update.end):
            raise NotAllowed("bytes_after_signature.field", name)
        self.explained |= {reference.idnum, value.idnum}
        return name, one.raw_get("/P").idnum

    def _page(self, number: int, widgets: list[int]) -> None:
        """Check that a page got the fields' widgets, and is otherwise as it was."""
        old, new = _object(self.before, number), _object(self.after, number)
        self._same(old, new, {"/Annots"}, ("bytes_after_signature.page", str(number)))
        added = self._grown(old, new, "/Annots", "bytes_after_signature.page")
        if old.get("/Type") != "/Page" or [one.idnum for one in added] != widgets:
            raise NotAllowed("bytes_after_signature.page", str(number))
        self.explained.add(number)

    def _child(self, old: Mapping[str, Any], new: DictionaryObject, key: str, entry: str) -> Any:
        """Return an entry's value; where that is an object of its own, it is explained.

        It has to be the one that was there, or a new one: a store under the number of a page's
        content would take this away.
        """
        if key not in new:
            return None
        raw = new.raw_get(key)
        if isinstance(raw, IndirectObject):
            if _written(raw) != _raw(old, key) and not self._is_new(raw):
                raise NotAllowed(entry)
            self.explained.add(raw.idnum)
        return new[key]

    def _grown(
        self, old: Mapping[str, Any], new: DictionaryObject, key: str, entry: str
    ) -> list[IndirectObject]:
        """Return the references that an array has got at its end. Raises NotAllowed."""
        before = _value(old, key, ArrayObject())
        after = self._child(old, new, key, entry) if key in new else ArrayObject()
        if not isinstance(before, ArrayObject) or not isinstance(after, ArrayObject):
            raise NotAllowed(entry)
        raw = [after.raw_get(at) for at in range(len(after))]
        kept = [_written(before.raw_get(at)) for at in range(len(before))]
        added = raw[len(kept) :]
        if [_written(one) for one in raw[: len(kept)]] != kept or not all(
            isinstance(one, IndirectObject) for one in added
        ):
            raise NotAllowed(entry)
        return added

    def _is_new(self, reference: object) -> bool:
        """Whether an object came with this update, under a number that nothing had before."""
        if not isinstance(reference, IndirectObject) or reference.generation:
            return False
        number = reference.idnum
        return number in self.update.objects and number >= int(self.before.trailer["/Size"])


def _each_once(index: Any, objects: Mapping[int, PdfObject]) -> bool:
    """Whether a cross-reference stream has one entry for each object, and one for number 0.

    Of two entries for an object, some readers take the first one and some the last.
    """
    numbers = [int(one) for one in index]
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if sum(count for _, count in pairs) > len(objects) + 1:
        return False
    entries = [number for first, count in pairs for number in range(first, first + count)]
    return len(entries) == len({*entries}) and {*entries} - {0} <= objects.keys()


def is_invisible(one: Any) -> bool:
    """Whether a field is that of a signature, without appearance or extent, its numbers direct."""
    if not isinstance(one, DictionaryObject) or isinstance(one, StreamObject):
        return False
    if not {"/FT", "/T", "/Rect", "/P", "/V"} <= one.keys() <= _FIELD_KEYS:
        return False
    rectangle = one.raw_get("/Rect")
    return (
        isinstance(rectangle, ArrayObject)
        and [_written(rectangle.raw_get(at)) for at in range(len(rectangle))] == [b"0"] * 4
        and (one.raw_get("/FT"), one.raw_get("/Subtype")) == ("/Sig", "/Widget")
        and one.get("/Type", "/Annot") == "/Annot"
        and one.get("/TU", _TOOLTIP) == _TOOLTIP
        and not isinstance(one.get("/F"), IndirectObject | DictionaryObject | ArrayObject)
        and all(isinstance(one.raw_get(key), IndirectObject) for key in ("/P", "/V"))
        and isinstance(one.raw_get("/T"), generic.TextStringObject)
    )


def _is_stamp(one: Any, end: int) -> bool:
    """Whether an object is a time stamp on all of a file that has `end` bytes."""
    return (
        isinstance(one, DictionaryObject)
        and not isinstance(one, StreamObject)
        and one.keys() == _STAMP_KEYS
        and one.raw_get("/Type") == "/DocTimeStamp"
        and one.raw_get("/SubFilter") == "/ETSI.RFC3161"
        and isinstance(one.raw_get("/Filter"), generic.NameObject)
        and _covers(one.raw_get("/ByteRange"), end)
    )


def _covers(byte_range: Any, end: int) -> bool:
    if not isinstance(byte_range, ArrayObject) or len(byte_range) != 4:
        return False
    first, size, second, rest = (byte_range.raw_get(at) for at in range(4))
    return bool(first == 0 and 0 < size < second and second + rest == end)


def _is_proof(one: Any, load: Callable[..., Any]) -> bool:
    """Whether an object is a stream that holds one thing of its kind, in DER, and nothing else."""
    if not isinstance(one, StreamObject) or one.keys() - {"/Length", "/Filter"}:
        return False
    if one.get("/Filter", "/FlateDecode") != "/FlateDecode":
        return False
    try:
        data = bytes(one.data)
        found = load(data, strict=True)
        _ = found.native  # asn1crypto reads the inner parts only when they are asked for
    except DAMAGES:
        return False
    return bool(found.dump() == data)


def _is_plain(one: PdfObject, keys: frozenset[str] | set[str]) -> bool:
    """Whether a value is direct in all its parts, and its dictionaries have these keys alone."""
    if isinstance(one, StreamObject | IndirectObject):
        return False
    if isinstance(one, DictionaryObject):
        return one.keys() <= keys and all(_is_plain(one.raw_get(key), keys) for key in one)
    if isinstance(one, ArrayObject):
        return all(_is_plain(one.raw_get(at), keys) for at in range(len(one)))
    return True


def _object(reader: SignedPdfReader, number: int) -> Any:
    return reader.get_object(generic.Reference(number, 0, reader))  # type: ignore[no-untyped-call]


def _value(holder: Mapping[str, Any], key: str, other: Any) -> Any:
    """Return an entry's value: pyHanko's `get` would return a reference to it."""
    return holder[key] if key in holder else other  # noqa: SIM401


def _raw(holder: Any, key: str) -> bytes:
    """Return an entry as it is written; nothing for one that is not there."""
    return _written(holder.raw_get(key)) if key in holder else b""


def _written(one: PdfObject) -> bytes:
    made = io.BytesIO()
    one.write_to_stream(made, None)
    return made.getvalue()
