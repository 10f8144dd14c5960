"""Derive the outline of a document from a schema, the same for Word, Excel and page templates.

Sections in the order of the record type; in each, grids of single fields, tables of lists, and
cards for rows too rich for a table. Tables wider than a page go to the landscape appendix.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.envelope import Record
from schemas.fields import Choice, Part, extra, shape

PORTRAIT_COLUMNS = 9  # of a table on an upright page
CARD_FIELDS = 14  # of a row; more become a card
CONTROL_LISTS = ("revisions", "distribution", "attachments")


@dataclass(frozen=True)
class FormCell:
    """A field of a grid or table; `path` is relative to the row or to the record."""

    path: str
    label: str
    wide: bool = False
    log: bool = False
    number: bool = False
    toned: bool = False


@dataclass(frozen=True)
class Grid:
    """Single fields as label and value, two pairs a line; `title` is a label path or empty."""

    cells: tuple[FormCell, ...]
    title: str = ""


@dataclass(frozen=True)
class Table:
    """A list as a table. `path` names the list, `label` its label."""

    path: str
    label: str
    cells: tuple[FormCell, ...]

    @property
    def logs(self) -> tuple[FormCell, ...]:
        """Columns that hold log text: printed under their row, monospaced."""
        return tuple(cell for cell in self.cells if cell.log)

    @property
    def columns(self) -> tuple[FormCell, ...]:
        """The other columns."""
        return tuple(cell for cell in self.cells if not cell.log)

    @property
    def landscape(self) -> bool:
        """Whether it needs the landscape appendix."""
        return len(self.columns) > PORTRAIT_COLUMNS or bool(self.logs)


@dataclass(frozen=True)
class Cards:
    """A list whose rows are rich: an overview table, then a card with its own tables for each."""

    path: str
    label: str
    overview: Table
    grid: Grid
    tables: tuple[Table, ...]


Block = Grid | Table | Cards


@dataclass(frozen=True)
class Section:
    """A numbered section of the paper."""

    key: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)


def outline(model: type[Record]) -> list[Section]:
    """Every section of `model` with its blocks, `control` first; empty sections are left out."""
    found = []
    for key, _, _ in model.record_type.sections:
        names = [
            name
            for name in model.model_fields
            if _section(model, name) == key and name != "signoffs"
        ]
        if blocks := _blocks(model, names, "", ""):
            found.append(Section(key, tuple(blocks)))
    return found


def field_of(model: type[Part], path: str) -> tuple[type[Part], str]:
    """Find the model and name of the field that a label path leads to."""
    *steps, name = path.split(".")
    for step in steps:
        model = shape(model, step).part or model
    return model, name


def choice_of(model: type[Part], path: str) -> type[Choice] | None:
    """Return the enumeration of a field, if it is one."""
    base = shape(*field_of(model, path)).base
    return base if isinstance(base, type) and issubclass(base, Choice) else None


def _section(model: type[Part], name: str) -> str:
    given = extra(model.model_fields[name])
    return "" if given.get("x-widget") == "hidden" else str(given.get("x-section", ""))


def _visible(model: type[Part]) -> list[str]:
    return [n for n, info in model.model_fields.items() if extra(info).get("x-widget") != "hidden"]


def _blocks(model: type[Part], names: list[str], prefix: str, label: str) -> list[Block]:
    cells: list[FormCell] = []
    nested: list[Block] = []
    for name in names:
        kind = shape(model, name)
        path, label_path = prefix + name, label + name
        if kind.part is None:
            cells.append(_cell(model, name, path, label_path))
        elif kind.is_list:
            nested.append(_list(kind.part, path, label_path))
        else:
            inner = _blocks(kind.part, _visible(kind.part), path + ".", label_path + ".")
            nested += [_titled(block, label_path) for block in inner]
    grid: list[Block] = [Grid(tuple(cells))] if cells else []
    return grid + nested


def _titled(block: Block, label: str) -> Block:
    return Grid(block.cells, block.title or label) if isinstance(block, Grid) else block


def _cell(model: type[Part], name: str, path: str, label: str) -> FormCell:
    widget = str(extra(model.model_fields[name]).get("x-widget", ""))
    number = shape(model, name).base in (int, float)
    kind = shape(model, name)
    toned = not kind.is_list and isinstance(kind.base, type) and issubclass(kind.base, Choice)
    return FormCell(path, label, widget == "wide", widget == "log", number, toned)


def _list(part: type[Part], path: str, label: str) -> Table | Cards:
    lists = [name for name in _visible(part) if (kind := shape(part, name)).part and kind.is_list]
    cells = _flat_cells(part, "", label + ".")
    if not lists and len(cells) <= CARD_FIELDS:
        return Table(path, label, tuple(cells))
    tables = [_list(shape(part, name).part or part, name, f"{label}.{name}") for name in lists]
    plain = tuple(table for table in tables if isinstance(table, Table))
    overview = Table(path, label, tuple(cells[:7]))
    return Cards(path, label, overview, Grid(tuple(cells)), plain)


def _flat_cells(part: type[Part], prefix: str, label: str) -> list[FormCell]:
    """Return the single fields of a row, those of nested objects included."""
    cells = []
    for name in _visible(part):
        kind = shape(part, name)
        if kind.part is None:
            cells.append(_cell(part, name, prefix + name, label + name))
        elif not kind.is_list:
            cells += _flat_cells(kind.part, f"{prefix}{name}.", f"{label}{name}.")
    return cells
