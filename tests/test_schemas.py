"""What every schema must have: labels, sections, wording of its codes; check lists and samples."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docgen.document import build
from schemas.asset_archive import AssetArchive
from schemas.catalog import record_model, record_types
from schemas.checklists import checklist, engines
from schemas.contract import Contract
from schemas.coverage import coverage
from schemas.envelope import Record
from schemas.fields import Choice, Part, extra, shape
from schemas.jsonschema import json_schema
from schemas.problems import Problem
from tests.records import SAMPLES, contract, draft, read_as

ROOT = Path(__file__).resolve().parent.parent
TYPES = list(record_types().values())
CASES: list[type[Part]] = [*TYPES, Contract]
BAD = sorted(SAMPLES.glob("bad/*.json"))


def parts(model: type[Part], seen: set[type[Part]] | None = None) -> set[type[Part]]:
    """The model and every part in it."""
    seen = seen if seen is not None else set()
    if model not in seen:
        seen.add(model)
        for name in model.model_fields:
            inner = shape(model, name).part
            if inner:
                parts(inner, seen)
    return seen


def fields() -> Iterator[tuple[type[Part], str]]:
    known: set[type[Part]] = set()
    for model in CASES:
        parts(model, known)
    for part in sorted(known, key=lambda p: p.__name__):
        for name in part.model_fields:
            yield part, name


# ---------------------------------------------------------------- fields


def test_the_types_of_this_milestone_are_there() -> None:
    assert set(record_types()) >= {"WB", "XJ", "WH", "ZX", "QX", "DJ", "SQ"}
    assert record_model("wb") is AssetArchive
    with pytest.raises(KeyError):
        record_model("??")


def test_every_field_has_two_labels() -> None:
    for part, name in fields():
        label = extra(part.model_fields[name]).get("x-label", {})
        assert label.get("zh"), (part, name)
        assert label.get("en"), (part, name)
        assert re.search(r"[a-zA-Z]", label["en"]), (part, name)


def test_every_unit_in_a_name_is_said() -> None:
    units = {"gb": "GB", "s": "s", "min": "min", "pct": "%", "days": "d", "bytes": "B"}
    for part, name in fields():
        tail = name.rpartition("_")[2]
        if tail in units and "_" in name:
            unit = extra(part.model_fields[name]).get("x-unit")
            assert unit == units[tail], (part, name)


@pytest.mark.parametrize("model", TYPES, ids=lambda m: m.record_type.code)
def test_every_top_field_stands_in_a_section_of_the_paper(model: type[Record]) -> None:
    sections = {key for key, _, _ in model.record_type.sections}
    assert len(sections) == len(model.record_type.sections)
    for name, info in model.model_fields.items():
        given = extra(info)
        assert given.get("x-widget") == "hidden" or given.get("x-section") in sections, name


@pytest.mark.parametrize("model", TYPES, ids=lambda m: m.record_type.code)
def test_every_section_has_a_field(model: type[Record]) -> None:
    used = {
        extra(part.model_fields[name]).get("x-section")
        for part in parts(model)
        for name in part.model_fields
    }
    assert {key for key, _, _ in model.record_type.sections} <= used


@pytest.mark.parametrize("model", TYPES, ids=lambda m: m.record_type.code)
def test_names_are_labels_of_one_field(model: type[Record]) -> None:
    assert model.record_type.signers
    assert model.record_type.layout in ("archive", "form")
    assert model.__name__ == model.__name__.strip("_")


HEADERS = {
    "server_name": "服务器名称 主机名 主机名称 hostname 设备名称",
    "db_type": "数据库类型 库类型 DB类型",
    "db_version": "数据库版本 版本号",
    "ips": "IP IP地址 业务IP 管理IP",
    "admins": "日常管理人员 管理员 责任人 负责人 联系人",
    "cpu_cores": "CPU CPU核数 处理器",
    "memory_gb": "内存 内存大小(GB)",
    "param_name": "维护参数名称 参数名 参数",
    "value_before": "修改前参数值 原值 旧值 变更前",
    "value_after": "修改后参数值 新值 变更后",
    "reason": "参数修改原因 变更原因",
    "analysis": "参数调整分析 效果分析",
    "changed_at": "参数修改时间 变更时间 执行时间",
    "received_at": "受理时间 接报时间 来电时间",
    "raised_by": "提出人 报障人 客户联系人",
    "mode": "受理方式 服务方式 来源",
    "description": "问题描述 故障现象",
    "answer": "解答方案 处理结果 解决办法",
    "ticket_class": "问题类别",
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_were_seen_belong_to_the_field(name: str) -> None:
    """The list of `spreadsheets.md`: a label or an alias."""
    known: set[str] = set()
    for part, own in fields():
        given = extra(part.model_fields[own])
        if own == name:
            known |= {given["x-label"]["zh"].replace(" ", ""), *given.get("x-aliases", ())}
    assert set(HEADERS[name].split()) <= known


def test_headers_of_one_model_are_not_ambiguous() -> None:
    for part in {part for part, _ in fields()}:
        seen: dict[str, str] = {}
        for name in part.model_fields:
            given = extra(part.model_fields[name])
            for header in {given["x-label"]["zh"], *given.get("x-aliases", ())}:
                assert seen.setdefault(header, name) == name, (part, header)


def test_choices_are_told_apart() -> None:
    def below(base: type[Choice]) -> Iterator[type[Choice]]:
        for kind in base.__subclasses__():
            yield kind
            yield from below(kind)

    for kind in below(Choice):
        assert len({m.zh for m in kind}) == len({m.en for m in kind}) == len(kind), kind
        assert {m.tone for m in kind} <= {"", "good", "warn", "bad", "muted"}, kind


def test_no_word_of_the_law_of_secrets_is_printed() -> None:
    for part, name in fields():
        assert not re.search("秘密|机密|绝密", str(extra(part.model_fields[name])))


@pytest.mark.parametrize("model", CASES, ids=lambda m: m.__name__)
def test_the_json_schema_carries_labels(model: type[Part]) -> None:
    made = json_schema(model)
    assert made["$schema"].endswith("2020-12/schema")
    assert made["additionalProperties"] is False
    assert all("x-label" in told for told in made["properties"].values())


# ---------------------------------------------------------------- wording


def test_a_message_that_names_what_is_not_given_is_a_fault() -> None:
    with pytest.raises(LookupError, match="label"):
        Problem((), "missing").message("zh")


def test_a_value_is_no_template() -> None:
    problem = Problem(("x",), "not_a_number", "{label} {0} %s")
    assert "“{label} {0} %s”" in problem.message("zh")


# ---------------------------------------------------------------- check lists


def test_five_engines_have_a_check_list() -> None:
    assert engines() == ("oracle", "mysql", "postgresql", "sqlserver", "dm")
    with pytest.raises(KeyError):
        checklist("../messages", "zh")


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_check_list_is_whole_and_in_one_language(engine: str, lang: str) -> None:
    rows = checklist(engine, lang)
    assert 25 <= len(rows) <= 40
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["item"] for row in rows}) == len(rows)
    for row in rows:
        told = row["category"] + row["item"] + row["standard"]
        assert bool(re.search("[\u4e00-\u9fff]", told)) is (lang == "zh"), told
        assert row["method"]


@pytest.mark.parametrize("engine", engines())
def test_a_check_list_filled_in_is_valid(engine: str) -> None:
    rows = [row | {"state": "normal", "result": "正常"} for row in checklist(engine, "zh")]
    assert not read_as(draft("XJ", overall="healthy", check_items=rows)).errors


def test_a_check_list_not_filled_in_asks_for_each_reason() -> None:
    rows = checklist("dm", "zh")
    found = read_as(draft("XJ", check_items=rows)).errors
    assert [p.code for p in found] == ["reason_required"] * len(rows)


# ---------------------------------------------------------------- samples


def records(pattern: str) -> dict[Path, dict[str, Any]]:
    found = {path: json.loads(path.read_text("utf-8")) for path in sorted(SAMPLES.glob(pattern))}
    return {path: data for path, data in found.items() if "doc_no" in data}


@pytest.mark.parametrize(
    "path", records("[A-Z][A-Z]/*.json"), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_every_sample_is_valid_and_prints(path: Path) -> None:
    data = json.loads(path.read_text("utf-8"))
    agreed = contract() if data["contract_no"] == "HT-2026-017" else None
    found = read_as(data, agreed)
    assert found.value is not None, found.problems
    assert not found.errors
    if path.stem == "basic":
        assert not found.problems
    for lang in ("zh", "en"):
        assert build(found.value, lang).view


@pytest.mark.parametrize("code", list(record_types()))
def test_every_type_has_its_three_samples(code: str) -> None:
    stems = {path.stem for path in SAMPLES.glob(f"{code}/*.json")}
    assert stems >= {"basic", "large", "hard"}


def test_the_hard_inspection_is_hard() -> None:
    data = json.loads((SAMPLES / "XJ" / "hard.json").read_text("utf-8"))
    log = data["log_events"][0]["excerpt"]
    assert log.count("\n") + 1 == 10_000
    assert "\x1b" in log
    assert len(data["params"]) == 500
    text = json.dumps(data, ensure_ascii=False)
    for hostile in ("𠮷田䶮㼆", "=cmd|' /C calc'!A0", "a<b && c", "{{7*7}}", "</w:t>"):
        assert hostile in text


def test_no_number_stands_on_two_samples() -> None:
    numbers = [data["doc_no"] for data in records("*/*.json").values()]
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_broken_sample_ends_in_the_codes_of_its_name(path: Path) -> None:
    data = json.loads(path.read_text("utf-8"))
    expected = path.stem.partition(".")[2]
    found = read_as(data)
    if expected.startswith("coverage-"):
        assert isinstance(found.value, AssetArchive)
        codes = {problem.code for problem in coverage(contract(), [found.value])}
        expected = expected.removeprefix("coverage-")
    else:
        codes = {problem.code for problem in found.errors}
    assert codes == set(expected.split("+"))


def test_the_contract_is_covered_by_its_archive() -> None:
    data = json.loads((SAMPLES / "contract" / "WB-five-objects.json").read_text("utf-8"))
    found = read_as(data, contract())
    assert isinstance(found.value, AssetArchive)
    assert not found.problems
    assert not coverage(contract(), [found.value])


def test_generated_samples_are_what_the_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SAMPLES))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    made = runpy.run_path(str(SAMPLES / "generate.py"))["generated"]()
    assert len(made) == 2 * len(record_types())
    for path, text in made.items():
        assert path.read_text("utf-8") == text, path
