"""Rows that are records by themselves: one ticket a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from docgen.intake.sheets.book import Row
from docgen.intake.sheets.cells import Odd
from docgen.intake.sheets.envelope import LAST_SERIAL, EnvelopeValues, series_of
from docgen.intake.sheets.import_result import ImportResult, PlannedRecord
from docgen.intake.sheets.judging import Judge, ListRow
from docgen.intake.sheets.keys import SeenRows, digest, natural_key
from docgen.intake.sheets.ledger import Ledger, RowEntry
from docgen.intake.sheets.places import Fault, Skips, Spot
from docgen.intake.sheets.quick import typed_text
from docgen.intake.sheets.records import Ref, SheetSource, Values
from docgen.intake.sheets.related import Related
from docgen.intake.sheets.rows import Numbered
from docgen.intake.sheets.types import code_of_class, kind_of
from schemas.catalog import record_types
from schemas.fields import Part
from schemas.problems import Problem, error
from schemas.secrets import mask_all

NOTHING_SAID = Values({}, None, frozenset())


class Tickets:
    """Makes a record of each row, judges it, and remembers it."""

    def __init__(
        self,
        taken: ImportResult,
        ledger: Ledger,
        judge: Judge,
        given: EnvelopeValues,
        *,
        mask: bool = False,
    ) -> None:
        """Begin a file."""
        self.taken, self.ledger, self.judge, self.given = taken, ledger, judge, given
        self.mask, self.seen, self.related = mask, SeenRows(), Related()
        self.doubles = Skips(taken.file)
        self._envelopes: dict[str, dict[str, Any]] = {}

    def classed(
        self,
        readers: Mapping[str, SheetSource],
        block: Sequence[Numbered],
        *,
        column: int,
        said: Values,
    ) -> None:
        """Take rows whose type a column tells."""
        codes = [_code_in(row[column] if column < len(row) else "") for _, row in block]
        found = {
            code: iter(
                source.read(
                    [row for (_, row), one in zip(block, codes, strict=True) if one == code]
                )
            )
            for code, source in readers.items()
        }
        for (number, row), code in zip(block, codes, strict=True):
            if code is None:
                self._unknown_class(next(iter(readers.values())), number, row, column)
            else:
                self.row(code, Ref(readers[code], number), next(found[code]), said)

    def _unknown_class(self, source: SheetSource, number: int, row: Row, column: int) -> None:
        cell = row[column] if column < len(row) else ""
        value = "" if isinstance(cell, Odd) else cell
        self.fail(Spot(source.sheet, number, column), error((), "class_unknown", value))
        self.taken.failed += 1

    def row(self, code: str, ref: Ref, values: Values, said: Values = NOTHING_SAID) -> None:
        """Take one row as a record."""
        for index, problem in values.problems:
            self.fail(Spot(ref.source.sheet, ref.row, index), problem, ref.source.field(index))
        says = {**said.own, **said.record, **values.record, **values.own}
        record = self.envelope(code) | says
        if self.mask:
            record = mask_all(record)
        if values.problems:
            self.taken.failed += 1
            return
        item = ListRow(record, ref)
        if not self.mask:
            item.typed, item.given = values.typed, values.given
        self.related.join((code,), item)
        if not self._is_double(code, item):
            self._keep(code, item)

    def envelope(self, code: str) -> dict[str, Any]:
        """Return what contract and options say of every record of a type."""
        if code not in self._envelopes:
            self._envelopes[code] = self.given.envelope(code, {})
        return self._envelopes[code]

    def fail(self, spot: Spot, problem: Problem, field: str = "") -> None:
        """Write an error down."""
        self.taken.faults.append(Fault(self.taken.file, spot, problem, field))

    def numbered(self, code: str, record: dict[str, Any], spot: Spot) -> dict[str, Any] | None:
        """Give a record its number; None, and an error, when the day's numbers are used up."""
        self.given.dated(code, record)
        if "doc_no" in record or (series := series_of(code, record)) is None:
            return record
        serial = self.ledger.serial(series)
        if serial > LAST_SERIAL:
            self.fail(spot, error((), "serials_exhausted", series))
            return None
        record["doc_no"] = f"{series}-{serial:03d}"
        return record

    def _is_double(self, code: str, item: ListRow) -> bool:
        """Skip a row that came before with the same content; refuse one with another."""
        record, ref = item.values, item.ref
        assert ref is not None
        scope = [code, str(record.get("contract_no"))]
        names = ("doc_no",) if record.get("doc_no") else kind_of(code).key
        item.key, item.hash = natural_key(scope, names, record), digest(record)
        earlier = self.seen.first(item.key, item.hash, ref)
        if earlier is None:
            return False
        if earlier[0] == item.hash:
            self.doubles.add(ref.source.sheet, ref.row, "same_row")
            self.taken.read -= 1
        else:
            self.fail(ref.spot(names[:1]), differs(earlier[1], names, record), "".join(names[:1]))
            self.taken.failed += 1
        return True

    def _keep(self, code: str, item: ListRow) -> None:
        record = item.values
        places = tuple((one.source.sheet, one.row) for one in item.refs)
        known = self.ledger.known(item.key)
        if known:
            record["doc_no"] = known.doc_no
        if known and known.hash == item.hash:
            self.taken.documents.append(PlannedRecord(code, known.doc_no, (), places))
            return
        assert item.ref is not None
        if self.numbered(code, record, item.ref.spot()) is not None:
            _complete(record_types()[code], item)
            item.part = self.judge.row(record_types()[code], item)
        if item.part is None:
            self.taken.failed += len(item.refs)
            return
        places = tuple((one.source.sheet, one.row) for one in item.refs)
        self.ledger.add(code, record["doc_no"], record, [RowEntry(item.key, item.hash)])
        self.taken.documents.append(PlannedRecord(code, record["doc_no"], places))


def _complete(model: type[Part], item: ListRow) -> None:
    """Lay what contract, options and the lines above say beside what was read of the row."""
    for name in item.values.keys() - item.given if item.typed is not None else ():
        value = item.values[name]
        made = typed_text(model, name, value) if isinstance(value, str) else None
        if made is None or item.typed is None:
            item.typed = None
        else:
            item.typed[name] = made
    item.given = frozenset(item.values)


def differs(first: Ref, names: tuple[str, ...], record: Mapping[str, Any]) -> Problem:
    """Return the refusal of a row that is another one again, but says something else."""
    value = " / ".join(str(record.get(name)) for name in names)
    return error((), "row_differs", value, first=str(first.spot(names[:1])))


def _code_in(cell: Any) -> str | None:
    return None if isinstance(cell, Odd) else code_of_class(str(cell))
