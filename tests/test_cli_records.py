"""`docgen validate`, `check-coverage`, `new`, `schema`, and what every command shares."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from docgen.cli import app
from docgen.cli.commands import ENTRIES
from docgen.cli.console import show_problems
from docgen.intake.starting import ENGINES
from schemas.catalog import record_types
from schemas.checklists import checklist
from schemas.jsonschema import DIALECT, json_schema
from schemas.problems import Problem
from tests.commands import (
    CONTRACT,
    FIVE,
    PROGRAM,
    SAMPLES,
    XJ,
    ZX,
    as_json,
    changed,
    codes,
    docgen,
    numbered,
    rendered,
    surroundings,
)
from tests.readers import docx_text

BAD = SAMPLES / "bad"
COMMANDS = [
    ("render",),
    ("validate",),
    ("check-coverage",),
    ("new",),
    ("schema",),
    ("extract",),
    ("doctor",),
    ("serve",),
    ("template", "scaffold"),
    ("template", "lint"),
    ("template", "list"),
]

WRITERS = [("schema", "XJ"), ("validate", str(XJ))]
"""Commands that write bytes (JSON) and text: the two ways to standard output."""


# ---------------------------------------------------------------- every command


def test_help_lists_every_command() -> None:
    run = docgen("--help")
    assert run.returncode == 0
    for name in {command[0] for command in COMMANDS}:
        assert f" {name} " in run.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_has_help_in_two_languages(command: tuple[str, ...]) -> None:
    found = CliRunner().invoke(app, [*command, "--help"])
    assert found.exit_code == 0
    assert "。" in found.output
    assert "." in found.output


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_of_commands_says_what_they_say_themselves(name: str) -> None:
    assert ENTRIES[name].load(name).help.splitlines()[0] == ENTRIES[name].help


def test_help_loads_no_command() -> None:
    # Counted from here: measuring coverage brings modules of its own to the start.
    code = (
        "import sys\nbefore = set(sys.modules)\nimport docgen.cli as c\n"
        "try: c.main()\nfinally: print(sorted(set(sys.modules) - before))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        capture_output=True,
        text=True,
        env=surroundings(),
        check=True,
    )
    assert "check-coverage" in run.stdout
    assert "'typer'" in run.stdout
    for name in ("pydantic", "pebble", "docgen.templates.catalog", "multiprocessing", "lxml"):
        assert f"'{name}'" not in run.stdout


@pytest.mark.parametrize("arguments", [("nonsense",), ("template", "nonsense"), ("--nonsense",)])
def test_an_unknown_command_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert docgen(*arguments).returncode == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str) -> None:
    run = docgen(
        "--show-completion",
        shell,
        SHELL=f"/bin/{shell}",
        _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1",
    )
    assert run.returncode == 0
    assert "_DOCGEN_COMPLETE" in run.stdout


def test_completion_knows_the_commands() -> None:
    run = docgen(_DOCGEN_COMPLETE="complete_bash", COMP_WORDS="docgen val", COMP_CWORD="1")
    assert run.stdout.split() == ["validate"]


@pytest.mark.parametrize("arguments", WRITERS)
def test_a_reader_that_stops_early_is_no_error(arguments: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings(PYTHONUNBUFFERED=None),
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        said = run.stderr.read()
    assert (said, run.returncode) == (b"", 1)


@pytest.mark.parametrize("arguments", WRITERS)
def test_output_that_cannot_be_written_is_said(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        run = subprocess.run(
            [*PROGRAM, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            env=surroundings(PYTHONUNBUFFERED=None),
            check=False,
        )
    assert run.returncode == 3
    assert run.stderr.decode() == "无法写出 (output failed): No space left on device\n"


# ---------------------------------------------------------------- validate


def test_good_records_are_valid() -> None:
    run = docgen("validate", XJ, ZX)
    assert run.returncode == 0
    assert run.stdout.splitlines() == [f"✓ {XJ}", f"✓ {ZX}"]
    report = as_json("validate", XJ)
    assert report == {"files": [{"file": str(XJ), "valid": True, "errors": [], "warnings": []}]}


def test_all_errors_are_told_at_once_in_two_languages() -> None:
    bad = BAD / "XJ.number_as_day+percentage_differs+section_empty+used_over_size.json"
    report = as_json("validate", bad, ZX, code=1)
    assert [found["valid"] for found in report["files"]] == [False, True]
    errors = report["files"][0]["errors"]
    assert {"number_as_day", "percentage_differs", "section_empty", "used_over_size"} == set(
        codes(errors)
    )
    for error in errors:
        assert error["pointer"].startswith("/")
        assert error["level"] == "error"
        assert "value" in error
        assert set(error["message"]) == set(error["hint"]) == {"zh", "en"}
    run = docgen("validate", bad)
    assert run.returncode == 1
    for error in errors:
        assert error["message"]["zh"] in run.stderr
        assert error["message"]["en"] in run.stderr


def test_people_are_told_once_what_rows_have_in_common_and_machines_each(tmp_path: Path) -> None:
    def some_checked(record: dict[str, Any]) -> None:
        for row in (5, 7, 8):
            record["check_items"][row] |= {"state": "normal", "result": "正常"}

    empty, begun = tmp_path / "empty.json", tmp_path / "begun.json"
    assert docgen("new", "XJ", "--engine", "oracle", "-o", empty).returncode == 0
    changed(begun, empty, some_checked)
    for file, place, count in ((empty, "[0-39]", 40), (begun, "[0-4,6,9-39]", 37)):
        said = docgen("validate", file).stderr
        assert said.count("reason_required") == 1
        assert f"check_items{place}.reason" in said
        found = codes(as_json("validate", file, code=1)["files"][0]["errors"])
        assert found.count("reason_required") == count


def test_what_differs_is_told_each_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    paths: list[tuple[str | int, ...]] = [
        ("a",), ("a", 0), ("a", 1), ("a", 1, "b"), ("a", 1, "b", 2, "c"), ("a", 3, "b"),
    ]  # fmt: skip
    why = {"detail": "no"}
    show_problems("x.json", [Problem(path, "wrong_value", params=why) for path in [*paths, ("a",)]])
    said = capsys.readouterr().err.splitlines()
    places = [line.split()[2] for line in said if line.startswith("✗")]
    assert places == ["a", "a[0-1]", "a[1,3].b", "a[1].b[2].c"]


def test_standard_input_is_validated() -> None:
    assert as_json("validate", "-", data=XJ.read_bytes())["files"][0]["file"] == "-"
    (found,) = as_json("validate", "-", data=b"\xff", code=1)["files"]
    assert codes(found["errors"]) == ["not_utf8"]


def test_hostile_records_are_told_apart(tmp_path: Path) -> None:
    hostile: dict[str, tuple[dict[str, Any], str]] = {
        "surrogate": ({"summary": "\ud800"}, "lone_surrogate"),
        "key": ({"\udfff": 1}, "lone_surrogate"),
        "proto": ({"__proto__": {}}, "unknown_field"),
        "long": ({"summary": "文" * 3_500_000}, "too_long"),
        "rows": ({"params": [{}] * 100_000}, "too_many_rows"),
        "date": ({"doc_date": 46088}, "number_as_day"),
    }
    for name, (change, _) in hostile.items():
        record = json.loads(XJ.read_text("utf-8")) | change
        (tmp_path / f"{name}.json").write_text(json.dumps(record), "utf-8")
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf" + XJ.read_bytes())
    report = as_json("validate", tmp_path, code=1)
    found = {Path(entry["file"]).stem: entry for entry in report["files"]}
    assert found.pop("bom")["valid"]
    assert {name: codes(entry["errors"])[0] for name, entry in found.items()} == {
        name: code for name, (_, code) in hostile.items()
    }


def test_masking_makes_a_record_valid() -> None:
    bad = BAD / "XJ.secret.json"
    assert "Abc#123" not in json.dumps(as_json("validate", bad, code=1))
    assert as_json("validate", bad, "--mask-secrets")["files"][0]["valid"]


def test_validate_reads_the_contract(tmp_path: Path) -> None:
    record = changed(tmp_path / "r.json", XJ, lambda r: r.update(asset_nos=["HDYD-DB-99"]))
    (found,) = as_json("validate", record, "--contract", CONTRACT)["files"]
    assert "outside_contract" in codes(found["warnings"])
    run = docgen("validate", record, "--contract", CONTRACT)
    assert "HDYD-DB-99" in run.stderr


def test_a_bad_contract_ends_validate_under_its_own_name(tmp_path: Path) -> None:
    report = as_json("validate", XJ, "--contract", tmp_path / "none", code=1)
    assert codes(report["errors"]) == ["file_unreadable"]


# ---------------------------------------------------------------- check-coverage


def test_five_forms_cover_five_objects() -> None:
    run = docgen("check-coverage", CONTRACT, FIVE)
    assert run.returncode == 0
    assert "HT-2026-017" in run.stdout
    assert as_json("check-coverage", CONTRACT, FIVE) == {
        "contract_no": "HT-2026-017",
        "objects": 5,
        "problems": [],
        "errors": [],
    }


def test_four_forms_leave_one_object_out(tmp_path: Path) -> None:
    four = changed(tmp_path / "four.json", FIVE, lambda record: record["objects"].pop())
    report = as_json("check-coverage", CONTRACT, four, code=1)
    (problem,) = report["problems"]
    assert (problem["code"], problem["value"]) == ("object_without_form", "HDYD-DB-05")
    assert problem["pointer"] == "/objects/4"
    run = docgen("check-coverage", CONTRACT, four)
    assert run.returncode == 1
    assert "HDYD-DB-05" in run.stderr
    assert "缺 1 个" in run.stdout


def test_several_archives_cover_a_contract_together(tmp_path: Path) -> None:
    def first(record: dict[str, Any]) -> None:
        record["objects"] = record["objects"][:3]

    def rest(record: dict[str, Any]) -> None:
        record["objects"] = record["objects"][3:]
        record["doc_no"] = "WB-HDYD-20260305-002"

    one = changed(tmp_path / "1.json", FIVE, first)
    two = changed(tmp_path / "2.json", FIVE, rest)
    assert docgen("check-coverage", CONTRACT, one, two).returncode == 0
    assert docgen("check-coverage", CONTRACT, tmp_path).returncode == 0
    again = numbered(tmp_path / "3.json", FIVE, "WB-HDYD-20260305-003")
    report = as_json("check-coverage", CONTRACT, one, two, again, code=1)
    assert set(codes(report["problems"])) == {"duplicate"}


def test_coverage_passes_over_other_types_and_tells_bad_files(tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text("{", "utf-8")
    report = as_json("check-coverage", CONTRACT, FIVE, XJ, tmp_path / "torn.json", code=1)
    assert report["problems"] == []
    assert codes(report["errors"]) == ["not_json"]


@pytest.mark.parametrize("text", ["", "[]", '{"contract_no": 5}'])
def test_a_bad_contract_covers_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text, "utf-8")
    run = docgen("check-coverage", tmp_path / "c.json", FIVE)
    assert run.returncode == 1
    assert "c.json" in run.stderr


# ---------------------------------------------------------------- new


def filled(record: dict[str, Any]) -> dict[str, Any]:
    """Type what a starting inspection leaves to a person."""
    why = "首次巡检，尚未采集"
    sections = ("params", "backup_policies", "backup_files", "data_files", "security")
    kept = {name: value for name, value in record.items() if name not in sections}
    return kept | {
        "prepared_by": "张伟",
        "type": "initial",
        "started_at": f"{record['doc_date']} 00:10",
        "ended_at": f"{record['doc_date']} 00:20",
        "inspectors": ["张伟"],
        "authorization_no": "SQ-HDYD-20261101-001",
        "summary": "实例运行正常",
        "check_items": [item | {"reason": why} for item in record["check_items"]],
        "absences": [
            {"section": name, "state": "not_collected", "reason": why} for name in sections
        ],
    }


def test_starting_inspections_render_once_they_are_filled(tmp_path: Path) -> None:
    items: dict[str, list[str]] = {}
    for number, engine in enumerate(ENGINES, 1):
        target = tmp_path / f"{engine}.json"
        run = docgen("new", "XJ", "--engine", engine, "--contract", CONTRACT, "-o", target)
        assert run.returncode == 0, run.stderr
        record = json.loads(target.read_text("utf-8"))
        assert record["check_items"] == checklist(engine, "zh")
        assert record["customer_name"] == "华东移动通信有限公司"
        record["doc_no"] = record["doc_no"][:-1] + str(number)
        items[record["doc_no"]] = [item["item"] for item in record["check_items"]]
        target.write_text(json.dumps(filled(record), ensure_ascii=False), "utf-8")
    report = rendered(tmp_path, to=tmp_path / "out")
    assert len(report["documents"]) == 5
    for made in report["documents"]:
        text = docx_text(Path(made["path"]).read_bytes())
        assert [item for item in items[made["doc_no"]] if item not in text] == []


def test_all_five_engines_have_a_list() -> None:
    assert set(ENGINES) == {"oracle", "mysql", "postgresql", "sqlserver", "dm"}


@pytest.mark.parametrize("code", list(record_types()))
def test_every_type_has_a_starting_record(code: str) -> None:
    """What it lacks is told field by field, and nothing in it is unknown."""
    run = docgen("new", code.lower(), "--contract", CONTRACT, "--lang", "en")
    assert run.returncode == 0, run.stderr
    record = json.loads(run.stdout)
    assert record["doc_no"] == f"{code}-HDYD-20261101-001"
    model = record_types()[code]
    needed = {name for name, field in model.model_fields.items() if field.is_required()}
    assert needed <= record.keys() <= set(model.model_fields)


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("XJ", ("params", 0, "name")),
        ("XJ", ("backup_policies", 0, "object")),
        ("XJ", ("backup_files", 0, "result")),
        ("XJ", ("data_files", 0, "used_gb")),
        ("XJ", ("security", "accounts", 0, "user")),
        ("XJ", ("security", "audit", "on")),
        ("XJ", ("check_items", 0, "standard")),
        ("WH", ("entries", 0, "reason")),
        ("QX", ("submit_chain", 0, "person")),
        ("QX", ("stages", 0, "stage")),
        ("QX", ("consent", "opinion")),
    ],
)
def test_a_starting_record_shows_a_row_of_what_is_hardest(
    tmp_path: Path, code: str, place: tuple[str | int, ...]
) -> None:
    """What is left empty in it is told, and what is null may stay so."""
    target = tmp_path / "start.json"
    assert docgen("new", code, "--contract", CONTRACT, "-o", target).returncode == 0
    [found] = as_json("validate", target, code=1)["files"]
    pointers = {one["pointer"]: one["value"] for one in found["errors"]}
    assert pointers["/" + "/".join(map(str, place))] == ""
    assert "unknown_field" not in {one["code"] for one in found["errors"]}
    nulls = [one for one in found["errors"] if one["value"] is None]
    assert not [one for one in nulls if one["code"] in ("not_text", "blank", "missing")]


@pytest.mark.parametrize("code", list(record_types()))
def test_an_example_is_valid(tmp_path: Path, code: str) -> None:
    run = docgen("new", code, "--example", "-o", f"{tmp_path}/examples/")
    assert run.returncode == 0, run.stderr
    [made] = (tmp_path / "examples").iterdir()
    assert made.name == json.loads(made.read_text("utf-8"))["doc_no"] + ".json"
    [found] = as_json("validate", made)["files"]
    assert found["valid"]


def test_english_check_items() -> None:
    record = json.loads(docgen("new", "XJ", "--engine", "dm", "--lang", "en").stdout)
    assert record["check_items"] == checklist("dm", "en")
    record = json.loads(docgen("new", "XJ", "--engine", "dm", DOCGEN_LANG="en").stdout)
    assert record["check_items"] == checklist("dm", "en")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("QQ",), "unknown_record_type"),
        (("XJ", "--engine", "db2"), "oracle, mysql, postgresql, sqlserver, dm"),
        (("XJ", "--lang", "fr"), "unknown_lang"),
        (("XJ", "--example", "--engine", "dm"), "example_stands_alone"),
        ((), "Missing argument"),
    ],
)
def test_wrong_usage_of_new_ends_with_2(arguments: tuple[str, ...], says: str) -> None:
    run = docgen("new", *arguments)
    assert run.returncode == 2
    assert says in run.stderr


def test_a_starting_record_overwrites_nothing(tmp_path: Path) -> None:
    target = tmp_path / "start.json"
    target.write_text("typed by hand", "utf-8")
    run = docgen("new", "XJ", "-o", target)
    assert run.returncode == 1
    assert "file_exists" in run.stderr
    assert target.read_text("utf-8") == "typed by hand"
    assert docgen("new", "XJ", "-o", target, "--force").returncode == 0


def test_a_folder_takes_the_file_under_its_own_name(tmp_path: Path) -> None:
    """A folder that is there, or a path that ends in a slash."""
    (tmp_path / "there").mkdir()
    for out, folder in ((tmp_path / "there", "there"), (f"{tmp_path}/new/", "new")):
        assert docgen("intake-template", "WB", "--out", out).returncode == 0
        [book] = (tmp_path / folder).glob("*.xlsx")
        assert book.name.startswith("WB-")
        assert docgen("new", "ZX", "--out", out).returncode == 0
        assert (tmp_path / folder / "ZX-CODE-20261101-001.json").is_file()
    assert docgen("intake-template", "WB", "--out", tmp_path / "own.xlsx").returncode == 0
    assert (tmp_path / "own.xlsx").is_file()


# ---------------------------------------------------------------- schema

KEYWORDS = {
    "$schema", "$id", "$ref", "$defs", "type", "properties", "required", "additionalProperties",
    "items", "enum", "const", "anyOf", "oneOf", "allOf", "title", "description", "default",
    "pattern", "format", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "examples",
    "propertyNames", "discriminator", "prefixItems",
}  # fmt: skip
TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}


def check_schema(node: Any, root: dict[str, Any]) -> None:
    """What the metaschema of 2020-12 asks of the keywords that are used, and no other keyword."""
    if isinstance(node, bool):
        return
    unknown = {key for key in node if not key.startswith("x-")} - KEYWORDS
    assert not unknown, unknown
    assert node.get("type", "string") in TYPES
    assert isinstance(node.get("enum", []), list)
    required = node.get("required", [])
    assert len(required) == len(set(required))
    if "properties" in node:
        assert set(required) <= set(node["properties"])
    if "$ref" in node:
        head, _, name = node["$ref"].rpartition("/")
        assert head == "#/$defs"
        assert name in root["$defs"]
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        assert node.get(key, [True]) != []
        for child in node.get(key, []):
            check_schema(child, root)
    for key in ("items", "additionalProperties", "propertyNames"):
        if key in node:
            check_schema(node[key], root)
    for key in ("properties", "$defs"):
        for child in node.get(key, {}).values():
            check_schema(child, root)


@pytest.mark.parametrize("code", [*record_types(), "contract"])
def test_a_schema_is_of_2020_12(code: str) -> None:
    run = docgen("schema", code)
    assert run.returncode == 0
    schema = json.loads(run.stdout)
    assert schema["$schema"] == DIALECT == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].startswith("urn:")
    assert schema["additionalProperties"] is False
    check_schema(schema, schema)
    if find_spec("jsonschema"):
        import_module("jsonschema").Draft202012Validator.check_schema(schema)


def _fields(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    nodes = [schema, *schema["$defs"].values()]
    return {
        f"{node.get('title', '')}.{name}": field
        for node in nodes
        for name, field in node.get("properties", {}).items()
    }


@pytest.mark.parametrize("code", list(record_types()))
def test_every_field_has_a_label_in_two_languages(code: str) -> None:
    fields = _fields(json_schema(record_types()[code]))
    assert len(fields) > 20
    for name, field in fields.items():
        assert field["x-label"]["zh"], name
        assert field["x-label"]["en"], name


def test_units_stand_in_the_schema() -> None:
    fields = _fields(json_schema(record_types()["XJ"]))
    units = {field["x-unit"] for field in fields.values() if "x-unit" in field}
    assert {"GB", "%"} <= units
    for name, field in fields.items():
        if name.endswith(("_gb", "_pct", "_mb", "_s")):
            assert "x-unit" in field, name


def test_an_unknown_schema_ends_with_2() -> None:
    run = docgen("schema", "QQ")
    assert run.returncode == 2
    assert "XJ" in run.stderr
