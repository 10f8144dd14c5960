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
    AGREED,
    HISTORY,
    NUMBER,
    Counted,
    content_of,
    counted,
    existing,
    newest,
    one,
    speaking_of,
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

CHANGES = {"WH": "entries", "QX": "config_changes"}
AUTHORISATION = "SQ"


@dataclass(frozen=True)
class Case:
    """A record to be judged, as far as it can be read, and where the others are."""

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


Rule = Callable[[Case], Iterator[Problem]]


def cross_problems(
    session: Session, record: RecordRow, plain: Plain, contract: Contract, *, step: Step
) -> list[Problem]:
    """Return the problems of a record's content beside the other records of its contract.

    Archiving asks for the authorisations alone: they may be signed, or refused, after the record
    was submitted. What else other records say is settled then, and later ones change nothing.
    What of the content cannot be read is passed over: its own schema tells it.
    """
    case = Case(session, record, plain, contract, step)
    settled = step is Step.archive
    asked = (*(() if settled else RULES.get(record.code, ())), _authorised)
    return [problem for rule in asked for problem in rule(case)]


def _covering(case: Case) -> Iterator[Problem]:
    others = counted(case.session, case.contract_id, ["WB"], aside=AGREED, without=case.record.id)
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


def _continuing(case: Case) -> Iterator[Problem]:
    own_list = CHANGES[case.record.code]
    own = rows(case.plain, own_list, ParamChange)
    assets = {change.asset_no for _, change in own}
    if not assets:
        return iter(())
    others = counted(
        case.session, case.contract_id, list(CHANGES), without=case.record.id, assets=assets
    )
    logged = [
        Logged(other.doc_no, change)
        for other in others
        for _, change in rows(other.plain, CHANGES[other.record.code], ParamChange)
    ]
    return continuing(case.own_no, own_list, own, logged)


def _reappearing(case: Case) -> Iterator[Problem]:
    started_at = moment(case.plain, "started_at")
    if started_at is None:
        return iter(())
    return reappearing(case.plain, list(_previous(case, started_at)))


def _previous(case: Case, started_at: datetime) -> Iterator[Previous]:
    """Find the last inspection of each asset; contents are read one by one, the newest first."""
    wanted = {number for number in lines(case.plain, "asset_nos") if number.isprintable()}
    candidates = (
        newest(case.contract_id, HISTORY)
        .where(RecordRow.code == "XJ", RecordRow.id != case.record.id)
        .where(RecordRow.doc_date <= case.record.doc_date, speaking_of(wanted))
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


def _first_found(case: Case) -> Iterator[Problem]:
    named = first_found_in(case.plain).values()
    known = existing(case.session, case.contract_id, named)
    return first_found(case.plain, case.own_no, known)


def _converting(case: Case) -> Iterator[Problem]:
    code = case.record.code
    number = link_of(code, case.plain)
    found = one(case.session, case.contract_id, number) if number else None
    other = Other(found.doc_no, link_of(found.record.code, found.plain)) if found else None
    return converting(code, case.own_no, case.plain, other)


def _handing_over(case: Case) -> Iterator[Problem]:
    named = select(VersionRow).join(RecordRow, RecordRow.id == VersionRow.record_id)
    numbers = [number for number in numbers_in(case.plain) if NUMBER.fullmatch(number)]
    query = named.where(RecordRow.contract_id == case.contract_id, VersionRow.doc_no.in_(numbers))
    known = {
        version.doc_no: Listed(version.state, _converted_to(version))
        for version in case.session.scalars(query)
    }
    return handing_over(case.plain, known, _handed(case))


def _converted_to(version: VersionRow) -> str:
    return link_of("ZX", content_of(version)) if version.doc_no.startswith("ZX-") else ""


def _handed(case: Case) -> dict[str, str]:
    """Tell which tickets stand on which other list that is submitted."""
    lists = counted(case.session, case.contract_id, ["DJ"], aside=AGREED, without=case.record.id)
    return {number: other.doc_no for other in lists for number in numbers_in(other.plain)}


def _authorised(case: Case) -> Iterator[Problem]:
    """Ask the authorisations that the record names."""
    if AUTHORISATION not in record_types():
        return iter(())
    named = uses(case.plain)
    numbers = {base_number(use.number) for use in named if use.is_ours}
    grants = {}
    for aside in ((), AGREED) if numbers else ():  # the newest; over it the one in force
        query = newest(case.contract_id, aside).where(
            RecordRow.code == AUTHORISATION, RecordRow.base_no.in_(numbers)
        )
        for each in (Counted(*pair) for pair in case.session.execute(query)):
            hours = (moment(each.plain, "valid_from"), moment(each.plain, "valid_to"))
            grants[each.record.base_no] = Grant(Status[each.version.state], *hours)
    return authorised(named, grants, archiving=case.step is Step.archive)


RULES: dict[str, tuple[Rule, ...]] = {
    "WB": (_covering,),
    "XJ": (_reappearing, _first_found),
    "WH": (_continuing,),
    "ZX": (_converting,),
    "QX": (_converting, _continuing),
    "DJ": (_handing_over,),
}
