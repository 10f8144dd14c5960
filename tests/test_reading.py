"""Reading: all errors at once, hostile values, kinds of values, JSON there and back."""

import json
import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from docgen.document import canonical
from schemas.catalog import record_types
from schemas.contract import Contract
from schemas.envelope import Record
from schemas.fields import Choice
from schemas.inspection import Inspection
from schemas.problems import SHANGHAI
from schemas.reading import read
from schemas.setting import Setting
from schemas.values import parse_day, parse_instant
from tests.records import NOW, SAMPLES, draft, errors, read_as, sample


def told(data: Any, model: type[Record] = Inspection) -> set[tuple[str, str]]:
    return {(p.pointer, p.code) for p in read(model, data, Setting(NOW)).errors}


# ---------------------------------------------------------------- all errors at once


def test_structure_and_rules_are_told_together_in_the_order_of_the_schema() -> None:
    record = draft("XJ", overall="健康", colour=3, started_at=46088)
    record["check_items"][0] |= {"state": "异常"}
    record["check_items"][1]["seq"] = "two"
    record["data_files"][1] |= {"used_gb": 99, "path": 5}
    record.pop("summary")
    assert errors(record) == [
        ("started_at", "number_as_day"),
        ("overall", "overall_too_good"),
        ("summary", "missing"),
        ("data_files[1].path", "not_text"),
        ("data_files[1].used_gb", "used_over_size"),
        ("check_items[0].advice", "advice_required"),
        ("check_items[1].seq", "not_a_number"),
        ("colour", "unknown_field"),
    ]


@pytest.mark.parametrize("code", list(record_types()))
@pytest.mark.parametrize("data", [{}, [], None, "text", 5, {"doc_no": []}, {"signoffs": 3}])
def test_anything_at_all_is_refused_with_messages(code: str, data: Any) -> None:
    found = read(record_types()[code], data, Setting(NOW))
    assert found.value is None
    for problem in found.errors:
        assert all(problem.message(lang) and problem.hint(lang) for lang in ("zh", "en"))


def test_nothing_but_an_object_is_one_error() -> None:
    assert told([1]) == {("", "not_an_object")}


def test_an_empty_record_names_every_missing_field_once() -> None:
    missing = [p.place for p in read(Inspection, {}, Setting(NOW)).errors if p.code == "missing"]
    assert "check_items" in missing
    assert len(missing) == len(set(missing))


def test_a_wrong_name_is_met_with_the_right_one() -> None:
    record = draft("XJ")
    record["params"][0]["curent_value"] = record["params"][0].pop("current_value")
    unknown = next(p for p in read_as(record).errors if p.code == "unknown_field")
    assert "current_value" in unknown.hint("zh")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("维护参数名称", "param_name"),  # the label
        ("参数名称", "param_name"),  # an alias
        ("维护的参数名称", "param_name"),
        ("Parameter", "param_name"),
        ("parm_name", "param_name"),
        ("修改后参数值", "value_after"),
        ("资产编号", "asset_no"),
    ],
)
def test_a_label_is_met_with_the_fields_name(said: str, meant: str) -> None:
    record = draft("WH")
    record["entries"][0][said] = "x"
    [unknown] = [p for p in read_as(record).errors if p.code == "unknown_field"]
    assert unknown.hint("zh") == f"是否想写 {meant}？"
    assert unknown.hint("en") == f"Did you mean {meant}?"


def test_a_name_that_is_like_none_is_to_go() -> None:
    [unknown] = read_as(draft("WH", 天气="晴")).errors
    assert unknown.hint("zh") == "请删除该字段。"


@pytest.mark.parametrize(
    ("where", "zh", "en"),
    [
        (("entries", 0, "reason"), "必填，请填写内容。", "It is required; fill it in."),
        (
            ("project_name",),
            "请填写内容；没有时请省略该字段。",
            "Fill it in, or leave the field out.",
        ),
    ],
)
def test_only_what_is_optional_may_be_left_out(
    where: tuple[str | int, ...], zh: str, en: str
) -> None:
    record: Any = draft("WH")
    at: Any = record
    for step in where[:-1]:
        at = at[step]
    at[where[-1]] = " "
    [blank] = [p for p in read_as(record).errors if p.code == "blank"]
    assert (blank.path, blank.hint("zh"), blank.hint("en")) == (where, zh, en)


def test_an_empty_item_of_a_list_is_to_be_taken_out() -> None:
    [blank] = [p for p in read_as(draft("XJ", inspectors=["张伟", ""])).errors if p.code == "blank"]
    assert blank.hint("en") == "Fill it in, or take this item out."


def test_a_wrong_choice_lists_the_choices() -> None:
    (problem,) = read_as(draft("XJ", type="yearly")).errors
    assert "initial 初始巡检" in problem.hint("zh")
    assert "initial Initial" in problem.hint("en")


def test_rows_of_any_shape() -> None:
    record = draft("XJ", check_items=[None, 5, "x", [], {}], params={"a": 1})
    found = errors(record)
    assert ("check_items[1]", "not_an_object") in found
    assert ("check_items[4].state", "missing") in found
    assert ("params", "not_a_list") in found


def test_too_many_rows_are_refused_before_anything_else() -> None:
    record = draft("XJ", params=[{}] * 5001)
    assert errors(record) == [("params", "too_many_rows")]


def test_five_thousand_bad_rows_are_quick() -> None:
    record = draft("XJ", params=[{"name": "", "current_value": 5}] * 5000)
    began = time.process_time()
    assert len(errors(record)) == 10_000
    assert time.process_time() - began < 60


# ---------------------------------------------------------------- hostile values


HOSTILE_KEYS = [
    "__proto__",
    "__class__",
    "constructor",
    "__init__",
    "model_fields",
    "",
    "a/b~c",
]


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_hostile_keys_are_unknown_fields(key: str) -> None:
    record = draft("XJ", **{key: {"polluted": True}})
    record["params"][0][key] = 1
    found = read_as(record)
    assert {p.code for p in found.errors} == {"unknown_field"}
    assert len(found.errors) == 2
    json.dumps([p.as_json() for p in found.errors], ensure_ascii=False).encode()


def test_names_that_are_no_text_hide_nothing_else() -> None:
    record = draft("XJ", **{"\ud800": 1}, colour=2)
    record["params"][0]["a\udc00"] = {"b": 1}
    found = read_as(record)
    assert [p.code for p in found.errors] == ["lone_surrogate", "lone_surrogate", "unknown_field"]
    json.dumps([p.as_json() for p in found.errors], ensure_ascii=False).encode()


def test_a_pointer_escapes_its_steps() -> None:
    (problem,) = read_as(draft("XJ", **{"a/b~c": 1})).errors
    assert problem.pointer == "/a~1b~0c"


@pytest.mark.parametrize("name", ["summary", "prepared_by", "doc_no", "status", "doc_date"])
@pytest.mark.parametrize("value", ["\ud800", "ab\udc00", "\udfff\ud800"])
def test_lone_surrogates_are_refused(name: str, value: str) -> None:
    found = read_as(draft("XJ", **{name: value}), code="XJ")
    assert {p.place for p in found.errors} == {name}
    json.dumps([p.as_json() for p in found.errors], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "character", ["\x00", "\x0b", "\x1b", "\x7f", "\u2028", "\ufffe", "\ufdd0"]
)
def test_control_characters_are_for_logs_only(character: str) -> None:
    assert errors(draft("XJ", summary=f"a{character}")) == [("summary", "control_character")]
    record = draft("XJ", log_events=[{"code": "x", "excerpt": f"a{character}"}])
    refused = character in "\ufffe\ufdd0"
    assert bool(errors(record)) is refused


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", "blank"),
        (" \n", "blank"),
        (5, "not_text"),
        (True, "not_text"),
        pytest.param("x" * 20001, "too_long", id="too_long"),
    ],
)
def test_texts(value: Any, code: str) -> None:
    assert errors(draft("XJ", summary=value)) == [("summary", code)]


@pytest.mark.parametrize("value", ["a\nb", "a\tb", "a\r\nb"])
def test_a_name_is_one_line(value: str) -> None:
    assert errors(draft("XJ", prepared_by=value)) == [("prepared_by", "line_break")]


def test_text_is_kept_as_typed() -> None:
    typed = "𠮷田䶮㼆 <b>&amp;</b> a<b && c {{7*7}} </w:t> =cmd|' /C calc'!A0 ＡＢＣ"
    found = read_as(draft("XJ", summary=typed + "\r\ne\u0301"))
    assert found.value is not None
    assert found.value.model_dump()["summary"] == typed + "\n\u00e9"


def test_a_problem_repeats_no_secret() -> None:
    record = draft("XJ", prepared_by="password=Abc#123\n", db_password="Abc#123")
    found = read_as(record)
    assert {p.code for p in found.errors} == {"secret", "line_break", "unknown_field"}
    assert "Abc#123" not in json.dumps([p.as_json() for p in found.problems])


def test_a_long_value_is_shortened_in_the_message() -> None:
    (problem,) = read_as(draft("XJ", summary="x" * 50_000)).errors
    assert len(problem.as_json()["value"]) <= 120


# ---------------------------------------------------------------- kinds of values


DAYS = [
    "2026-03-07",
    "2026/3/7",
    "2026.3.7",
    "2026年3月7日",
    "2026 年 3 月 7 日",
    "20260307",
    "２０２６－０３－０７",
    " 2026-03-07 ",
    "2026-03-07T10:00:00Z",
    "2026年3月7日 下午2:30",
    date(2026, 3, 7),
    datetime(2026, 3, 7, 12, tzinfo=UTC),
]
MOMENTS = [
    "2026-03-07 14:30",
    "2026-03-07T14:30",
    "2026-03-07T14:30:00+08:00",
    "2026-03-07T06:30:00Z",
    "2026/3/7 14:30",
    "2026年3月7日 下午2:30",
    "2026年3月7日 14时30分",
    "2026年3月7日14点30分",
    "2026-03-07 2:30 PM",
    "20260307 1430",
    "20260307143000",
    "2026-03-07 14：30",
    "2026-03-07 01:30:00-05:00",
    datetime(2026, 3, 7, 14, 30, tzinfo=SHANGHAI),
]
NO_DAYS = [
    (46088, "number_as_day"),
    (46088.0, "number_as_day"),
    ("46088", "number_as_day"),
    ("1772841600", "number_as_day"),
    ("3月7日", "day_without_year"),
    ("3/7", "day_without_year"),
    ("03-07 10:00", "day_without_year"),
    ("2026-02-29", "no_such_day"),
    ("2026-13-01", "no_such_day"),
    ("2026-00-10", "no_such_day"),
    ("去年", "not_a_day"),
    ("", "not_a_day"),
    ("2026", "number_as_day"),
    ("2026-03-07 25:00", "not_a_day"),
    (None, "not_a_day"),
    (True, "number_as_day"),
    ([], "not_a_day"),
]


@pytest.mark.parametrize("value", DAYS)
def test_days(value: Any) -> None:
    assert parse_day(value) == date(2026, 3, 7)


@pytest.mark.parametrize("value", MOMENTS)
def test_moments_are_read_as_shanghai_and_kept_as_utc(value: Any) -> None:
    assert parse_instant(value) == datetime(2026, 3, 7, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(("value", "code"), NO_DAYS)
def test_what_is_no_day(value: Any, code: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_day(value)
    assert refused.value.type == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-07 24:00", "2026-03-08T00:00"),
        ("2026-12-31 24:00:00", "2027-01-01T00:00"),
        ("2026年3月7日 24点", "2026-03-08T00:00"),
        ("2026-03-07", "2026-03-07T00:00"),
        ("2026-03-07 中午12:00", "2026-03-07T12:00"),
        ("2026-03-07 凌晨12:05", "2026-03-07T00:05"),
        ("2026-03-07 上午11:30", "2026-03-07T11:30"),
        ("2026-03-07 晚上11:30", "2026-03-07T23:30"),
    ],
)
def test_midnight_and_halves_of_the_day(text: str, expected: str) -> None:
    assert parse_instant(text) == datetime.fromisoformat(expected).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    "text",
    ["2026-03-07 24:01", "2026-03-07 10:60", "2026-03-07 99:00", "0001-01-01", "9999-12-31 24:00"],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(PydanticCustomError) as refused:
        parse_instant(text)
    assert refused.value.type == "not_an_instant"


@pytest.mark.parametrize(
    ("value", "number"),
    [(30, 30), ("30", 30), ("1,234.5", 1234.5), (" ３０ ", 30), (".5", 0.5), ("+5", 5), (0, 0)],
)
def test_numbers(value: Any, number: float) -> None:
    record = draft("XJ", performance=[{"metric": "x", "value": value}])
    found = read_as(record).value
    assert isinstance(found, Inspection)
    assert found.performance[0].value == number


@pytest.mark.parametrize(
    "value",
    [
        "64G",
        "",
        "一",
        "NaN",
        "inf",
        True,
        None,
        [],
        "1e5",
        pytest.param(10**400, id="large"),
        1e300,
    ],
)
def test_what_is_no_number(value: Any) -> None:
    record = draft("XJ", performance=[{"metric": "x", "value": value}])
    assert errors(record) == [("performance[0].value", "not_a_number")]


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        (True, True),
        ("是", True),
        ("否", False),
        ("√", True),
        ("×", False),
        ("Y", True),
        ("n", False),
    ],
)
def test_flags(value: Any, flag: bool) -> None:
    record = draft("XJ")
    record["security"]["tls"] = value
    found = read_as(record).value
    assert isinstance(found, Inspection)
    assert found.security is not None
    assert found.security.tls is flag


@pytest.mark.parametrize("value", [1, 0, "也许", ""])
def test_what_is_no_flag(value: Any) -> None:
    record = draft("XJ")
    record["security"]["tls"] = value
    assert errors(record) == [("security.tls", "not_yes_no")]


@given(st.dates())
def test_every_day_is_read_back(day: date) -> None:
    assert parse_day(day.isoformat()) == day
    assert parse_day(f"{day.year:04d}年{day.month}月{day.day}日") == day
    assert parse_day(f"{day.year:04d}/{day.month}/{day.day}") == day
    assert parse_day(f"{day:%Y}{day:%m}{day:%d}".zfill(8)) == day


@given(st.datetimes(datetime(1992, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_every_moment_is_read_back(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)
    assert parse_instant(moment.isoformat()) == moment
    local = moment.astimezone(SHANGHAI)
    assert parse_instant(local.isoformat()) == moment
    assert parse_instant(local.replace(tzinfo=None).isoformat(sep=" ")) == moment


@given(st.text() | st.integers() | st.floats() | st.none())
def test_no_value_breaks_a_parser(value: Any) -> None:
    for parse in (parse_day, parse_instant):
        try:
            parse(value)
        except PydanticCustomError:
            continue


# ---------------------------------------------------------------- there and back


def reread(value: Record) -> bytes:
    again = read(type(value), json.loads(canonical(value)), Setting(NOW))
    assert again.value is not None, again.problems
    return canonical(again.value)


@pytest.mark.parametrize(
    "path", sorted(SAMPLES.glob("[A-Z][A-Z]/*.json")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_what_is_written_is_read_the_same(path: Any) -> None:
    found = read_as(json.loads(path.read_text("utf-8")))
    assert found.value is not None, found.problems
    assert reread(found.value) == canonical(found.value)


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn", "Zl", "Zp"]), min_size=1)
settings_of = st.none() | texts | st.just("")


@given(
    texts.filter(str.strip), settings_of, st.floats(0, 1e9), st.sampled_from(["1", "是", "high"])
)
def test_any_text_survives(text: str, value: str | None, number: float, word: str) -> None:
    record = draft("XJ", summary=text)
    record["params"] = [{"name": word, "current_value": value, "note": text}]
    record["performance"] = [{"metric": word, "value": number}]
    found = read_as(record)
    if any(problem.code == "secret" for problem in found.problems):
        return
    assert found.value is not None, found.problems
    assert reread(found.value) == canonical(found.value)


def test_labels_and_codes_are_one_value() -> None:
    zh = draft("XJ", type="初始巡检", status="草稿", phase="导入期", confidentiality="客户保密")
    en = draft("XJ", type="Initial", status="DRAFT", phase=" onboarding ")
    values = [read_as(record).value for record in (zh, en, draft("XJ"))]
    assert len({canonical(value) for value in values if value}) == 1


def all_choices(base: type[Choice] = Choice) -> list[type[Choice]]:
    found = []
    for kind in base.__subclasses__():
        found += [kind, *all_choices(kind)]
    return found


@pytest.mark.parametrize("kind", all_choices(), ids=lambda kind: kind.__name__)
def test_every_name_of_a_choice_means_one_member(kind: type[Choice]) -> None:
    look_up: Any = kind
    for member in kind:
        for name in (member.value, member.zh, member.en, *member.aliases):
            found = [look_up(word) for word in (name, f" {name.upper()} ")]
            assert found == [member, member]


def test_a_contract_is_read_whole() -> None:
    data = json.loads((SAMPLES / "contract" / "HT-2026-017.json").read_text("utf-8"))
    data["objects"].append(data["objects"][0])
    data["phases"][0]["ends_on"] = "2026-02-28"
    found = read(Contract, data, Setting(NOW))
    assert [(p.place, p.code) for p in found.errors] == [
        ("phases[0].ends_on", "ended_before_started"),
        ("objects[5].asset_no", "duplicate"),
    ]


def test_a_derived_value_is_filled_and_kept() -> None:
    found = read_as(sample("ZX"))
    assert found.value is not None
    assert json.loads(canonical(found.value))["response"] == "same_day"
