"""Record → Document: the one place where values become text, so that no two formats differ.

A template sees `Value` (printed text that knows its number or moment), `View` (an object) and
`Rows` (a list that knows what to print when it is empty); it never sees the record itself.
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

from schemas.envelope import Record, Signoff, Status
from schemas.fields import Choice, Part, extra, label_of, shape, unit_of
from schemas.problems import SHANGHAI
from schemas.vocabulary import Role

LOG_LINES = 200
LOG_LINES_SHOWN = 20
LANGS = ("zh", "en")
SHORT = 16  # hexadecimal digits of a hash that a paper prints


class Value(str):
    """A printed value: the text itself, and what it was, for typed cells and colours.

    `number` or `moment` is what a spreadsheet cell holds, `number_format` its Excel format,
    `tone` good, warn, bad, muted or "", `code` an enumeration's code. An empty value is falsy.
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
    """A file that travels with the document: a log that is too long for paper."""

    name: str
    data: bytes
    note: str

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Document:
    """Everything a template and a renderer need; equal for the three formats.

    `record_json` is the canonical record (UTF-8), `created` the moment written into files.
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
        """Return what a template may name: the record's fields, and doc, label, section, t."""
        return self.view.fields | {
            "doc": self.meta,
            "label": self.labels,
            "section": self.sections,
            "t": self.words,
            "signoff_blocks": self.signoffs,
        }


def canonical(record: Record) -> bytes:
    """Return the record's JSON: fields in schema order, absent ones left out, UTF-8, one line."""
    plain = record.model_dump(mode="json", exclude_none=False, exclude_defaults=True)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def build(record: Record, lang: str = "zh") -> Document:
    """Turn a valid record into the document that every template prints."""
    writer = _Writer(lang)
    record_json = canonical(record)
    view = writer.view(type(record), record, _Place((), words(lang)["none"]))
    kind = record.record_type
    sections = {key: (zh if lang == "zh" else en) for key, zh, en in kind.sections}
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
        signoffs=Rows(tuple(_blocks(record, writer)), words(lang)["none"]),
        record_json=record_json,
        created=_created(record),
        attached=tuple(writer.attached),
    )


@cache
def words(lang: str) -> dict[str, str]:
    """Return fixed wording of documents (`wording.toml`) in `lang`."""
    table = tomllib.loads(files("docgen").joinpath("wording.toml").read_text("utf-8"))
    return {key: entry[lang] for key, entry in table.items()}


def _created(record: Record) -> datetime:
    """Return the moment written into files: when prepared, else the document's day at noon."""
    day = record.doc_date
    return record.prepared_at or datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)


def short_code(sha256: str) -> str:
    """Return what papers print of a record's hash, and people type."""
    return sha256[:SHORT].upper()


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
    """Where a value stands: its path, what an empty list prints, and whether in a table's row."""

    path: tuple[str | int, ...]
    empty: str
    in_row: bool = False

    def at(self, name: str, empty: str) -> _Place:
        """Return the place of a field."""
        return _Place((*self.path, name), empty, self.in_row)


class _Writer:
    """Writes values in one language; collects what becomes an attachment."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.words = words(lang)
        self.attached: list[Attached] = []

    def view(self, model: type[Part], part: Part | None, place: _Place) -> View:
        """Print every field of `part`; an absent one prints its fields empty."""
        reasons = _absences(part, self.lang) if part is not None else {}
        fields = {}
        for name in model.model_fields:
            empty = reasons.get(name, place.empty)
            value = None if part is None else getattr(part, name)
            fields[name] = self._field(model, name, value, place.at(name, empty))
        return View(fields, part is not None, place.empty)

    def _field(self, model: type[Part], name: str, value: Any, place: _Place) -> Any:
        kind = shape(model, name)
        if kind.part and kind.is_list:
            rows = (
                self.view(kind.part, row, self._row(place, i)) for i, row in enumerate(value or ())
            )
            return Rows(tuple(rows), place.empty)
        if kind.part:
            return self.view(kind.part, value, place)
        if kind.is_list:
            plain = tuple(self.value(item, "", "", place.path) for item in value or ())
            return Rows(plain, self.words["empty_value"])
        unit = unit_of(model, name)
        widget = str(extra(model.model_fields[name]).get("x-widget", ""))
        return self.value(value, "" if place.in_row and unit != "%" else unit, widget, place.path)

    def _row(self, place: _Place, index: int) -> _Place:
        return _Place((*place.path, index), self.words["none"], in_row=True)

    def value(self, value: Any, unit: str, widget: str, path: tuple[Any, ...]) -> Value:
        """Print one value."""
        if widget == "setting" and (value is None or value == ""):
            return Value(self.words["not_set" if value is None else "empty_text"], tone="muted")
        if value is None or value == "":
            return Value(self.words["empty_value"], tone="muted", filled=False)
        if isinstance(value, Choice):
            return Value(value.label(self.lang), code=value.value, tone=value.tone)
        if isinstance(value, bool):
            return Value(self.words["yes" if value else "no"], code="yes" if value else "no")
        if isinstance(value, int | float):
            return _number(value, unit)
        if isinstance(value, datetime):
            return _instant(value)
        if isinstance(value, date):
            return Value(value.isoformat(), moment=value, number_format="yyyy-mm-dd")
        if widget == "log":
            return Value(self._log(str(value), path))
        return Value(str(value))

    def _log(self, text: str, path: tuple[Any, ...]) -> str:
        """Return a log as printed: control characters visible, over 200 lines as attachment."""
        visible = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        lines = visible.split("\n")
        if len(lines) <= LOG_LINES:
            return visible
        stem = "-".join(str(step + 1) if isinstance(step, int) else str(step) for step in path)
        note = self.words["log_attached"]
        attached = Attached(f"{stem}.txt", text.encode("utf-8"), note)
        self.attached.append(attached)
        told = note.format(
            lines=len(lines), name=attached.name, sha256=attached.sha256, shown=LOG_LINES_SHOWN
        )
        return "\n".join([*lines[:LOG_LINES_SHOWN], "…", told])


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def _number(value: float | int, unit: str) -> Value:
    text = format(Decimal(repr(value)).normalize(), "f") if isinstance(value, float) else str(value)
    if unit == "%":
        return Value(f"{value:.2f}%", number=value / 100, number_format="0.00%")
    if unit:
        return Value(f"{text} {unit}", number=value, number_format=f'General" {unit}"')
    return Value(text, number=value, number_format="General")


def _instant(value: datetime) -> Value:
    local = value.astimezone(SHANGHAI)
    seconds = bool(local.second)
    text = local.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return Value(text, moment=local, number_format="yyyy-mm-dd hh:mm" + (":ss" if seconds else ""))


def _absences(part: Part, lang: str) -> dict[str, str]:
    """Return what each section without rows prints: the state and its reason."""
    given: Sequence[Any] = getattr(part, "absences", ())
    return {item.section.value: f"{item.state.label(lang)}：{item.reason}" for item in given}


def _blocks(record: Record, writer: _Writer) -> Iterator[View]:
    """Return the sign-off blocks of the paper: every role that has to sign, signed or not."""
    given = list(record.signoffs)
    for role in record.record_type.signers:
        own: list[Signoff | None] = [signoff for signoff in given if signoff.role is role]
        own = own or [None]
        for index, signoff in enumerate(own):
            name = signoff.name if signoff else None
            if role is Role.engineer and signoff is None:
                name = record.prepared_by
            anchor = f"signoff-{role.value}-{index + 1}"
            yield View({"anchor": anchor} | _block(role, signoff, name, writer))


def _block(
    role: Role, signoff: Signoff | None, name: str | None, writer: _Writer
) -> dict[str, Any]:
    text = writer.words
    signed = bool(signoff and signoff.signed_on)
    return {
        "role": role.value,
        "title": text[f"signoff_{role.value}"],
        "gives_opinion": role in (Role.leader, Role.cust_owner),
        "opinion": writer.value(signoff.opinion if signoff else None, "", "", ()),
        "opinions": _opinions(signoff, writer.lang),
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


def _opinions(signoff: Signoff | None, lang: str) -> str:
    from schemas.envelope import Opinion

    chosen = signoff.opinion if signoff else None
    return "  ".join(("☑" if choice is chosen else "□") + choice.label(lang) for choice in Opinion)
