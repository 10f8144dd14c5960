"""Convert a record to a Document: the only place where values become text.

All formats print the same Document, so no two of them can differ. A template sees `Value`
(printed text with its number or time), `View` (an object) and `Rows` (a list that knows what to
print when it is empty); it never sees the record itself.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.envelope import Opinion, Record, Signoff, Status
from schemas.fields import Choice, Part, extra, label_of, shape, unit_of
from schemas.problems import SHANGHAI
from schemas.vocabulary import Role

LOG_LINES = 200  # about four pages; a longer log becomes an attachment
LOG_LINES_SHOWN = 20
LANGS = ("zh", "en")
SHORT = 16  # hexadecimal digits of a hash on paper: 64 bits, short enough to type
FILLED_LATER = frozenset(
    {
        ("signoffs",),
        ("status",),
        ("pm_delivery", "submitted_at"),
        ("pm_delivery", "received_by"),
        ("pm_delivery", "received_at"),
        ("tickets", "received_by"),
        ("tickets", "received_at"),
    }
)
"""Fields, by name without rows' numbers, that sign-offs and archiving fill after the submission."""
# Characters that XML 1.0, 2.2 forbids or discourages, and Unicode's line and paragraph separators.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class Value(str):
    """Printed text together with the typed value it came from.

    `number` or `moment` is what a spreadsheet cell holds and `number_format` its Excel format
    (ECMA-376 18.8.30); `tone` is good, warn, bad, muted or "", `code` an enumeration's code.
    A value that the record left empty is falsy, even where it prints a dash.
    """

    __slots__ = ("code", "filled", "moment", "number", "number_format", "tone")

    code: str
    tone: str
    number: float | int | None
    moment: date | datetime | None
    number_format: str
    filled: bool

    def __new__(
        cls,
        text: str,
        *,
        code: str = "",
        tone: str = "",
        number: float | int | None = None,
        moment: date | datetime | None = None,
        number_format: str = "",
        filled: bool = True,
    ) -> Value:
        """Make a printed value; the text is what `str` gives."""
        value = str.__new__(cls, text)
        value.code, value.tone, value.number, value.moment = code, tone, number, moment
        value.number_format, value.filled = number_format, filled
        return value

    def __bool__(self) -> bool:
        """Whether the record had a value here."""
        return self.filled


@dataclass(frozen=True)
class View:
    """An object as a template sees it: field names to values.

    An absent object is falsy, and `empty` is what it prints.
    """

    fields: dict[str, Any]
    present: bool = True
    empty: str = ""

    def __bool__(self) -> bool:
        return self.present


@dataclass(frozen=True)
class Rows:
    """A list as a template sees it; `empty` is printed when it has no rows."""

    rows: tuple[Any, ...]
    empty: str

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        """Return a list of plain values on one line."""
        return "、".join(str(row) for row in self.rows) if self.rows else self.empty


@dataclass(frozen=True)
class Label:
    """A field's printed name (with its unit where it heads a column), and its children's."""

    text: str
    fields: dict[str, Label] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Attached:
    """A file attached to the document: the full text of a log that is too long for paper."""

    name: str
    data: bytes
    note: str

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Document:
    """Everything a template and a renderer need; the same for all three formats.

    `record_json` is the canonical record (UTF-8); `created` is the time written into the files'
    properties, taken from the record, because equal records must give equal bytes.
    """

    code: str
    lang: str
    doc_no: str
    title: str
    view: View
    labels: Label
    sections: View
    words: View
    meta: View
    signoffs: Rows
    record_json: bytes
    created: datetime
    attached: tuple[Attached, ...]

    @property
    def record_sha256(self) -> str:
        """Hash of the canonical record."""
        return hashlib.sha256(self.record_json).hexdigest()

    def context(self) -> dict[str, Any]:
        """Return the template variables: the record's fields, doc, label, section and t."""
        return self.view.fields | {
            "doc": self.meta,
            "label": self.labels,
            "section": self.sections,
            "t": self.words,
            "signoff_blocks": self.signoffs,
        }


def canonical(record: Record) -> bytes:
    """Return the record as canonical JSON: schema order, absent fields left out, one UTF-8 line."""
    plain = record.model_dump(mode="json", exclude_none=False, exclude_defaults=True)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def build(record: Record, lang: str = "zh") -> Document:
    """Convert a valid record to the document that every template prints."""
    writer = _Writer(lang)
    record_json = canonical(record)
    view = writer.view(type(record), record, _Place((), words(lang)["none"]))
    kind = record.record_type
    sections = {key: (zh if lang == "zh" else en) for key, zh, en in kind.sections}
    day = record.doc_date
    return Document(
        code=kind.code,
        lang=lang,
        doc_no=record.doc_no,
        title=kind.label(lang),
        view=view,
        labels=Label("", _labels(type(record), lang, False)),
        sections=View(sections),
        words=View(dict(words(lang))),
        meta=View(_meta(record, lang, hashlib.sha256(record_json).hexdigest())),
        signoffs=Rows(tuple(_signoff_blocks(record, writer)), words(lang)["none"]),
        record_json=record_json,
        # Noon in Shanghai is the same day in UTC, which the files' properties are written in.
        created=record.prepared_at or datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI),
        attached=tuple(writer.attached),
    )


@cache
def words(lang: str) -> dict[str, str]:
    """Load the fixed wording of documents (`wording.toml`) in `lang`."""
    table = tomllib.loads(files("docgen").joinpath("wording.toml").read_text("utf-8"))
    return {key: entry[lang] for key, entry in table.items()}


def short_code(sha256: str) -> str:
    """Return the first digits of a record's hash, which paper prints and people type."""
    return sha256[:SHORT].upper()


def text_hash(document: Document) -> str:
    """Return the sha256 of all that is printed of a record but what is filled in later.

    That is every value with its place, and labels, headings and fixed words in its language.
    """
    texts = [
        [document.code, document.lang, document.doc_no, document.title],
        _texts(document.view, ()),
        _labels_of(document.labels),
        [document.sections.fields, document.words.fields, document.meta.fields["mark"]],
        [[one.name, one.sha256, one.note] for one in document.attached],
    ]
    text = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _texts(node: Any, names: tuple[str, ...]) -> Any:
    if isinstance(node, View):
        return {
            name: _texts(value, (*names, name))
            for name, value in node.fields.items()
            if (*names, name) not in FILLED_LATER
        }
    if isinstance(node, Rows):
        return [node.empty, [_texts(row, names) for row in node.rows]]
    return str(node)


def _labels_of(label: Label) -> list[Any]:
    return [label.text, {name: _labels_of(one) for name, one in label.fields.items()}]


def _meta(record: Record, lang: str, sha256: str) -> dict[str, Any]:
    mark = record.status.label(lang) if record.status in (Status.draft, Status.void) else ""
    return {
        "title": record.record_type.label(lang),
        "code": record.record_type.code,
        "lang": lang,
        "mark": mark,
        "sha256": sha256,
        "short_code": short_code(sha256),
    }


@cache
def _labels(model: type[Part], lang: str, in_row: bool) -> dict[str, Label]:
    labels = {}
    for name in model.model_fields:
        kind = shape(model, name)
        unit = unit_of(model, name)
        text = label_of(model, name, lang) + (
            f" ({unit})" if in_row and unit and unit != "%" else ""
        )
        children = _labels(kind.part, lang, kind.is_list or in_row) if kind.part else {}
        labels[name] = Label(text, children)
    return labels


@dataclass(frozen=True)
class _Place:
    """Position of a value: its path, the text for an empty list, whether it is in a table row."""

    path: tuple[str | int, ...]
    empty: str
    in_row: bool = False

    def at(self, name: str, empty: str) -> _Place:
        """Return the place of a field."""
        return _Place((*self.path, name), empty, self.in_row)


class _Writer:
    """Formats values in one language and collects the logs that become attachments."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.words = words(lang)
        self.attached: list[Attached] = []

    def view(self, model: type[Part], part: Part | None, place: _Place) -> View:
        """Format every field of `part`; an absent part gets empty fields."""
        absences: Sequence[Any] = getattr(part, "absences", ())
        reasons = {
            absence.section.value: f"{absence.state.label(self.lang)}：{absence.reason}"
            for absence in absences
        }
        fields = {}
        for name in model.model_fields:
            empty = reasons.get(name, place.empty)
            value = None if part is None else getattr(part, name)
            fields[name] = self._field(model, name, value, place.at(name, empty))
        return View(fields, part is not None, place.empty)

    def _field(self, model: type[Part], name: str, value: Any, place: _Place) -> Any:
        kind = shape(model, name)
        if kind.part and kind.is_list:
            rows = []
            for index, row in enumerate(value or ()):
                inner = _Place((*place.path, index), self.words["none"], in_row=True)
                rows.append(self.view(kind.part, row, inner))
            return Rows(tuple(rows), place.empty)
        if kind.part:
            return self.view(kind.part, value, place)
        if kind.is_list:
            plain = tuple(self.value(item, "", "", place.path) for item in value or ())
            return Rows(plain, self.words["empty_value"])
        unit = unit_of(model, name)
        widget = str(extra(model.model_fields[name]).get("x-widget", ""))
        # In a table the unit stands in the column's heading, see `_labels`.
        return self.value(value, "" if place.in_row and unit != "%" else unit, widget, place.path)

    def value(self, value: Any, unit: str, widget: str, path: tuple[Any, ...]) -> Value:
        """Format one value. A setting tells "not set" from "set to nothing"."""
        if widget == "setting" and (value is None or value == ""):
            return Value(self.words["not_set" if value is None else "empty_text"], tone="muted")
        if value is None or value == "":
            return Value(self.words["empty_value"], tone="muted", filled=False)
        if isinstance(value, Choice):
            return Value(value.label(self.lang), code=value.value, tone=value.tone)
        if isinstance(value, bool):  # before int, of which bool is a subclass
            return Value(self.words["yes" if value else "no"], code="yes" if value else "no")
        if isinstance(value, int | float):
            return _number(value, unit)
        if isinstance(value, datetime):  # before date, of which datetime is a subclass
            return _date_time(value)
        if isinstance(value, date):
            return Value(value.isoformat(), moment=value, number_format="yyyy-mm-dd")
        if widget == "log":
            return Value(self._log(str(value), path))
        return Value(str(value))

    def _log(self, text: str, path: tuple[Any, ...]) -> str:
        """Show control characters as hex; attach a log over LOG_LINES and print its start."""
        visible = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        lines = visible.split("\n")
        if len(lines) <= LOG_LINES:
            return visible
        stem = "-".join(str(step + 1) if isinstance(step, int) else str(step) for step in path)
        note = self.words["log_attached"]
        attached = Attached(f"{stem}.txt", text.encode("utf-8"), note)
        self.attached.append(attached)
        reference = note.format(
            lines=len(lines), name=attached.name, sha256=attached.sha256, shown=LOG_LINES_SHOWN
        )
        return "\n".join([*lines[:LOG_LINES_SHOWN], "…", reference])


def _number(value: float | int, unit: str) -> Value:
    # Decimal of the repr: the digits that were typed, and never 1e-05.
    text = format(Decimal(repr(value)).normalize(), "f") if isinstance(value, float) else str(value)
    if unit == "%":
        # Excel multiplies a cell with a % format by 100 (ECMA-376 18.8.30).
        return Value(f"{value:.2f}%", number=value / 100, number_format="0.00%")
    if unit:
        return Value(f"{text} {unit}", number=value, number_format=f'General" {unit}"')
    return Value(text, number=value, number_format="General")


def _date_time(value: datetime) -> Value:
    local = value.astimezone(SHANGHAI)
    seconds = bool(local.second)
    text = local.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return Value(text, moment=local, number_format="yyyy-mm-dd hh:mm" + (":ss" if seconds else ""))


def _signoff_blocks(record: Record, writer: _Writer) -> Iterator[View]:
    """Return the sign-off blocks of the paper: every role that has to sign, signed or not."""
    for role in record.record_type.signers:
        signoffs: list[Signoff | None] = [one for one in record.signoffs if one.role is role]
        for index, signoff in enumerate(signoffs or [None]):
            name = signoff.name if signoff else None
            if role is Role.engineer and signoff is None:
                name = record.prepared_by
            # The anchor becomes the page position where signing puts its signature field.
            anchor = f"signoff-{role.value}-{index + 1}"
            yield View({"anchor": anchor} | _signoff_block(role, signoff, name, writer))


def _signoff_block(
    role: Role, signoff: Signoff | None, name: str | None, writer: _Writer
) -> dict[str, Any]:
    text = writer.words
    signed = bool(signoff and signoff.signed_on)
    chosen = signoff.opinion if signoff else None
    opinions = (("☑" if one is chosen else "□") + one.label(writer.lang) for one in Opinion)
    return {
        "role": role.value,
        "title": text[f"signoff_{role.value}"],
        "gives_opinion": role in (Role.leader, Role.cust_owner),
        "opinion": writer.value(chosen, "", "", ()),
        "opinions": "  ".join(opinions),
        "comment": writer.value(signoff.comment if signoff else None, "", "", ()),
        "name": writer.value(name, "", "", ())
        if signed or role is Role.engineer
        else Value("", filled=False),
        "org": writer.value(signoff.org if signoff else None, "", "", ()),
        "signed_on": writer.value(signoff.signed_on, "", "", ())
        if signed and signoff
        else Value(text["date_line"], filled=False),
        "method": writer.value(signoff.method if signoff else None, "", "", ()),
        "seal": text["seal"]
        if role is Role.cust_owner or (signoff and signoff.seal_required)
        else "",
        "signed": signed,
    }
