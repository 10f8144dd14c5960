"""Permissions to operate or log in: times, window, sessions, oral words, scope (acceptance 9)."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.authorisation import Authorisation, Scope
from schemas.statements import changing_statement_in, is_read_only
from tests.commands import CONTRACT, as_json, rendered
from tests.records import contract, draft, errors, read_as, sample, warnings


def held(*sessions: dict[str, Any], **top: Any) -> dict[str, Any]:
    """A draft whose sessions are the first of the sample, each changed; None leaves a field out."""
    record = draft("SQ", **top)
    first = record["sessions"][0]
    changed = [first | change for change in sessions or ({},)]
    record["sessions"] = [{k: v for k, v in s.items() if v is not None} for s in changed]
    return record


def between(start: str, end: str | None, **changes: Any) -> dict[str, Any]:
    ends = None if end is None else f"2026-04-18 {end}"
    return {"start": f"2026-04-18 {start}", "end": ends} | changes


# ---------------------------------------------------------------- the permission


def test_the_samples_are_archived_and_in_review() -> None:
    assert not read_as(sample("SQ"), contract()).problems
    assert not read_as(sample("SQ", "read_only"), contract()).problems


def test_a_session_before_the_permission_is_an_error() -> None:
    """Granted 20:10, session 20:05."""
    found = read_as(sample("SQ", granted_at="2026-04-18 20:10"), contract())
    (problem,) = found.problems
    assert (problem.place, problem.code) == ("sessions[0].start", "session_before_grant")
    for lang in ("zh", "en"):
        assert "20:05" in problem.message(lang)
        assert "20:10" in problem.message(lang)
        assert problem.hint(lang)


def test_every_session_before_the_permission_is_named() -> None:
    record = sample("SQ", granted_at="2026-04-18 20:30")
    assert errors(record) == [
        ("sessions[0].start", "session_before_grant"),
        ("sessions[1].start", "session_before_grant"),
    ]


def test_a_session_may_start_with_the_permission() -> None:
    assert not errors(held(granted_at="2026-04-18 20:05"))


@pytest.mark.parametrize("name", ["request", "allowed_operations", "granted_by", "granted_at"])
def test_what_the_paper_must_say(name: str) -> None:
    assert errors(draft("SQ", **{name: None})) == [(name, "missing")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("vpn", "vpn"), ("VPN", "vpn"), ("堡垒机", "bastion"), ("拨号", "dial_up")],
)
def test_the_ways_in(given: str, expected: str) -> None:
    found = read_as(held(method=given)).value
    assert isinstance(found, Authorisation)
    assert found.method == expected


@pytest.mark.parametrize("end", ["2026-04-18 20:00", "2026-04-18 19:59"])
def test_the_window_ends_after_it_begins(end: str) -> None:
    assert errors(held(valid_to=end)) == [("valid_to", "window_empty")]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"requested_at": "2026-04-18 19:56"}, "granted_at"),
        ({"written_at": "2026-04-18 19:54"}, "written_at"),
    ],
)
def test_requested_granted_written(changes: dict[str, Any], place: str) -> None:
    assert errors(held(**changes)) == [(place, "out_of_order")]


@pytest.mark.parametrize("name", ["requested_at", "granted_at", "written_at"])
def test_nothing_of_the_permission_is_in_the_future(name: str) -> None:
    assert (name, "in_future") in errors(held(**{name: "2026-11-24 10:01"}))


def test_the_window_may_be_in_the_future() -> None:
    window = {"valid_from": "2026-12-01 00:00", "valid_to": "2026-12-31 24:00"}
    assert not errors(draft("SQ", sessions=[], **window))


def test_an_asset_outside_the_contract_is_a_warning() -> None:
    record = held(asset_nos=["HDYD-DB-04", "X"])
    assert warnings(record, contract()) == [("asset_nos[1]", "outside_contract")]
    assert not warnings(record)
    assert errors(held(asset_nos=[])) == [("asset_nos", "list_too_short")]


# ---------------------------------------------------------------- oral, then written


def test_a_word_is_written_down_within_a_day() -> None:
    record = sample("SQ", written_at=None)
    assert warnings(record) == [("written_at", "oral_grant_unwritten")]
    assert errors(record) == [("written_at", "archive_needs")]
    assert not errors(record | {"status": "in_review"})
    assert not read_as(sample("SQ", written_at="2026-04-19 19:55")).problems
    late = sample("SQ", written_at="2026-04-19 19:56")
    assert warnings(late) == [("written_at", "oral_grant_written_late")]
    assert not errors(late)


@pytest.mark.parametrize("method", ["书面", "电子邮件", None])
def test_what_is_written_needs_no_second_paper(method: str | None) -> None:
    assert not read_as(sample("SQ", granted_method=method, written_at=None)).problems


# ---------------------------------------------------------------- sessions


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("20:00", "24:00", []),
        ("20:00", "20:00", []),
        ("19:59", "20:30", ["start"]),
        ("21:00", "24:01", ["end"]),
        ("19:58", "19:59", ["start", "end"]),
    ],
)
def test_sessions_are_inside_the_window(start: str, end: str, expected: list[str]) -> None:
    ends = "2026-04-19 00:01" if end == "24:01" else f"2026-04-18 {end}"
    session = between(start, end) | {"end": ends}
    record = held(session, granted_at="2026-04-18 19:50")
    assert errors(record) == [(f"sessions[0].{name}", "outside_authorisation") for name in expected]


def test_a_session_ends_no_earlier_than_it_starts_and_not_in_the_future() -> None:
    assert errors(held(between("20:30", "20:29"))) == [("sessions[0].end", "out_of_order")]
    window = {"valid_from": "2026-11-24 08:00", "valid_to": "2026-11-24 12:00"}
    session = {"start": "2026-11-24 09:59", "end": "2026-11-24 10:01"}
    assert errors(held(session, **window)) == [("sessions[0].end", "in_future")]


def test_sessions_stand_in_their_order() -> None:
    record = held(between("21:00", "21:10"), between("20:30", "20:40"))
    assert errors(record) == [("sessions[1].start", "out_of_order")]


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (between("20:34", "20:50"), ["sessions[1].start"]),
        (between("20:35", "20:50"), []),
        (between("20:34", "20:50", person="李娜"), []),
        (between("20:10", "20:20"), ["sessions[1].start"]),
    ],
)
def test_one_person_is_in_one_session_at_a_time(later: dict[str, Any], expected: list[str]) -> None:
    record = held(between("20:05", "20:35"), later)
    assert errors(record) == [(place, "session_overlaps") for place in expected]


def test_a_long_session_overlaps_all_that_start_within_it() -> None:
    record = held(between("20:05", "22:00"), between("20:10", "20:20"), between("21:00", "21:10"))
    assert errors(record) == [
        ("sessions[1].start", "session_overlaps"),
        ("sessions[2].start", "session_overlaps"),
    ]
    assert "sessions[0]" in read_as(record).errors[1].message("zh")


def test_only_whom_the_permission_names_logs_in() -> None:
    record = held({"person": "周磊"})
    assert errors(record) == [("sessions[0].person", "person_not_authorised")]
    assert not errors(record | {"granted_to": []})


def test_archiving_needs_the_end_of_every_session() -> None:
    record = sample("SQ")
    record["sessions"][2].pop("end")
    assert errors(record) == [("sessions[2].end", "archive_needs")]
    assert not errors(record | {"status": "in_review"})


def test_a_session_holds_an_account_name_and_never_a_password() -> None:
    assert errors(held({"account_name": None})) == [("sessions[0].account_name", "missing")]
    assert errors(held({"actions": "sqlplus nms_dba/Abc#123@nms"})) == [
        ("sessions[0].actions", "secret")
    ]
    assert ("sessions[0].password", "unknown_field") in errors(held({"password": "******"}))


def test_a_broken_time_hides_no_other_rule() -> None:
    record = held({"start": "4月18日"}, between("19:40", None), granted_at="2026-04-18 19:55")
    assert errors(record) == [
        ("sessions[0].start", "day_without_year"),
        ("sessions[1].start", "session_before_grant"),
        ("sessions[1].start", "outside_authorisation"),
    ]


# ---------------------------------------------------------------- scope

ALTER = "alter system set sga_target = 48G scope=both;"


def test_a_read_only_permission_and_an_alter_is_a_warning() -> None:
    record = held({"actions": f"查询参数后执行 {ALTER}"}, scope="只读查询")
    found = read_as(record, contract())
    (problem,) = found.problems
    assert (problem.place, problem.code) == ("sessions[0].actions", "change_under_read_only")
    assert problem.level == "warning"
    assert "alter system" in problem.message("zh")
    assert problem.hint("en")
    assert not warnings(record | {"scope": "变更操作"})


def test_the_words_tell_the_scope_where_it_is_left_out() -> None:
    record = held({"actions": ALTER}, scope=None, allowed_operations="只读查询：会话与等待事件")
    assert warnings(record) == [("sessions[0].actions", "change_under_read_only")]
    found = read_as(record).value
    assert isinstance(found, Authorisation)
    assert found.scope is Scope.read_only
    other = read_as(held(scope=None)).value
    assert isinstance(other, Authorisation)
    assert other.scope is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("只读查询", True),
        ("只读查询，不得修改参数。", True),
        ("read-only queries", True),
        ("仅限查询 v$ 视图", True),
        ("只读查询和参数调整", False),
        ("只读查询；必要时重启实例", False),
        ("查询并修改参数", False),
        ("不得只读", False),
        ("查询会话", False),
    ],
)
def test_permissions_to_read(words: str, expected: bool) -> None:
    assert is_read_only(words) is expected


@pytest.mark.parametrize(
    "text",
    [
        "ALTER",
        "执行了ALTER",
        "Alter  Table t add (c int)",
        "alter session set events '10046 trace name context forever'",
        "create or replace view v as select 1",
        "CREATE UNIQUE INDEX i ON t(c)",
        "drop user u cascade",
        "truncate table t_log",
        "rename t to t_old",
        "insert into t select * from s",
        "update t set a = 1 where b = 2",
        "update nms.t x set a = 1",
        "先查询；delete from t where id = 1",
        "merge into t using s on (t.id = s.id)",
        "grant select on t to u",
        "revoke dba from u",
        "sp_close_session(140021885);",
        "select pg_terminate_backend(4711);",
        "kill -9 4711",
        "shutdown immediate",
        "db.orders.updateMany({}, {})",
        "CONFIG SET maxmemory 4gb",
        "explain analyze delete from t",
        "set global max_connections = 2000",
        "已将 sga_target 由 32G 调整为 48G",
        "未发现锁；按建议执行 alter system kill session '1,2'",
    ],
)
def test_texts_that_change_something(text: str) -> None:
    assert changing_statement_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "查询 v$session、v$lock；查看 alert 日志。",
        "select * from t for update_time order by id",
        "show create table t",
        "explain plan for update t set a = 1",
        "select count(*) from dba_audit_trail where action_name = 'ALTER SYSTEM'",
        "select * from log where text like '%DROP TABLE%'",
        "alter session set nls_date_format = 'yyyy-mm-dd'",
        "alter session set current_schema = nms",
        "未执行 ALTER，未做任何 DDL、DML",
        "没有 delete from 任何表",
        "建议客户执行 alter tablespace users add datafile",
        "计划周末 create index i on t(c)",
        "did not run alter system",
        "desc t; select altered_on, last_update from dba_objects",
        "查询 create_time 与 update_time",
        "核对 dropped 事件与 grants 视图",
    ],
)
def test_texts_that_only_read(text: str) -> None:
    assert changing_statement_in(text) is None


# ---------------------------------------------------------------- acceptance 9, on files


def told(tmp_path: Path, record: dict[str, Any], *, code: int) -> list[tuple[str, str, str]]:
    """Validate a file as people do; level, pointer and code of what is told."""
    file = tmp_path / "record.json"
    file.write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    (found,) = as_json("validate", file, "--contract", CONTRACT, code=code)["files"]
    items = [*found["errors"], *found["warnings"]]
    return [(item["level"], item["pointer"], item["code"]) for item in items]


def test_the_acceptance_case_on_files(tmp_path: Path) -> None:
    early = draft("SQ", granted_at="2026-04-18 20:10")
    place = "/sessions/0/start"
    assert told(tmp_path, early, code=1) == [("error", place, "session_before_grant")]
    report = rendered(tmp_path / "record.json", to=tmp_path / "out", code=1)
    assert report["documents"] == []
    altered = draft("SQ", scope="只读查询")
    altered["sessions"][2]["actions"] = ALTER
    place = "/sessions/2/actions"
    assert told(tmp_path, altered, code=0) == [("warning", place, "change_under_read_only")]
    report = rendered(tmp_path / "record.json", to=tmp_path / "out", formats="docx,xlsx,pdf")
    assert len(report["documents"]) == 3
