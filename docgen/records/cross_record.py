"""What only other records can tell about a record: finds them, and asks the rules.

Only records of the same contract are read, and of these the versions that count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from docgen.records.in_force import (
    NOT_AGREED,
    NOT_HAPPENED,
    NUMBER,
    EffectiveRecord,
    content_of,
    effective_records,
    existing,
    find_one,
    naming_assets,
    newest,
)
from docgen.records.states import Step
from docgen.rules.authorisation import Grant, authorised, uses
from docgen.rules.continuity import (
    Logged,
    Previous,
    abnormal_items,
    continuing,
    first_found,
    first_found_in,
    reappearing,
)
from docgen.rules.contract import covering
from docgen.rules.partial import Plain, line, lines, moment, raw_rows, rows
from docgen.rules.tickets import Listed, Other, converting, handing_over, link_of, numbers_in
from docgen.store.tables import RecordAssetRow, RecordRow, VersionRow
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.envelope import Status
from schemas.param_change import ParamChange
from schemas.problems import Problem
from schemas.values import base_number

# The types of records that change parameters, and their lists of these changes.
CHANGE_LISTS = {"WH": "entries", "QX": "config_changes"}
AUTHORISATION = "SQ"  # letters of authorisation; their schema may be left out, as any may


@dataclass(frozen=True)
class RecordContext:
    """A record to be checked, as far as it can be read, with what finds the others."""

    session: Session
    record: RecordRow
    plain: Plain
    contract: Contract
    step: Step

    @property
    def contract_id(self) -> str:
        """Whose records may be looked at."""
        return self.record.contract_id

    @property
    def own_no(self) -> str:
        """The record's number."""
        return self.record.doc_no


Rule = Callable[[RecordContext], Iterator[Problem]]


def cross_problems(
    session: Session, record: RecordRow, plain: Plain, contract: Contract, *, step: Step
) -> list[Problem]:
    """Return the problems of a record's content beside the other records of its contract.

    Archiving asks for the authorisations alone: they may be signed, or refused, after the record
    was submitted. What else other records say is settled then, and later ones change nothing.
    What of the content cannot be read is passed over: its own schema reports it.
    """
    case = RecordContext(session, record, plain, contract, step)
    settled = step is Step.archive
    asked = (*(() if settled else RULES.get(record.code, ())), _authorised_use)
    return [problem for rule in asked for problem in rule(case)]


def _asset_coverage(case: RecordContext) -> Iterator[Problem]:
    others = effective_records(
        case.session, case.contract_id, ["WB"], excluded_states=NOT_AGREED, without=case.record.id
    )
    elsewhere = {
        line(row, "asset_no"): other.doc_no
        for other in others
        for _, row in raw_rows(other.plain, "objects")
    }
    drafts = select(RecordAssetRow.asset_no).join(
        RecordRow, RecordRow.id == RecordAssetRow.record_id
    )
    begun = drafts.where(
        RecordRow.contract_id == case.contract_id,
        RecordRow.code == "WB",
        RecordRow.state == "draft",
        RecordRow.id != case.record.id,
    )
    return covering(case.contract, case.plain, elsewhere, set(case.session.scalars(begun)))


def _parameter_continuity(case: RecordContext) -> Iterator[Problem]:
    own_list = CHANGE_LISTS[case.record.code]
    own = rows(case.plain, own_list, ParamChange)
    assets = {change.asset_no for _, change in own}
    if not assets:
        return iter(())
    others = effective_records(
        case.session, case.contract_id, list(CHANGE_LISTS), without=case.record.id, assets=assets
    )
    logged = [
        Logged(other.doc_no, change)
        for other in others
        for _, change in rows(other.plain, CHANGE_LISTS[other.record.code], ParamChange)
    ]
    return continuing(case.own_no, own_list, own, logged)


def _recurring_findings(case: RecordContext) -> Iterator[Problem]:
    started_at = moment(case.plain, "started_at")
    if started_at is None:
        return iter(())
    return reappearing(case.plain, list(_previous_inspections(case, started_at)))


def _previous_inspections(case: RecordContext, started_at: datetime) -> Iterator[Previous]:
    """Find the last inspection of each asset; contents are read one by one, the newest first."""
    wanted = {number for number in lines(case.plain, "asset_nos") if number.isprintable()}
    candidates = (
        newest(case.contract_id, NOT_HAPPENED)
        .where(RecordRow.code == "XJ", RecordRow.id != case.record.id)
        .where(RecordRow.doc_date <= case.record.doc_date, naming_assets(wanted))
        .order_by(RecordRow.doc_date.desc(), RecordRow.seq.desc())
        .with_only_columns(RecordRow.id, VersionRow.number)
    )
    for record_id, number in case.session.execute(candidates).all():
        found = case.session.get_one(VersionRow, (record_id, number))
        plain = content_of(found)
        covered = wanted & set(lines(plain, "asset_nos"))
        began = moment(plain, "started_at")
        if covered and began is not None and began < started_at:
            yield Previous(found.doc_no, abnormal_items(plain))
            wanted -= covered
        if not wanted:
            return


def _first_found_references(case: RecordContext) -> Iterator[Problem]:
    named = first_found_in(case.plain).values()
    known = existing(case.session, case.contract_id, named)
    return first_found(case.plain, case.own_no, known)


def _conversion_links(case: RecordContext) -> Iterator[Problem]:
    code = case.record.code
    number = link_of(code, case.plain)
    found = find_one(case.session, case.contract_id, number) if number else None
    other = Other(found.doc_no, link_of(found.record.code, found.plain)) if found else None
    return converting(code, case.own_no, case.plain, other)


def _hand_over_list(case: RecordContext) -> Iterator[Problem]:
    named = select(VersionRow).join(RecordRow, RecordRow.id == VersionRow.record_id)
    numbers = [number for number in numbers_in(case.plain) if NUMBER.fullmatch(number)]
    query = named.where(RecordRow.contract_id == case.contract_id, VersionRow.doc_no.in_(numbers))
    known = {
        version.doc_no: Listed(version.state, _converted_to(version))
        for version in case.session.scalars(query)
    }
    return handing_over(case.plain, known, _tickets_on_other_lists(case))


def _converted_to(version: VersionRow) -> str:
    return link_of("ZX", content_of(version)) if version.doc_no.startswith("ZX-") else ""


def _tickets_on_other_lists(case: RecordContext) -> dict[str, str]:
    """Return the tickets that stand on other submitted lists, each with the number of its list."""
    lists = effective_records(
        case.session, case.contract_id, ["DJ"], excluded_states=NOT_AGREED, without=case.record.id
    )
    return {number: other.doc_no for other in lists for number in numbers_in(other.plain)}


def _authorised_use(case: RecordContext) -> Iterator[Problem]:
    """Check the use of the authorisations that the record names."""
    if AUTHORISATION not in record_types():
        return iter(())
    named = uses(case.plain)
    numbers = {base_number(use.number) for use in named if use.is_ours}
    grants = {}
    for excluded in ((), NOT_AGREED) if numbers else ():  # the newest; over it the one in force
        query = newest(case.contract_id, excluded).where(
            RecordRow.code == AUTHORISATION, RecordRow.base_no.in_(numbers)
        )
        for each in (EffectiveRecord(*pair) for pair in case.session.execute(query)):
            hours = (moment(each.plain, "valid_from"), moment(each.plain, "valid_to"))
            grants[each.record.base_no] = Grant(Status[each.version.state], *hours)
    return authorised(named, grants, archiving=case.step is Step.archive)


# The rules of each type; the use of authorisations is checked in all.
RULES: dict[str, tuple[Rule, ...]] = {
    "WB": (_asset_coverage,),
    "XJ": (_recurring_findings, _first_found_references),
    "WH": (_parameter_continuity,),
    "ZX": (_conversion_links,),
    "QX": (_conversion_links, _parameter_continuity),
    "DJ": (_hand_over_list,),
}
