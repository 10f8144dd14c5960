"""The audit trail, as far as it concerns the caller."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from api.http.bodies import AnswerBody, PageBody
from api.http.callers import TheActor, TheStore
from api.http.changes import Answer
from api.http.openapi import answers, problems
from api.routes.contracts import Cursor, Limit
from docgen.audit import trail
from docgen.store.pagination import LIMIT

router = APIRouter(tags=["audit"])


class AuditOut(AnswerBody):
    """What somebody did, with all that its hash covers, so that anybody can compute it again."""

    seq: int
    at: str
    actor_id: str | None
    actor_name: str
    actor_role: str
    address: str
    action: str
    subject_kind: str
    subject_id: str
    contract_id: str | None
    detail: str = Field(description="JSON text, exactly as hashed")
    previous_hash: str
    entry_hash: str = Field(description="sha256 of all other fields as canonical JSON")


class AuditPage(PageBody[AuditOut]):
    """A page of the trail, the newest entry first."""


class AuditHead(BaseModel):
    """The newest entry of the whole trail; note it elsewhere, and nobody can make another past."""

    seq: int
    entry_hash: str


@router.get(
    "/contracts/{contract_id}/audit",
    summary="合同的审计记录 The trail of a contract",
    responses=answers(AuditPage) | problems(401, 403, 404, 422, 429, 503),
)
def read_contract_audit(
    store: TheStore,
    actor: TheActor,
    contract_id: str,
    cursor: Cursor = "",
    limit: Limit = LIMIT,
) -> Response:
    """List what was done in a contract and its records."""
    with store.reading() as session:
        page = trail.of_contract(session, actor, contract_id, cursor=cursor, limit=limit)
        return Answer(AuditPage.of(page)).response()


@router.get(
    "/records/{record_id}/audit",
    summary="单据的审计记录 The trail of a record",
    responses=answers(AuditPage) | problems(401, 403, 404, 422, 429, 503),
)
def read_record_audit(
    store: TheStore, actor: TheActor, record_id: str, cursor: Cursor = "", limit: Limit = LIMIT
) -> Response:
    """List what was done to a record, downloads of its files as well."""
    with store.reading() as session:
        page = trail.of_record(session, actor, record_id, cursor=cursor, limit=limit)
        return Answer(AuditPage.of(page)).response()


@router.get(
    "/audit/head",
    summary="审计链的最新一条 The newest entry",
    responses=answers(AuditHead) | problems(401, 403, 429, 503),
)
def read_head(store: TheStore, actor: TheActor) -> Response:
    """Answer number and hash of the newest entry."""
    with store.reading() as session:
        seq, entry_hash = trail.head(session, actor)
    return Answer(AuditHead(seq=seq, entry_hash=entry_hash)).response()
