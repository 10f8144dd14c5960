"""The API in process: what each address answers, and that it says what the command line says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

import docgen
from api.app import create_app
from api.http.limits import HELD_LIMIT, BodyLimit
from api.http.problems import SAFE_HEADERS, STATUSES, status_of
from docgen.cli import app
from docgen.errors import DocgenError, RenderFailed, TemplateFaulty
from docgen.paths import samples_dir
from docgen.pipeline.json_input import SIZE_LIMIT
from docgen.settings import Settings
from docgen.templates.catalog import FORMATS
from schemas.catalog import record_types

CODES = tuple(record_types())
JSON = {"Content-Type": "application/json"}
SAMPLES = samples_dir()
NOW = "2026-11-24T10:00:00+08:00"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(
        jobs=2, now=datetime.fromisoformat(NOW), data=tmp_path_factory.mktemp("data")
    )
    with TestClient(create_app(settings)) as made:
        yield made


def sample(code: str, name: str = "basic") -> bytes:
    return (SAMPLES / code / f"{name}.json").read_bytes()


def command(*arguments: str) -> Any:
    """Return what `docgen … --json` prints."""
    return json.loads(CliRunner(env={"DOCGEN_NOW": NOW}).invoke(app, [*arguments, "--json"]).stdout)


def edited(code: str, **changes: Any) -> bytes:
    return json.dumps(json.loads(sample(code)) | changes).encode()


# ---------------------------------------------------------------- documents


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_document_has_the_command_lines_bytes(
    client: TestClient, tmp_path: Path, format_name: str
) -> None:
    made = command(
        "render", str(SAMPLES / "ZX/basic.json"), "-f", format_name, "-o", str(tmp_path)
    )["documents"][0]
    answer = client.post(f"/api/v1/render/ZX.{format_name}", content=sample("ZX"), headers=JSON)
    assert answer.status_code == 200, answer.text
    assert answer.content == Path(made["path"]).read_bytes()
    assert answer.headers["etag"] == f'"{made["sha256"]}"'
    assert answer.headers["content-type"] == FORMATS[format_name].media_type
    name = f"ZX-HDYD-20260306-001.{format_name}"
    expected = f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"
    assert answer.headers["content-disposition"] == expected
    assert answer.headers["docgen-warnings"] == "0"


def test_language_and_case_of_codes(client: TestClient) -> None:
    zh = client.post("/api/v1/render/ZX.docx", content=sample("ZX"), headers=JSON)
    same = client.post("/api/v1/render/zx.DOCX?lang=zh", content=sample("ZX"), headers=JSON)
    en = client.post("/api/v1/render/ZX.docx?lang=en", content=sample("ZX"), headers=JSON)
    assert zh.content == same.content != en.content
    assert en.status_code == 200


def test_the_default_language_is_a_setting(client: TestClient, tmp_path: Path) -> None:
    en = client.post("/api/v1/render/ZX.docx?lang=en", content=sample("ZX"), headers=JSON)
    with TestClient(create_app(Settings(jobs=2, lang="en", data=tmp_path))) as english:
        answer = english.post("/api/v1/render/ZX.docx", content=sample("ZX"), headers=JSON)
    assert answer.content == en.content


def test_a_secret_is_refused_or_masked(client: TestClient) -> None:
    record = edited("ZX", description="登录串 password=Abc#1234 连不上")
    refused = client.post("/api/v1/render/ZX.docx", content=record, headers=JSON)
    assert refused.status_code == 422
    assert [entry["code"] for entry in refused.json()["errors"]] == ["secret"]
    assert "Abc#1234" not in refused.text
    masked = client.post("/api/v1/render/ZX.docx?mask_secrets=true", content=record, headers=JSON)
    assert masked.status_code == 200
    assert b"Abc#1234" not in masked.content


# ---------------------------------------------------------------- checks


@pytest.mark.parametrize("code", CODES)
def test_a_good_record_is_valid(client: TestClient, code: str) -> None:
    answer = client.post(f"/api/v1/validate/{code}", content=sample(code), headers=JSON)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["valid"] is True
    assert (found["code"], found["doc_no"]) == (code, json.loads(sample(code))["doc_no"])
    told = command("validate", str(SAMPLES / code / "basic.json"))["files"][0]["warnings"]
    assert found["warnings"] == told


@pytest.mark.parametrize(
    "path",
    [p for p in sorted((SAMPLES / "bad").glob("*.json")) if "coverage" not in p.name],
    ids=lambda path: path.stem[:40],
)
def test_a_bad_record_gets_the_command_lines_errors(client: TestClient, path: Path) -> None:
    code = path.name.partition(".")[0]
    told = command("validate", str(path))["files"][0]["errors"]
    for address in (f"validate/{code}", f"render/{code}.docx"):
        answer = client.post(f"/api/v1/{address}", content=path.read_bytes(), headers=JSON)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["errors"] == told
        assert problem["code"] == "record_refused"
        assert problem["type"] == "urn:docgen:error:record_refused"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"{", "not_json"),
        (b"\xff\xfe{\x00}\x00", "utf16"),
        ('{"doc_no": "单"}'.encode("gbk"), "not_utf8"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'{"a": NaN}', "not_a_json_number"),
        (b"[" * 100 + b"]" * 100, "nested_too_deep"),
        (b"[" * 1_000_000, "nested_too_deep"),
    ],
)
def test_unreadable_json(client: TestClient, data: bytes, code: str) -> None:
    answer = client.post("/api/v1/validate/ZX", content=data, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["errors"][0]["message"].keys() == {"zh", "en"}


@pytest.mark.parametrize("data", [b"[]", b"null", b'"text"', b"3"])
def test_json_that_is_no_record(client: TestClient, data: bytes) -> None:
    answer = client.post("/api/v1/validate/ZX", content=data, headers=JSON)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "not_an_object"


@pytest.mark.parametrize(
    "key", ["__proto__", "__class__", "constructor", "model_config", "record_type", "\ud800", ""]
)
def test_hostile_keys_are_unknown_fields(client: TestClient, key: str) -> None:
    for record in (edited("ZX", **{key: {"a": 1}}), edited("ZX", pm_delivery={key: 1})):
        answer = client.post("/api/v1/render/ZX.docx", content=record, headers=JSON)
        assert answer.status_code == 422
        codes = {entry["code"] for entry in answer.json()["errors"]}
        assert codes & {"unknown_field", "lone_surrogate"}


def test_markup_and_templates_in_values_are_text(client: TestClient) -> None:
    record = edited("ZX", description="{{ 7*7 }} {% for %} </w:t> <script>1</script> ${7*7}")
    answer = client.post("/api/v1/render/ZX.docx", content=record, headers=JSON)
    assert answer.status_code == 200


# ---------------------------------------------------------------- refused requests


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "no_such_address"),
        ("GET", "/health/", 404, "no_such_address"),
        ("GET", "/docs", 404, "no_such_address"),
        ("GET", "/api/v1/schemas/QQ", 404, "unknown_record_type"),
        ("POST", "/api/v1/validate/QQ", 404, "unknown_record_type"),
        ("POST", "/api/v1/validate/__class__", 404, "unknown_record_type"),
        ("POST", "/api/v1/render/QQ.pdf", 404, "unknown_record_type"),
        ("POST", "/api/v1/render/ZX.txt", 404, "unknown_format"),
        ("POST", "/api/v1/render/ZX.pdf.exe", 404, "unknown_record_type"),
        ("POST", "/api/v1/render/%ff%fe%00.pdf", 404, "unknown_record_type"),
        ("POST", "/api/v1/render/..%2f..%2fetc.pdf", 404, "no_such_address"),
        ("POST", f"/api/v1/validate/{'x' * 5000}", 404, "unknown_record_type"),
        ("GET", "/api/v1/render/ZX.pdf", 405, "method_not_allowed"),
        ("PUT", "/api/v1/validate/ZX", 405, "method_not_allowed"),
        ("DELETE", "/health", 405, "method_not_allowed"),
        ("POST", "/api/v1/render/ZX.pdf?lang=fr", 422, "bad_parameter"),
        ("POST", "/api/v1/render/ZX.pdf?lang=", 422, "bad_parameter"),
        ("POST", "/api/v1/render/ZX.pdf?language=en", 422, "bad_parameter"),
        ("POST", "/api/v1/validate/ZX?mask_secrets=perhaps", 422, "bad_parameter"),
    ],
)
def test_addresses_methods_and_parameters(
    client: TestClient, method: str, path: str, status: int, code: str
) -> None:
    answer = client.request(method, path, content=sample("ZX"), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 3000
    if status == 405:
        assert answer.headers["allow"]


def test_every_wrong_parameter_is_named(client: TestClient) -> None:
    answer = client.post(
        "/api/v1/render/ZX.pdf?lang=fr&mask_secrets=x&a=1", content=sample("ZX"), headers=JSON
    )
    assert {entry["place"] for entry in answer.json()["errors"]} == {"lang", "mask_secrets", "a"}


@pytest.mark.parametrize(
    "media", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_another_media_type_is_refused(client: TestClient, media: str) -> None:
    answer = client.post(
        "/api/v1/validate/ZX", content=sample("ZX"), headers={"Content-Type": media}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json_media_type")


def test_a_media_type_may_have_parameters(client: TestClient) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert client.post("/api/v1/validate/ZX", content=sample("ZX"), headers=headers).is_success


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}
    answer = client.post("/api/v1/validate/ZX", content=b"\x1f\x8b", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "encoding_unsupported")


def test_a_body_over_the_limit_is_refused_by_its_length(client: TestClient) -> None:
    headers = JSON | {"Content-Length": str(SIZE_LIMIT + 1)}
    answer = client.post("/api/v1/validate/ZX", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_body_over_the_limit_is_refused_while_it_arrives(client: TestClient) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(4 * SIZE_LIMIT >> 20):
            sent += 1 << 20
            yield b" " * (1 << 20)

    answer = client.post("/api/v1/validate/ZX", content=chunks(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_all_bodies_together_are_limited(tmp_path: Path) -> None:
    made = create_app(Settings(jobs=2, data=tmp_path))
    with TestClient(made) as client:
        layer: Any = made.middleware_stack
        while not isinstance(layer, BodyLimit):
            layer = layer.app
        layer.held = HELD_LIMIT
        answer = client.post("/api/v1/validate/ZX", content=sample("ZX"), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"]
        assert layer.held == HELD_LIMIT
        layer.held = 0
        assert client.post("/api/v1/validate/ZX", content=sample("ZX"), headers=JSON).is_success
        assert layer.held == 0


def test_a_full_queue_is_told_before_the_body_is_read(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(jobs=2, data=tmp_path), queue=0)) as client:
        for path in ("validate/ZX", "render/ZX.pdf"):
            answer = client.post(f"/api/v1/{path}", content=sample("ZX"), headers=JSON)
            assert (answer.status_code, answer.json()["code"]) == (503, "busy")
            assert int(answer.headers["retry-after"]) > 0
        assert client.get("/health").is_success
        assert client.post("/api/v1/validate/QQ", content=b"{}").status_code == 404


# ---------------------------------------------------------------- headers, health, schemas


def test_every_answer_has_safe_headers(client: TestClient) -> None:
    for method, path in (
        ("GET", "/health"),
        ("GET", "/nowhere"),
        ("GET", "/api/v1/openapi.json"),
        ("POST", "/health"),
        ("POST", "/api/v1/render/ZX.docx"),
        ("POST", "/api/v1/render/QQ.docx"),
    ):
        headers = client.request(method, path, content=sample("ZX"), headers=JSON).headers
        assert {name: headers[name] for name in SAFE_HEADERS} == SAFE_HEADERS
        assert "access-control-allow-origin" not in headers


def test_an_unexpected_failure_is_a_problem_without_details(tmp_path: Path) -> None:
    made = create_app(Settings(jobs=2, data=tmp_path))

    @made.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    with TestClient(made, raise_server_exceptions=False) as client:
        answer = client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret detail" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/health", "/api/v1/schemas", "/api/v1/schemas/XJ"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    plain = {"Accept-Encoding": "identity"}
    got, head = client.get(path, headers=plain), client.head(path, headers=plain)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))
    assert client.head("/api/v1/render/ZX.pdf").status_code == 405


def test_health(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "version": docgen.__version__}


def test_readiness_counts_the_templates(client: TestClient) -> None:
    first = client.get("/ready")
    assert first.json() == {"status": "ok", "templates": len(CODES) * len(FORMATS)}
    assert client.get("/ready").json() == first.json()


def test_readiness_names_a_broken_template(tmp_path: Path) -> None:
    folder = tmp_path / "ZX"
    shutil.copytree(Settings().template_folders[-1] / "ZX", folder)
    (folder / "page.html").write_text("{{ broken", "utf-8")
    with TestClient(
        create_app(Settings(jobs=2, templates=(tmp_path,), data=tmp_path / "data"))
    ) as client:
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "template_error")
        made = client.post("/api/v1/render/ZX.pdf", content=sample("ZX"), headers=JSON)
        assert (made.status_code, made.json()["code"]) == (500, "template_error")
        assert client.post("/api/v1/render/ZX.docx", content=sample("ZX"), headers=JSON).is_success


def test_schemas_are_the_command_lines(client: TestClient) -> None:
    listed = client.get("/api/v1/schemas").json()["records"]
    assert [entry["code"] for entry in listed] == list(CODES)
    for code in (*CODES, "contract"):
        answer = client.get(f"/api/v1/schemas/{code}")
        assert answer.headers["content-type"] == "application/schema+json"
        assert answer.json() == json.loads(CliRunner().invoke(app, ["schema", code]).stdout)


# ---------------------------------------------------------------- OpenAPI


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, child in node.items():
            if key == "example" or key == "examples":
                continue
            if key == "$ref":
                yield child
            else:
                yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_the_description_refers_to_what_it_holds(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    found = set(references(described))
    assert found
    for reference in found:
        node: Any = described
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    operations = [o for item in described["paths"].values() for o in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))


def test_every_example_of_the_description_works(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()
    for path in ("/api/v1/validate/{record}", "/api/v1/render/{record}.{format}"):
        operation = described["paths"][path]["post"]
        examples = operation["requestBody"]["content"]["application/json"]["examples"]
        assert set(examples) == set(CODES)
        for code, example in examples.items():
            address = path.format(record=code, format="docx")
            answer = client.post(address, json=example["value"])
            assert str(answer.status_code) in operation["responses"]
            assert answer.status_code == 200, answer.text


def test_answers_have_the_described_members(client: TestClient) -> None:
    schemas = client.get("/api/v1/openapi.json").json()["components"]["schemas"]
    refused = client.post("/api/v1/validate/ZX", content=b"{}", headers=JSON).json()
    assert refused.keys() == set(schemas["Problem"]["required"])
    for entry in refused["errors"]:
        assert (
            set(schemas["Entry"]["required"]) <= entry.keys() <= set(schemas["Entry"]["properties"])
        )
    valid = client.post("/api/v1/validate/ZX", content=sample("ZX"), headers=JSON).json()
    assert valid.keys() == set(schemas["Valid"]["required"])


def test_every_status_is_described(client: TestClient) -> None:
    described = client.get("/api/v1/openapi.json").json()["paths"]
    answered = {
        status
        for item in described.values()
        for operation in item.values()
        for status in operation["responses"]
    }
    gone = {410}  # of a signing link: its page is for people, and not described
    assert {str(status) for status in set(STATUSES.values()) - gone} <= answered


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TemplateFaulty("template_error"), 500),
        (RenderFailed("render_died"), 500),
        (RenderFailed("render_memory"), 500),
        (RenderFailed("render_timeout"), 504),
        (RenderFailed("busy"), 503),
        (RenderFailed("no_glyph_in_page"), 422),
    ],
)
def test_failures_are_told_apart(error: DocgenError, status: int) -> None:
    assert status_of(error) == status


def test_error_codes_are_plain_words() -> None:
    assert all(re.fullmatch(r"[a-z][a-z_]+", code) for code in STATUSES)
