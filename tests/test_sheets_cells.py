"""Values of cells: days in every form, figures with units, several values, words for nothing."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgen.intake.sheets.cells import CellRefused, Odd, Surroundings, converter
from docgen.intake.sheets.headers import folded, unit_in
from docgen.intake.sheets.layout import Column
from docgen.intake.sheets.places import column_of, letters
from docgen.intake.sheets.records import SheetSource, Values
from docgen.intake.sheets.targets import SheetTarget, root, targets
from docgen.intake.sheets.units import figure
from schemas.problems import SHANGHAI
from schemas.values import parse_day, parse_instant

EPOCH, EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)
OBJECTS = next(one for one in targets() if one.path == ("objects",))
ENTRIES = next(one for one in targets() if one.path == ("entries",))


def value(target: SheetTarget, field: str, cell: Any, unit: str = "", **around: bool) -> Any:
    return converter(target.slots[field], unit, Surroundings(**around))(cell)


# ---------------------------------------------------------------- days


DAYS = [
    "2026-03-07",
    "2026/3/7",
    "2026.3.7",
    "2026年3月7日",
    "20260307",
    20260307,
    46088,
    46088.0,
    "46088",
    date(2026, 3, 7),
    datetime.fromisoformat("2026-03-07"),
    " 2026-03-07 ",
]


@pytest.mark.parametrize("number", range(len(DAYS)))
def test_days_in_every_form(number: int) -> None:
    assert parse_day(value(OBJECTS, "warranty_to", DAYS[number])) == date(2026, 3, 7)


def test_moments_in_every_form() -> None:
    for cell in (
        "2026年3月7日 下午2:30",
        "2026-03-07 14:30",
        "2026/3/7 14:30:00",
        46088 + 14.5 / 24,
        datetime.fromisoformat("2026-03-07 14:29:59.999997"),
    ):
        moment = parse_instant(value(ENTRIES, "changed_at", cell))
        assert moment.isoformat() == "2026-03-07T06:30:00+00:00", cell


def test_serials_of_both_systems_and_none_that_is_no_day() -> None:
    assert value(OBJECTS, "warranty_to", 44626, date1904=True) == "2026-03-07"
    for cell in (7, 2026, 13800010001, 0, -5, 99999.5):
        got = value(OBJECTS, "warranty_to", cell)
        assert isinstance(got, float), cell  # reading refuses a number as a day
    assert value(OBJECTS, "warranty_to", "46088", typed=False) == "46088"
    assert value(OBJECTS, "warranty_to", "3月7日") == "3月7日"


@given(st.dates(date(1990, 1, 2), date(2099, 12, 30)), st.booleans())
def test_every_serial_is_its_day(day: date, mac: bool) -> None:
    serial = (day - (EPOCH_1904 if mac else EPOCH)).days
    assert value(OBJECTS, "warranty_to", float(serial), date1904=mac) == day.isoformat()


@given(
    st.datetimes(datetime.fromisoformat("1990-01-02"), datetime.fromisoformat("2099-12-30")).map(
        lambda moment: moment.replace(microsecond=0)
    )
)
def test_a_serial_with_a_time_is_its_second(moment: datetime) -> None:
    serial = (moment - datetime.fromisoformat("1899-12-30")) / timedelta(days=1)
    got = parse_instant(value(ENTRIES, "changed_at", serial))
    # Shanghai had summer time until 1991, so its hours are asked of the zone
    assert abs(got - moment.replace(tzinfo=SHANGHAI)) <= timedelta(seconds=1)


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize(
    ("cell", "unit", "expected"),
    [
        ("64G", "", 64),
        ("64 GB", "", 64),
        ("65536MB", "", 64),
        ("0.5T", "", 512),
        ("32G*2", "", 64),
        ("1,024", "", 1024),
        (64, "", 64),
        (64.5, "", 64.5),
        (2, "TB", 2048),
        ("６４Ｇ", "", 64),
        ("约64G", "", "约64G"),
        ("64核", "", "64核"),
        ("无", "", None),
        ("-", "", None),
        ("N/A", "", None),
    ],
)
def test_sizes_are_in_the_fields_unit(cell: Any, unit: str, expected: Any) -> None:
    assert value(OBJECTS, "memory_gb", cell, unit) == expected


def test_counts_shares_and_times() -> None:
    assert value(OBJECTS, "cpu_cores", "16核") == 16
    assert value(OBJECTS, "cpu_cores", "8C") == 8
    assert value(OBJECTS, "port", "1521 ") == 1521
    files = next(one for one in targets() if one.path == ("data_files",))
    assert value(files, "used_pct", "98.33%") == 98.33
    assert value(files, "used_pct", 0.9833) == 98.33
    assert value(files, "used_pct", 98.33) == 98.33
    policies = next(one for one in targets() if one.path == ("backup_policies",))
    assert value(policies, "retention_days", "30天") == 30
    assert value(policies, "rpo_min", "2小时") == 120


@given(
    st.integers(0, 10**6),
    st.sampled_from([("KB", 2**-20), ("MB", 2**-10), ("GB", 1), ("TB", 2**10)]),
)
def test_sizes_keep_their_measure(number: int, unit: tuple[str, float]) -> None:
    got = figure(f"{number}{unit[0]}", "GB")
    assert got == pytest.approx(number * unit[1], abs=1e-6)


@given(st.text(max_size=30))
def test_any_text_is_a_figure_or_none(text: str) -> None:
    got = figure(text, "GB")
    assert got is None or got >= 0 or text.strip().startswith("-")


# ---------------------------------------------------------------- several values, words, digits


def test_several_values_in_one_cell() -> None:
    for cell in ("10.0.0.1、10.0.0.2", "10.0.0.1,10.0.0.2", "10.0.0.1\n10.0.0.2"):
        assert value(OBJECTS, "ips", cell) == ["10.0.0.1", "10.0.0.2"]
    assert value(OBJECTS, "ips", "10.0.0.1/10.0.0.2；10.0.0.3") == [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.3",
    ]
    assert value(OBJECTS, "ips", "fe80::1 fe80::2") == ["fe80::1", "fe80::2"]


@given(
    st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=6), st.sampled_from("、，,；;\n")
)
def test_lists_come_back(addresses: list[str], separator: str) -> None:
    assert value(OBJECTS, "ips", separator.join(addresses)) == addresses


def test_people_and_disks_in_one_cell() -> None:
    got = value(OBJECTS, "admins", "张伟 13800010001；李娜(备) lina@hx.example")
    assert got == [
        {"name": "张伟", "phone": "13800010001"},
        {"name": "李娜", "rank": "备", "email": "lina@hx.example"},
    ]
    assert (
        value(OBJECTS, "disks", "SSD RAID5 500GB*2")
        == [{"type": "SSD", "raid": "RAID5", "capacity_gb": 500}] * 2
    )
    assert value(OBJECTS, "disks", "2T") == [{"type": "未注明", "capacity_gb": 2048}]
    assert value(OBJECTS, "admins", "/") is None


def test_yes_and_no() -> None:
    for cell, expected in (
        ("√", "√"),
        ("✓", "√"),
        ("×", "×"),
        ("是", "是"),
        ("N", "N"),
        ("无", "无"),
        (True, True),
        (1, True),
        ("/", None),
    ):
        assert value(ENTRIES, "restart_required", cell) == expected, cell


def test_words_for_nothing_and_for_choices() -> None:
    for cell in ("/", "-", "—", "无", "N/A", "n/a", "暂无", " "):
        assert value(OBJECTS, "os_name", cell) is None, cell
    absences = next(one for one in targets() if one.path == ("absences",))
    assert value(absences, "state", "无") == "none"
    assert value(OBJECTS, "env", "生产环境") == "production"
    assert value(OBJECTS, "env", "火星") == "火星"


def test_values_of_parameters_stay_as_typed() -> None:
    for cell, expected in (
        (" 16G ", " 16G "),
        ("(空)", ""),
        ("未设置", None),
        (300, "300"),
        (0.1, "0.1"),
        (True, "TRUE"),
    ):
        assert value(ENTRIES, "value_before", cell) == expected, cell


def test_digits_that_are_lost() -> None:
    assert value(OBJECTS, "serial_no", "6CU1234") == "6CU1234"
    for cell in (13800010001.0, 13800010001, "1.38E+10", "1.38e+10"):
        assert isinstance(value(OBJECTS, "serial_no", cell), float | int), cell
    with pytest.raises(CellRefused) as caught:
        value(OBJECTS, "os_name", 123456789012345678.0)
    assert caught.value.problem.code == "digits_lost"
    assert value(OBJECTS, "asset_no", 1001.0) == "1001"


@given(st.one_of(st.text(max_size=40), st.floats(allow_nan=False), st.booleans(), st.dates()))
def test_no_cell_is_a_fault_of_the_program(cell: Any) -> None:
    if cell == "":
        return
    for target in (OBJECTS, ENTRIES, root("ZX")):
        for slot in target.slots.values():
            with suppress(CellRefused):
                converter(slot, "", Surroundings())(cell)


# ---------------------------------------------------------------- forms that mean the same


FORMS = (
    "{0:%Y-%m-%d}",
    "{0.year}/{0.month}/{0.day}",
    "{0.year}.{0.month}.{0.day}",
    "{0.year}年{0.month}月{0.day}日",
    "{0:%Y%m%d}",
    "{0.year}－{0.month}－{0.day}",
    " {0.year} 年 {0.month} 月 {0.day} 日 ",
)


@given(st.dates(date(1990, 1, 2), date(2099, 12, 30)), st.sampled_from(FORMS), st.booleans())
def test_each_form_of_a_day_is_that_day(day: date, form: str, typed: bool) -> None:
    cell = value(OBJECTS, "warranty_to", form.format(day), typed=typed)
    assert parse_day(cell) == day


CLOCKS = (
    "{0:%H:%M}",
    "{0.hour}点{0.minute}分",
    "{1}{2}:{0:%M}",
    "{0:%H:%M:%S}",
    "{0.hour}时{0.minute}",
)


@given(
    st.datetimes(datetime.fromisoformat("1992-01-01"), datetime.fromisoformat("2099-12-30")),
    st.sampled_from(FORMS[:4]),
    st.sampled_from(CLOCKS),
)
def test_each_form_of_a_moment_is_that_moment(moment: datetime, form: str, clock: str) -> None:
    moment = moment.replace(second=0, microsecond=0)
    half, hour = ("下午" if moment.hour >= 12 else "上午"), moment.hour % 12 or 12
    text = form.format(moment) + " " + clock.format(moment, half, hour)
    got = parse_instant(value(ENTRIES, "changed_at", text))
    assert got == moment.replace(tzinfo=SHANGHAI).astimezone(UTC), text


@given(
    st.integers(1, 12), st.integers(1, 28), st.sampled_from(("{}月{}日", "{}/{}", "{}-{}", "{}.{}"))
)
def test_no_year_is_guessed(month: int, day: int, form: str) -> None:
    cell = value(OBJECTS, "warranty_to", form.format(month, day))
    with pytest.raises(ValueError, match=r"day_without_year|number_as_day"):
        parse_day(cell)


@given(
    st.integers(1, 9999),
    st.sampled_from(("M", "MB", "g", "GB", "GiB", "T", "TB", "ＧＢ")),
    st.integers(1, 24),
    st.sampled_from(("*", "×", "x", " * ")),
    st.booleans(),
)
def test_sizes_times_their_number(size: int, unit: str, times: int, sign: str, comma: bool) -> None:
    text = f"{size:,}" if comma else str(size)
    got = value(OBJECTS, "memory_gb", f"{text} {unit}{sign}{times}")
    folded_unit = unicodedata.normalize("NFKC", unit)[0].lower()
    factor = {"m": 2**-10, "g": 1, "t": 2**10}[folded_unit]
    assert got == pytest.approx(size * times * factor, abs=1e-3)


NAMES = st.text("张李王赵刘陈𠮷田䶮", min_size=2, max_size=4)


@given(
    st.lists(
        st.tuples(NAMES, st.from_regex(r"1[3-9]\d{9}", fullmatch=True)), min_size=1, max_size=6
    ),
    st.sampled_from("、，,；;\n"),
    st.sampled_from((" ", "/", "：", "(", "  ")),
)
def test_people_come_back(people: list[tuple[str, str]], separator: str, within: str) -> None:
    close = ")" if within == "(" else ""
    cell = separator.join(f"{name}{within}{phone}{close}" for name, phone in people)
    got = value(OBJECTS, "admins", cell)
    assert got == [{"name": name, "phone": phone} for name, phone in people]


# ---------------------------------------------------------------- many rows at once


CELLS = st.one_of(
    st.sampled_from(
        ["", "16", 16, 16.0, True, False, 1, 0, "64G", "无", "是", 46088, "2026-03-07"]
    ),
    st.sampled_from(
        ["10.0.0.1、10.0.0.2", "张伟 13800010001", "identified by Abc#123", Odd("#N/A")]
    ),
    st.text(max_size=12),
    st.floats(-10, 10**17),
    st.dates(date(1990, 1, 2), date(2099, 12, 30)),
)
NAMED = "asset_no cpu_cores memory_gb log_archive ips admins warranty_to serial_no env os_name"
COLUMNS = [
    Column(at, name, OBJECTS.slots[name])
    for at, name in enumerate([*NAMED.split(), "location.room", "record:contract_no"])
]


@given(st.lists(st.lists(CELLS, max_size=len(COLUMNS)), min_size=1, max_size=8))
def test_rows_read_together_say_what_each_says_alone(rows: list[list[Any]]) -> None:
    together = SheetSource("S", COLUMNS, Surroundings()).read([list(row) for row in rows])
    alone = [SheetSource("S", COLUMNS, Surroundings()).read([list(row)])[0] for row in rows]
    assert [_told(one) for one in together] == [_told(one) for one in alone]


@pytest.mark.parametrize("cells", [*permutations([0.0, -0.0, 0, False], 2)])
def test_cells_that_are_equal_to_python_are_told_apart(cells: tuple[Any, Any]) -> None:
    serial = next(one for one in COLUMNS if one.slot.name == "serial_no")
    rows = [[""] * serial.index + [cell] for cell in cells]
    source = SheetSource("S", COLUMNS, Surroundings())
    together, once_more = source.read(rows), source.read(rows)
    alone = [SheetSource("S", COLUMNS, Surroundings()).read([row])[0] for row in rows]
    assert [_told(one) for one in together] == [_told(one) for one in alone]
    assert [_told(one) for one in once_more] == [_told(one) for one in alone]


def _told(values: Values) -> list[str]:
    names = ("own", "typed", "given", "record", "parent", "problems")
    return [
        repr(sorted(found) if isinstance(found := getattr(values, n), frozenset) else found)
        for n in names
    ]


def test_a_credential_is_doubted_wherever_it_stands_again() -> None:
    source = SheetSource("S", COLUMNS[:2], Surroundings())
    rows = [["password=Abc#1234", 1]] * 3
    for _ in range(2):
        assert [one.typed for one in source.read(rows)] == [None] * 3


# ---------------------------------------------------------------- headers and places


def test_headers_are_folded() -> None:
    for text in ("内存大小(GB)", "内 存\n大小（GB）*", "内存大小：", "内存大小【必填】"):
        assert folded(text) == "内存大小", text
    assert unit_in("内存大小（GB）") == "GB"
    assert unit_in("容量(单位:TB)") == "TB"
    assert unit_in("名称(必填)") == ""
    assert folded("IP 地址") == folded("IP地址")


@given(st.integers(0, 16_383))
def test_columns_have_letters(number: int) -> None:
    assert column_of(letters(number)) == number


def test_the_aliases_of_the_design_are_known() -> None:
    known = {
        "server_name": "服务器名称 主机名 主机名称 hostname 设备名称",
        "db_type": "数据库类型 库类型 DB类型",
        "db_version": "数据库版本 版本号",
        "ips": "IP IP地址 业务IP 管理IP",
        "admins": "日常管理人员 管理员 责任人 负责人 联系人",
        "cpu_cores": "CPU CPU核数 处理器",
        "memory_gb": "内存 内存大小(GB)",
    }
    assert_known(OBJECTS, known)
    changes = {
        "param_name": "维护参数名称 参数名 参数",
        "value_before": "修改前参数值 原值 旧值 变更前",
        "value_after": "修改后参数值 新值 变更后",
        "reason": "参数修改原因 变更原因",
        "analysis": "参数调整分析 效果分析",
        "changed_at": "参数修改时间 变更时间 执行时间",
    }
    assert_known(ENTRIES, changes)
    questions = {
        "received_at": "受理时间 接报时间 来电时间",
        "raised_by": "提出人 报障人 客户联系人",
        "mode": "受理方式 服务方式 来源",
        "description": "问题描述 故障现象",
        "answer": "解答方案 处理结果 解决办法",
    }
    assert_known(root("ZX"), questions)


def assert_known(target: SheetTarget, names: dict[str, str]) -> None:
    for field, headers in names.items():
        for header in headers.split():
            assert target.names[folded(header)][0] == (field,), header
