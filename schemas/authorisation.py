"""SQ: the customer's permission to operate or to log in from afar (handbook 2.B.3, 4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar

from schemas.chronology import Moment, in_future, moments, out_of_order
from schemas.defect_steps import WRITTEN_WITHIN, ConsentMethod
from schemas.envelope import CONTROL, Record, RecordType, Status
from schemas.fields import Choice, Part, broken_fields, field, labels_of, rule
from schemas.problems import Problem, error, warning
from schemas.setting import Setting
from schemas.statements import changing_statement_in, is_read_only
from schemas.values import DocNo, Instant, Name, Text
from schemas.vocabulary import Role


class LoginMethod(Choice):
    """The way in; the handbook names the Internet and dialling."""

    vpn = "vpn", "VPN", "VPN", "", "互联网", "internet"
    bastion = "bastion", "堡垒机", "Bastion host", "", "跳板机", "运维审计系统"
    dial_up = "dial_up", "拨号", "Dial-up", "", "拨号方式", "modem"


class Scope(Choice):
    """What a permission comes to: looking, or changing what it names."""

    read_only = "read_only", "只读查询", "Read only", "", "只读", "查询", "仅查询"
    change = "change", "变更操作", "Changes", "warn", "变更", "读写"


class AccessSession(Part):
    """One visit: from when to when, who, under which account, doing what. Never a password."""

    start: Instant = field("登录时间", "Logged in", aliases=("开始时间", "登入时间"))
    end: Instant | None = field("退出时间", "Logged out", None, aliases=("结束时间", "登出时间"))
    person: Name = field("操作人", "Person", aliases=("登录人", "工程师"))
    account_name: Name = field("账号名", "Account name", aliases=("账号", "用户名", "登录账号"))
    actions: Text = field("操作内容", "Actions", aliases=("操作", "操作记录"))

    @rule()
    def times_follow(self, setting: Setting) -> Iterator[Problem]:
        """Refuse a session that ends before it starts, or that is still to come."""
        chain = moments(self, "start", "end")
        yield from out_of_order(chain)
        yield from in_future(chain, setting.now)


class Authorisation(Record):
    """The permission and the sessions held under it; a `scope` left out is read from the words."""

    record_type: ClassVar[RecordType] = RecordType(
        code="SQ",
        name="authorisation",
        zh="操作/远程登录授权单",
        en="Authorisation",
        signers=(Role.cust_owner, Role.engineer),
        layout="form",
        sections=(
            CONTROL,
            ("request", "要求与目的", "Request and purpose"),
            ("scope", "授权范围", "Scope"),
            ("grant", "客户许可", "Permission"),
            ("sessions", "登录与操作记录", "Sessions"),
        ),
    )

    requested_by: Name | None = field(
        "提出人", "Requested by", None, section="request", aliases=("申请人", "要求人")
    )
    requested_at: Instant | None = field(
        "提出时间", "Requested", None, section="request", aliases=("申请时间",)
    )
    request: Text = field(
        "客户要求",
        "Request",
        section="request",
        widget="wide",
        aliases=("要求", "申请内容", "授权事由"),
    )
    purpose: Text | None = field(
        "操作目的", "Purpose", None, section="request", widget="wide", aliases=("目的",)
    )
    ticket_no: DocNo | None = field(
        "关联单号", "Ticket", None, section="request", aliases=("问题单号",)
    )

    asset_nos: list[Name] = field(
        "授权对象", "Assets", section="scope", min_length=1, aliases=("资产编号",)
    )
    granted_to: list[Name] = field(
        "被授权人", "Granted to", [], section="scope", aliases=("授权人员",)
    )
    method: LoginMethod | None = field(
        "登录方式", "Way in", None, section="scope", aliases=("接入方式", "远程方式")
    )
    scope: Scope | None = field(
        "授权类别", "Scope", None, section="scope", aliases=("权限类别", "授权范围")
    )
    allowed_operations: Text = field(
        "允许的操作",
        "Allowed operations",
        section="scope",
        widget="wide",
        aliases=("允许操作", "授权操作"),
    )
    forbidden: Text | None = field(
        "禁止的操作", "Forbidden", None, section="scope", widget="wide", aliases=("禁止操作",)
    )
    valid_from: Instant = field(
        "生效时间", "Valid from", section="scope", aliases=("有效期起", "授权开始")
    )
    valid_to: Instant = field(
        "失效时间", "Valid to", section="scope", aliases=("有效期止", "授权截止")
    )

    granted_by: Name = field("授权人", "Granted by", section="grant", aliases=("批准人", "许可人"))
    granted_at: Instant = field(
        "授权时间", "Granted", section="grant", aliases=("批准时间", "许可时间")
    )
    granted_method: ConsentMethod | None = field(
        "许可方式", "How it was granted", None, section="grant", aliases=("授权方式",)
    )
    written_at: Instant | None = field(
        "书面补签时间", "Written down at", None, section="grant", aliases=("补签时间",)
    )

    sessions: list[AccessSession] = field("登录与操作记录", "Sessions", [], section="sessions")

    @rule()
    def times_follow(self, setting: Setting) -> Iterator[Problem]:
        """Demand requested ≤ granted ≤ written down, nothing in the future."""
        chain = moments(self, "requested_at", "granted_at", "written_at")
        yield from out_of_order(chain)
        yield from in_future(chain, setting.now)

    @rule("valid_from", "valid_to")
    def window_is_open(self) -> Iterator[Problem]:
        """Refuse a permission that ends when it begins, or before."""
        if self.valid_to <= self.valid_from:
            yield error("valid_to", "window_empty", self.valid_to, valid_from=self.valid_from)

    @rule("granted_at", "granted_method", "written_at", "status")
    def oral_permission_is_written_down(self) -> Iterator[Problem]:
        """Warn of a word not written down within 24 hours; without it nothing is archived."""
        if self.granted_method is not ConsentMethod.oral:
            return
        if self.written_at is None:
            yield warning("written_at", "oral_grant_unwritten")
            if self.status is Status.archived:
                yield error(
                    "written_at", "archive_needs", label=labels_of(type(self), "written_at")
                )
        elif self.written_at - self.granted_at > WRITTEN_WITHIN:
            told = {"granted_at": self.granted_at}
            yield warning("written_at", "oral_grant_written_late", self.written_at, **told)

    @rule("granted_at")
    def permission_comes_before_sessions(self) -> Iterator[Problem]:
        """Refuse each session that starts before the permission (handbook 2.B.3)."""
        for index, start in enumerate(self.starts):
            if start and start < self.granted_at:
                told = {"granted_at": self.granted_at}
                yield error(("sessions", index, "start"), "session_before_grant", start, **told)

    @rule("valid_from", "valid_to")
    def sessions_are_inside_the_window(self) -> Iterator[Problem]:
        """Refuse a session that starts or ends outside the hours that the customer allowed."""
        if self.valid_to <= self.valid_from:
            return
        told = {"starts": self.valid_from, "ends": self.valid_to}
        for index, session in enumerate(self.sessions):
            for name, at in (("start", session.start), ("end", session.end)):
                if at and not self.valid_from <= at <= self.valid_to:
                    yield error(("sessions", index, name), "outside_authorisation", at, **told)

    @rule()
    def sessions_follow(self) -> Iterator[Problem]:
        """Demand sessions in the order of their start, one person in one session at a time."""
        label = labels_of(AccessSession, "start")
        yield from out_of_order(
            [
                Moment(("sessions", index, "start"), label, start)
                for index, start in enumerate(self.starts)
            ]
        )
        yield from self._overlaps()

    @rule("granted_to")
    def sessions_are_held_by_whom_it_names(self) -> Iterator[Problem]:
        """Refuse a session of somebody whom the permission does not name, where it names people."""
        for index, session in enumerate(self.sessions):
            if self.granted_to and session.person and session.person not in self.granted_to:
                path = ("sessions", index, "person")
                told = {"people": "、".join(self.granted_to)}
                yield error(path, "person_not_authorised", session.person, **told)

    @rule("scope", "allowed_operations")
    def read_only_sessions_only_read(self) -> Iterator[Problem]:
        """Warn of a statement that changes something where only reading was allowed."""
        if self.granted_scope is not Scope.read_only:
            return
        for index, session in enumerate(self.sessions):
            if found := changing_statement_in(session.actions or ""):
                yield warning(("sessions", index, "actions"), "change_under_read_only", found)

    @rule("status")
    def archived_sessions_have_ended(self) -> Iterator[Problem]:
        """Refuse to archive a session that nobody logged out of."""
        for index, session in enumerate(self.sessions):
            open_ended = session.end is None and "end" not in broken_fields(session)
            if open_ended and self.status is Status.archived:
                label = labels_of(AccessSession, "end")
                yield error(("sessions", index, "end"), "archive_needs", label=label)

    @rule("asset_nos")
    def assets_are_in_the_contract(self, setting: Setting) -> Iterator[Problem]:
        """Warn of assets outside the contract."""
        known = set(setting.contract.asset_nos) if setting.contract else None
        for index, asset_no in enumerate(self.asset_nos):
            if known is not None and asset_no not in known:
                yield warning(("asset_nos", index), "outside_contract", asset_no)

    def fill(self, setting: Setting) -> None:
        """Say the scope where it was left out and the words tell it."""
        self.scope = self.granted_scope

    @property
    def granted_scope(self) -> Scope | None:
        """The given scope; without one, read only where the words allow nothing else."""
        if self.scope is None and is_read_only(self.allowed_operations):
            return Scope.read_only
        return self.scope

    @property
    def starts(self) -> list[datetime | None]:
        """When each session started; None where that could not be read."""
        return [session.start for session in self.sessions]

    def _overlaps(self) -> Iterator[Problem]:
        """Refuse a session that starts while the same person is still in another one."""
        spans = sorted(
            (start, session.end, index)
            for index, (start, session) in enumerate(zip(self.starts, self.sessions, strict=True))
            if start and session.end and session.person
        )
        latest: dict[str, tuple[datetime, int]] = {}
        for start, end, index in spans:
            person = self.sessions[index].person
            until, earlier = latest.get(person, (start, index))
            if start < until:
                path, told = ("sessions", index, "start"), {"person": person, "until": until}
                yield error(path, "session_overlaps", start, first=f"sessions[{earlier}]", **told)
            latest[person] = max((until, earlier), (end, index))
