"""A row's cells → values of its record, each problem with the column that it stands in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import compress
from types import MappingProxyType
from typing import Any, NamedTuple

from docgen.intake.sheets.book import Row
from docgen.intake.sheets.cells import Surroundings
from docgen.intake.sheets.columns import Cells, ColumnReader
from docgen.intake.sheets.layout import Column, LabelledValue
from docgen.intake.sheets.places import Spot
from docgen.intake.sheets.quick import defaults
from docgen.intake.sheets.targets import Slot, Tier
from schemas.problems import Problem

Path = tuple[str, ...]
Named = dict[str, Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})
Put = Callable[["Values", Any, Any], None]


class Ref(NamedTuple):
    """Where a row came from: its sheet's source, and its number."""

    source: SheetSource
    row: int

    def spot(self, path: Sequence[str | int] = ()) -> Spot:
        """Return the cell of the field at `path`, else the row's first."""
        return self.source.spot(self.row, path)


class Values:
    """What a row says: of itself, of its record, and of the row that it belongs to.

    `typed` are its own values as the model holds them, None when they are to be judged with care;
    besides those `given` it holds the defaults.
    """

    __slots__ = ("given", "own", "parent", "problems", "record", "typed")

    def __init__(self, own: Named, typed: Named | None, given: frozenset[str]) -> None:
        """Begin with what the row says of itself."""
        self.own, self.typed, self.given = own, typed, given
        self.record: Mapping[str, Any] = NOTHING
        self.parent: Mapping[str, Any] = NOTHING
        self.problems: tuple[tuple[int, Problem], ...] = ()


class SheetSource:
    """A sheet's columns, ready to read rows with; or a form's lines."""

    def __init__(
        self,
        sheet: str,
        columns: Sequence[Column],
        around: Surroundings,
        lines: Sequence[LabelledValue] = (),
    ) -> None:
        """Prepare a reader for each column."""
        self.sheet = sheet
        readers = [ColumnReader(column, around) for column in columns]
        readers.sort(key=lambda one: one.slot.id)  # one order, whatever that of the columns
        counted = Counter(one.slot.id for one in readers)
        simple = [_is_simple(one.slot) and counted[one.slot.id] == 1 for one in readers]
        self._simple = list(compress(readers, simple))
        self._others = [
            (one, _putter(one.slot))
            for one, plain in zip(readers, simple, strict=True)
            if not plain
        ]
        self.width = max((column.index for column in columns), default=-1) + 1
        self.places: dict[tuple[Tier, Path], int] = {}
        for column in columns:
            tier: Tier = "own" if column.slot.tier == "nested" else column.slot.tier
            self.places.setdefault((tier, column.slot.path), column.index)
        self.lines = {line.slot.path: line.spot for line in lines}
        self.first = min((column.index for column in columns), default=0)

    def read(self, rows: Sequence[Row]) -> list[Values]:
        """Read a block of rows, column by column; cells that cannot be told are problems."""
        if not rows:
            return []
        if any(len(row) < self.width for row in rows):
            rows = [row + [""] * (self.width - len(row)) for row in rows]
        columns = list(zip(*rows))  # noqa: B905 (rows may go on to the right of the columns)
        found = [(one, one.read(columns[one.index])) for one in self._simple]
        made = _made(found) if found else [Values({}, None, frozenset()) for _ in rows]
        for one, cells in found:
            _note(made, one.index, cells)
        for one, put in self._others:
            cells = one.read(columns[one.index])
            for values, plain, typed in zip(made, cells.plain, cells.typed, strict=True):
                if plain is not None:
                    put(values, plain, typed)
            _note(made, one.index, cells)
        return made

    def spot(self, row: int, path: Sequence[str | int], tier: Tier = "own") -> Spot:
        """Return the cell of a field of a row."""
        names = tuple(step for step in path if isinstance(step, str))
        for length in range(len(names), 0, -1):
            head = names[:length]
            if (line := self.lines.get(head)) is not None:
                return line
            column = self.places.get((tier, head), self.places.get(("record", head)))
            if column is not None:
                return Spot(self.sheet, row, column)
        return Spot(self.sheet, row, self.first)

    def field(self, index: int) -> str:
        """Return the field that a column holds."""
        return next((".".join(path) for (_, path), at in self.places.items() if at == index), "")

    def holds(self, path: Sequence[str | int]) -> bool:
        """Tell whether a column or line holds the field at `path`, or a part of it."""
        names = tuple(step for step in path if isinstance(step, str))
        known = {place for tier, place in self.places if tier in ("own", "record")} | set(
            self.lines
        )
        return any(place[: len(names)] == names or names[: len(place)] == place for place in known)


def _note(made: Sequence[Values], index: int, cells: Cells) -> None:
    """Write down at their rows what cells of a column cannot be told, and what is in doubt."""
    for at, problem in cells.problems:
        made[at].problems += ((index, problem),)
    for at in cells.doubts:
        made[at].typed = None


def _is_simple(slot: Slot) -> bool:
    """Tell whether a column holds a field of the row itself."""
    return slot.tier == "own" and len(slot.path) == 1


def _made(found: Sequence[tuple[ColumnReader, Cells]]) -> list[Values]:
    """Return each row's own values, plain and typed; what is empty is left out."""
    names = [one.slot.name for one, _ in found]
    base = dict(defaults(found[0][0].slot.owner))
    plain = zip(*(cells.plain for _, cells in found), strict=True)
    typed = zip(*(cells.typed for _, cells in found), strict=True)
    if any(None in cells.plain for one, cells in found if not one.null):
        kept = frozenset(one.slot.name for one, _ in found if one.null)
        return [_with_gaps(names, kept, base, *row) for row in zip(plain, typed, strict=True)]
    given = frozenset(names)
    return [
        Values(dict(zip(names, said)), base | dict(zip(names, held)), given)  # noqa: B905 (checked)
        for said, held in zip(plain, typed, strict=True)
    ]


def _with_gaps(
    names: Sequence[str], kept: frozenset[str], base: Named, *row: tuple[Any, ...]
) -> Values:
    plain, typed = row
    there = [at for at, value in enumerate(plain) if value is not None or names[at] in kept]
    own = {names[at]: plain[at] for at in there}
    held = base | {names[at]: typed[at] for at in there}
    return Values(own, held, frozenset(own))


def _putter(slot: Slot) -> Put:
    """Return what puts a value where its field is; `typed` only follows simple ones."""
    name = slot.name
    if slot.tier == "own" and len(slot.path) == 1 and slot.is_list:
        return _own_list(name)

    def put(values: Values, value: Any, typed: Any) -> None:
        if slot.tier == "record":
            values.record = {**values.record, name: value}
        elif slot.tier == "parent":
            values.parent = {**values.parent, name: value}
        else:
            values.typed = None
            within = _within(values.own, slot.path)
            within[name] = within.get(name, []) + value if slot.is_list else value

    return put


def _own_list(name: str) -> Put:
    def put(values: Values, value: Any, typed: Any) -> None:
        if typed is None or name in values.own:
            values.typed = None
        if values.typed is not None:
            values.typed[name] = list(typed)
            values.given |= {name}
        values.own[name] = values.own.get(name, []) + value

    return put


def _within(values: dict[str, Any], path: Path) -> dict[str, Any]:
    for step in path[:-1]:
        values = values.setdefault(step, {})
    return values


def read_lines(
    lines: Sequence[LabelledValue], around: Surroundings
) -> tuple[Values, list[tuple[Spot, Problem]]]:
    """Read the lines of a form, or those over a table."""
    values = Values({}, None, frozenset())
    faults: list[tuple[Spot, Problem]] = []
    for line in lines:
        cells = ColumnReader(Column(0, line.label, line.slot), around).read([line.value])
        faults += [(line.spot, problem) for _, problem in cells.problems]
        if cells.plain[0] is not None:
            _putter(line.slot)(values, cells.plain[0], cells.typed[0])
    return values, faults
