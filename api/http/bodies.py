"""Bodies of requests and answers: JSON only, uncompressed, and typed where they are no record."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect

from api.http.problems import BodyWrong
from docgen.errors import DocgenError, InputUnreadable
from docgen.pipeline.json_input import read_json

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


class RequestBody(BaseModel):
    """Base of what a request may hold; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=False)


class EmptyRequest(RequestBody):
    """An empty object."""


class AnswerBody(BaseModel):
    """Base of what a request is answered; a row's columns fill the fields of the same names."""

    # A field whose column has another name says so by its validation_alias.
    model_config = ConfigDict(from_attributes=True, validate_by_name=True, validate_by_alias=True)

    @classmethod
    def of(cls, source: object, **computed: Any) -> Self:
        """Make it from the attributes of `source`, but for the fields that are given."""
        if not computed:
            return cls.model_validate(source)
        columns = {name: str(f.validation_alias or name) for name, f in cls.model_fields.items()}
        read = {
            name: getattr(source, column)
            for name, column in columns.items()
            if name not in computed and hasattr(source, column)
        }
        return cls(**read, **computed)


class ItemsBody(AnswerBody, Generic[T]):
    """Base of a whole list."""

    items: list[T]


class PageBody(ItemsBody[T]):
    """Base of a page of a list, made of `docgen.store.pagination.Page`."""

    next_cursor: str


def words_of(value: object) -> object:
    """Split a column that holds several words; a list, as a subclass passes it on, stays."""
    return value.split() if isinstance(value, str) else value


def media_type(headers: Headers) -> str:
    """Return the media type of a request's body without its parameters (RFC 9110 8.3.1)."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


async def json_body(request: Request) -> bytes:
    """Return the raw body of a JSON request; 415 for anything else."""
    media = media_type(request.headers)
    if media != "application/json":
        raise InputUnreadable("not_json_media_type", value=media)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise InputUnreadable("encoding_unsupported", value=encoding)
    try:
        return await request.body()
    except ClientDisconnect as gone:
        raise DocgenError("caller_gone") from gone


def parsed(model: type[M], data: bytes, *, confidential: bool = False) -> M:
    """Read a small body as `model`; an empty one counts as {}. InputUnreadable, BodyWrong.

    Of a confidential body, which holds a password, nothing is repeated in the error.
    """
    plain = read_json(data) if data.strip() else {}
    try:
        return model.model_validate(plain)
    except ValidationError as wrong:
        raise BodyWrong(wrong.errors(include_input=not confidential)) from None


JsonBody = Annotated[bytes, Depends(json_body)]


async def empty_body(data: JsonBody) -> bytes:
    """Return the raw body of a request whose address says everything: empty, or `{}`."""
    parsed(EmptyRequest, data)
    return data


EmptyBody = Annotated[bytes, Depends(empty_body)]
