"""Bytes that are no plain JSON: each ends in one clear error, quickly, or is read as meant."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgen.errors import DocgenError, InputUnreadable
from docgen.pipeline import read_record
from docgen.pipeline.json_input import DEPTH_LIMIT, SIZE_LIMIT, read_json
from schemas.secrets import MASK
from schemas.setting import Setting
from schemas.values import ROW_LIMIT
from tests.records import NOW, draft, sample

MEGABYTE = 2**20


def refused(data: bytes) -> InputUnreadable:
    with pytest.raises(InputUnreadable) as caught:
        read_json(data)
    assert caught.value.message("zh")
    assert caught.value.message("en")
    assert caught.value.hint("zh")
    json.dumps(caught.value.as_json(), ensure_ascii=False).encode()
    return caught.value


def read_or_none(data: bytes) -> Any:
    try:
        return read_json(data)
    except InputUnreadable:
        return None


def problems(record: Any) -> list[tuple[str, str]]:
    """Place and code of every error in a record, from its bytes on."""
    data = json.dumps(record).encode() if not isinstance(record, bytes) else record
    found = read_record(data, Setting(NOW))
    return [(problem.place, problem.code) for problem in found.errors]


# ---------------------------------------------------------------- what is read


def test_plain_json_is_read() -> None:
    assert read_json('{"名": ["𠮷", 1, 0.5, true, null]}'.encode()) == {
        "名": ["𠮷", 1, 0.5, True, None]
    }


def test_a_byte_order_mark_is_accepted() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert problems(b"\xef\xbb\xbf" + json.dumps(sample("XJ")).encode()) == []


def test_naive_times_are_times_in_shanghai() -> None:
    value = read_record(json.dumps(sample("XJ")).encode(), Setting(NOW)).value
    assert value is not None
    assert value.prepared_at is not None
    assert value.prepared_at == datetime(2026, 3, 7, 10, 40, tzinfo=UTC)


def test_long_text_is_read() -> None:
    text = "日志" * 1_700_000
    data = json.dumps([text], ensure_ascii=False).encode()
    assert len(data) > 10_000_000
    assert read_json(data) == [text]


@pytest.mark.parametrize("unit", ["x", "\\n", "[", '\\"{'])
def test_long_text_costs_no_multiple_of_itself(unit: str) -> None:
    data = b'["' + unit.encode() * (10 * MEGABYTE // len(unit)) + b'"]'
    tracemalloc.start()
    try:
        read_json(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(data)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.text(st.characters(exclude_categories=["Cs"]))
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
        ),
        max_leaves=20,
    ),
    st.booleans(),
)
def test_what_json_can_say_comes_back(value: Any, ascii_only: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(
    st.binary(max_size=300)
    | st.text(alphabet='[]{}",:\\ \n1eE+-.NaNIfinityul\ufeff𠮷', max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    json.dumps(read_or_none(data), allow_nan=False)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_traceback_as_a_record(data: bytes) -> None:
    with pytest.raises(DocgenError):
        read_record(b'{"doc_no": ' + data, Setting(NOW))


# ---------------------------------------------------------------- what is no JSON


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b'{"a": 1,}', "1:9"),
        (b'{\n  "a": 1\n  "b": 2\n}', "3:3"),
        ('{\n  "名称": 坏\n}'.encode(), "2:9"),
        (b"\xef\xbb\xbf[1,,2]", "1:4"),
        (b"{\"a\": 'b'}", "1:7"),
        (b'["open', "1:2"),
        (b"[1, 2", "1:6"),
        (b"[1] [2]", "1:5"),
        (b'["\x01"]', "1:3"),
        (b'["tab\there"]', "1:6"),
        (b'["\\x"]', "1:3"),
        (b"]" * 100, "1:1"),
        (b"01", "1:2"),
    ],
)
def test_wrong_json_is_told_with_line_and_column(data: bytes, place: str) -> None:
    error = refused(data)
    assert (error.code, error.place) == ("not_json", place)
    line, column = place.split(":")
    assert f"第 {line} 行第 {column} 列" in error.message("zh")
    assert f"Line {line}, column {column}" in error.message("en")


@pytest.mark.parametrize("data", [b"", b" \n\t ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_file_is_said_to_be_empty(data: bytes) -> None:
    assert refused(data).code == "empty"


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"]
)
def test_utf_16_is_named(encoding: str) -> None:
    error = refused('{"a": "中"}'.encode(encoding))
    assert error.code == "utf16"
    assert "UTF-8" in error.hint("zh")


def test_gbk_is_guessed() -> None:
    error = refused('{"客户": "移动"}'.encode("gbk"))
    assert error.code == "not_utf8"
    assert "第 3 个字节" in error.message("zh")
    assert "GBK" in error.hint("zh")


@pytest.mark.parametrize(
    "tail", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe4\xb8"]
)
def test_bytes_that_are_no_utf_8_are_refused(tail: bytes) -> None:
    assert refused(b'["' + tail + b'"]').code == "not_utf8"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    error = refused(f'{{"size_gb": {number}}}'.encode())
    assert error.code == "not_a_json_number"
    assert number in error.message("en")


def test_an_endless_number_is_refused() -> None:
    assert refused(b"[" + b"9" * 5000 + b"]").code == "not_json"
    assert refused(b"[" + b"9" * 5 * MEGABYTE + b"]").code == "not_json"


def test_small_and_exact_figures_stay() -> None:
    assert read_json(b"[1e-999, 1e308, 9007199254740993]") == [0.0, 1e308, 9007199254740993]


# ---------------------------------------------------------------- keys


def test_a_key_that_stands_twice_is_named() -> None:
    error = refused(b'{"a": {"size": 1, "used": 2, "size": 3}}')
    assert (error.code, error.place) == ("duplicate_key", "size")


def test_a_key_may_stand_in_two_objects() -> None:
    assert read_json(b'[{"a": 1}, {"a": 2}]') == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "key", ["\\ud800", "\\u0000", "", pytest.param("x" * 5000, id="long"), "[/bold]", "a\\nb"]
)
def test_a_hostile_key_that_stands_twice_can_be_shown(key: str) -> None:
    error = refused(f'{{"{key}": 1, "{key}": 2}}'.encode())
    assert error.code == "duplicate_key"
    assert len(error.message("zh")) < 200


def test_the_last_of_many_keys_may_be_the_double() -> None:
    """In linear time: 300,000 keys compared one by one would not end."""
    keys = b",".join(b'"k%d":0' % number for number in range(300_000))
    assert refused(b"{" + keys + b',"k299999":1}').place == "k299999"


# ---------------------------------------------------------------- bombs


@pytest.mark.parametrize("opened", [b"[", b'{"a":', b'[{"a":', b" [\n"])
@pytest.mark.parametrize("times", [100_000, 3_000_000])
def test_a_nesting_bomb_is_refused(opened: bytes, times: int) -> None:
    assert refused(opened * times).code == "nested_too_deep"


def test_depth_is_counted_to_the_limit() -> None:
    assert read_json(b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT)
    deep = DEPTH_LIMIT + 1
    assert refused(b"[" * deep + b"]" * deep).code == "nested_too_deep"


def test_brackets_in_text_are_no_depth() -> None:
    text = '[{"' * 50 + "\\\\"
    assert read_json(json.dumps([text]).encode()) == [text]


def test_many_brackets_side_by_side_are_no_depth() -> None:
    assert len(read_json(b"[" + b"[]," * 100_000 + b"[]]")) == 100_001


def test_a_file_over_the_limit_is_refused_unread() -> None:
    error = refused(b" " * (SIZE_LIMIT + 1))
    assert error.code == "too_large"
    assert str(SIZE_LIMIT) in error.message("en")


# ---------------------------------------------------------------- as a record


def test_too_many_rows_name_the_limit() -> None:
    record = draft("XJ", params=[{"name": "p"}] * 100_000)
    (problem,) = read_record(json.dumps(record).encode(), Setting(NOW)).errors
    assert (problem.place, problem.code) == ("params", "too_many_rows")
    assert str(ROW_LIMIT) in problem.message("zh").replace(",", "")
    assert str(ROW_LIMIT) in problem.message("en").replace(",", "")


@pytest.mark.parametrize("value", [46088, 20260307, 1.5])
def test_a_number_is_no_date(value: float) -> None:
    assert problems(draft("XJ", doc_date=value)) == [("doc_date", "number_as_day")]


@pytest.mark.parametrize(
    "value", [10**400, -(10**4000), 1e308, 10**30], ids=["large", "lowest", "float", "whole"]
)
def test_huge_figures_are_no_sizes(value: float) -> None:
    record = draft("XJ")
    record["data_files"][0]["size_gb"] = value
    assert problems(record) == [("data_files[0].size_gb", "not_a_number")]


def test_a_text_of_ten_megabytes_is_too_long() -> None:
    assert ("summary", "too_long") in problems(draft("XJ", summary="文" * 3_500_000))


def test_lone_surrogates_are_refused_as_values_and_as_keys() -> None:
    record = draft("XJ", summary="\ud800", **{"\udfff": 1})
    assert {code for _, code in problems(record)} == {"lone_surrogate"}


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert read_json(b'["\\ud842\\udfb7"]') == ["𠮷"]


@pytest.mark.parametrize("character", ["\u0000", "\u0007", "\u001b[31m", "\u007f", "\ufffe"])
def test_control_characters_in_fields_are_told_or_printed(character: str) -> None:
    """Never passed on as they are: the record is refused with the field's place."""
    found = problems(draft("XJ", summary=f"a{character}b"))
    assert [place for place, _ in found] == ["summary"]


@pytest.mark.parametrize(
    "key", ["__proto__", "__class__", "constructor", "model_config", "", "a/b~c"]
)
def test_hostile_keys_are_unknown_fields(key: str) -> None:
    assert [code for _, code in problems(draft("XJ", **{key: {}}))] == ["unknown_field"]


@pytest.mark.parametrize(
    "data", [b"[]", b"1", b'"XJ"', b"null", b"{}", b'{"doc_no": 5}', b'{"doc_no": "QQ-1"}']
)
def test_what_is_no_record_is_said_to_be_of_no_type(data: bytes) -> None:
    with pytest.raises(InputUnreadable) as caught:
        read_record(data, Setting(NOW))
    assert caught.value.code == "unknown_record_type"
    assert "XJ" in caught.value.hint("en")


# ---------------------------------------------------------------- masking


def test_credentials_are_masked_anywhere() -> None:
    data = json.dumps(
        {"sql": "create user a identified by Abc#123;", "rows": [{"x": "password=Abc#12345"}]}
    )
    plain = read_json(data.encode())
    masked = read_json(data.encode(), mask=True)
    assert "Abc#123" in str(plain)
    assert "Abc#1" not in str(masked)
    assert MASK in masked["rows"][0]["x"]
