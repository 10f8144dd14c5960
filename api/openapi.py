"""The OpenAPI description: FastAPI's, with sample records as examples and errors as they are."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import PROBLEM
from docgen.paths import samples_dir
from docgen.templates import FORMATS
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
SCHEMAS = {"Wording": WORDING, "Entry": ENTRY, "Problem": PROBLEM_DETAILS, "Valid": VALID}
TOLD = {
    400: "不是可读的 JSON No readable JSON",
    404: "没有这种单据或格式 No such record type or format",
    413: "请求体过大 The body is too large",
    415: "不是 application/json Not application/json",
    422: "单据或参数有误 The record or a parameter is wrong",
    500: "模板有误或渲染失败 The template is wrong or rendering failed",
    503: "繁忙，见 Retry-After Busy; see Retry-After",
    504: "渲染超时 Rendering took too long",
}


def problems(*statuses: int) -> Responses:
    """Return a route's `responses` for the statuses of its refusals."""
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": TOLD[status], "content": content} for status in statuses}


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


def described(app: FastAPI) -> dict[str, Any]:
    """Return the description; made once, when first asked for."""
    if app.openapi_schema:
        return app.openapi_schema
    made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    made["components"] = {"schemas": SCHEMAS}
    codes = list(record_types())
    for path, item in made["paths"].items():
        for method, operation in item.items():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "record":
                    parameter["schema"]["enum"] = codes
            if method == "post":
                operation["requestBody"] = _body()
            else:
                operation["responses"].pop("422", None)  # FastAPI's own, which is never answered
            if "render" not in path:
                continue
            for parameter in operation["parameters"]:
                if parameter["name"] == "format":
                    parameter["schema"]["enum"] = list(FORMATS)
    app.openapi_schema = made
    return made


def _body() -> dict[str, Any]:
    schema = {
        "type": "object",
        "description": "一份单据，字段见 /api/v1/schemas/{record}。"
        "A record; /api/v1/schemas/{record} has its fields.",
    }
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "examples": _examples()}},
    }


def _examples() -> dict[str, Any]:
    """Return the basic sample of every record type that has one."""
    found = {}
    for code, model in record_types().items():
        path = samples_dir() / code / "basic.json"
        if path.is_file():
            name = f"{model.record_type.zh} {model.record_type.en}"
            found[code] = {"summary": name, "value": json.loads(path.read_bytes())}
    return found
