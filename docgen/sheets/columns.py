"""A column's cells → values, a block of rows at a time: each different cell is read once.

Most columns say few different things, so what was read is remembered; what is new is read together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from docgen.sheets.cells import CellRefused, Odd, Surroundings, converter
from docgen.sheets.layout import Column
from docgen.sheets.quick import typed_values
from schemas.fields import shape
from schemas.problems import Problem
from schemas.secrets import first_secret

REMEMBERED = 4000
"""Different cells of a column that are remembered at most, but for those of one block."""
_BETWEEN = "\n\0\n"
"""Stands between texts that are searched together: no credential reaches over it."""
_ODD = {Odd, tuple}
Key = Any
"""A cell as it is remembered: True and 1 are equal, so that a bool stands in a tuple."""


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
        keys, different = _keys(cells)
        if len(self._plain) > REMEMBERED:
            self._forget()
        if fresh := different - self._plain.keys():
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
        if len(self._plain) == 1 or not _ODD.isdisjoint(map(type, cells)):
            return None
        try:
            plain = [self._convert(cell) for cell in cells]
        except CellRefused:
            return None
        if None in plain:
            return None
        typed = typed_values(self.slot.owner, self.slot.name, plain)
        return None if None in typed or _with_secrets(cells) else Cells(plain, typed)

    def _learn(self, fresh: Iterable[Key]) -> None:
        """Read cells that say something new; one that holds a credential stays in doubt."""
        keys, plain = self._converted(fresh)
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

    def _converted(self, fresh: Iterable[Key]) -> tuple[list[Key], list[Any]]:
        """Return cells with their plain values; one that cannot be told is noted as refused."""
        keys = list(fresh)
        if not _ODD.intersection(map(type, keys)):
            with suppress(CellRefused):
                return keys, [self._convert(key) for key in keys]
        return keys, [self._one(key) for key in keys]

    def _one(self, key: Key) -> Any:
        cell = key[0] if type(key) is tuple else key
        try:
            if type(cell) is Odd:
                raise CellRefused(cell.problem())
            return self._convert(cell)
        except CellRefused as refused:
            self._refused[key] = refused.problem
            return None


def _keys(cells: Sequence[Any]) -> tuple[Sequence[Key], set[Key]]:
    different = set(cells)
    if 1 in different or 0 in different:
        keys = [(cell,) if type(cell) is bool else cell for cell in cells]
        return keys, set(keys)
    return cells, different


def _with_secrets(keys: Iterable[Key]) -> list[Key]:
    texts = [key for key in keys if isinstance(key, str)]
    if first_secret(_BETWEEN.join(texts)) is None:
        return []
    return [text for text in texts if first_secret(text) is not None]
