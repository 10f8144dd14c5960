"""Bodies of requests: JSON only, uncompressed, and typed where they are no record."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import ClientDisconnect

from api.http.problems import BodyWrong
from docgen.errors import DocgenError, InputUnreadable
from docgen.pipeline.json_input import read_json

M = TypeVar("M", bound=BaseModel)


class RequestBody(BaseModel):
    """Base of what a request may hold; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=False)


async def json_body(request: Request) -> bytes:
    """Return the raw body of a JSON request; 415 for anything else."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        raise InputUnreadable("not_json_media_type", value=media)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise InputUnreadable("encoding_unsupported", value=encoding)
    try:
        return await request.body()
    except ClientDisconnect as gone:
        raise DocgenError("caller_gone") from gone


def parsed(model: type[M], data: bytes) -> M:
    """Read a small body as `model`; an empty one counts as {}. InputUnreadable, BodyWrong."""
    plain = read_json(data) if data.strip() else {}
    try:
        return model.model_validate(plain)
    except ValidationError as wrong:
        raise BodyWrong(wrong.errors()) from wrong


JsonBody = Annotated[bytes, Depends(json_body)]
