"""Rows of related sheets (a server's people, a ticket's steps), joined to their main row by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from docgen.intake.sheets.judging import ListRow
from docgen.intake.sheets.records import Ref, Values
from docgen.intake.sheets.targets import SheetTarget
from schemas.problems import Problem, error
from schemas.values import fold

Key = tuple[tuple[str, ...], str, str]
"""The list's path with its type before it, the naming field, and what that says, folded."""


@dataclass
class Related:
    """Rows of related sheets by the main row that they name."""

    rows: dict[Key, list[tuple[dict[str, Any], Ref]]] = field(default_factory=dict)
    used: set[Key] = field(default_factory=set)
    named: Counter[Key] = field(default_factory=Counter)
    _ways: dict[tuple[str, ...], set[tuple[str, str]]] = field(default_factory=dict)

    def add(self, target: SheetTarget, ref: Ref, values: Values) -> Problem | None:
        """Keep a row; return what is wrong with one that names no main row."""
        if not values.parent:
            return error((), "row_without_parent", "")
        name, value = next(iter(values.parent.items()))
        path = (target.code, *target.path)
        self.rows.setdefault((path, name, fold(str(value))), []).append((values.own, ref))
        self._ways.setdefault(path[:-1], set()).add((path[-1], name))
        return None

    def wants(self, path: tuple[str, ...]) -> set[str]:
        """Return the fields by which rows name a main row of `path`."""
        return {name for _, name in self._ways.get(path, ())}

    def count(self, path: tuple[str, ...], name: str, values: Iterable[Any]) -> None:
        """Note what main rows of `path` are called, to find names that stand for several."""
        self.named.update((path, name, fold(str(value))) for value in values if value != "")

    def join(self, path: tuple[str, ...], item: ListRow) -> None:
        """Give a main row of `path` the rows that name it."""
        for list_name, name in self._ways.get(path, ()):
            value = fold(str(item.values.get(name, "")))
            key = ((*path, list_name), name, value)
            if key not in self.rows or self.named[path, name, value] > 1:
                continue
            self.used.add(key)
            own = list(item.values.get(list_name) or [])
            refs = item.inner.setdefault(list_name, [None] * len(own))
            item.values[list_name] = own + [values for values, _ in self.rows[key]]
            refs.extend(ref for _, ref in self.rows[key])

    def homeless(self) -> Iterator[tuple[Ref, str, Problem]]:
        """Yield rows whose main row was not found, with the field that names it."""
        for key, rows in self.rows.items():
            if key not in self.used:
                several = self.named[key[0][:-1], key[1], key[2]] > 1
                for values, ref in rows:
                    value = values.get(key[1], key[2])
                    if several:
                        yield ref, key[1], error((), "several_parents", value)
                    else:
                        yield ref, key[1], error((), "row_without_parent", value)
