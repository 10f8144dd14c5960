"""Named mappings: what a person decided about a sheet's columns, kept for files of that shape."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docgen.errors import InputUnreadable
from docgen.files.output import write_aside
from docgen.intake.sheets.finding import Head, HeaderRow, Match, headings
from docgen.intake.sheets.headers import folded, unit_in
from docgen.intake.sheets.layout import Column, Layout
from docgen.intake.sheets.places import column_of, letters
from docgen.intake.sheets.targets import SheetTarget, targets

VERSION = 1
IGNORED = ""
_NAME = re.compile(r"[\w.-]{1,60}")


@dataclass(frozen=True)
class MappedColumn:
    """A column by its letter and header, and the field it holds; an empty one is ignored."""

    column: str
    header: str
    field: str


@dataclass(frozen=True)
class SheetMapping:
    """How one sheet is read. `shape` stands for its header's texts."""

    sheet: str
    code: str
    path: tuple[str, ...]
    header_rows: tuple[int, ...]
    shape: str
    columns: tuple[MappedColumn, ...]

    @property
    def target(self) -> SheetTarget:
        """What its rows are. Raises InputUnreadable."""
        for one in targets():
            if (one.code, one.path) == (self.code, self.path):
                return one
        raise InputUnreadable(
            "mapping_unreadable", place=self.sheet, value=" ".join((self.code, *self.path))
        )


@dataclass(frozen=True)
class Mapping:
    """A named mapping of a file's sheets."""

    name: str
    sheets: tuple[SheetMapping, ...]

    def as_toml(self) -> str:
        """Return the file's text."""
        lines = [f"version = {VERSION}", f"name = {_text(self.name)}"]
        for sheet in self.sheets:
            lines += ["", "[[sheets]]", f"sheet = {_text(sheet.sheet)}"]
            lines += [f"type = {_text(sheet.code)}", f"list = {_text('.'.join(sheet.path))}"]
            lines += [f"header_rows = {list(sheet.header_rows)}", f"shape = {_text(sheet.shape)}"]
            for one in sheet.columns:
                lines += ["[[sheets.columns]]", f"column = {_text(one.column)}"]
                lines += [f"header = {_text(one.header)}", f"field = {_text(one.field)}"]
        return "\n".join(lines) + "\n"


def shape_of(header: Sequence[Sequence[str]]) -> str:
    """Return what stands for a header: the same texts in the same columns, the same shape."""
    texts = ["\x1f".join(folded(part) for part in parts) for parts in header]
    return hashlib.sha256("\x1e".join(texts).rstrip("\x1e\x1f").encode()).hexdigest()[:24]


def mapping_of(name: str, layouts: Iterable[Layout], changes: dict[str, str]) -> Mapping:
    """Make a mapping of what was understood, with a person's changes (column or header → field).

    Raises InputUnreadable for a field that does not exist, or a column that is not there.
    """
    left = dict(changes)
    sheets = tuple(
        _sheet(layout, changes, left)
        for layout in layouts
        if layout.kind == "table" and layout.target
    )
    if left or not sheets:
        raise InputUnreadable("mapping_unreadable", place=name, value=", ".join(left))
    return Mapping(name, sheets)


def _sheet(layout: Layout, changes: dict[str, str], left: dict[str, str]) -> SheetMapping:
    target = layout.target
    assert target is not None
    fields = {column.index: column.slot.id for column in layout.columns}
    columns = []
    for index, parts in enumerate(layout.header):
        header = " / ".join(part for part in dict.fromkeys(parts) if part)
        for key in (letters(index), header, *(part for part in parts if part)):
            if key in changes:
                fields[index] = changes[key]
                left.pop(key, None)
                break
        if fields.get(index, IGNORED) not in (IGNORED, *target.slots):
            raise InputUnreadable(
                "mapping_unreadable", place=f"{layout.sheet} {letters(index)}", value=fields[index]
            )
        if header or index in fields:
            columns.append(MappedColumn(letters(index), header, fields.get(index, IGNORED)))
    return SheetMapping(
        layout.sheet,
        target.code,
        target.path,
        layout.header_rows,
        shape_of(layout.header),
        tuple(columns),
    )


def save(mapping: Mapping, folder: Path) -> Path:
    """Write a mapping into the folder where it is found again. Raises OutputRefused."""
    if not _NAME.fullmatch(mapping.name):
        raise InputUnreadable("mapping_unreadable", place=mapping.name, value=mapping.name)
    path = folder / f"{mapping.name}.toml"
    write_aside(path, mapping.as_toml().encode())
    return path


def load(path: Path) -> Mapping:
    """Read a mapping file. Raises InputUnreadable."""
    try:
        return loads(path.read_text("utf-8"), str(path))
    except (OSError, ValueError) as wrong:
        raise InputUnreadable("mapping_unreadable", place=str(path), value=str(wrong)) from wrong


def loads(text: str, place: str) -> Mapping:
    """Read a mapping's TOML, which stands at `place`. Raises InputUnreadable."""
    try:
        data = tomllib.loads(text)
        if data["version"] != VERSION:
            raise ValueError(data["version"])
        sheets = tuple(_loaded(one) for one in data["sheets"])
        for sheet in sheets:
            _check(sheet)
        return Mapping(str(data["name"]), sheets)
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise InputUnreadable("mapping_unreadable", place=place, value=str(wrong)) from wrong


def load_all(folder: Path | None) -> list[Mapping]:
    """Read every mapping of a folder, in the order of their names."""
    if folder is None or not folder.is_dir():
        return []
    return [load(path) for path in sorted(folder.glob("*.toml"))]


def _loaded(data: dict[str, Any]) -> SheetMapping:
    return SheetMapping(
        str(data["sheet"]),
        str(data["type"]),
        tuple(part for part in str(data["list"]).split(".") if part),
        tuple(int(row) for row in data["header_rows"]),
        str(data.get("shape", "")),
        tuple(
            MappedColumn(str(one["column"]), str(one.get("header", "")), str(one["field"]))
            for one in data["columns"]
        ),
    )


def _check(sheet: SheetMapping) -> None:
    slots = sheet.target.slots
    for one in sheet.columns:
        column_of(one.column)
        if one.field and one.field not in slots:
            raise ValueError(f"{one.column}: {one.field}")


def mapped(
    mappings: Iterable[Mapping], sheet: str, head: Head, merges: Any
) -> tuple[Match, str] | None:
    """Find the mapping for a sheet: one of its header's shape, else of its name and rows."""
    found = list(headings(head, merges))
    shapes = {shape_of(one.columns): one for one in found}
    for mapping in mappings:
        for one in mapping.sheets:
            heading = shapes.get(one.shape) if one.shape else None
            if heading is None and not one.shape and one.sheet in ("", sheet):
                heading = next((h for h in found if h.rows == one.header_rows), None)
            if heading is not None:
                return _match(heading, one), mapping.name
    return None


def _match(heading: HeaderRow, sheet: SheetMapping) -> Match:
    target = sheet.target
    columns = []
    for one in sheet.columns:
        index = column_of(one.column)
        if one.field and index < len(heading.columns):
            text = heading.text(index)
            columns.append(Column(index, text, target.slots[one.field], 1.0, unit_in(text)))
    return Match(heading, target, tuple(columns), (), float(len(columns)))


def _text(text: str) -> str:
    """Write a text as TOML does; JSON's strings are TOML's, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
