"""Consultations: order of times, the clock, closing, and changes of configuration."""

import pytest

from schemas.consultation import Consultation
from schemas.contract import Contract
from schemas.statements import config_change_in
from tests.records import contract, draft, errors, read_as, sample, warnings, workdays

OPEN = {
    "feedback_at": None,
    "satisfaction": None,
    "closed_at": None,
    "closed_by": None,
    "pm_delivery": None,
}


def response(agreed: Contract | None = None, /, **changes: object) -> str | None:
    found = read_as(draft("ZX", **(OPEN | changes)), agreed)
    assert isinstance(found.value, Consultation), found.problems
    return found.value.response


@pytest.mark.parametrize(
    ("answered", "natural", "workday"),
    [
        ("2026-03-06 23:50", "same_day", "same_day"),
        ("2026-03-07 10:00", "next_day", "next_day"),
        ("2026-03-08 00:00", "overdue", "next_day"),
        ("2026-03-09 23:59:59", "overdue", "next_day"),
        ("2026-03-10 00:00", "overdue", "overdue"),
    ],
)
def test_the_response_by_the_contracts_calendar(answered: str, natural: str, workday: str) -> None:
    """Acceptance 5."""
    assert response(contract(), answered_at=answered) == natural
    assert response(answered_at=answered) == natural
    assert response(workdays(), answered_at=answered) == workday


@pytest.mark.parametrize(
    ("prepared", "expected"),
    [
        ("2026-03-07 23:59", "pending"),
        ("2026-03-08 00:00", "overdue"),
        (None, "pending"),
    ],
)
def test_unanswered_it_is_judged_as_of_the_sheet(prepared: str | None, expected: str) -> None:
    unanswered = {"answer": None, "answered_at": None, "prepared_at": prepared}
    assert response(**unanswered) == expected


def test_a_given_response_must_agree() -> None:
    record = draft("ZX", response="次日答复")
    assert errors(record, contract()) == [("response", "response_differs")]
    assert not errors(draft("ZX", response="当日答复"), contract())


def test_without_the_contract_a_response_by_either_calendar_is_believed() -> None:
    record = draft("ZX", **OPEN, answered_at="2026-03-08 09:00", response="next_day")
    assert not errors(record)
    assert errors(record, contract()) == [("response", "response_differs")]
    assert not errors(record, workdays())


def test_unknown_workdays_are_a_warning_and_leave_the_response_open() -> None:
    record = draft("ZX", **OPEN, received_at="2026-12-31 16:00", answered_at="2027-01-05 10:00")
    told = warnings(record, workdays())
    assert ("received_at", "calendar_unknown") in told


def test_times_follow_each_other() -> None:
    record = draft(
        "ZX",
        answered_at="2026-03-06 16:39",
        feedback_at="2026-03-06 16:38",
        closed_at="2026-03-06 16:37",
    )
    record["pm_delivery"]["submitted_at"] = "2026-03-06 16:36"
    assert errors(record) == [
        ("pm_delivery.submitted_at", "out_of_order"),
        ("answered_at", "out_of_order"),
        ("feedback_at", "out_of_order"),
        ("closed_at", "out_of_order"),
    ]


def test_times_in_the_future_are_refused() -> None:
    record = draft("ZX", **OPEN, answered_at="2026-11-24 10:01")
    assert errors(record) == [("answered_at", "in_future")]


def test_answer_and_time_go_together() -> None:
    assert errors(draft("ZX", **OPEN, answered_at=None)) == [("answered_at", "answer_incomplete")]
    assert errors(draft("ZX", **OPEN, answer=None)) == [("answer", "answer_incomplete")]


@pytest.mark.parametrize("satisfaction", ["不满意", "未反馈", None])
def test_who_is_not_content_cannot_be_closed(satisfaction: str | None) -> None:
    """Acceptance 6: asked again and 满意, it closes."""
    record = draft("ZX", mode="电话", satisfaction=satisfaction)
    assert errors(record) == [("satisfaction", "closing_needs_satisfaction")]
    assert not errors(record | {"satisfaction": "满意"})
    assert not errors(record | {"satisfaction": "基本满意"})
    assert not errors(record | {"close_reason": "客户三次未接电话，经赵敏同意关闭。"})


def test_closing_needs_answer_and_name() -> None:
    record = draft("ZX", answer=None, answered_at=None, closed_by=None)
    assert errors(record) == [
        ("answer", "closing_needs_answer"),
        ("closed_by", "closed_by_required"),
    ]


def test_the_receipt_is_whole() -> None:
    record = draft("ZX", pm_delivery={"received_at": "2026-03-09 10:00"})
    assert errors(record) == [
        ("pm_delivery.submitted_at", "receipt_without_delivery"),
        ("pm_delivery.received_by", "receipt_without_name"),
    ]
    delivery = {"submitted_at": "2026-03-09 10:00", "received_at": "2026-03-09 09:59"}
    record = draft("ZX", pm_delivery=delivery | {"received_by": "王强"})
    assert errors(record) == [("pm_delivery.received_at", "out_of_order")]


def test_a_change_of_configuration_must_become_a_defect_ticket() -> None:
    """Acceptance 7."""
    change = [{"param_name": "processes", "value_before": "1500", "value_after": "2000"}]
    answer = "会话数已满，已将 processes 由 1500 调整为 2000。"
    record = sample("ZX", "converted", answer=answer, config_changes=change)
    found = read_as(record)
    assert [(p.place, p.code) for p in found.errors] == [
        ("config_changes", "config_changes_in_consultation")
    ]
    assert "QX" in found.errors[0].hint("zh")
    record.pop("config_changes")
    assert not errors(record)
    record.pop("converted_to")
    assert not errors(record)
    assert warnings(record) == [("answer", "config_change_in_consultation")]


def test_both_tickets_refer_to_each_other() -> None:
    consultation, defect = sample("ZX", "converted"), sample("QX")
    assert consultation["converted_to"] == defect["doc_no"]
    assert defect["converted_from"] == consultation["doc_no"]
    assert not errors(consultation, contract())
    assert not errors(defect, contract())


@pytest.mark.parametrize("number", ["ZX-HDYD-20260311-001", "QX-1", "QX-HDYD-20260311-001x"])
def test_it_becomes_a_defect_ticket_and_nothing_else(number: str) -> None:
    record = draft("ZX", "converted", converted_to=number)
    assert ("converted_to", "wrong_form") in errors(record)


CHANGED = """\
执行 alter system set processes=500 scope=spfile;
已执行了alter system set processes=500 scope=spfile;
ALTER SYSTEM SET work_mem TO '64MB'
alter system reset work_mem;
SET GLOBAL max_connections = 500;
set global sql_mode=''
SET PERSIST max_connections = 500;
EXEC sp_configure 'max server memory (MB)', 8192; RECONFIGURE;
sp_set_para_value(1, 'MAX_SESSIONS', 500);
gs_guc reload -N all -c "work_mem=64MB"
已修改参数
已将 processes 调整为 500
已将 processes 由 150 调整为 500，重启后生效。
现已将 max_connections 设置为 2000
已为客户修改参数
已修改数据库配置。
已协助客户将 processes 调整为 500，建议下次停机时重启
We changed processes from 150 to 500.
The parameter was modified: increased max_connections to 2000
已为客户把 open_cursors 提到 1000
客户 DBA 已把 open_cursors 由 300 改为 1000，我方确认无影响。""".splitlines()

ADVISED = """\
建议将 processes 调整为 500
建议修改参数 processes
建议执行 alter system set processes=500 scope=spfile;
请客户 DBA 将 processes 调整为 500
能否将 processes 调整为 500？
无需修改参数，SQL 加索引即可
不需要修改参数
本次不涉及修改参数
未修改任何参数
本次未做配置变更
没有修改参数
如需修改参数，请提交系统缺陷类问题单
需修改参数，已转 QX-HDYD-20260310-001
计划下周将 processes 调整为 500
修改参数的方法见手册
修改参数前应先备份
讲解了修改参数对业务的影响
介绍了参数配置的含义
该参数此前客户 DBA 自行将 processes 调整为 500
show parameter processes
alter system set 语法说明如下
sp_configure 'max server memory' 可查看当前值
select name, value from v$parameter where name = 'processes'
SQL> set lines 200
ALTER SESSION SET NLS_DATE_FORMAT='YYYY-MM-DD' 仅对当前会话有效
已将 SQL 改为绑定变量写法
已将该问题升级并转为 QX-HDYD-20260310-001
已将统计信息采集说明发送至客户邮箱
已将执行计划发给客户，共 3 个
通过索引优化，耗时由 12s 降低到 0.3s
改写 SQL 后逻辑读由 120000 降低到 300
将查询条件改为范围条件后耗时由 30 秒降到 2 秒
将结果集由 5000 行改为 100 行分页返回
CPU 使用率由 90% 降低到 30%
qps 由 500 提高到 800
We recommend to set processes to 500
You should increase max_connections to 2000
changed the query to use an index
内存参数说明：sga_target 为自动管理目标值""".splitlines()


@pytest.mark.parametrize("answer", CHANGED)
def test_answers_that_tell_of_a_change(answer: str) -> None:
    """Whoever changed it, the customer's own people too: prose tells no more than to look."""
    assert config_change_in(answer)
    record = draft("ZX", answer=answer)
    assert not errors(record)
    assert ("answer", "config_change_in_consultation") in warnings(record)


@pytest.mark.parametrize("answer", ADVISED)
def test_answers_that_advise_ask_or_deny(answer: str) -> None:
    assert config_change_in(answer) is None


def test_a_long_answer_is_judged_quickly() -> None:
    assert config_change_in("将 a_b 由 1 的" * 2500 + "已将" * 5000 + "参数" * 5000) is None
    assert config_change_in("已将 abcdefghijkl 改" * 1200 + "已" * 5000) is None


def test_what_the_customer_asks_for_is_not_judged() -> None:
    need = "已将 processes 调整为 500，但没有生效"
    assert not errors(draft("ZX", customer_need=need, description=need))


def test_outside_the_contract_is_a_warning() -> None:
    assert warnings(draft("ZX", asset_no="X"), contract()) == [("asset_no", "outside_contract")]
