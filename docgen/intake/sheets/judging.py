"""Let the schema judge records made of rows; name the row and cell of each problem."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from docgen.intake.sheets.import_result import ImportResult
from docgen.intake.sheets.places import Fault, Spot
from docgen.intake.sheets.quick import accepted, assembled, rule_problems, shaped
from docgen.intake.sheets.records import Ref, SheetSource
from schemas.envelope import Record
from schemas.fields import Part, labels_of, shape
from schemas.problems import Problem, Step, error
from schemas.reading import read
from schemas.setting import Setting
from schemas.values import ROW_LIMIT

_ROW = re.compile(r"(\w+)\[(\d+)\]")


@dataclass(slots=True)
class ListRow:
    """A row of a record's list, with the rows of related sheets that belong to it.

    `ref` is None for a row that an earlier run brought. `inner` lists, by the inner list's name,
    where its rows came from; None stands for one that came in the row's own cell. `part` is the
    row as it was accepted.
    """

    values: dict[str, Any]
    ref: Ref | None
    key: bytes = b""
    hash: bytes = b""
    fresh: bool = True
    inner: dict[str, list[Ref | None]] = field(default_factory=dict)
    part: Part | None = None
    typed: dict[str, Any] | None = None
    given: frozenset[str] = frozenset()

    @property
    def refs(self) -> list[Ref]:
        """All rows that it is made of."""
        found = [self.ref] if self.ref else []
        if not self.inner:
            return found
        return found + [ref for refs in self.inner.values() for ref in refs if ref]


class Judge:
    """Reads records with one setting; writes faults, and asks once for what no sheet says."""

    def __init__(self, taken: ImportResult, setting: Setting) -> None:
        """Begin with nothing asked."""
        self.taken, self.setting = taken, setting
        self._asked: set[tuple[str, str]] = set()
        self.said: dict[str, Spot] = {}
        """Where forms and lines over tables say a record's own fields."""
        self.joined: set[str] = set()
        """Lists whose rows come from related sheets: missing ones are missing, not unasked."""

    def part(self, model: type[Part], values: dict[str, Any], ref: Ref) -> Part | None:
        """Judge a record that is one row, or a row of a list; None when it is refused."""
        if (made := accepted(model, values, self.setting)) is not None:
            return made
        found = read(model, values, self.setting)
        for problem in found.problems:
            self.tell(problem, ref, problem.path, _owner(model, problem.path))
        return found.value

    def row(self, model: type[Part], item: ListRow) -> Part | None:
        """Judge a row of a list with related rows joined to it; bad related rows are dropped."""
        assert item.ref is not None
        if item.typed is not None and not item.inner:
            assembled_part = assembled(model, item.typed, item.given, self.setting)
            if assembled_part is not None:
                return assembled_part
        while (made := accepted(model, item.values, self.setting)) is None:
            found = read(model, item.values, self.setting)
            blamed = [_blame_in(item, problem.path, problem) for problem in found.problems]
            bad = [one for one in blamed if one.problem.level == "error"]
            self._tell_all(bad or blamed, item.ref, model)
            if not bad or any(one.ref is item.ref for one in bad):
                return found.value
            self._drop_inner(item, {one.ref for one in bad if one.ref})
        return made

    def lists(
        self,
        model: type[Record],
        record: dict[str, Any],
        lists: Mapping[str, list[ListRow]],
        at: Ref,
    ) -> bool:
        """Judge a record of accepted rows, dropping those that its rules refuse.

        Tells whether a record is left; `lists` then holds its rows only.
        """
        whole = self._whole(model, record, lists, at)
        while whole is not None:
            for name, items in lists.items():
                whole.__dict__[name] = [one.part for one in items]
            found = [
                _blame(_placed(one, lists), lists) for one in rule_problems(whole, self.setting)
            ]
            bad = [one for one in found if one.problem.level == "error"]
            self._tell_all(bad or found, at, model)
            if not bad:
                return True
            if any(one.ref is None for one in bad):
                break
            self._drop(lists, [one.ref for one in bad if one.ref])
            if not any(lists.values()):
                return False
        return self._all_failed(lists)

    def _whole(
        self,
        model: type[Record],
        record: dict[str, Any],
        lists: Mapping[str, list[ListRow]],
        at: Ref,
    ) -> Part | None:
        """Make the record with one row of each list, which the others can stand beside."""
        sample = {name: [items[0].values] for name, items in lists.items() if items}
        too_many = [name for name, items in lists.items() if len(items) > ROW_LIMIT]
        for name in too_many:
            problem = error(name, "too_many_rows", len(lists[name]), limit=ROW_LIMIT)
            self.tell(problem, at, problem.path, model)
        made = None if too_many else shaped(model, record | sample)
        if made is None:
            found = read(model, record | sample, self.setting).errors
            self._tell_all([_Blamed(one, None, one.path) for one in found], at, model)
        return made

    def _tell_all(self, blamed: Iterable[_Blamed], at: Ref, model: type[Part]) -> None:
        for one in blamed:
            if one.ref is None and one.path and (spot := self.said.get(str(one.path[0]))):
                self._write(one.problem, spot, one.path)
            else:
                self.tell(one.problem, one.ref or at, one.path, _owner(model, one.problem.path))

    def tell(
        self, problem: Problem, ref: Ref, path: Sequence[Step], owner: type[Part] | None
    ) -> None:
        """Write a problem down at its cell; ask once for a field that has no column at all."""
        source, name = ref.source, str(path[-1]) if path else ""
        is_nowhere = not source.holds(path) and name not in self.joined
        if problem.code == "missing" and owner and name and is_nowhere:
            self.ask(source, ref, name, owner)
            return
        self._write(problem, ref.spot(path), path)

    def _write(self, problem: Problem, spot: Spot, path: Sequence[Step]) -> None:
        fault = Fault(self.taken.file, spot, problem, Problem(tuple(path), "").place)
        if problem.level == "error":
            self.taken.faults.append(fault)
        else:
            self.taken.warn([fault])

    def ask(self, source: SheetSource, ref: Ref, name: str, owner: type[Part]) -> None:
        """Ask by name for what neither the sheet nor contract nor options say."""
        whose = "" if name in Record.model_fields else source.sheet
        if (whose, name) in self._asked:
            return
        self._asked.add((whose, name))
        label = labels_of(owner, name) if name in owner.model_fields else {"zh": name, "en": name}
        problem = error(name, "ask_for", None, name=name, label=label)
        self.taken.faults.append(Fault(self.taken.file, Spot(source.sheet), problem, name))

    def _drop(self, lists: Mapping[str, list[ListRow]], bad: Iterable[Ref]) -> None:
        """Take bad rows out; a row of a related sheet leaves its main row standing."""
        gone = set(bad)
        for items in lists.values():
            for item in items:
                self._drop_inner(item, gone)
            self.taken.failed += sum(len(one.refs) for one in items if one.ref in gone)
            items[:] = [one for one in items if one.ref is None or one.ref not in gone]

    def _drop_inner(self, item: ListRow, gone: set[Ref]) -> None:
        for name, refs in item.inner.items():
            kept = [at for at, ref in enumerate(refs) if ref is None or ref not in gone]
            if len(kept) < len(refs):
                self.taken.failed += len(refs) - len(kept)
                item.values[name] = [item.values[name][at] for at in kept]
                refs[:] = [refs[at] for at in kept]
                if not item.values[name]:
                    del item.values[name]

    def _all_failed(self, lists: Mapping[str, list[ListRow]]) -> bool:
        for items in lists.values():
            self.taken.failed += sum(len(one.refs) for one in items)
            items.clear()
        return False


@dataclass(frozen=True)
class _Blamed:
    """A problem, the row it is about (None: the record, or an old row), and its path from there."""

    problem: Problem
    ref: Ref | None
    path: tuple[Step, ...]


def _blame(problem: Problem, lists: Mapping[str, list[ListRow]]) -> _Blamed:
    item = _item(problem.path, lists)
    if item is None or item.ref is None:
        return _Blamed(problem, None, problem.path)
    return _blame_in(item, problem.path[2:], problem)


def _blame_in(item: ListRow, path: tuple[Step, ...], problem: Problem) -> _Blamed:
    """Find the row of a related sheet that a problem of a row is about, else the row itself."""
    if len(path) > 1 and isinstance(path[1], int):
        inner = item.inner.get(str(path[0]), [])
        if path[1] < len(inner) and (ref := inner[path[1]]):
            return _Blamed(problem, ref, path[2:])
    return _Blamed(problem, item.ref, path)


def _item(path: Sequence[Step], lists: Mapping[str, list[ListRow]]) -> ListRow | None:
    if len(path) < 2 or not isinstance(path[1], int):
        return None
    items = lists.get(str(path[0]), [])
    return items[path[1]] if path[1] < len(items) else None


def _placed(problem: Problem, lists: Mapping[str, list[ListRow]]) -> Problem:
    """Name the cell of an earlier row where a message names its place in the record."""
    first = (problem.params or {}).get("first")
    found = _ROW.fullmatch(str(first)) if first else None
    if not found:
        return problem
    item = _item((found[1], int(found[2])), lists)
    if item is None or item.ref is None:
        return problem
    spot = item.ref.spot(problem.path[2:])
    return replace(problem, params={**(problem.params or {}), "first": str(spot)})


def _owner(model: type[Part], path: Sequence[Step]) -> type[Part] | None:
    """Find the model of the last named field of `path`."""
    owner: type[Part] | None = model
    for step in path[:-1]:
        if isinstance(step, str):
            owner = shape(owner, step).part if owner and step in owner.model_fields else None
    return owner
