"""Contracts and their members."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from api.http.bodies import JsonBody, RequestBody, parsed
from api.http.callers import TheActor, TheStore
from api.http.changes import Answer, TheDesk
from api.http.openapi import answers, content, problems
from docgen.contracts import contracts
from docgen.store import tables
from docgen.store.pagination import LIMIT, MOST
from docgen.store.unit_of_work import UnitOfWork
from schemas.contract import Contract


class ContractOut(BaseModel):
    """A contract."""

    id: str
    contract_no: str
    customer_code: str
    customer_name: str
    created_at: datetime
    updated_at: datetime
    content: dict[str, Any] | None = Field(None, description="the contract itself")

    @classmethod
    def of(cls, row: tables.ContractRow, *, whole: bool = True) -> ContractOut:
        """Make it; a list leaves the content out."""
        return cls(
            id=row.id,
            contract_no=row.contract_no,
            customer_code=row.customer_code,
            customer_name=row.customer_name,
            created_at=row.created_at,
            updated_at=row.updated_at,
            content=json.loads(row.body) if whole else None,
        )


class ContractPage(BaseModel):
    """A page of contracts."""

    items: list[ContractOut]
    next_cursor: str


class MemberOut(BaseModel):
    """Somebody who works on a contract."""

    username: str
    name: str
    role: str

    @classmethod
    def of(cls, row: tables.UserRow) -> MemberOut:
        """Make it."""
        return cls(username=row.username, name=row.name, role=row.role)


class Members(BaseModel):
    """Everybody who works on a contract."""

    items: list[MemberOut]


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
def create_contract(desk: TheDesk, data: JsonBody) -> Response:
    """Keep a contract; its maker is its first member."""
    return desk.change(data, lambda unit: _answer(contracts.create(unit, data), 201))


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
        items = [ContractOut.of(row, whole=False) for row in page.items]
    return Answer(ContractPage(items=items, next_cursor=page.next_cursor)).response()


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
def change_contract(desk: TheDesk, contract_id: str, data: JsonBody) -> Response:
    """Replace a contract's content; If-Match says which state of it was seen."""
    return desk.change(
        data, lambda unit: _answer(contracts.change(unit, contract_id, data, desk.if_match))
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
def add_member(desk: TheDesk, contract_id: str, data: JsonBody) -> Response:
    """Let somebody work on a contract."""
    new = parsed(NewMember, data)
    return desk.change(
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
def remove_member(desk: TheDesk, contract_id: str, username: str) -> Response:
    """End somebody's work on a contract."""

    def remove(unit: UnitOfWork) -> Answer:
        contracts.remove_member(unit, contract_id, username)
        return Answer(None, 204)

    return desk.change(b"", remove)


def _answer(row: tables.ContractRow, status: int = 200) -> Answer:
    return Answer(ContractOut.of(row), status, row.etag, f"/api/v1/contracts/{row.id}")
