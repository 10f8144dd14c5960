"""Contracts and their members."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from api.http.bodies import AnswerBody, ItemsBody, JsonBody, PageBody, RequestBody, parsed
from api.http.callers import TheActor, TheStore
from api.http.changes import Answer, TheRunner
from api.http.openapi import answers, content, problems
from docgen.contracts import contracts
from docgen.store import tables
from docgen.store.pagination import LIMIT, MOST
from schemas.contract import Contract


class ContractOut(AnswerBody):
    """A contract."""

    id: str
    contract_no: str
    customer_code: str
    customer_name: str
    created_at: datetime
    updated_at: datetime
    content: dict[str, Any] | None = Field(None, description="the contract itself")


class ContractPage(PageBody[ContractOut]):
    """A page of contracts, without their contents."""


class MemberOut(AnswerBody):
    """Somebody who works on a contract."""

    username: str
    name: str
    role: str


class Members(ItemsBody[MemberOut]):
    """Everybody who works on a contract."""


router = APIRouter(prefix="/contracts", tags=["contracts"])


class NewMember(RequestBody):
    """Somebody to let in."""

    username: str


Cursor = Annotated[str, Query(max_length=500, description="next_cursor of the page before")]
Limit = Annotated[int, Query(ge=1, le=MOST)]


@router.post(
    "",
    status_code=201,
    summary="建立合同 Make a contract",
    responses=answers(ContractOut, 201) | problems(400, 401, 403, 409, 413, 415, 422, 429, 503),
    openapi_extra=content(Contract),
)
def create_contract(runner: TheRunner, data: JsonBody) -> Response:
    """Keep a contract; its maker is its first member."""
    return runner.change(data, lambda unit: _answer(contracts.create(unit, data), 201))


@router.get(
    "",
    summary="合同列表 List contracts",
    responses=answers(ContractPage) | problems(401, 403, 422, 429, 503),
)
def list_contracts(
    store: TheStore, actor: TheActor, cursor: Cursor = "", limit: Limit = LIMIT
) -> Response:
    """List the contracts that the caller is a member of, by number."""
    with store.reading() as session:
        page = contracts.listed(session, actor, cursor=cursor, limit=limit)
        return Answer(ContractPage.of(page)).response()


@router.get(
    "/{contract_id}",
    summary="读取合同 Read a contract",
    responses=answers(ContractOut) | problems(401, 403, 404, 429, 503),
)
def read_contract(store: TheStore, actor: TheActor, contract_id: str) -> Response:
    """Answer a contract with its ETag."""
    with store.reading() as session:
        return _answer(contracts.visible(session, actor, contract_id)).response()


@router.put(
    "/{contract_id}",
    summary="修改合同 Change a contract",
    responses=answers(ContractOut)
    | problems(400, 401, 403, 404, 412, 413, 415, 422, 428, 429, 503),
    openapi_extra=content(Contract),
)
def change_contract(runner: TheRunner, contract_id: str, data: JsonBody) -> Response:
    """Replace a contract's content; If-Match says which state of it was seen."""
    return runner.change(
        data, lambda unit: _answer(contracts.change(unit, contract_id, data, runner.if_match))
    )


@router.get(
    "/{contract_id}/members",
    summary="成员 Members",
    responses=answers(Members) | problems(401, 403, 404, 429, 503),
)
def list_members(store: TheStore, actor: TheActor, contract_id: str) -> Response:
    """List who works on a contract."""
    with store.reading() as session:
        found = contracts.members(session, actor, contract_id)
        return Answer(Members(items=[MemberOut.of(row) for row in found])).response()


@router.post(
    "/{contract_id}/members",
    status_code=201,
    summary="加入成员 Add a member",
    responses=answers(MemberOut, 201) | problems(400, 401, 403, 404, 413, 415, 422, 429, 503),
    openapi_extra=content(NewMember),
)
def add_member(runner: TheRunner, contract_id: str, data: JsonBody) -> Response:
    """Let somebody work on a contract."""
    new = parsed(NewMember, data)
    return runner.change(
        data,
        lambda unit: Answer(
            MemberOut.of(contracts.add_member(unit, contract_id, new.username)), 201
        ),
    )


@router.delete(
    "/{contract_id}/members/{username}",
    status_code=204,
    summary="移除成员 Remove a member",
    responses=problems(401, 403, 404, 409, 429, 503),
)
def remove_member(runner: TheRunner, contract_id: str, username: str) -> Response:
    """End somebody's work on a contract."""
    return runner.delete(lambda unit: contracts.remove_member(unit, contract_id, username))


def _answer(row: tables.ContractRow, status: int = 200) -> Answer:
    body = ContractOut.of(row, content=json.loads(row.body))
    return Answer(body, status, row.etag, f"/api/v1/contracts/{row.id}")
