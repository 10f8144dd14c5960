"""The whole way of a record: bytes → values → typed record → document → template → file.

Pure functions without files or processes; `docgen.renderers.isolation` runs them in children.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from docgen.document import Attached, Document, build, text_hash
from docgen.errors import InputUnreadable, RecordRefused
from docgen.pipeline.json_input import read_json
from docgen.renderers.fonts import Fonts
from docgen.templates.bundle import gathered, parsed
from docgen.templates.catalog import Template, compiled, every, find, templates_digest
from docgen.templates.theme import Theme, fonts_folder, load_theme
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.envelope import Record
from schemas.problems import Problem, error
from schemas.reading import Read, read
from schemas.setting import Setting


@dataclass(frozen=True)
class RenderRequest:
    """A record's bytes and how to render it; an empty `code` is taken from the document number.

    `verify_url` is the address in QR codes when the theme has none. `pinned` is a template bundle
    that prints it instead of `templates` and `theme`, of which only the fonts are used.
    """

    data: bytes
    now: datetime
    code: str = ""
    lang: str = "zh"
    mask: bool = False
    contract: bytes = b""
    templates: tuple[Path, ...] = ()
    theme: Path = Path()
    verify_url: str = ""
    pinned: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class RenderedFile:
    """The result of a request; `data` is the file's bytes, empty after validation only.

    `text_hash` is that of all it prints outside the sign-off blocks, for a pinned request.
    """

    code: str
    doc_no: str
    warnings: tuple[Problem, ...] = ()
    data: bytes = b""
    record_json: bytes = b""
    attached: tuple[Attached, ...] = ()
    text_hash: str = ""


def validate(order: RenderRequest) -> RenderedFile:
    """Read a record and check every rule. RecordRefused has all its errors."""
    result, record = _read(order)
    return RenderedFile(record.record_type.code, record.doc_no, tuple(result.problems))


def render(order: RenderRequest, format_name: str) -> RenderedFile:
    """Render one file of a record. Raises RecordRefused, TemplateFaulty, RenderFailed."""
    result, record = _read(order)
    document = build(record, order.lang)
    template, theme = _look(order, document.code, format_name)
    check_glyphs(document, theme)
    data = compiled(template, theme).render(document)
    text = f"{_pinned(order)} {text_hash(document)}" if order.pinned else ""
    return RenderedFile(
        document.code,
        document.doc_no,
        tuple(result.problems),
        data,
        document.record_json,
        document.attached,
        hashlib.sha256(text.encode()).hexdigest() if text else "",
    )


def read_record(
    data: bytes, setting: Setting, *, code: str = "", mask: bool = False
) -> Read[Record]:
    """Read a record's bytes with all its problems. InputUnreadable: no JSON, unknown type."""
    plain = read_json(data, mask=mask)
    models = record_types()
    if not code and isinstance(plain, dict) and isinstance(plain.get("doc_no"), str):
        code = plain["doc_no"].partition("-")[0]  # XJ-CUST-20260101-001
    if code.upper() not in models:
        choices = " ".join(models)
        raise InputUnreadable(
            "unknown_record_type.guessed", place="/doc_no", value=code, choices=choices
        )
    return read(models[code.upper()], plain, setting)


def read_contract(data: bytes, now: datetime) -> Contract:
    """Read a contract's bytes. RecordRefused has all its errors."""
    found = read(Contract, read_json(data), Setting(now))
    if found.value is None:
        raise RecordRefused(found.problems)
    return found.value


def check_glyphs(document: Document, theme: Theme) -> None:
    """Refuse a document with a character that no font has, with its field. RecordRefused."""
    fonts = Fonts.load(theme.fonts)
    # One look at the whole record is enough for nearly all documents.
    if not fonts.missing(document.record_json.decode()):
        return
    problems = [
        error(path, "no_glyph", text, characters=" ".join(f"{c} (U+{ord(c):04X})" for c in lost))
        for path, text in _texts(document.view)
        if (lost := fonts.missing(text))
    ]
    if problems:
        raise RecordRefused(problems)


def skip_key(order: RenderRequest, format_name: str, version: str) -> str:
    """Return a hash of all that a file depends on: equal keys give equal bytes."""
    digest = hashlib.sha256(
        f"{version} {order.lang} {order.mask} {order.code} {format_name}".encode()
    )
    if order.pinned:
        looks: tuple[str, ...] = (_pinned(order),)
    else:
        theme = _theme(order.theme, order.verify_url)
        looks = (templates_digest(order.templates, format_name), theme.digest)
    for part in (order.data, order.contract, *(look.encode() for look in looks)):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _read(order: RenderRequest) -> tuple[Read[Record], Record]:
    contract = _cached_contract(order.contract, order.now) if order.contract else None
    setting = Setting(order.now, contract)
    result = read_record(order.data, setting, code=order.code, mask=order.mask)
    if result.value is None:
        raise RecordRefused(result.problems)
    return result, result.value


_cached_contract = lru_cache(maxsize=16)(read_contract)  # a batch has one for all its records


def pinned_bundle(
    templates: tuple[Path, ...], theme: Path, code: str, verify_url: str = ""
) -> bytes:
    """Return the bundle of what prints a record type now. SettingWrong, TemplateFaulty."""
    return gathered(templates, _with_url(load_theme(theme), verify_url), code).written()


def _pinned(order: RenderRequest) -> str:
    return hashlib.sha256(order.pinned).hexdigest()


def _look(order: RenderRequest, code: str, format_name: str) -> tuple[Template, Theme]:
    """Return the template and the theme that print a document."""
    if order.pinned:
        bundle = parsed(order.pinned, fonts_folder(order.theme))
        return bundle.find(format_name, order.lang), bundle.theme
    template = find(order.templates, code, format_name, order.lang)
    return template, _theme(order.theme, order.verify_url)


@lru_cache(maxsize=8)
def _theme(folder: Path, verify_url: str) -> Theme:
    return _with_url(load_theme(folder), verify_url)


def _with_url(theme: Theme, verify_url: str) -> Theme:
    return theme if theme.verify_url else replace(theme, verify_url=verify_url)


def _texts(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """Return every printed text of a view with its path in the record."""
    if isinstance(node, str):
        return [(path, str(node))]
    if hasattr(node, "fields"):
        children = list(node.fields.items())
    else:
        children = list(enumerate(node))
    return [found for key, child in children for found in _texts(child, (*path, key))]


def ready(templates: tuple[Path, ...], theme: Path, verify_url: str = "") -> int:
    """Load the theme, its fonts and every template; return the number of templates."""
    loaded = _theme(theme, verify_url)
    Fonts.load(loaded.fonts)
    return len([compiled(template, loaded) for template in every(templates)])
