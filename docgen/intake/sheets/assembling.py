"""Rows that fill the lists of a record: grouped, joined with related sheets, judged together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from docgen.intake.sheets.import_result import PlannedRecord
from docgen.intake.sheets.judging import ListRow
from docgen.intake.sheets.keys import digest, natural_key
from docgen.intake.sheets.layout import Layout
from docgen.intake.sheets.ledger import RowEntry
from docgen.intake.sheets.places import Spot
from docgen.intake.sheets.records import Ref, SheetSource, Values
from docgen.intake.sheets.targets import GROUPING, SheetTarget
from docgen.intake.sheets.tickets import Tickets, differs
from docgen.intake.sheets.types import Kind, kind_of
from schemas.catalog import record_types
from schemas.fields import shape
from schemas.problems import error
from schemas.secrets import mask_all
from schemas.values import ROW_LIMIT

Ident = tuple[str, ...]


@dataclass
class Group:
    """Rows that become one record."""

    code: str
    said: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, list[ListRow]] = field(default_factory=dict)
    rows: list[Ref] = field(default_factory=list)
    """Forms that fill the record's own fields, which count as rows."""

    @property
    def first(self) -> Ref:
        """The first row of all."""
        return next(ref for items in self.lists.values() for one in items for ref in one.refs)


class Assembly:
    """Collects rows of one file, and closes a record when all its rows are there."""

    def __init__(self, tickets: Tickets, *, group_by: str = "") -> None:
        """Begin a file; `group_by` asset makes a record of each asset."""
        self.tickets, self.taken, self.group_by = tickets, tickets.taken, group_by
        self.groups: dict[Ident, Group] = {}
        self.said: dict[str, dict[str, Any]] = {}
        self.said_rows: dict[str, list[Ref]] = {}
        self._sheet_said: dict[str, dict[str, Any]] = {}
        self._own_sheets: dict[str, list[str]] = {}
        self._given: dict[tuple[str, ...], dict[str, Any]] = {}
        self._idents: dict[SheetSource, Ident] = {}
        self._scopes: dict[tuple[Ident, str], tuple[str, ...]] = {}

    def expect(self, layouts: Sequence[Layout]) -> None:
        """Note which sheets make a record each."""
        for layout in layouts:
            target = layout.target
            if target and target.path[:1] == (kind_of(target.code).one_a_sheet,):
                self._own_sheets.setdefault(target.code, []).append(layout.sheet)

    def is_made_of_lists(self, code: str) -> bool:
        """Tell whether a type's records are made of many rows."""
        return not kind_of(code).a_row

    def say(self, code: str, values: Values, source: SheetSource, row: Ref | None = None) -> None:
        """Note what a form or the lines over a table say of the record itself."""
        said = self.said.setdefault(code, {})
        self._scopes.clear()
        for name, value in {**values.own, **values.record}.items():
            said.setdefault(name, value)
        for path, spot in source.lines.items():
            self.tickets.judge.said.setdefault(path[0], spot)
        if row:
            self.said_rows.setdefault(code, []).append(row)

    def begin(self, target: SheetTarget, source: SheetSource, said: Values) -> None:
        """Begin a table of rows."""
        own = {**said.own, **said.record}
        if kind_of(target.code).one_a_sheet == target.path[0]:
            self._sheet_said[source.sheet] = own
            self._scopes.clear()
            self.tickets.judge.said.update({path[0]: spot for path, spot in source.lines.items()})
        else:
            self.say(target.code, said, source)

    def row(self, target: SheetTarget, ref: Ref, values: Values) -> None:
        """Take one row of a list."""
        for index, problem in values.problems:
            spot = Spot(ref.source.sheet, ref.row, index)
            self.tickets.fail(spot, problem, ref.source.field(index))
        if values.problems:
            self.taken.failed += 1
        elif target.needs_parent:
            refused = self.tickets.related.add(target, ref, values)
            self.tickets.judge.joined.add(target.path[-1])
            if refused:
                self.tickets.fail(ref.source.spot(ref.row, (), "parent"), refused)
                self.taken.failed += 1
        else:
            self._list_row(target, ref, values)

    def close(self) -> None:
        """Close every record, and refuse related rows that belong nowhere."""
        for ident in list(self.groups):
            self._close(ident)
        for ref, name, problem in self.tickets.related.homeless():
            self.tickets.fail(ref.source.spot(ref.row, (name,), "parent"), problem, name)
            self.taken.failed += 1
        for code, refs in self.said_rows.items():
            self._close_forms(code, refs)
        self.taken.skip(self.tickets.doubles)

    def _close_forms(self, code: str, refs: list[Ref]) -> None:
        """Count forms that fill the record's own fields with the record that they went into."""
        for at, planned in enumerate(self.taken.documents):
            if planned.code == code:
                places = tuple((ref.source.sheet, ref.row) for ref in refs)
                rows, known = (planned.rows, places) if not planned.rows else (places, ())
                self.taken.documents[at] = (
                    replace(planned, rows=planned.rows + rows)
                    if planned.rows
                    else replace(planned, known=planned.known + known)
                )
                return
        self.taken.failed += len(refs)
        if not any(group.code == code for group in self.groups.values()):
            for ref in refs:
                self.tickets.fail(ref.spot(), error((), "row_without_parent", ref.source.sheet))

    def _list_row(self, target: SheetTarget, ref: Ref, values: Values) -> None:
        kind, list_name = kind_of(target.code), target.path[0]
        own = self._own(target, values.own)
        ident = self._ident(target, ref, values.record, own)
        group = self.groups.get(ident) or self.groups.setdefault(ident, Group(target.code))
        for name, value in values.record.items():
            group.said.setdefault(name, value)
        item = ListRow(own, ref)
        if own is values.own:
            item.typed, item.given = values.typed, values.given
        if self._is_double(ident, kind, list_name, item):
            return
        if self.tickets.related.rows:
            self.tickets.related.join((target.code, *target.path), item)
        if not self._is_good(target, item):
            return
        items = group.lists.setdefault(list_name, [])
        items.append(item)
        if len(items) >= ROW_LIMIT:
            self._close(ident)

    def _is_good(self, target: SheetTarget, item: ListRow) -> bool:
        """Judge a row by itself; where only rows of a related sheet are bad, without those."""
        assert item.ref is not None
        item.part = self.tickets.judge.row(target.model, item)
        if item.part is None:
            self.taken.failed += len(item.refs)
        return item.part is not None

    def _own(self, target: SheetTarget, own: dict[str, Any]) -> dict[str, Any]:
        given = self._given.get(target.path)
        if given is None:
            given = self._given[target.path] = {
                name: value
                for name, value in self.tickets.given.fields.items()
                if name in target.model.model_fields
                and name not in record_types()[target.code].model_fields
            }
        made = given | own if given else own
        return mask_all(made) if self.tickets.mask else made

    def _ident(
        self, target: SheetTarget, ref: Ref, said: Mapping[str, Any], own: Mapping[str, Any]
    ) -> Ident:
        """Name the record that a row belongs to."""
        if said or self.group_by == "asset":
            return self._own_ident(target, ref, said, own)
        known = self._idents.get(ref.source)
        if known is None:
            known = self._idents[ref.source] = self._own_ident(target, ref, {}, {})
        return known

    def _own_ident(
        self, target: SheetTarget, ref: Ref, said: Mapping[str, Any], own: Mapping[str, Any]
    ) -> Ident:
        kind = kind_of(target.code)
        parts = [target.code, *(str(said.get(name, "")) for name in GROUPING)]
        if self.group_by == "asset":
            parts.append(str(own.get("asset_no", "")))
        if kind.one_a_sheet == target.path[0]:
            parts.append(ref.source.sheet)
        elif len(sheets := self._own_sheets.get(target.code, [])) == 1:
            parts += sheets
        return tuple(parts)

    def _is_double(self, ident: Ident, kind: Kind, list_name: str, item: ListRow) -> bool:
        assert item.ref is not None
        names = kind.keys.get(list_name, ())
        scope = self._scopes.get((ident, list_name))
        if scope is None:
            scope = self._scopes[ident, list_name] = (*self._scope(ident, kind), list_name)
        item.key, item.hash = natural_key(scope, names, item.values), digest(item.values)
        earlier = self.tickets.seen.first(item.key, item.hash, item.ref)
        if earlier is None:
            return False
        if earlier[0] == item.hash:
            self.tickets.doubles.add(item.ref.source.sheet, item.ref.row, "same_row")
            self.taken.read -= 1
        elif len(names) == 1:
            first = str(earlier[1].spot(names))
            self.tickets.fail(
                item.ref.spot(names),
                error((), "duplicate", item.values[names[0]], first=first),
                names[0],
            )
            self.taken.failed += 1
        else:
            self.tickets.fail(item.ref.spot(names[:1]), differs(earlier[1], names, item.values))
            self.taken.failed += 1
        return True

    def _scope(self, ident: Ident, kind: Kind) -> list[str]:
        """Return what a row's key holds of its record: type and contract, and what names it."""
        contract = self.tickets.envelope(ident[0]).get("contract_no", "")
        scope = [ident[0], ident[GROUPING.index("contract_no") + 1] or str(contract)]
        if kind.record_key:
            said = self._said(ident, kind)
            scope += [json.dumps(said.get(name), ensure_ascii=False) for name in kind.record_key]
        return scope

    def _said(self, ident: Ident, kind: Kind) -> dict[str, Any]:
        own = self._sheet_said.get(ident[-1], {}) if kind.one_a_sheet else {}
        return {**self.tickets.envelope(ident[0]), **self.said.get(ident[0], {}), **own}

    # ------------------------------------------------------------ closing

    def _close(self, ident: Ident) -> None:
        group = self.groups[ident]
        if not any(group.lists.values()):
            return
        code, kind = group.code, kind_of(group.code)
        for doc_no, lists in self._parted(group).items():
            record = self._said(ident, kind) | group.said
            if doc_no:
                record["doc_no"] = doc_no
            self._make(code, record, lists)
        group.lists = {}

    def _parted(self, group: Group) -> dict[str, dict[str, list[ListRow]]]:
        """Part rows by the record that they belong to already; new ones join the commonest."""
        owners: Counter[str] = Counter()
        homes: dict[int, str] = {}
        for items in () if self.tickets.ledger.is_new else group.lists.values():
            for item in items:
                if known := self.tickets.ledger.known(item.key):
                    owners[known.doc_no] += 1
                    homes[id(item)] = known.doc_no
                    item.fresh = known.hash != self._whole_hash(item)
        main = owners.most_common(1)[0][0] if owners else str(group.said.get("doc_no", ""))
        if not homes:
            return {main: {name: items for name, items in group.lists.items() if items}}
        parted: dict[str, dict[str, list[ListRow]]] = {}
        for name, items in group.lists.items():
            for item in items:
                home = homes.get(id(item), main)
                parted.setdefault(home, {}).setdefault(name, []).append(item)
        return parted

    def _whole_hash(self, item: ListRow) -> bytes:
        """Return the hash of a row with all that is joined to it."""
        return digest(item.values) if item.inner else item.hash

    def _make(self, code: str, record: dict[str, Any], lists: dict[str, list[ListRow]]) -> None:
        tickets, model = self.tickets, record_types()[code]
        old = tickets.ledger.record(record["doc_no"]) if "doc_no" in record else None
        at = next(one.ref for items in lists.values() for one in items if one.ref)
        fresh = old is None or any(one.fresh for items in lists.values() for one in items)
        if old is not None and not fresh and not _says_more(old, record):
            self._plan(code, record["doc_no"], lists)
            return
        merged = self._with_old(code, old, lists) if old else lists
        if old:
            record = {name: value for name, value in old.items() if name not in merged} | record
        if tickets.mask:
            record = mask_all(record)
        numbered = tickets.numbered(code, record, at.spot())
        if numbered is None:
            self.taken.failed += sum(len(one.refs) for items in lists.values() for one in items)
            return
        if not tickets.judge.lists(model, record, merged, at):
            return
        self._remember(code, record, merged)

    def _remember(self, code: str, record: dict[str, Any], lists: dict[str, list[ListRow]]) -> None:
        whole = record | {name: [one.values for one in items] for name, items in lists.items()}
        entries = (
            RowEntry(one.key, self._whole_hash(one), name, position)
            for name, items in lists.items()
            for position, one in enumerate(items)
            if one.key
        )
        self.tickets.ledger.add(code, record["doc_no"], whole, entries)
        self._plan(code, record["doc_no"], lists)

    def _with_old(
        self, code: str, old: Mapping[str, Any], lists: dict[str, list[ListRow]]
    ) -> dict[str, list[ListRow]]:
        """Add rows to a record that is there already, each in the place of what it was."""
        rows = {
            (one.list_name, one.position): (key, one)
            for key, one in self.tickets.ledger.rows_of(str(old["doc_no"]))
        }
        merged: dict[str, list[ListRow]] = {}
        names = dict.fromkeys([*(known[0] for known in rows), *lists])
        for name in names:
            model = shape(record_types()[code], name).part
            assert model is not None
            news = {item.key: item for item in lists.get(name, [])}
            for position, values in enumerate(old.get(name) or []):
                key, known = rows.get((name, position), (b"", None))
                again = news.pop(key, None)
                kept = ListRow(values, None, key, known.hash if known else b"", fresh=False)
                kept.part = model.model_validate(values)
                merged.setdefault(name, []).append(again or kept)
            merged.setdefault(name, []).extend(news.values())
        return merged

    def _plan(self, code: str, doc_no: str, lists: Mapping[str, list[ListRow]]) -> None:
        places: dict[bool, list[tuple[str, int]]] = {True: [], False: []}
        for items in lists.values():
            for item in items:
                places[item.fresh] += [(ref.source.sheet, ref.row) for ref in item.refs]
        self.taken.documents.append(
            PlannedRecord(code, doc_no, tuple(places[True]), tuple(places[False]))
        )


def _says_more(old: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Tell whether sheet, contract or options say something else of the record than before."""
    return any(old.get(name) != value for name, value in record.items())
