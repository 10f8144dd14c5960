"""Tickets of a contract: conversion, hand-over, numbers, deadlines; and coverage of its objects."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.http.bodies import AnswerBody, EmptyBody, ItemsBody
from api.http.callers import TheActor, TheStore
from api.http.changes import Answer, TheRunner
from api.http.openapi import EMPTY_CONTENT, answers, problems
from api.routes.record_bodies import ProblemOut, RecordOut, entries
from docgen.records.records import SavedRecord
from docgen.rules.ticket_clocks import Summary
from docgen.store.unit_of_work import UnitOfWork
from docgen.tickets import tickets
from docgen.tickets.tickets import Waiting
from schemas.problems import errors_of

router = APIRouter(tags=["tickets"])

READ = problems(401, 403, 404, 429, 503)
CHANGE = problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503)


class CoverageOut(AnswerBody):
    """Whether each object of the contract has its form."""

    covered: bool
    objects: int = Field(description="合同的维保对象数 how many objects the contract lists")
    archives: list[str] = Field(description="参与比较的 WB which archives were compared")
    problems: list[ProblemOut]


class CountOut(AnswerBody):
    """How many tickets of a class there are."""

    total: int
    open: int
    closed: int


class TicketsOut(AnswerBody):
    """The contract's tickets in numbers; a converted consultation counts as its defect ticket."""

    total: int
    open: int
    closed: int
    consultation: CountOut
    defect: CountOut
    converted: int = Field(description="已转缺陷单的咨询，不计入 consultation")
    responses: dict[str, int] = Field(description="咨询的答复时效 consultations by their clock")

    @classmethod
    def from_summary(cls, found: Summary) -> TicketsOut:
        """Add up the classes of tickets."""
        classes = {kind.value: CountOut.of(count) for kind, count in found.classes.items()}
        sums = {
            name: sum(getattr(count, name) for count in classes.values())
            for name in CountOut.model_fields
        }
        return cls.of(found, **sums, **classes)


class DeadlineOut(AnswerBody):
    """A consultation that waits for its answer."""

    record_id: str
    doc_no: str
    handler: str
    received_at: datetime
    target: datetime = Field(description="当日 the end of the day received")
    limit: datetime | None = Field(description="最迟；null 为工作日历未知 null: workdays not known")
    state: str | None = Field(description="pending, overdue")

    @classmethod
    def from_waiting(cls, waiting: Waiting) -> DeadlineOut:
        """Make it of a consultation and its clock."""
        record = waiting.record
        return cls.of(
            waiting.due, record_id=record.id, doc_no=record.doc_no, handler=waiting.handler
        )


class Deadlines(ItemsBody[DeadlineOut]):
    """Consultations that wait for their answers, the most urgent first."""


class Converted(BaseModel):
    """A consultation and the defect ticket that it became."""

    consultation: RecordOut
    defect: RecordOut


@router.get(
    "/contracts/{contract_id}/coverage",
    summary="对象覆盖 Coverage of the contract's objects",
    responses=answers(CoverageOut) | READ,
)
def read_coverage(store: TheStore, actor: TheActor, contract_id: str) -> Response:
    """Compare the asset archives that are submitted or further with the contract's objects."""
    with store.reading() as session:
        found = tickets.coverage(session, actor, contract_id)
    problems = entries(found.problems)
    covered = not errors_of(found.problems)
    return Answer(CoverageOut.of(found, covered=covered, problems=problems)).response()


@router.get(
    "/contracts/{contract_id}/tickets",
    summary="问题单统计 Tickets in numbers",
    responses=answers(TicketsOut) | READ,
)
def read_tickets(store: TheStore, actor: TheActor, contract_id: str) -> Response:
    """Count tickets by class and closing, and consultations by the clock of their answers."""
    with store.reading() as session:
        found = tickets.summary(session, actor, contract_id, store.clock())
    return Answer(TicketsOut.from_summary(found)).response()


@router.get(
    "/contracts/{contract_id}/deadlines",
    summary="待答复 Answers that are due",
    responses=answers(Deadlines) | READ,
)
def read_deadlines(store: TheStore, actor: TheActor, contract_id: str) -> Response:
    """List the consultations without an answer, with target and limit."""
    with store.reading() as session:
        found = tickets.deadlines(session, actor, contract_id, store.clock())
        items = [DeadlineOut.from_waiting(waiting) for waiting in found]
    return Answer(Deadlines(items=items)).response()


@router.post(
    "/contracts/{contract_id}/handover",
    status_code=201,
    summary="生成递交清单 Make a hand-over list",
    responses=answers(RecordOut, 201) | CHANGE,
    openapi_extra=EMPTY_CONTENT,
)
def hand_over(runner: TheRunner, contract_id: str, data: EmptyBody) -> Response:
    """Make a DJ draft of all archived tickets that stand on no list yet."""

    def make(unit: UnitOfWork) -> Answer:
        record, version, found = tickets.hand_over(unit, contract_id)
        return RecordOut.whole(record, version, (), found).answer(record, 201)

    return runner.change(data, make)


@router.post(
    "/records/{record_id}/conversion",
    status_code=201,
    summary="咨询单转缺陷单 Convert a consultation",
    responses=answers(Converted, 201) | CHANGE,
    openapi_extra=EMPTY_CONTENT,
)
def convert(runner: TheRunner, record_id: str, data: EmptyBody) -> Response:
    """Make a QX draft out of a ZX; both name each other. A fixed ZX is revised for it."""

    def make(unit: UnitOfWork) -> Answer:
        consultation, defect = tickets.convert(unit, record_id, runner.if_match)
        body = Converted(consultation=_whole(consultation), defect=_whole(defect))
        record = defect[0]
        return Answer(body, 201, record.etag, f"/api/v1/records/{record.id}")

    return runner.change(data, make)


def _whole(found: SavedRecord) -> RecordOut:
    record, version, problems = found
    return RecordOut.whole(record, version, (), problems)
