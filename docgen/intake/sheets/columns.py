"""A column's cells → values, a block of rows at a time: each different cell is read once.

Most columns say few different things, so what was read is remembered; what is new is read together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from docgen.intake.sheets.cells import CellRefused, Odd, Surroundings, converter
from docgen.intake.sheets.layout import Column
from docgen.intake.sheets.quick import typed_values
from schemas.fields import shape
from schemas.problems import Problem
from schemas.secrets import first_secret

REMEMBERED = 4000
"""Different cells of a column that are remembered at most, but for those of one block."""
_BETWEEN = "\n\0\n"
"""Stands between texts that are searched together: no credential reaches over it."""
Key = str | tuple[type, str]
"""What a cell is remembered by: a text itself, else its type and how Python writes it.

0, 0.0, -0.0 and False are equal to Python, but do not say the same.
"""


@dataclass
class Cells:
    """What the cells of a column in some rows say: plain values, and the model's own.

    None stands for an empty cell, for one that cannot be told (`problems`, by place in the block),
    and among `typed` for a value that is to be judged with care (`doubts`, their places).
    """

    plain: list[Any]
    typed: list[Any]
    problems: list[tuple[int, Problem]] = field(default_factory=list)
    doubts: list[int] = field(default_factory=list)


class ColumnReader:
    """Reads one column."""

    def __init__(self, column: Column, around: Surroundings) -> None:
        """Prepare to read a column."""
        slot = column.slot
        kind = shape(slot.owner, slot.name)
        self.column, self.slot, self.index = column, slot, column.index
        self.null = slot.required and kind.optional and slot.tier == "own"
        self._convert: Callable[[Any], Any] = converter(slot, column.unit, around)
        self._forget()

    def _forget(self) -> None:
        self._plain: dict[Key, Any] = {"": None}
        self._typed: dict[Key, Any] = {"": None}
        self._refused: dict[Key, Problem] = {}
        self._doubted: set[Key] = set()
        self._alike = True  # each typed value is the plain one

    def read(self, cells: Sequence[Any]) -> Cells:
        """Read the cells of some rows."""
        keys = _keys(cells)
        if len(self._plain) > REMEMBERED:
            self._forget()
        different = dict(zip(keys, cells, strict=True))
        if fresh := {key: cell for key, cell in different.items() if key not in self._plain}:
            if len(fresh) == len(cells) and (found := self._unlike(cells)):
                return found
            self._learn(fresh)
        plain = list(map(self._plain.__getitem__, keys))
        found = Cells(plain, plain if self._alike else list(map(self._typed.__getitem__, keys)))
        if self._refused:
            found.problems = [
                (at, self._refused[key]) for at, key in enumerate(keys) if key in self._refused
            ]
        if self._doubted:
            found.doubts = [at for at, key in enumerate(keys) if key in self._doubted]
        return found

    def _unlike(self, cells: Sequence[Any]) -> Cells | None:
        """Read cells that all differ, from those before, too: none is worth remembering.

        None where something is to be said of one of them, and for the first block.
        """
        if len(self._plain) == 1 or Odd in map(type, cells):
            return None
        try:
            plain = [self._convert(cell) for cell in cells]
        except CellRefused:
            return None
        if None in plain:
            return None
        typed = typed_values(self.slot.owner, self.slot.name, plain)
        return None if None in typed or _with_secrets(cells) else Cells(plain, typed)

    def _learn(self, fresh: Mapping[Key, Any]) -> None:
        """Read cells that say something new; one that holds a credential stays in doubt."""
        keys, plain = list(fresh), self._converted(fresh)
        self._plain.update(zip(keys, plain, strict=True))
        if None in plain:
            self._typed.update(dict.fromkeys(keys))
            keys = [key for key in keys if self._plain[key] is not None]
            plain = [value for value in plain if value is not None]
        typed = typed_values(self.slot.owner, self.slot.name, plain)
        self._typed.update(zip(keys, typed, strict=True))
        secret = _with_secrets(keys)
        self._alike = self._alike and typed is plain and not secret
        self._typed.update(dict.fromkeys(secret))
        if secret or None in typed:
            self._doubted.update(key for key in keys if self._typed[key] is None)

    def _converted(self, fresh: Mapping[Key, Any]) -> list[Any]:
        """Return cells' plain values; one that cannot be told is noted as refused."""
        if Odd not in map(type, fresh.values()):
            with suppress(CellRefused):
                return [self._convert(cell) for cell in fresh.values()]
        return [self._one(key, cell) for key, cell in fresh.items()]

    def _one(self, key: Key, cell: Any) -> Any:
        try:
            if type(cell) is Odd:
                raise CellRefused(cell.problem())
            return self._convert(cell)
        except CellRefused as refused:
            self._refused[key] = refused.problem
            return None


def _keys(cells: Sequence[Any]) -> Sequence[Key]:
    if set(map(type, cells)) == {str}:
        return cells
    return [cell if type(cell) is str else (type(cell), repr(cell)) for cell in cells]


def _with_secrets(keys: Iterable[Any]) -> list[str]:
    texts = [key for key in keys if isinstance(key, str)]
    if first_secret(_BETWEEN.join(texts)) is None:
        return []
    return [text for text in texts if first_secret(text) is not None]
