"""The OpenAPI description: FastAPI's, with sample records as examples and errors as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.http.bodies import EmptyRequest
from api.http.problems import PROBLEM
from docgen.paths import samples_dir
from docgen.templates.catalog import FORMATS
from schemas.catalog import record_types

Responses = dict[int | str, dict[str, Any]]

WORDING = {
    "type": "object",
    "required": ["zh", "en"],
    "properties": {"zh": {"type": "string"}, "en": {"type": "string"}},
}
ENTRY = {
    "type": "object",
    "required": ["pointer", "code", "level", "value", "message", "hint"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901)"},
        "place": {"type": "string", "description": "a place outside the record"},
        "code": {"type": "string", "description": "stable; listed in docs/errors.md"},
        "level": {"enum": ["error", "warning"]},
        "value": {"description": "the value as given, shortened"},
        "message": {"$ref": "#/components/schemas/Wording"},
        "hint": {"$ref": "#/components/schemas/Wording"},
    },
}
ENTRIES = {"type": "array", "items": {"$ref": "#/components/schemas/Entry"}}
PROBLEM_DETAILS = {
    "type": "object",
    "required": ["type", "title", "title_zh", "status", "code", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "title_zh": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "errors": ENTRIES,
    },
}
VALID = {
    "type": "object",
    "required": ["valid", "code", "doc_no", "warnings"],
    "properties": {
        "valid": {"const": True},
        "code": {"type": "string"},
        "doc_no": {"type": "string"},
        "warnings": ENTRIES,
    },
}
PARTS: dict[str, Any] = {}
SAMPLES = "x-samples"
CHOICES: dict[str, Callable[[], list[str]]] = {
    "record": lambda: list(record_types()),
    "format": lambda: list(FORMATS),
}
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "docgen token create"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "docgen_session",
        "description": "POST /api/v1/sessions; changes also carry X-CSRF-Token",
    },
}
SCHEMAS = {"Wording": WORDING, "Entry": ENTRY, "Problem": PROBLEM_DETAILS, "Valid": VALID}
STATUS_TEXTS = {
    400: "不是可读的 JSON No readable JSON",
    401: "未登录 Not signed in",
    403: "角色或令牌无权 The role or token may not",
    404: "没有，或无权查看 There is none, or not for you",
    409: "当前状态不允许 The present state forbids it",
    412: "已被他人修改 Changed meanwhile",
    413: "请求体过大 The body is too large",
    415: "不是 application/json Not application/json",
    422: "单据或参数有误 The record or a parameter is wrong",
    428: "缺少 If-Match If-Match is missing",
    429: "请求过多，见 Retry-After Too many requests; see Retry-After",
    500: "模板有误或渲染失败 The template is wrong or rendering failed",
    503: "繁忙，见 Retry-After Busy; see Retry-After",
    504: "渲染超时 Rendering took too long",
    507: "磁盘已满 The disk is full",
}


def problems(*statuses: int) -> Responses:
    """Return a route's `responses` for the statuses of its refusals."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": STATUS_TEXTS[status], "content": content} for status in statuses
    }


def verdict() -> Responses:
    """Return a validation's answer: what is only warned of."""
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Valid"}}}
    return {200: {"description": "单据正确 The record is valid", "content": content}}


def documents() -> Responses:
    """Return a render's answer: a file of any format."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    told = {
        "Content-Disposition": "attachment; <doc_no>.<format> (RFC 6266)",
        "Docgen-Warnings": "how many warnings /validate would list",
        "ETag": "sha256 of the file",
    }
    answer = {
        "description": "文档，与命令行生成的逐字节相同 The bytes that the command line makes",
        "content": {one.media_type: binary for one in FORMATS.values()},
        "headers": {
            name: {"description": text, "schema": {"type": "string"}} for name, text in told.items()
        },
    }
    return {200: answer}


def files() -> Responses:
    """Return a download's answer: a file of any type."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": "文件 The file", "content": {"*/*": binary}}}


def answers(model: type[BaseModel], status: int = 200) -> Responses:
    """Return a route's answer: a model, with the headers that go with it."""
    told = {"ETag": "which state it is; send it as If-Match", "X-Request-Id": "names the request"}
    headers = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in told.items()
    }
    return {status: {"model": model, "description": "OK", "headers": headers}}


def content(model: type[BaseModel]) -> dict[str, Any]:
    """Return a route's `openapi_extra`: its JSON body is a `model`."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _inlined(model)}},
        }
    }


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's JSON Schema with its parts named among the components."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="validation")
    PARTS.update(schema.pop("$defs", {}))
    return schema


EMPTY_CONTENT = content(EmptyRequest)


def record_content() -> dict[str, Any]:
    """Return a route's `openapi_extra`: its JSON body is a record, with samples."""
    schema = {
        "type": "object",
        "description": "一份单据，字段见 /api/v1/schemas/{record}。"
        "A record; /api/v1/schemas/{record} has its fields.",
    }
    # The samples are added by `described`: FastAPI drops what is null, which in a record has a
    # meaning (not set).
    media = {"schema": schema, SAMPLES: True}
    return {"requestBody": {"required": True, "content": {"application/json": media}}}


def described(app: FastAPI) -> dict[str, Any]:
    """Return the description; made once, when first asked for."""
    if app.openapi_schema:
        return app.openapi_schema
    made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    components = made.setdefault("components", {})
    own = components.get("schemas", {})
    components["schemas"] = PARTS | own | SCHEMAS
    components["securitySchemes"] = SECURITY
    for item in made["paths"].values():
        for operation in item.values():
            _complete(operation)
    app.openapi_schema = made
    return made


def _complete(operation: dict[str, Any]) -> None:
    """Add what FastAPI does not know: choices in the path, and who may call."""
    media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if media.pop(SAMPLES, False):
        media["examples"] = _examples()
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in CHOICES:
            parameter["schema"]["enum"] = CHOICES[parameter["name"]]()
    if "401" in operation["responses"]:
        operation.setdefault("security", [{"token": []}, {"session": []}])
    told = operation["responses"].get("422", {}).get("content", {})
    if PROBLEM not in told:
        operation["responses"].pop("422", None)  # FastAPI's own, which is never answered


def _examples() -> dict[str, Any]:
    """Return the basic sample of every record type that has one."""
    found = {}
    for code, model in record_types().items():
        path = samples_dir() / code / "basic.json"
        if path.is_file():
            name = f"{model.record_type.zh} {model.record_type.en}"
            found[code] = {"summary": name, "value": json.loads(path.read_bytes())}
    return found
