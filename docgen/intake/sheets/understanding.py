"""Decide what a sheet is: table, form or no record, of which type, by the best score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from docgen.intake.sheets import forms
from docgen.intake.sheets.added_sheets import ABOUT, BASICS, ERRORS
from docgen.intake.sheets.book import Sheet
from docgen.intake.sheets.finding import Head, HeaderRow, Match, class_column, headings, matched
from docgen.intake.sheets.headers import folded
from docgen.intake.sheets.layout import LabelledValue, Layout
from docgen.intake.sheets.mapping import Mapping, mapped
from docgen.intake.sheets.places import Spot
from docgen.intake.sheets.targets import SheetTarget, every_name, root, targets
from docgen.intake.sheets.types import class_codes
from schemas.catalog import record_types
from schemas.fields import label_of
from schemas.problems import error

HEAD_ROWS = 200
FORM_ROWS = 150
LIST_NAMED, TYPE_NAMED = 0.6, 0.2
FORM_LEAD = 1.1


@dataclass(frozen=True)
class _Form:
    target: SheetTarget
    lines: Sequence[LabelledValue]
    score: float


def understand(sheet: Sheet, code: str = "", mappings: Sequence[Mapping] = ()) -> Layout:
    """Say how a sheet is read; `code` allows one record type only, a mapping decides."""
    if sheet.name.startswith((ABOUT, ERRORS)):
        return Layout(sheet.name, reason="docgen_sheet")
    head = list(islice(sheet.rows(), HEAD_ROWS))
    if not any(cell != "" for _, row in head for cell in row):
        return Layout(sheet.name, reason="empty_sheet")
    if found := mapped(mappings, sheet.name, head, sheet.facts.merges):
        layout = laid_out(sheet, head, found[0])
        layout.mapping = found[1]
        return layout
    wanted = [target for target in targets() if code in ("", target.code)]
    tables = _tables(sheet, head, wanted)
    form = _form(sheet, head, wanted)
    if form is None and sheet.name == BASICS and code:
        form = _basics(sheet, head, code)
    if form and (not tables or _is_form(form, tables[0])):
        return _as_form(sheet, form)
    return _as_table(sheet, head, tables) if tables else Layout(sheet.name)


def _is_form(form: _Form, table: Match) -> bool:
    """Tell a form from lines that stand over a table of the same record."""
    first = table.heading.rows[0]
    if form.target.code == table.target.code and form.target.is_record and table.target.path:
        return all(line.spot.row >= first for line in form.lines)
    return form.score > FORM_LEAD * table.score


def _tables(sheet: Sheet, head: Head, wanted: Iterable[SheetTarget]) -> list[Match]:
    """Return the readings of the best header, best first."""
    wanted = list(wanted)
    best: list[Match] = []
    for heading in headings(head, sheet.facts.merges):
        if not _may_be_a_header(heading):
            continue
        found = [one for target in wanted if (one := matched(heading, target)).score > 0]
        found.sort(key=lambda one: -one.score)
        if found and (not best or _is_better(found[0], best[0])):
            best = found
    if not best:
        return []
    named = _named(sheet, head, best[0].heading.rows[0])
    scored = [(one.score + _bonus(one.target, named), one) for one in best]
    scored.sort(key=lambda pair: -pair[0])
    return [one for _, one in scored]


def _may_be_a_header(heading: HeaderRow) -> bool:
    """Tell whether at least two columns are called what some field is called."""
    known = every_name()
    named = 0
    for index in range(len(heading.columns)):
        named += any(name in known for name, _ in heading.names(index))
        if named > 1:
            return True
    return False


def _is_better(one: Match, other: Match) -> bool:
    """Compare two headers; of two that say the same, the shorter one is meant."""
    if abs(one.score - other.score) < 1e-9:
        return len(one.heading.rows) < len(other.heading.rows)
    return one.score > other.score


def _named(sheet: Sheet, head: Head, header_row: int) -> str:
    """Return the sheet's name and the text over its header, folded."""
    texts = [cell for number, row in head if number < header_row for cell in row]
    return folded(sheet.name) + " " + " ".join(folded(t) for t in texts if isinstance(t, str))


def _bonus(target: SheetTarget, named: str) -> float:
    kind = record_types()[target.code]
    bonus = TYPE_NAMED if folded(kind.record_type.zh) in named else 0.0
    if target.path:
        model: Any = kind if len(target.path) == 1 else targets_model(target)
        bonus += LIST_NAMED if folded(label_of(model, target.path[-1], "zh")) in named else 0.0
    return bonus


def targets_model(target: SheetTarget) -> Any:
    """Return the model that owns the list of a list's list."""
    return next(
        one.model for one in targets() if one.code == target.code and one.path == target.path[:-1]
    )


def _form(sheet: Sheet, head: Head, wanted: Iterable[SheetTarget]) -> _Form | None:
    if len(head) >= FORM_ROWS:
        return None
    best: _Form | None = None
    for target in wanted:
        if target.needs_parent:
            continue
        found = forms.lines(sheet.name, head, target)
        score = forms.score(found, target)
        if score > (best.score if best else 0.0):
            best = _Form(target, found, score)
    return best


def _basics(sheet: Sheet, head: Head, code: str) -> _Form | None:
    """Read what docgen's own workbooks ask of the record itself, be it little."""
    found = forms.lines(sheet.name, head, root(code))
    return _Form(root(code), found, 1.0) if found else None


def _as_form(sheet: Sheet, form: _Form) -> Layout:
    rows = [line.spot.row for line in form.lines]
    return Layout(
        sheet.name,
        "form",
        form.target,
        (min(rows),),
        lines=form.lines,
        score=form.score,
    )


def _as_table(sheet: Sheet, head: Head, tables: list[Match]) -> Layout:
    best = tables[0]
    layout = laid_out(sheet, head, best)
    layout.class_column = _class_column(best, tables)
    if layout.class_column is not None:
        layout.by_class = {
            one.target.code: (one.target, one.columns)
            for one in tables
            if one.target.is_record and one.target.code in class_codes()
        }
        layout.unmapped = [one for one in layout.unmapped if one[0] != layout.class_column]
        return layout
    rivals = [one for one in tables if one.score > best.score - 1e-9 and one is not best]
    if rivals and _told_by(sheet, head, best) == _told_by(sheet, head, rivals[0]):
        layout.faults.append((Spot(sheet.name, best.heading.rows[-1]), _either(sheet, tables)))
    return layout


def laid_out(sheet: Sheet, head: Head, match: Match) -> Layout:
    """Return the layout that a header means."""
    rows = match.heading.rows
    above = [(number, row) for number, row in head if number < rows[0]]
    return Layout(
        sheet.name,
        "table",
        match.target,
        rows,
        match.heading.columns,
        match.columns,
        match.unmapped,
        forms.lines(sheet.name, above, root(match.target.code)),
        faults=match.spots(sheet.name),
        score=match.score,
    )


def _class_column(best: Match, tables: list[Match]) -> int | None:
    """Find the column of classes, where the rows may be tickets of more than one type."""
    codes = {one.target.code for one in tables if one.target.is_record}
    if best.target.code not in class_codes() or not codes.issuperset(class_codes()):
        return None
    return class_column(best.heading)


def _told_by(sheet: Sheet, head: Head, match: Match) -> float:
    return _bonus(match.target, _named(sheet, head, match.heading.rows[0]))


def _either(sheet: Sheet, tables: list[Match]) -> Any:
    alike = [one.target.label for one in tables if one.score > tables[0].score - 1e-9]
    return error((), "ambiguous_sheet", sheet.name, types="、".join(alike))
